"""Fitting and rolling up, against the database: what is written, what stays, and what a second run does."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from django.core.management import call_command

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports.edits import Actor
from tests.imports.world import GOOD, import_texts
from workloads.models import OperatingPoint, ThroughputProfile, UsageDay, UsageHour
from workloads.services import fit_profiles, roll_up_usage
from workloads.usage_inputs import hourly_use, measured_peaks

pytestmark = pytest.mark.django_db

OPERATOR = Actor(user=None, viewer=None, source="fit", note="Fitted")
USAGE = "workload,hour_at,input_tokens,output_tokens,requests,throttled_requests,late_requests\n"


@pytest.fixture(autouse=True)
def world() -> None:
    assert import_texts(GOOD).applied


def fitted() -> ThroughputProfile:
    return ThroughputProfile.objects.get(parallelism="fitted, 8 accelerators")


def test_points_become_a_profile_beside_the_one_kept_by_hand() -> None:
    done = fit_profiles(actor=OPERATOR)
    profile = fitted()
    # The points are given to four places: 40,000 and 4,000 to a thousandth.
    assert round(profile.prefill_tokens_per_second, 1) == 40_000
    assert round(profile.decode_tokens_per_second, 1) == 4000
    assert (profile.basis, profile.measured_date, profile.points) == ("measured", date(2026, 3, 1), 2)
    assert (profile.residual_share, profile.quality_flag, profile.is_planned) == (0, "", False)
    assert "big-long, big-short" in profile.formula
    assert len(done.fitted) == 1
    assert ThroughputProfile.objects.get(parallelism="").is_planned


def test_a_second_fit_changes_nothing() -> None:
    fit_profiles(actor=OPERATOR)
    before = fitted().row_version
    done = fit_profiles(actor=OPERATOR)
    assert done.outcome is not None
    assert [change.kind for change in done.outcome.changes] == ["unchanged"]
    assert fitted().row_version == before


def test_a_profile_is_planned_where_nothing_else_is_and_stays_as_somebody_set_it() -> None:
    ThroughputProfile.objects.all().delete()
    fit_profiles(actor=OPERATOR)
    assert fitted().is_planned
    ThroughputProfile.objects.update(is_planned=False)
    fit_profiles(actor=OPERATOR)
    assert not fitted().is_planned


def test_an_undated_point_makes_the_profile_estimated() -> None:
    OperatingPoint.objects.filter(key="big-short").update(measured_date=None)
    fit_profiles(actor=OPERATOR)
    assert (fitted().basis, fitted().measured_date) == ("estimated", None)


def test_a_poor_fit_is_flagged_and_a_set_without_rates_refused_with_its_reason() -> None:
    # A third point at t = 1.1 s, twice the 0.55 s of the line: y = (2.2 − 0.9) ÷ 3,000, so the short point is given
    # 0.1 + 0.4333 s instead of 0.35: +52.4 %.
    points = GOOD["operating_points.csv"] + "far,big,h100,interactive,fp8,8,12000,1000,909.0909,2026-03-01\n"
    points += "alone,big,h100,interactive,fp4,8,12000,1000,1800,2026-03-01\n"
    import_texts({"operating_points.csv": points})
    done = fit_profiles(actor=OPERATOR)
    assert "above 10 %" in fitted().quality_flag
    assert fitted().residual_share > Decimal("0.1")
    assert "worst big-short (+52.4 %)" in fitted().formula
    ((name, reason),) = done.refused
    assert "fp4" in name
    assert "at least 2 operating points" in reason


def test_a_flagged_point_is_not_fitted() -> None:
    OperatingPoint.objects.filter(key="big-long").update(quality_flag="the node was throttled")
    done = fit_profiles(actor=OPERATOR)
    assert done.fitted == ()
    assert done.outcome is None


def test_a_dry_run_and_a_reader_write_nothing() -> None:
    fit_profiles(actor=OPERATOR, dry_run=True)
    sales = Actor(user=None, viewer=Viewer(username="s", roles=frozenset({Role.SALES})), source="form")
    refused = fit_profiles(actor=sales)
    assert refused.outcome is not None
    assert refused.outcome.errors
    assert ThroughputProfile.objects.count() == 1


def test_the_command_says_what_it_did() -> None:
    out = io.StringIO()
    call_command("fit_profiles", stdout=out)
    assert "1 added, 0 changed, 0 unchanged" in out.getvalue()


def usage(*rows: str) -> None:
    outcome = import_texts({"usage_hours.csv": USAGE + "".join(f"chat,{row}\n" for row in rows)})
    assert outcome.applied, [str(issue) for issue in outcome.errors]


def test_hours_become_days() -> None:
    UsageHour.objects.all().delete()
    UsageDay.objects.all().delete()
    usage("2026-10-06T00:00:00Z,100,10,12000,12,6", "2026-10-06T23:00:00Z,50,5,,,", "2026-10-07T00:00:00Z,1,1,,,")
    done = roll_up_usage()
    # The import has summed them already.
    assert (done.written, done.unchanged, done.removed) == (0, 2, 0)
    day = UsageDay.objects.get(day="2026-10-06")
    assert (day.hours_covered, day.input_tokens, day.output_tokens) == (2, 150, 15)
    assert (day.quality_hours, day.requests, day.sla_minutes_lost) == (1, 12_000, Decimal("0.0900"))


def test_a_second_roll_up_writes_nothing_and_a_changed_hour_one_day() -> None:
    usage("2026-10-06T00:00:00Z,100,10,,,", "2026-10-07T00:00:00Z,1,1,,,")
    assert roll_up_usage().written == 0
    usage("2026-10-07T00:00:00Z,2,1,,,")
    assert roll_up_usage().written == 0
    assert UsageDay.objects.get(day="2026-10-07").input_tokens == 2


def test_only_touched_days_are_read() -> None:
    usage("2026-10-06T00:00:00Z,100,10,,,", "2026-10-07T00:00:00Z,1,1,,,")
    UsageDay.objects.all().delete()
    assert roll_up_usage(days=[date(2026, 10, 6)]).written == 1
    assert list(UsageDay.objects.values_list("day", flat=True)) == [date(2026, 10, 6)]
    batch = UsageHour.objects.filter(hour_at__date="2026-10-07").values_list("batch_id", flat=True)[0]
    done = roll_up_usage(batch_id=batch)
    assert (done.written, done.unchanged) == (1, 1)


def test_a_day_without_hours_is_removed_and_not_zero() -> None:
    roll_up_usage()
    UsageHour.objects.all().delete()
    assert roll_up_usage(days=[date(2026, 10, 5)]).removed == 1
    assert UsageDay.objects.count() == 0


def test_the_measured_peak_is_of_the_four_weeks_before() -> None:
    UsageHour.objects.all().delete()
    usage("2026-10-06T00:00:00Z,90,10,,,", "2026-10-06T01:00:00Z,270,30,,,", "2026-08-01T00:00:00Z,9000,1,,,")
    (peak,) = measured_peaks(hourly_use(until=datetime(2026, 10, 7, tzinfo=UTC))).items()
    assert peak[0] == "chat"
    assert (peak[1].peak_factor, peak[1].hours, peak[1].is_partial) == (Fraction(3, 2), 2, True)


def test_the_roll_up_command_says_what_it_did() -> None:
    UsageDay.objects.all().delete()
    out = io.StringIO()
    call_command("roll_up_usage", stdout=out)
    assert "1 days written, 0 unchanged, 0 removed" in out.getvalue()
