"""Rows of outages, moves and waivers as the plan reads them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from capacity.allocation.domain.problem import Pool
from capacity.allocation.supply import problem_floors
from capacity.decisions.policy import Policy, policy_in_force
from capacity.inventory.domain.facts import SupplyCalendar
from capacity.inventory.inputs import supply_calendar
from capacity.lib.horizon import Horizon, Week
from tests.factory_inputs import policy_row
from tests.factory_names import FLOOR

MONDAY = date(2026, 11, 23)
HORIZON = Horizon(first=Week(MONDAY), weeks=4)
TABLES: dict[str, list[dict[str, Any]]] = {
    "pools": [{"key": "p", "node_size": 8, "availability_share": Decimal("0.935"), "maintenance_accelerators": 8}],
    "network_domains": [{"key": "a", "pool": "p"}, {"key": "b", "pool": "p"}],
    "lots": [
        {"key": f"L-{domain}", "pool": "p", "domain": domain, "state": "accepted", "accelerators": 504,
         "accepted_date": date(2026, 1, 5), "p50_date": None, "p90_date": None, "ends_date": None}
        for domain in ("a", "b")
    ],
}  # fmt: skip


def policy(**waiver: Any) -> Policy:
    row = {"key": "w", "policy": 1, "floor": FLOOR["key"], "starts_date": date(2026, 11, 30), "ends_date": date(2026, 12, 14),
           "accelerators": 8, "decision_number": 3, "is_decided": True}  # fmt: skip
    return policy_in_force(
        policy_sets=[policy_row(1, MONDAY)],
        policy_floors=[
            {**FLOOR, "share": Decimal("0.3"), "accelerators": None, "pool_keys": ["p"], "lendable": True, "policy": 1}
        ],
        floor_waivers=[row | waiver],
        on_date=MONDAY,
    )


def outage(**fields: Any) -> dict[str, Any]:
    return {"key": "o", "pool": "p", "domain": "a", "kind": "quarantine", "accelerators": 16,
            "starts_date": date(2026, 12, 2), "ends_date": date(2026, 12, 8)} | fields  # fmt: skip


def calendar(**tables: list[dict[str, Any]]) -> SupplyCalendar:
    return supply_calendar(tables=TABLES | tables, policy=policy(), horizon=HORIZON, as_of=MONDAY)


def test_an_outage_comes_off_its_domain_in_every_week_it_touches_besides_the_standing_maintenance() -> None:
    """504 at 0.935 are 471.24. The pool's 8 in maintenance are taken in domain a: 463.24 → 456; 16 more: 447.24 → 440."""
    found = calendar(outages=[outage()])
    assert [row.allocatable for row in found.domain("p", "a")] == [456, 440, 440, 456]
    assert [row.allocatable for row in found.domain("p", "b")] == [464, 464, 464, 464]


def test_an_outage_anywhere_in_the_pool_is_handed_out_node_by_node() -> None:
    found = calendar(outages=[outage(domain=None, ends_date=None)])
    assert [row.maintenance for row in found.pool("p")] == [8, 24, 24, 24]
    assert [row.allocatable for row in found.pool("p")] == [920, 904, 904, 904]


def test_a_moved_lot_is_in_the_new_place_from_the_next_monday() -> None:
    move = {"lot": "L-a", "starts_date": date(2026, 12, 2), "accelerators": 104, "to_pool": "p", "to_domain": "b"}
    found = calendar(lot_moves=[move])
    assert [row.installed for row in found.domain("p", "a")] == [504, 400, 400, 400]
    assert [row.installed for row in found.domain("p", "b")] == [504, 504, 608, 608]


def floor_sizes(rules: Policy) -> tuple[int, ...]:
    pool = Pool(
        key="p",
        accelerator_type="h100",
        region="r",
        allocatable=(928,) * 4,
        usd_per_accelerator_hour=Decimal(2),
        node_size=8,
    )
    (floor,) = problem_floors(policy=rules, pools=[pool], horizon=HORIZON)
    return floor.accelerators


def test_a_decided_waiver_lowers_the_floor_in_the_weeks_it_covers() -> None:
    """30 % of 928 are 278.4, so 279; less 8 in the two weeks from 30 November."""
    assert floor_sizes(policy()) == (279, 271, 271, 279)


def test_a_waiver_without_its_decision_lowers_nothing() -> None:
    assert floor_sizes(policy(is_decided=False)) == (279, 279, 279, 279)


def test_a_waiver_of_another_version_or_floor_lowers_nothing() -> None:
    assert floor_sizes(policy(policy=2)) == floor_sizes(policy(floor="evals")) == (279, 279, 279, 279)


def test_more_waived_than_the_floor_has_leaves_none() -> None:
    assert floor_sizes(policy(accelerators=1000)) == (279, 0, 0, 279)
