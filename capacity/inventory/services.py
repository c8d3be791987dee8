"""Writes of the inventory that are more than one row: a delivery of which only a part has come."""

from __future__ import annotations

from datetime import date, timedelta

from capacity.imports import clock
from capacity.imports.edits import Actor, RowsOutcome, apply_rows, cells_of
from capacity.imports.tables import tables
from capacity.inventory.models import Lot

_LONGEST_KEY = 80


class DeliveryRefused(ValueError):
    """Why a part of a lot cannot be delivered as asked; the message is a sentence."""


def deliver_part(
    *,
    lot_key: str,
    accelerators: int,
    accepted_date: date,
    rest_p50_date: date,
    rest_p90_date: date | None = None,
    rest_key: str = "",
    actor: Actor,
    expected_version: int | None = None,
) -> RowsOutcome:
    """Split a lot of which `accelerators` were accepted: it becomes that part, the rest stays open as a new lot.

    The rest has the lot's own state, place, papers and cost with the new dates (P90 as before, or the P50 if that is
    later); both are written as one batch with its history, and their accelerators sum to what the lot had. rest_key ""
    makes one (`<lot>-rest`). Raises DeliveryRefused, Lot.DoesNotExist, and StaleRow where the lot has moved on since
    `expected_version`; refusals of the tables themselves are issues of the outcome. (methods: Part deliveries)
    """
    table = tables()["lots"]
    lot = Lot.objects.select_related("supplier", "domain__pool").get(key=lot_key)
    _refuse(lot, accelerators, accepted_date, rest_p50_date)
    before = cells_of(lot, table)
    rest_accelerators = lot.accelerators - accelerators
    delivered = {
        "key": lot.key,
        "state": "accepted",
        "accelerators": str(accelerators),
        "accepted_date": accepted_date.isoformat(),
    }
    p90 = rest_p90_date or (max(lot.p90_date, rest_p50_date) if lot.p90_date else None)
    rest = {
        **before,
        "key": rest_key or _free_key(lot.key),
        "accelerators": str(rest_accelerators),
        "p50_date": rest_p50_date.isoformat(),
        "p90_date": p90.isoformat() if p90 else "",
        # These stay with the part that has come, so that no sum over lots counts them twice.
        **dict.fromkeys(("serial_ref", "early_exit_fee_usd", "racks"), ""),
    }
    expected = {0: lot.row_version if expected_version is None else expected_version, 1: 0}
    return apply_rows(table=table, rows=[delivered, rest], actor=actor, expected=expected)


def _refuse(lot: Lot, accelerators: int, accepted_date: date, rest_p50_date: date) -> None:
    if lot.state not in {"ordered", "confirmed", "shipped"}:
        raise DeliveryRefused(f"Lot {lot.key} is {lot.state}: only a lot on its way can be delivered in part.")
    if not 0 < accelerators < lot.accelerators:
        raise DeliveryRefused(
            f"A part of lot {lot.key} is 1 to {lot.accelerators - 1} accelerators, not {accelerators}."
        )
    # A day of grace, because it may already be tomorrow where the delivery was accepted.
    if accepted_date > clock.now().date() + timedelta(days=1):
        raise DeliveryRefused(f"{accepted_date} is in the future: a delivery is accepted when it has come.")
    if rest_p50_date < accepted_date:
        raise DeliveryRefused("The rest is expected before the part that has come: give it a later date.")
    if lot.ends_date is not None and rest_p50_date >= lot.ends_date:
        raise DeliveryRefused(f"Lot {lot.key} leaves on {lot.ends_date}: the rest would come when it is over.")
    if lot.moves.exists():
        raise DeliveryRefused(f"Lot {lot.key} has moves: remove them, and give each part its own.")


def _free_key(key: str) -> str:
    """`<key>-rest`, or `-rest2` and so on: the first that no lot has."""
    number = 1
    while True:
        ending = "-rest" if number == 1 else f"-rest{number}"
        found = key[: _LONGEST_KEY - len(ending)] + ending
        if not Lot.objects.filter(key=found).exists():
            return found
        number += 1
