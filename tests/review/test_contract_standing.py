"""Which pools and lots a contract stands on, and where its term outlasts theirs: by hand, and in a real plan."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, cast

from capacity.lib.horizon import Week
from capacity.review.contract_standing import contract_lot_rows, contract_pool_rows, standing_of, weeks_between
from capacity.review.contract_supply import term_sentence, timeline
from capacity.review.plan_rows import PlanRows

FIRST, SECOND = Week.parse("2026-W48"), Week.parse("2026-W49")
CONTRACT_ENDS = date(2027, 6, 30)
LEASE_ENDS = CONTRACT_ENDS - timedelta(days=85)


def of_demand(key: str, contract: str) -> Any:
    row = {"key": contract, "owner": "sales", "ends_date": CONTRACT_ENDS}
    return SimpleNamespace(demand_key=key, row=row)


def lot(key: str, count: int, ends: date | None) -> dict[str, Any]:
    return {
        "key": key,
        "supplier": "north",
        "source_type": "",
        "cost_rate_key": "lease" if ends else "none",
        "accepted_date": date(2026, 1, 5),
        "p50_date": None,
        "ends_date": ends,
        "accelerators": count,
    }


def rate(key: str) -> dict[str, Any]:
    names = (
        "ends_date capex_usd accelerator_capex_usd residual_usd life_years wacc_share power_kw load_share pue usd_per_kwh "
        "usd_per_kw_month support_usd_per_year staff_usd_per_hour on_demand_usd_per_hour"
    )
    empty = dict.fromkeys(names.split())
    starts = {"starts_date": date(2026, 1, 1), "kind": "leased", "currency": "USD"}
    return {**empty, **starts, "key": key, "lease_usd_per_hour": D("2.40")}


def plan() -> PlanRows:
    """A class holds 64 of a pool of 128 in the first week and 32 in the second, served 3 : 1 for two contracts."""
    shares = {"c.big.v1": Fraction(3, 4), "c.small.v1": Fraction(1, 4)}
    lots = [lot("lease-1", 32, LEASE_ENDS), lot("own-1", 96, None)]
    counted = tuple(SimpleNamespace(key=each["key"], accelerators=each["accelerators"]) for each in lots)
    weeks = [SimpleNamespace(pool_key="p", week=week, lots=counted) for week in (FIRST, SECOND)]
    return cast(
        PlanRows,
        SimpleNamespace(
            allocated={("cls", "p", FIRST): 64, ("cls", "p", SECOND): 32},
            served_parts=lambda class_key, week: shares,
            weeks=[FIRST, SECOND],
            pools={"p": {"name": "Pool", "source_type": "leased"}},
            tables={
                "lots": lots,
                "suppliers": [{"key": "north", "name": "North"}],
                "cost_rates": [rate("lease")],
                "cost_lines": [],
                "fx_rates": [],
            },
            plan=SimpleNamespace(
                contracts=[of_demand("c.big.v1", "big"), of_demand("c.small.v1", "small")],
                calendar=SimpleNamespace(pool_weeks=weeks),
                inputs=SimpleNamespace(as_of=date(2026, 11, 23)),
            ),
        ),
    )


def test_a_contract_stands_on_its_share_of_what_its_class_holds() -> None:
    rows = contract_pool_rows(plan(), standing_of(plan()))
    assert [(row["contract_key"], row["weekly"]) for row in rows] == [("big", ["48", "24"]), ("small", ["16", "8"])]
    assert (rows[0]["most_accelerators"], rows[0]["mean_accelerators"], rows[0]["weeks"]) == (48, 36, 2)
    assert (rows[0]["first_week"], rows[0]["last_week"]) == ("2026-W48", "2026-W49")


def test_a_lease_that_ends_first_leaves_its_part_of_the_contract_uncovered() -> None:
    rows = contract_lot_rows(plan(), standing_of(plan()))
    big = {row["lot_key"]: row for row in rows if row["contract_key"] == "big"}
    # In their last week together: 24 × 32 ÷ 128 and 24 × 96 ÷ 128.
    assert (big["lease-1"]["part_accelerators"], big["own-1"]["part_accelerators"]) == (6, 18)
    assert (big["lease-1"]["weeks_uncovered"], big["own-1"]["weeks_uncovered"]) == (13, 0)
    assert (big["lease-1"]["usd_per_hour"], big["lease-1"]["rate_basis"]) == (D("2.40"), "leased")
    # A lot without a rate has an unknown one, not none.
    assert (big["own-1"]["usd_per_hour"], big["own-1"]["supplier_name"]) == (None, "North")


def test_weeks_begun_count_and_a_lot_that_stays_leaves_none() -> None:
    ends = date(2027, 1, 4)
    assert weeks_between(None, ends) == 0
    assert weeks_between(ends, ends) == 0
    assert weeks_between(ends - timedelta(days=1), ends) == 1
    assert weeks_between(ends - timedelta(days=7), ends) == 1
    assert weeks_between(ends - timedelta(days=8), ends) == 2


def test_the_mismatch_is_said_in_words_and_drawn_as_far_as_the_contract_reaches() -> None:
    rows = [row for row in contract_lot_rows(plan(), standing_of(plan())) if row["contract_key"] == "big"]
    sentence, is_uncovered = term_sentence(rows, year=2026)
    assert is_uncovered
    assert sentence == (
        "1 of the 2 lots it stands on leaves before the contract ends, with 6 accelerators of it: "
        "lease-1 (lease) at $2.40 an hour ends 6 Apr 2027, 13 weeks before, 6 accelerators."
    )
    contract = {"starts_date": date(2026, 1, 1), "ends_date": CONTRACT_ENDS}
    drawn = timeline(contract=contract, lots=rows, first=FIRST, year=2026)
    assert drawn is not None
    assert [row.name for row in drawn["rows"]] == ["Contract", "lease-1 (lease)", "own-1 (lease)"]
    lease, gap = drawn["rows"][1].bars
    assert (gap.start, gap.end, gap.label) == (lease.end, drawn["rows"][0].bars[0].end, "13 weeks uncovered")


def test_without_lots_there_is_nothing_to_draw() -> None:
    assert timeline(contract={}, lots=[], first=FIRST, year=2026) is None
    assert term_sentence([], year=2026) == ("No lot is counted under its pools.", False)
    stays = [row for row in contract_lot_rows(plan(), standing_of(plan())) if row["lot_key"] == "own-1"]
    assert term_sentence(stays[:1], year=2026)[0] == "The lot it stands on stays at least as long as the contract."
