"""Weeks of usage, H3, coincidence and granted hours, by hand (methods: Actuals)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.lib.horizon import Week
from workloads.domain.actuals import (
    DayUse,
    WeekUse,
    felt,
    granted_hours,
    measured_coincidence,
    used_share,
    weeks_of_days,
)
from workloads.domain.usage import DayCount

WEEK = Week(date(2026, 10, 5))
NOW = WEEK.plus(1)
START = datetime(2026, 10, 5, tzinfo=UTC)


def day(**changed: object) -> DayCount:
    whole = DayCount(
        hours_covered=24,
        input_tokens=1000,
        cached_input_tokens=100,
        output_tokens=200,
        quality_hours=24,
        requests=2000,
        throttled_requests=2,
        late_requests=1,
        sla_minutes_lost=Fraction("0.5"),
        accelerator_hours=Decimal(240),
    )
    return replace(whole, **changed)  # type: ignore[arg-type]


def days(workload: str = "chat", contract: str = "", **changed: object) -> list[DayUse]:
    return [
        DayUse(workload=workload, contract=contract, day=WEEK.monday + timedelta(days=index), count=day(**changed))
        for index in range(7)
    ]


def week(workload: str = "chat", **changed: object) -> WeekUse:
    (whole,) = weeks_of_days(days(workload))
    return replace(whole, **changed)  # type: ignore[arg-type]


def test_a_week_sums_its_days() -> None:
    (use,) = weeks_of_days(days())
    assert (use.workload, use.week, use.hours_covered, use.quality_hours) == ("chat", WEEK, 168, 168)
    assert (use.input_tokens, use.cached_input_tokens, use.output_tokens, use.tokens) == (7000, 700, 1400, 8400)
    assert (use.requests, use.throttled, use.late, use.minutes_lost) == (14_000, 14, 7, Fraction("3.5"))
    assert use.accelerator_hours == 1680
    assert use.throttled_share == Fraction(1, 1000)


def test_contracts_of_a_workload_share_its_hours_and_minutes() -> None:
    # The second contract: 6,000 requests a day and 1.5 minutes; (0.5 × 2,000 + 1.5 × 6,000) ÷ 8,000 = 1.25 a day.
    second = days(contract="CT-1", requests=6000, sla_minutes_lost=Fraction("1.5"), hours_covered=23, quality_hours=23)
    (use,) = weeks_of_days([*days(), *second])
    assert (use.hours_covered, use.quality_hours, use.is_partial) == (161, 161, False)
    assert (use.requests, use.minutes_lost) == (56_000, 7 * Fraction("1.25"))


def test_hours_without_counts_in_one_contract_are_a_gap_of_the_workload() -> None:
    silent = days(
        contract="CT-1",
        hours_covered=10,
        quality_hours=0,
        requests=None,
        throttled_requests=None,
        late_requests=None,
        sla_minutes_lost=None,
    )
    (use,) = weeks_of_days([*days(), *silent])
    assert (use.hours_covered, use.quality_hours, use.is_partial, use.tells_quality) == (70, 0, True, False)
    assert use.throttled_share is None


def test_a_week_is_whole_only_where_every_part_of_its_sums_is() -> None:
    # Use of its own is counted for 2 hours a day beside a contract's 24: 7 × 2 = 14 hours, and the week is partial.
    (use,) = weeks_of_days([*days(hours_covered=2, quality_hours=2), *days(contract="CT-1")])
    assert (use.hours_covered, use.quality_hours, use.is_partial, use.tells_quality) == (14, 14, True, False)


def test_a_part_without_a_day_covers_none_of_it() -> None:
    # Six of seven days of the contract: 6 × 24 = 144 of 168 hours.
    (use,) = weeks_of_days([*days(), *days(contract="CT-1")[:6]])
    assert (use.hours_covered, use.is_partial) == (144, True)
    (apart,) = weeks_of_days([*days()[:3], *days(contract="CT-1")[3:]])
    assert (apart.hours_covered, apart.quality_hours) == (0, 0)


def test_a_source_that_counted_few_hours_makes_the_week_partial() -> None:
    # Both gateways count: one 24 hours a day, the other 2. Somebody counted 7 × 24 hours, all of it 7 × 2.
    (use,) = weeks_of_days([replace(each, sources={"east": 24, "west": 2}) for each in days()])
    assert (use.hours_covered, use.quality_hours, use.is_partial, use.tells_quality) == (14, 14, True, False)


def test_a_source_without_a_day_covers_none_of_it() -> None:
    # The second gateway counts on six of seven days: 6 × 24 = 144 of 168 hours.
    found = [replace(each, sources={"east": 24, "west": 24}) for each in days()]
    found[6] = replace(found[6], sources={"east": 24})
    (use,) = weeks_of_days(found)
    assert (use.hours_covered, use.quality_hours, use.is_partial) == (144, 144, True)


def test_a_sum_of_which_a_part_is_not_said_is_not_known() -> None:
    (use,) = weeks_of_days([*days()[:6], *days(cached_input_tokens=None, accelerator_hours=None)[6:]])
    assert (use.cached_input_tokens, use.accelerator_hours, use.input_tokens) == (None, None, 7000)


@pytest.mark.parametrize(("hours", "partial"), [(160, False), (159, True)])
def test_a_week_with_less_than_95_per_cent_of_its_hours_is_partial(hours: int, partial: bool) -> None:
    assert week(hours_covered=hours).is_partial is partial


def test_degradation_is_throttled_and_late_over_all_requests() -> None:
    found = felt([week(requests=12_000, throttled=12, late=6, minutes_lost=Fraction("0.09"))], now=NOW)
    assert (found.share, found.minutes, found.worst, found.week) == (
        Fraction(15, 10_000),
        Fraction("0.09"),
        "chat",
        WEEK,
    )


def test_degradation_weighs_workloads_by_requests_and_names_the_one_that_lost_most() -> None:
    calm = week("calm", requests=90_000, throttled=0, late=0, minutes_lost=Fraction(0))
    hurt = week("hurt", requests=10_000, throttled=100, late=0, minutes_lost=Fraction(60))
    found = felt([calm, hurt], now=NOW)
    assert (found.share, found.minutes, found.worst) == (Fraction(1, 1000), 60, "hurt")


def test_a_partial_week_is_left_out_and_said() -> None:
    found = felt([week("whole"), week("gaps", hours_covered=100, quality_hours=100)], now=NOW)
    assert (found.requests, found.left_out) == (14_000, ("gaps",))


@pytest.mark.parametrize(
    ("uses", "absent"),
    [
        ([], "no usage in the last four weeks"),
        ([week(hours_covered=159)], "no week is whole"),
        ([week(quality_hours=0, requests=None)], "no week is whole"),
        ([week(requests=0, throttled=0, late=0)], "no request"),
        ([week(week=WEEK.plus(-4))], "no usage in the last four weeks"),
        ([week(week=NOW)], "no usage in the last four weeks"),
    ],
)
def test_degradation_without_a_request_or_a_whole_week_is_not_a_number(uses: list[WeekUse], absent: str) -> None:
    found = felt(uses, now=NOW)
    assert (found.share, found.minutes, found.absent) == (None, None, absent)


def test_of_two_whole_weeks_the_newer_one_counts() -> None:
    old = week(week=WEEK.plus(-1), throttled=14_000)
    assert felt([old, week()], now=NOW).week == WEEK


def hourly(*tokens: int) -> dict[datetime, int]:
    return {START + timedelta(hours=index): value for index, value in enumerate(tokens)}


def test_coincidence_is_the_peak_of_the_sum_over_the_sum_of_peaks() -> None:
    found = measured_coincidence({"a": hourly(10, 0, 4), "b": hourly(0, 10, 4)}, least_hours=3)
    assert found is not None
    assert (found.factor, found.hours, found.members) == (Fraction(1, 2), 3, 2)


def test_coincidence_takes_only_hours_that_all_members_have() -> None:
    # Without b's first hour: a [0, 4], b [10, 4] over two hours: 10 ÷ 14.
    late = hourly(0, 10, 4)
    del late[START]
    found = measured_coincidence({"a": hourly(10, 0, 4), "b": late}, least_hours=2)
    assert found is not None
    assert (found.factor, found.hours) == (Fraction(10, 14), 2)


def test_the_peak_of_a_sum_may_lie_above_the_sum_of_the_peaks() -> None:
    # 200 hours of 1; a is 100 in the first two, b in the next two. P99 is the 198th: 1 of each, 101 of the sum. 101 ÷ 2.
    found = measured_coincidence({"a": hourly(100, 100, *[1] * 198), "b": hourly(1, 1, 100, 100, *[1] * 196)})
    assert found is not None
    assert found.factor == Fraction(101, 2)


@pytest.mark.parametrize(
    "members",
    [
        {"a": hourly(*range(200))},
        {"a": hourly(*range(159)), "b": hourly(*range(159))},
        {"a": hourly(*[0] * 200), "b": hourly(*[0] * 200)},
        {},
    ],
)
def test_coincidence_of_one_member_few_hours_or_no_use_is_not_a_number(
    members: dict[str, dict[datetime, int]],
) -> None:
    assert measured_coincidence(members) is None


@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=60), st.integers(1, 9))
def test_members_of_one_shape_coincide_wholly(tokens: list[int], times: int) -> None:
    found = measured_coincidence({"a": hourly(*tokens), "b": hourly(*(times * each for each in tokens))}, least_hours=2)
    assert found is None if not any(tokens) else found is None or found.factor == 1


@given(
    st.dictionaries(
        st.text("abcdef", min_size=1, max_size=3),
        st.lists(st.integers(0, 10**9), min_size=5, max_size=5),
        min_size=2,
        max_size=6,
    )
)
def test_coincidence_depends_on_no_order_of_members(rows: dict[str, list[int]]) -> None:
    members = {key: hourly(*tokens) for key, tokens in rows.items()}
    backwards = dict(reversed(members.items()))
    assert measured_coincidence(members, least_hours=5) == measured_coincidence(backwards, least_hours=5)


def test_five_weeks_of_512_are_granted_and_nine_tenths_used() -> None:
    granted = granted_hours(accelerators=512, started=WEEK.monday, ended=date(2027, 1, 4), as_of=date(2026, 11, 9))
    assert granted == 430_080
    assert used_share(used=387_072, granted=granted) == Fraction(9, 10)


def test_what_is_granted_ends_with_the_request_and_starts_with_it() -> None:
    asked = {"accelerators": 8, "started": WEEK.monday}
    assert granted_hours(**asked, ended=WEEK.end, as_of=date(2027, 1, 1)) == 8 * 168  # type: ignore[arg-type]
    assert granted_hours(**asked, ended=WEEK.end, as_of=date(2026, 1, 1)) == 0  # type: ignore[arg-type]


def test_more_use_than_granted_is_not_cut_and_no_jobs_is_no_zero() -> None:
    assert used_share(used=Decimal(1500), granted=1000) == Fraction(3, 2)
    assert used_share(used=None, granted=1000) is None
    assert used_share(used=Decimal(5), granted=0) is None
