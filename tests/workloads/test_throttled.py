"""Throttled requests by week as a run reads them: sums of what was counted; no count is no row, never a zero."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from capacity.lib.horizon import Week
from tests.imports.world import GOOD, import_texts
from workloads.models import UsageDay, Workload
from workloads.throttled import throttled_week_rows
from workloads.usage_inputs import usage_weeks

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 11, 16)


@pytest.fixture
def chat() -> Workload:
    import_texts(GOOD)
    UsageDay.objects.all().delete()
    return Workload.objects.get(key="chat")


def day(chat: Workload, on: date, requests: int | None, refused: int | None, contract: str = "") -> None:
    hours = 24 if requests is not None else 0
    UsageDay.objects.create(
        workload=chat, contract=contract, day=on, hours_covered=24, input_tokens=1, output_tokens=1,
        quality_hours=hours, requests=requests, throttled_requests=refused, late_requests=refused,
    )  # fmt: skip


def whole_week(chat: Workload, monday: date, requests: int, refused: int, contract: str = "") -> None:
    for index in range(7):
        day(chat, monday + timedelta(days=index), requests, refused, contract)


def test_days_and_contracts_of_a_whole_week_are_summed(chat: Workload) -> None:
    whole_week(chat, MONDAY - timedelta(weeks=1), 1000, 3)
    whole_week(chat, MONDAY - timedelta(weeks=1), 500, 1, contract="C-1")
    whole_week(chat, MONDAY - timedelta(weeks=2), 10, 1)
    assert throttled_week_rows(as_of=date(2026, 11, 22)) == [
        {"workload": "chat", "week": "2026-W45", "requests": 70, "throttled": 7},
        {"workload": "chat", "week": "2026-W46", "requests": 10_500, "throttled": 28},
    ]


def test_the_current_week_and_partial_ones_are_no_weeks(chat: Workload) -> None:
    # One Monday of the week that runs, and six days of the one before: 144 of 168 hours.
    day(chat, MONDAY, 1000, 1000)
    for index in range(6):
        day(chat, MONDAY - timedelta(days=7 - index), 1000, 1000)
    assert throttled_week_rows(as_of=date(2026, 11, 22)) == []


def test_weeks_that_do_not_say_are_left_out_and_so_is_what_is_old_or_to_come(chat: Workload) -> None:
    for index in range(7):
        day(chat, MONDAY - timedelta(days=7 - index), None, None)
    whole_week(chat, MONDAY - timedelta(weeks=5), 1000, 1000)
    whole_week(chat, MONDAY + timedelta(weeks=1), 1000, 1000)
    assert throttled_week_rows(as_of=date(2026, 11, 22)) == []


def test_pages_of_waste_and_of_actuals_tell_the_same_weeks(chat: Workload) -> None:
    whole_week(chat, MONDAY - timedelta(weeks=1), 1000, 3)
    whole_week(chat, MONDAY - timedelta(weeks=3), 1000, 3)
    day(chat, MONDAY, 9, 9)
    told = [row for row in usage_weeks(now=Week(MONDAY)) if row["throttled"] is not None]
    assert [(row["week"], row["throttled"]) for row in told] == [
        (row["week"], row["throttled"]) for row in throttled_week_rows(as_of=date(2026, 11, 22))
    ]
