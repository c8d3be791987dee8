"""The deals the demo has on their way: moved by its own people through the workflow, two of them with a hold.

Recorded once, as of days before the demo's first week. What is held is known to fit; a test asks the real check.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from contracts.holding import Planned, Room, grant_hold
from contracts.models import Contract
from contracts.services import Meeting, Mover, move_contract

DOOR = "demo, workflow"
# Contract | days before the first week | who | to | why
_MOVES = """
CT-61|12|sales|what_if|First figures from the customer.
CT-61|5|sales|submitted|They want an answer this month.
CT-62|15|sales|what_if|Asked for by the partner programme.
CT-62|11|sales|submitted|Terms agreed in principle.
CT-62|6|controller|approved|Margin holds at expected and at heavy use.
CT-63|13|sales|what_if|Second trial of the same customer.
CT-63|9|sales|submitted|Ready for finance.
CT-63|7|finance|returned|No floor on the price at heavy use: add a minimum or a cap.
CT-64|18|sales|what_if|Backfile of eleven years.
CT-64|4|sales|withdrawn|They build it themselves.
"""
# Contract | days before the first week | who | probability | expires, days after its Monday
_HOLDS = """
CT-62|3|sales|0.6|18
CT-20|2|sales_west|0.25|12
"""


def move_demo_deals(*, monday: date) -> None:
    """Every move, then every hold, in the order of their days."""
    people = {user.username: user for user in User.objects.filter(username__in=_roles())}
    meeting = Meeting(open_weeks=(), run_id=None, check=_fits)
    for key, days, who, target, why in _lines(_MOVES):
        move_contract(
            key=key,
            version=1,
            target=target,
            reason=why,
            mover=Mover(user=people[who], viewer=_viewer(who), source=DOOR),
            now=_at(monday, days),
            meeting=meeting,
        )
    for key, days, who, probability, expires in _lines(_HOLDS):
        grant_hold(
            key=key,
            version=1,
            probability=Decimal(probability),
            expires_date=monday + timedelta(days=int(expires)),
            note="",
            user=people[who],
            viewer=_viewer(who),
            now=_at(monday, days),
            check=_fits,
            source=DOOR,
        )


def keep_states(tables: Mapping[str, bytes]) -> dict[str, bytes]:
    """The tables with the states that contracts have come to since: a second load moves nothing back."""
    states = {
        (key, str(version)): state for key, version, state in Contract.objects.values_list("key", "version", "state")
    }
    rows = list(csv.DictReader(io.StringIO(tables["contracts.csv"].decode())))
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | {"state": states.get((row["key"], row["version"]), row["state"])} for row in rows)
    return {**tables, "contracts.csv": out.getvalue().encode()}


def _lines(text: str) -> list[list[str]]:
    return [line.split("|") for line in text.strip().splitlines()]


def _roles() -> dict[str, Role]:
    return {"sales": Role.SALES, "sales_west": Role.SALES, "finance": Role.FINANCE, "controller": Role.FINANCE}


def _viewer(who: str) -> Viewer:
    return Viewer(username=who, roles=frozenset({_roles()[who]}))


def _at(monday: date, days: str) -> datetime:
    return datetime.combine(monday - timedelta(days=int(days)), time(10), UTC)


def _fits(*, change: Planned, as_of: date) -> Room:
    return Room()
