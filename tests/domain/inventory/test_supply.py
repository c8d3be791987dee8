"""Which lots count in which week, and what is allocatable of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.inventory.domain.facts import (
    DomainFacts,
    LotFacts,
    LotState,
    OutageFacts,
    PoolFacts,
    SupplyCalendar,
    SupplyPolicy,
)
from capacity.inventory.domain.supply import allocatable_accelerators, build_supply
from capacity.lib.horizon import Horizon, Week

AS_OF = date(2026, 11, 23)
HORIZON = Horizon(first=Week(AS_OF), weeks=8)
POOL = PoolFacts(key="h100", node_size=8, availability=Decimal(1))


def lot(key: str = "L1", **fields: object) -> LotFacts:
    facts: dict[str, object] = {
        "pool_key": "h100",
        "state": LotState.ACCEPTED,
        "accelerators": 64,
        "accepted_date": date(2026, 1, 5),
    }
    return LotFacts(key=key, **(facts | fields))  # type: ignore[arg-type]


def supply(*lots: LotFacts, pool: PoolFacts = POOL, **fields: object) -> SupplyCalendar:
    return build_supply(**({"horizon": HORIZON, "as_of": AS_OF, "pools": [pool], "lots": lots} | fields))  # type: ignore[arg-type]


def codes(calendar: SupplyCalendar) -> list[str]:
    return [issue.code for issue in calendar.issues]


def test_a_thousand_installed_leave_928_allocatable_and_a_fragment_of_seven() -> None:
    pool = PoolFacts(key="h100", node_size=8, availability=Decimal("0.935"))
    week = supply(lot(accelerators=1000), pool=pool).pool_weeks[0]
    assert (week.installed, week.available, week.allocatable, week.fragment) == (1000, 935, 928, 7)


def test_maintenance_comes_off_before_nodes_are_rounded_down() -> None:
    # 1000 · 0.935 − 10 = 925 → 115 nodes of 8 = 920, 5 left over
    assert allocatable_accelerators(installed=1000, availability=Decimal("0.935"), maintenance=10, node_size=8) == (
        920,
        Decimal(5),
    )


def test_a_fragment_may_be_a_fraction_of_an_accelerator() -> None:
    # 100 · 0.935 = 93.5 → 88 and 5.5
    assert allocatable_accelerators(installed=100, availability=Decimal("0.935"), maintenance=0, node_size=8) == (
        88,
        Decimal("5.5"),
    )


def test_nodes_stay_whole_within_each_domain_so_two_halves_hold_less_than_one_whole() -> None:
    pool = PoolFacts(key="h100", node_size=8, availability=Decimal("0.935"))
    domains = [DomainFacts(key="a", pool_key="h100"), DomainFacts(key="b", pool_key="h100")]
    calendar = supply(
        lot("L1", accelerators=504, domain_key="a"),
        lot("L2", accelerators=504, domain_key="b"),
        pool=pool,
        domains=domains,
    )
    # each 504 · 0.935 = 471.24 → 464; one domain of 1008 would give 942.48 → 936
    assert [calendar.domain("h100", key)[0].allocatable for key in ("a", "b")] == [464, 464]
    assert calendar.pool_weeks[0].allocatable == 928
    assert calendar.pool_weeks[0].fragment == Decimal("14.48")


def test_maintenance_of_a_pool_is_taken_node_by_node_from_the_domains() -> None:
    domains = [DomainFacts(key="a", pool_key="h100"), DomainFacts(key="b", pool_key="h100")]
    outage = OutageFacts(key="m", pool_key="h100", accelerators=20, starts_date=date(2026, 1, 1))
    calendar = supply(
        lot("L1", accelerators=96, domain_key="a"),
        lot("L2", accelerators=32, domain_key="b"),
        domains=domains,
        outages=[outage],
    )
    # shares 15 and 5: nodes 8 → a (15 behind), then a is 7 behind and b 5 → 8 to a, then b is 5 behind → the last 4
    first = {row.domain_key: row for row in calendar.domain_weeks if row.week == HORIZON.first}
    assert (first["a"].maintenance, first["a"].allocatable) == (16, 80)
    assert (first["b"].maintenance, first["b"].allocatable) == (4, 24)


def test_an_outage_that_touches_a_week_counts_for_all_of_it() -> None:
    outage = OutageFacts(
        key="m", pool_key="h100", accelerators=8, starts_date=date(2026, 12, 2), ends_date=date(2026, 12, 3)
    )
    assert supply(lot(), outages=[outage]).allocatable("h100")[:3] == (64, 56, 64)


def test_more_maintenance_than_supply_leaves_nothing_and_is_named() -> None:
    outage = OutageFacts(key="m", pool_key="h100", accelerators=80, starts_date=date(2026, 1, 1))
    calendar = supply(lot(), outages=[outage])
    week = calendar.pool_weeks[0]
    assert (week.maintenance, week.allocatable, week.fragment) == (64, 0, 0)
    assert set(codes(calendar)) == {"maintenance_exceeds_supply"}


def test_a_delivery_in_mid_week_counts_from_the_next_monday_and_costs_from_the_day() -> None:
    wednesday = date(2026, 12, 2)
    calendar = supply(lot(state=LotState.CONFIRMED, accepted_date=None, p50_date=wednesday))
    assert calendar.allocatable("h100")[:3] == (0, 0, 64)
    assert [(row.week.key, row.billed_days, row.counted) for row in calendar.lot_weeks[:2]] == [
        ("2026-W49", 5, False),
        ("2026-W50", 7, True),
    ]
    (event,) = calendar.events
    assert (event.week.key, event.accelerators, event.kind, event.on_date) == ("2026-W50", 64, "arrival", wednesday)


def test_a_delivery_on_a_monday_counts_from_that_monday() -> None:
    calendar = supply(lot(state=LotState.SHIPPED, accepted_date=None, p50_date=date(2026, 11, 30)))
    assert calendar.allocatable("h100")[:2] == (0, 64)


def test_a_lease_that_ends_on_a_wednesday_leaves_the_week_but_costs_two_sevenths_of_it() -> None:
    calendar = supply(lot(ends_date=date(2026, 12, 16)))
    by_week = dict(zip([week.key for week in HORIZON], calendar.allocatable("h100"), strict=True))
    assert (by_week["2026-W50"], by_week["2026-W51"]) == (64, 0)
    last = calendar.lot_weeks[-1]
    assert (last.week.key, last.billed_days, last.counted) == ("2026-W51", 2, False)
    assert last.billed_accelerator_hours == 64 * 48
    (event,) = calendar.events
    assert (event.week.key, event.accelerators, event.kind) == ("2026-W51", -64, "departure")


def test_a_lease_that_ends_on_a_monday_keeps_the_whole_week_before() -> None:
    calendar = supply(lot(ends_date=date(2026, 12, 14)))
    assert calendar.allocatable("h100")[:4] == (64, 64, 64, 0)
    assert calendar.lot_weeks[-1].billed_days == 7


def test_a_lease_counts_across_week_53_and_the_leap_day() -> None:
    over_year_end = supply(lot(ends_date=date(2027, 1, 4)))
    assert over_year_end.pool("h100")[5].week.key == "2026-W53"
    assert over_year_end.allocatable("h100") == (64, 64, 64, 64, 64, 64, 0, 0)
    leap = Horizon(first=Week(date(2028, 2, 21)), weeks=2)
    calendar = supply(lot(ends_date=date(2028, 2, 29)), horizon=leap, as_of=leap.start)
    assert [row.billed_days for row in calendar.lot_weeks] == [7, 1]


def test_each_state_counts_at_the_date_its_policy_row_says() -> None:
    p50, p90 = date(2026, 11, 30), date(2026, 12, 7)
    dates = {"accepted_date": None, "p50_date": p50, "p90_date": p90}

    def first_counted(state: LotState, *, scenario: bool = False) -> int | None:
        policy = SupplyPolicy(scenario=scenario)
        counted = supply(lot(state=state, **dates), policy=policy).allocatable("h100")
        return counted.index(64) if 64 in counted else None

    assert first_counted(LotState.INSTALLED) == 0
    assert first_counted(LotState.SHIPPED) == first_counted(LotState.CONFIRMED) == 1
    assert first_counted(LotState.ORDERED) == 2
    assert first_counted(LotState.PLANNED) is None
    assert first_counted(LotState.PLANNED, scenario=True) == 1
    assert first_counted(LotState.RETIRED) is None


def test_a_lot_past_its_date_and_not_accepted_is_not_there_and_late() -> None:
    calendar = supply(lot(state=LotState.SHIPPED, accepted_date=None, p50_date=date(2026, 11, 22)))
    assert set(calendar.allocatable("h100")) == {0}
    assert calendar.lot_weeks == ()
    assert codes(calendar) == ["late"]
    assert "expected on 2026-11-22" in calendar.issues[0].message


def test_a_lot_due_today_is_not_late() -> None:
    calendar = supply(lot(state=LotState.SHIPPED, accepted_date=None, p50_date=AS_OF))
    assert codes(calendar) == []
    assert calendar.allocatable("h100")[0] == 64


def test_a_retirement_before_the_delivery_is_refused() -> None:
    calendar = supply(
        lot(state=LotState.ORDERED, accepted_date=None, p90_date=date(2027, 3, 1), ends_date=date(2027, 2, 1))
    )
    assert codes(calendar) == ["retired_before_delivery"]
    assert calendar.lot_weeks == ()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"pool_key": "b200"}, "unknown_pool"),
        ({"domain_key": "z"}, "unknown_domain"),
        ({"accelerators": 0}, "not_positive"),
        ({"accepted_date": None}, "acceptance_date_missing"),
        ({"state": LotState.ORDERED}, "delivery_date_missing"),
    ],
)
def test_what_is_wrong_with_a_lot_is_said(fields: dict[str, object], code: str) -> None:
    assert codes(supply(lot(**fields))) == [code]


def test_a_lot_without_a_domain_is_refused_where_there_are_two() -> None:
    domains = [DomainFacts(key="a", pool_key="h100"), DomainFacts(key="b", pool_key="h100")]
    calendar = supply(lot(), domains=domains)
    assert codes(calendar) == ["domain_missing"]
    assert set(calendar.allocatable("h100")) == {0}


def test_a_lot_given_twice_counts_once() -> None:
    calendar = supply(lot(), lot())
    assert codes(calendar) == ["duplicate_lot"]
    assert calendar.allocatable("h100")[0] == 64


def test_a_lot_moved_on_a_monday_keeps_the_total() -> None:
    pools = [POOL, PoolFacts(key="h200", node_size=8, availability=Decimal(1))]
    moved = date(2026, 12, 7)
    calendar = supply(lot("L1", ends_date=moved), lot("L1-moved", pool_key="h200", starts_date=moved), pools=pools)
    totals = [a + b for a, b in zip(calendar.allocatable("h100"), calendar.allocatable("h200"), strict=True)]
    assert totals == [64] * 8
    assert calendar.allocatable("h200")[:3] == (0, 0, 64)


LOTS = st.builds(
    lambda number, state, count, domain, day, life: LotFacts(
        key=f"L{number}",
        pool_key="h100",
        domain_key=domain,
        state=state,
        accelerators=count,
        accepted_date=date.fromordinal(day),
        p50_date=date.fromordinal(day),
        p90_date=date.fromordinal(day + 20),
        ends_date=date.fromordinal(day + life),
    ),
    st.integers(0, 10**6),
    st.sampled_from(LotState),
    st.integers(1, 3000),
    st.sampled_from(["a", "b", "c"]),
    st.integers(AS_OF.toordinal() - 60, AS_OF.toordinal() + 60),
    st.integers(1, 200),
)


@settings(max_examples=150, deadline=None)
@given(
    lots=st.lists(LOTS, max_size=8),
    availability=st.decimals("0.5", "1", places=3),
    node=st.sampled_from([1, 4, 8, 72]),
    out=st.integers(0, 400),
)
def test_supply_is_conserved_in_every_week_pool_and_domain(
    lots: list[LotFacts], availability: Decimal, node: int, out: int
) -> None:
    pool = PoolFacts(key="h100", node_size=node, availability=availability)
    domains = [DomainFacts(key=key, pool_key="h100") for key in "abc"]
    outage = OutageFacts(key="m", pool_key="h100", accelerators=out, starts_date=AS_OF)
    inputs = {"pool": pool, "domains": domains, "outages": [outage]}
    calendar = supply(*lots, **inputs)  # type: ignore[arg-type]
    for row in (*calendar.domain_weeks, *calendar.pool_weeks):
        assert row.allocatable % node == 0
        assert 0 <= row.allocatable <= row.installed
        assert row.available == row.maintenance + row.allocatable + row.fragment
        assert row.fragment >= 0
        assert row.installed == sum(counted.accelerators for counted in row.lots)
    for week in calendar.pool_weeks:
        parts = [row for row in calendar.domain_weeks if row.week == week.week]
        assert week.allocatable == sum(row.allocatable for row in parts)
    billed_all_week = {(row.lot_key, row.week) for row in calendar.lot_weeks if row.billed_days == 7}
    assert billed_all_week == {(counted.key, row.week) for row in calendar.pool_weeks for counted in row.lots}
    assert calendar == supply(*reversed(lots), **inputs) or len({each.key for each in lots}) < len(lots)  # type: ignore[arg-type]
