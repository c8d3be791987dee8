"""Throttled requests by week as a run reads them: sums of what was counted; no count is no row, never a zero."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.imports.world import GOOD, import_texts
from workloads.models import UsageDay, Workload
from workloads.throttled import throttled_week_rows

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


def test_days_and_contracts_of_a_week_are_summed(chat: Workload) -> None:
    day(chat, MONDAY, 1000, 3)
    day(chat, MONDAY + timedelta(days=6), 500, 0)
    day(chat, MONDAY + timedelta(days=6), 500, 1, contract="C-1")
    day(chat, MONDAY - timedelta(days=1), 70, 7)
    assert throttled_week_rows(as_of=date(2026, 11, 22)) == [
        {"workload": "chat", "week": "2026-W46", "requests": 70, "throttled": 7},
        {"workload": "chat", "week": "2026-W47", "requests": 2000, "throttled": 4},
    ]


def test_days_that_do_not_say_are_left_out_and_so_is_what_is_old_or_to_come(chat: Workload) -> None:
    day(chat, MONDAY, None, None)
    day(chat, MONDAY - timedelta(weeks=4, days=1), 1000, 1000)
    day(chat, MONDAY + timedelta(days=7), 1000, 1000)
    assert throttled_week_rows(as_of=date(2026, 11, 22)) == []
