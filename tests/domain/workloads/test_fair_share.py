"""Fair share by hand: deficits, what a team's requests weigh, who is starved, and hours of jobs by week."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal as D
from fractions import Fraction as F

from hypothesis import given
from hypothesis import strategies as st

from capacity.lib.horizon import Week
from workloads.domain.fair_share import (
    BELOW_SHARE,
    UNPLACED,
    Job,
    engine_weight,
    fair_shares,
    hours_by_week,
    starvation,
    weeks_below,
)

HALF = D("0.5")
FIRST = Week.parse("2026-W40")


def by_team(weights: dict[str, int], used: dict[str, int] | None) -> dict[str, tuple[F | None, D]]:
    hours = None if used is None else {team: D(each) for team, each in used.items()}
    shares = fair_shares(weights={team: D(each) for team, each in weights.items()}, used_hours=hours, limit=HALF)
    return {share.team: (share.deficit, share.engine_weight) for share in shares}


def test_a_deficit_is_the_entitled_share_less_the_used_one() -> None:
    # Entitled 4/8, 3/8, 1/8; used 0.6, 0.3, 0.1 of 1,000 hours.
    assert by_team({"a": 4, "b": 3, "c": 1}, {"a": 600, "b": 300, "c": 100}) == {
        "a": (F(-1, 10), D("0.9")),
        "b": (F(3, 40), D("1.08")),
        "c": (F(1, 40), D("1.02")),
    }


def test_a_deficit_moves_the_weight_by_at_most_the_limit() -> None:
    assert by_team({"a": 4, "b": 1}, {"b": 500}) == {"a": (F(4, 5), D("1.5")), "b": (F(-4, 5), D("0.5"))}


def test_without_hours_nobody_has_a_deficit() -> None:
    for used in (None, {}, {"a": 0, "b": 0}):
        assert by_team({"a": 4, "b": 1}, used) == {"a": (None, D(1)), "b": (None, D(1))}
    shares = fair_shares(weights={"a": D(1)}, used_hours=None, limit=HALF)
    assert (shares[0].used_hours, shares[0].used, shares[0].entitled) == (None, None, F(1))


def test_hours_of_somebody_who_is_no_team_count_for_nobody() -> None:
    assert by_team({"a": 1, "b": 1}, {"a": 30, "b": 10, "": 960})["a"] == (F(-1, 4), D("0.75"))


def test_a_weight_lies_half_way_to_the_even_hundredth() -> None:
    assert engine_weight(deficit=F(15, 1000), limit=HALF) == D("1.02")
    assert engine_weight(deficit=F(25, 1000), limit=HALF) == D("1.02")


@given(
    st.dictionaries(
        st.sampled_from("abcdef"), st.tuples(st.decimals("0.01", 9, places=2), st.integers(0, 10**6)), min_size=1
    )
)
def test_deficits_sum_to_nothing_and_weights_stay_within_the_limit(teams: dict[str, tuple[D, int]]) -> None:
    shares = fair_shares(
        weights={team: weight for team, (weight, _) in teams.items()},
        used_hours={team: D(hours) for team, (_, hours) in teams.items()},
        limit=HALF,
    )
    assert all(HALF <= share.engine_weight <= D("1.5") for share in shares)
    assert all(share.engine_weight * 100 == int(share.engine_weight * 100) for share in shares)
    if any(hours for _, hours in teams.values()):
        assert sum(share.deficit or F(0) for share in shares) == 0


def starved(
    waits: list[int], shares: list[F | None], demanding: list[bool] | None = None, entitled: F = F(1, 8)
) -> str:
    below = weeks_below(
        shares_by_week=shares, entitled=entitled, demanding=demanding or [True] * len(shares), below=F(1, 2)
    )
    return starvation(waits=waits, below_weeks=below, weeks=6)


def test_a_request_without_a_place_for_more_than_six_weeks_starves_its_team() -> None:
    assert starved([7], []) == UNPLACED
    assert starved([6, 2], []) == ""


def test_a_team_below_half_of_its_share_for_six_weeks_while_it_asks_is_starved() -> None:
    # 0.05 of 0.125 is 40 %; 0.0625 is exactly half and not below it.
    assert starved([], [F(1, 20)] * 6) == BELOW_SHARE
    assert starved([], [F(1, 20)] * 5) == ""
    assert starved([], [F(1, 20)] * 5 + [F(1, 16)]) == ""
    assert starved([], [F(1, 16)] + [F(1, 20)] * 6) == BELOW_SHARE


def test_a_week_in_which_it_asked_for_nothing_or_nobody_counted_is_no_evidence() -> None:
    assert starved([], [F(1, 20)] * 6, [True, True, False, True, True, True]) == ""
    assert starved([], [F(1, 20), F(1, 20), None, F(1, 20), F(1, 20), F(1, 20)]) == ""
    below = weeks_below(shares_by_week=[F(0), None, F(0), F(0)], entitled=F(1, 8), demanding=[True] * 4, below=F(1, 2))
    assert below == 2


def job(team: str, start: str, hours_long: int | None, accelerators: int, hours: str = "0") -> Job:
    starts = datetime.fromisoformat(start)
    ends = None if hours_long is None else starts + timedelta(hours=hours_long)
    return Job(team=team, starts_at=starts, ends_at=ends, accelerators=accelerators, accelerator_hours=D(hours))


def test_a_job_is_spread_over_the_weeks_it_ran_in() -> None:
    # From Sunday 12:00 to Monday 12:00: half of 240 hours in each week.
    jobs = [job("a", "2026-10-04T12:00+00:00", 24, 10, "240")]
    assert hours_by_week(jobs=jobs, first=FIRST, weeks=2) == {("a", FIRST): D(120), ("a", FIRST.plus(1)): D(120)}


def test_only_the_weeks_asked_for_count_and_another_time_zone_changes_nothing() -> None:
    jobs = [job("a", "2026-09-27T14:00+02:00", 24, 10, "240"), job("a", "2026-10-12T00:00+00:00", 5, 10, "50")]
    assert hours_by_week(jobs=jobs, first=FIRST, weeks=2) == {("a", FIRST): D(120)}


def test_a_job_that_runs_holds_its_accelerators_until_the_last_week_ends() -> None:
    jobs = [job("a", "2026-10-04T22:00+00:00", None, 8), job("b", "2026-10-11T23:00+00:00", None, 4, "9")]
    assert hours_by_week(jobs=jobs, first=FIRST, weeks=2) == {
        ("a", FIRST): D(16),
        ("a", FIRST.plus(1)): D(8 * 168),
        ("b", FIRST.plus(1)): D(4),
    }


def test_a_job_that_ends_as_it_starts_counts_in_its_week() -> None:
    jobs = [job("a", "2026-09-30T10:00+00:00", 0, 8, "0.5"), job("a", "2026-09-20T10:00+00:00", 0, 8, "9")]
    assert hours_by_week(jobs=jobs, first=FIRST, weeks=1) == {("a", FIRST): D("0.5")}
    assert hours_by_week(jobs=[job("a", "2026-09-30T10:00+00:00", 0, 8)], first=FIRST, weeks=1) == {}


@given(st.lists(st.tuples(st.integers(-200, 900), st.integers(1, 900), st.integers(1, 999_999)), max_size=8))
def test_hours_of_jobs_inside_the_weeks_are_neither_lost_nor_made(
    spans: list[tuple[int, int, int]],
) -> None:
    start = FIRST.starts_at
    jobs = [
        Job(
            team="a",
            starts_at=start + timedelta(hours=begin),
            ends_at=start + timedelta(hours=begin + length),
            accelerators=1,
            accelerator_hours=D(hours).scaleb(-2),
        )
        for begin, length, hours in spans
    ]
    found = hours_by_week(jobs=jobs, first=FIRST.plus(-3), weeks=20)
    whole = sum((each.accelerator_hours for each in jobs), D(0))
    # Each week's sum is rounded to a ten-thousandth.
    assert abs(sum(found.values(), D(0)) - whole) <= D("0.0001") * 20
