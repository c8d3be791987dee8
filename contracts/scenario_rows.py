"""Contracts under scenarios of use → rows of their table, to the cent. Pure (methods: Roll-ups).

Rounded once, from above: the total of all contracts, then each contract's part, then its weeks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from capacity.lib.money import exact_context, to_decimal
from contracts.domain.rollups import in_cents, spread_cents, usd_of
from contracts.domain.scenarios import COMMITTED, HEAVY, P10, P50, P90, SCENARIOS, WORST, WeekAmounts
from contracts.scenario_costing import ONCE, ZERO, ContractScenarios, ScenarioPlan

Row = dict[str, Any]
# A margin of so many times a revenue of a few cents is no share that anybody reads.
MOST_SHARE = 1_000_000
# The columns that are rounded to cents and kept by week, with the list that holds the weeks.
KEPT = (
    ("revenue_usd", "revenue_cents"),
    ("consumed_usd", "consumed_cents"),
    ("reserved_usd", "reserved_cents"),
    ("credits_usd", "credits_cents"),
    ("loss_usd", "loss_cents"),
)
ROUNDED = (*(column for column, _ in KEPT), "low_usd", "high_usd", "outage_usd", "make_good_usd")


def scenario_rows(*, found: Sequence[ContractScenarios], plan: ScenarioPlan) -> list[Row]:
    """One row a contract and scenario, in order, rounded to cents from above. (methods: Roll-ups)"""
    rows = []
    with localcontext(exact_context()):
        cents = {
            (scenario, column): in_cents(
                {each.key: total for each in found if (total := each.total(scenario, column)) is not None}
            )
            for scenario in SCENARIOS
            for column in ROUNDED
        }
        for each in found:
            base = _base(each, plan)
            expected: int | None = None
            of_contract = []
            for position, scenario in enumerate(SCENARIOS):
                amounts = {column: cents[scenario, column].get(each.key) for column in ROUNDED}
                row = _amount_columns(each, scenario, amounts)
                if scenario == P50:
                    expected = _in_term_cents(each, row)
                of_contract.append({**base, "scenario": scenario, "position": position, **row})
            for row in of_contract:
                row["margin_swing_usd"] = _swing(each, row, expected)
            rows += of_contract
    return rows


def _base(each: ContractScenarios, plan: ScenarioPlan) -> Row:
    first = min(each.versions, key=lambda version: version.indexes[0])
    contract, row = first.contract, first.contract.row
    model = contract.model_key
    return {
        "contract_key": row["key"],
        "contract_version": row["version"],
        "contract_name": row["name"],
        "customer_key": row["customer"],
        "customer_name": contract.customer["name"],
        "customer_alias": contract.customer["alias"],
        "owner_username": row["owner"] or "",
        "workload_key": row["workload"] or "",
        "model_key": model,
        "model_tier": first.rules.models[model]["model_tier"] if model else "",
        "shape": row["shape"],
        "regions": _regions(each, plan),
        "first_week": plan.costs.horizon.first.key,
        "weeks": len({index for version in each.versions for index in version.indexes}),
        "is_sized": all(version.is_sized for version in each.versions),
        "is_priced": all(version.contract.is_priced for version in each.versions),
    }


def _amount_columns(each: ContractScenarios, scenario: str, cents: Mapping[str, int | None]) -> Row:
    weeks = each.weeks[scenario]
    gaps = [None if week is None else week.gap_accelerators for week in weeks]
    known = [gap for gap in gaps if gap is not None]
    is_sized = all(version.is_sized for version in each.versions)
    margin = _minus(cents["revenue_usd"], cents["reserved_usd"])
    return {
        "multiple": _multiple(each, scenario),
        "revenue_usd": usd_of(cents["revenue_usd"]),
        "consumed_cost_usd": usd_of(cents["consumed_usd"]),
        "headroom_cost_usd": usd_of(_minus(cents["reserved_usd"], cents["consumed_usd"])),
        "reserved_cost_usd": usd_of(cents["reserved_usd"]),
        "reserved_low_usd": usd_of(cents["low_usd"]),
        "reserved_high_usd": usd_of(cents["high_usd"]),
        "margin_usd": usd_of(margin),
        "margin_share": share_of(margin, cents["revenue_usd"]),
        "consumed_margin_usd": usd_of(_minus(cents["revenue_usd"], cents["consumed_usd"])),
        "capacity_gap_accelerators": max(known, default=0) if is_sized else None,
        "capacity_gap_accelerator_weeks": sum(known) if is_sized else None,
        "expected_credits_usd": usd_of(cents["credits_usd"]),
        "outage_credits_usd": usd_of(cents["outage_usd"]),
        "make_good_usd": usd_of(cents["make_good_usd"]),
        "loss_exposure_usd": usd_of(cents["loss_usd"]),
        **{name: _by_week(weeks, column, cents[column]) for column, name in KEPT},
        "gap_accelerators": gaps if is_sized and known else [],
    }


def _by_week(weeks: Sequence[WeekAmounts | None], column: str, total: int | None) -> list[int | None]:
    """Cents by week, 0 out of term, None where not known; nothing where it is known of no week."""
    values = [ZERO if week is None else getattr(week, column) for week in weeks]
    if total is not None:
        return list(spread_cents(total=total, parts=values))
    if all(value is None for week, value in zip(weeks, values, strict=True) if week is not None):
        return []
    # Not known in all: each week to its own cent, since there is no total to make.
    return [None if value is None else int(value.scaleb(2).to_integral_value()) for value in values]


def _multiple(each: ContractScenarios, scenario: str) -> Decimal | None:
    """The use of a scenario as a multiple of P50, in the contract's first week."""
    first = min(each.versions, key=lambda version: version.indexes[0])
    found = {
        COMMITTED: Fraction(0),
        P10: each.band.p10,
        P50: ONCE,
        P90: each.band.p90,
        HEAVY: first.worst_multiple(first.indexes[0]),
        WORST: first.worst_multiple(first.indexes[0]),
    }[scenario]
    return to_decimal(found)


def _swing(each: ContractScenarios, row: Row, expected: int | None) -> Decimal | None:
    """Margin at P50 − margin here, both in term: a renewal, which P90 holds whole and P50 in part, is no swing of use.

    At worst use both alone, so that sharing replicas is not counted as a swing.
    """
    if row["scenario"] != WORST:
        margin = _in_term_cents(each, row)
        return None if margin is None or expected is None else usd_of(expected - margin)
    if row["margin_usd"] is None:
        return None
    swings = [result.margin_swing_usd for version in each.versions for result in version.results.values()]
    if None in swings:
        return None
    return sum((swing for swing in swings if swing is not None), ZERO).quantize(Decimal("0.01"))


def _in_term_cents(each: ContractScenarios, row: Row) -> int | None:
    """The margin without the weeks of a renewal."""
    if row["margin_usd"] is None:
        return None
    weeks = {index for version in each.versions for index in version.indexes}
    return sum(row["revenue_cents"][index] - row["reserved_cents"][index] for index in weeks)


def _regions(each: ContractScenarios, plan: ScenarioPlan) -> dict[str, str]:
    """Region → accelerator-weeks with which the plan serves the contract there; empty where it serves nothing."""
    found: dict[str, Decimal] = {}
    for version in each.versions:
        for index in version.indexes:
            share = to_decimal(version.share(index))
            for region, accelerators in plan.regions.get((version.class_key, index), {}).items():
                found[region] = found.get(region, ZERO) + accelerators * share
    rounded = {region: round(amount, 6) for region, amount in sorted(found.items())}
    return {region: f"{amount:.6f}" for region, amount in rounded.items() if amount > 0}


def share_of(part: int | None, whole: int | None) -> Decimal | None:
    """part ÷ whole; None (n/a) where the whole is 0, either is not known, or the share says nothing any more."""
    if part is None or not whole or abs(part) >= MOST_SHARE * abs(whole):
        return None
    return Decimal(part) / Decimal(whole)


def _minus(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left - right
