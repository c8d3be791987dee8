"""Sums of measurements as a run reads them: jobs that go on, requests that ended, vintages that still tell, and reading back."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from capacity.imports.rows import as_json
from capacity.lib.horizon import Week
from capacity.review.documents import typed_rows
from tests.imports.world import GOOD, import_texts
from workloads.derived import DERIVED_COLUMNS, derived_rows
from workloads.models import Experiment, Forecast, JobUsage, UsageDay, UsageHour, Workload
from workloads.promises import TABLE
from workloads.services import roll_up_usage
from workloads.usage_inputs import forecast_vintages, granted_rows, job_hours, usage_weeks

MONDAY = date(2026, 11, 9)
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("starts", "ends", "hours", "expected"),
    [
        # Over before: what was counted. Half of it before: half. Running: accelerators × hours so far.
        (NOON - 2 * DAY, NOON - DAY, "190", 190),
        (NOON - DAY, NOON + DAY, "380", 190),
        (NOON - DAY, None, "0", 8 * 24),
        (NOON - DAY, NOON - DAY, "0.5", Fraction(1, 2)),
    ],
)
def test_hours_of_a_job_before_a_moment(
    starts: datetime, ends: datetime | None, hours: str, expected: Fraction | int
) -> None:
    assert job_hours(starts, ends, 8, Decimal(hours), before=NOON) == expected


@pytest.mark.django_db
class TestReads:
    @pytest.fixture(autouse=True)
    def world(self) -> None:
        assert import_texts(GOOD).applied
        UsageDay.objects.all().delete()
        Forecast.objects.all().delete()
        JobUsage.objects.all().delete()

    def usage(self, day: date, *, contract: str = "", tokens: int = 100, hours: int = 24) -> None:
        UsageDay.objects.create(
            workload=Workload.objects.get(key="chat"), contract=contract, day=day, hours_covered=hours,
            input_tokens=tokens, output_tokens=0, quality_hours=0,
        )  # fmt: skip

    def test_only_the_ended_weeks_of_a_year_are_read_and_own_use_stands_apart(self) -> None:
        for day in (MONDAY, MONDAY - DAY, MONDAY - 364 * DAY, MONDAY - 365 * DAY):
            self.usage(day)
        self.usage(MONDAY - DAY, contract="c-1", tokens=7)
        rows = usage_weeks(now=Week(MONDAY))
        assert [(row["week"], row["input_tokens"], row["own_tokens"]) for row in rows] == [
            ("2025-W46", 100, 100),
            ("2026-W45", 107, 100),
        ]

    def test_a_week_under_contracts_alone_has_no_use_of_its_own(self) -> None:
        self.usage(MONDAY - DAY, contract="c-1")
        assert [row["own_tokens"] for row in usage_weeks(now=Week(MONDAY))] == [None]

    def forecast(self, vintage: date, starts: date) -> None:
        Forecast.objects.create(
            workload=Workload.objects.get(key="chat"), source="sales", vintage_date=vintage, starts_date=starts,
            input_p50=1, output_p50=1,
        )  # fmt: skip

    def test_of_each_vintage_the_steps_that_tell_of_the_weeks_are_kept(self) -> None:
        old, young = MONDAY - timedelta(weeks=20), MONDAY - timedelta(weeks=3)
        for starts in (MONDAY - timedelta(weeks=30), MONDAY - timedelta(weeks=20), MONDAY - timedelta(weeks=2)):
            self.forecast(old, starts)
        self.forecast(young, MONDAY - timedelta(weeks=1))
        # Later than the weeks, older than 27 weeks, and made after the day.
        self.forecast(young, MONDAY)
        self.forecast(MONDAY - timedelta(weeks=28), MONDAY - timedelta(weeks=28))
        self.forecast(MONDAY + DAY, MONDAY - timedelta(weeks=1))
        rows = forecast_vintages(workloads={"chat"}, as_of=MONDAY, now=Week(MONDAY))
        assert [(row["vintage_date"], row["starts_date"]) for row in rows] == [
            (old, MONDAY - timedelta(weeks=20)),
            (old, MONDAY - timedelta(weeks=2)),
            (young, MONDAY - timedelta(weeks=1)),
        ]
        assert forecast_vintages(workloads=set(), as_of=MONDAY, now=Week(MONDAY)) == []

    def test_a_request_that_ended_is_granted_until_its_end_and_one_without_jobs_has_no_hours(self) -> None:
        started = MONDAY - timedelta(weeks=8)
        template = Experiment.objects.get(key="e-1")
        template.pk, template.key, template.state, template.started_date = None, "e-done", "done", started
        template.pool_id = None
        template.save()
        (row,) = granted_rows(as_of=MONDAY)
        # 64 accelerators for the 4 weeks asked.
        assert (row["experiment"], row["until_date"], row["granted_hours"]) == (
            "e-done",
            started + timedelta(weeks=4),
            64 * 4 * 168,
        )
        assert (row["used_hours"], row["jobs"]) == (None, 0)
        assert granted_rows(as_of=MONDAY + timedelta(weeks=13)) == []

    def test_every_table_comes_back_from_a_document_as_it_was(self) -> None:
        self.usage(MONDAY - DAY)
        self.forecast(MONDAY - timedelta(weeks=6), MONDAY - timedelta(weeks=6))
        found = derived_rows(as_of=MONDAY)
        # What the held review promised is read where the reviews are.
        assert DERIVED_COLUMNS.keys() == found.keys() | {TABLE}
        for name, rows in found.items():
            assert typed_rows(name, json.loads(json.dumps(as_json(rows)))) == rows, name

    def test_a_week_of_several_gateways_is_whole_where_each_counted(self) -> None:
        UsageHour.objects.all().delete()
        chat, start = Workload.objects.get(key="chat"), datetime(2026, 11, 2, tzinfo=UTC)
        for hour in range(168):
            # The second gateway counts two hours a day.
            for source in ("east", "west") if hour % 24 < 2 else ("east",):
                UsageHour.objects.create(
                    workload=chat, hour_at=start + timedelta(hours=hour), input_tokens=1, output_tokens=1, source_ref=source
                )  # fmt: skip
        roll_up_usage()
        (row,) = usage_weeks(now=Week(MONDAY))
        assert (row["hours_covered"], row["input_tokens"]) == (14, 182)
        UsageHour.objects.filter(source_ref="west").delete()
        roll_up_usage()
        assert [row["hours_covered"] for row in usage_weeks(now=Week(MONDAY))] == [168]
