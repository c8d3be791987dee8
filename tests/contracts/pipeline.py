"""A small world with room to hold, deals on their way, and the people who move them.

One pool of 128 H100 at 0.935: 119.68, so 112 in whole nodes of 8; the floor is left out. A deal is dedicated
accelerators: 8 promised and one spare node, 16; with probability p it holds p × 16, in whole nodes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

import pgtrigger

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.review.hold_check import room_for_holds
from contracts.holding import HoldCheck, grant_hold
from contracts.models import Contract, ContractTransition, Hold
from contracts.services import Meeting, Mover, move_contract
from tests.factories import make_user
from tests.imports.world import GOOD, import_texts

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TODAY = NOW.date()
STARTS, ENDS = date(2027, 1, 4), date(2027, 7, 5)
ALLOCATABLE, OF_A_DEAL, NODE = 112, 16, 8
EXPIRES = TODAY + timedelta(days=14)
OPEN_WEEK = "2026-W48"


def make_world(*, deals: int = 1, state: str = "what_if", owner: User | None = None, **policy: str) -> None:
    """The sample tables with a tier for holds, 128 accelerators, no floor, and `deals` deals named deal-1, deal-2, …"""
    left_out = {"policy_floors.csv", "floor_waivers.csv", "forecasts.csv", "holds.csv"}
    tables = {name: text for name, text in GOOD.items() if name not in left_out}
    tables["lots.csv"] = tables["lots.csv"].replace(",64,", ",128,").replace(",confirmed,32,", ",planned,32,")
    tables["contracts.csv"] = tables["contracts.csv"].replace("2027-01-01", "2029-01-01")
    head, row = tables["policy_sets.csv"].strip().splitlines()
    row = row.replace("forecast;", "forecast;holds;")
    for column, value in policy.items():
        head, row = f"{head},{column}", f"{row},{value}"
    tables["policy_sets.csv"] = f"{head}\n{row}\n"
    found = import_texts(tables)
    assert not found.errors, found.errors
    add_deals([f"deal-{place}" for place in range(1, deals + 1)], state=state, owner=owner)


def add_deals(keys: list[str], *, state: str = "what_if", owner: User | None = None, **columns: Any) -> None:
    """Deals with 8 dedicated H100 each, written straight into the tables."""
    pattern = Contract.objects.get(key="c-1")
    for key in keys:
        deal = Contract.objects.create(
            **{
                "key": key,
                "version": 1,
                "name": f"Offer {key}",
                "customer": pattern.customer,
                "state": state,
                "starts_date": STARTS,
                "ends_date": ENDS,
                "shape": "dedicated_accelerators",
                "accelerator_type": pattern.workload.model_version and _h100(),
                "owner": owner,
            }
            | columns
        )
        deal.commit_steps.create(kind="accelerators", quantity=8, starts_date=deal.starts_date)
        deal.price_lines.create(kind="accelerator_hour", price=Decimal(4), starts_date=deal.starts_date)


def _h100() -> Any:
    return Contract._meta.get_field("accelerator_type").remote_field.model.objects.get(key="h100")


def viewer(user: User, *roles: str) -> Viewer:
    return Viewer(username=user.username, roles=frozenset(Role(role) for role in roles))


def people(**more: Any) -> dict[str, tuple[User, Viewer]]:
    """ann of sales, fin and con of finance, ivo the chair: (account, what they may see)."""
    named = {"ann": "sales", "bob": "sales", "fin": "finance", "con": "finance", "ivo": "chair"}
    found = {}
    for name, role in named.items():
        user = make_user(role, username=name)
        found[name] = (user, viewer(user, role))
    return found


MEETING = Meeting(open_weeks=[OPEN_WEEK], run_id=None, check=room_for_holds)


def move(
    who: tuple[User, Viewer], target: str, *, key: str = "deal-1", reason: str = "so it is", now: datetime = NOW,
    meeting: Meeting = MEETING, **more: Any,
) -> ContractTransition:  # fmt: skip
    mover = Mover(user=who[0], viewer=who[1])
    return move_contract(
        key=key, version=1, target=target, reason=reason, mover=mover, now=now, meeting=meeting, **more
    )


def hold(
    who: tuple[User, Viewer], *, key: str = "deal-1", probability: str = "0.5", expires: date = EXPIRES,
    now: datetime = NOW, check: HoldCheck = room_for_holds,
) -> Hold:  # fmt: skip
    return grant_hold(
        key=key, version=1, probability=Decimal(probability), expires_date=expires, note="", user=who[0],
        viewer=who[1], now=now, check=check,
    )  # fmt: skip


def set_state(key: str, state: str) -> None:
    """Put a contract into a state without a move: only where the way there is not what is tested."""
    with pgtrigger.ignore("contracts.Contract:state_follows_moves"):
        Contract.objects.filter(key=key).update(state=state)


def nodes_of(probability: Decimal | str, *, share: Decimal = Decimal(1)) -> int:
    """Accelerators of whole nodes that a hold takes, by hand: ⌈p × 16 ÷ share ÷ 8⌉ × 8."""
    return ceil(Fraction(probability) * OF_A_DEAL / Fraction(share) / NODE) * NODE
