"""A lot's moves between network domains: which of its accelerators stand where, and when (methods: Moves).

Pure. A move splits a lot by date; the lot's total never changes. When the lot is there at all is lots.py's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

# (pool key, domain key); a pool that is one domain by itself has the domain None.
Place = tuple[str, str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveFacts:
    """From `starts_date` on, so many accelerators of the lot stand in another place."""

    lot_key: str
    starts_date: date
    accelerators: int
    to_pool_key: str
    to_domain_key: str | None

    @property
    def to(self) -> Place:
        return self.to_pool_key, self.to_domain_key


@dataclass(frozen=True, kw_only=True, slots=True)
class Stay:
    """Accelerators of a lot in one place over `[starts_date, ends_date)`; moved_in: they came by a move."""

    place: Place
    accelerators: int
    starts_date: date
    ends_date: date | None
    moved_in: bool = False
    moved_out: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedMove:
    """A move that cannot be made as written, with a code and a sentence. It moves nothing, unless `is_made`."""

    move: MoveFacts
    code: str
    message: str
    is_made: bool = False


def stays_of_lot(
    *,
    home: Place,
    accelerators: int,
    arrives_date: date,
    leaves_date: date | None,
    moves: Iterable[MoveFacts],
) -> tuple[list[Stay], list[RefusedMove]]:
    """Where the lot's accelerators stand, in parts that sum to its total on every day from arrival to leaving.

    Moves are made in order of date, pool and domain; each takes from the lot's own place first, then from where
    accelerators were moved earliest. One before the arrival takes effect on arrival; one on or after the last day, of
    more than is elsewhere, or to where everything already stands moves nothing. (methods: Moves)
    """
    open_stays = [Stay(place=home, accelerators=accelerators, starts_date=arrives_date, ends_date=leaves_date)]
    closed: list[Stay] = []
    refused: list[RefusedMove] = []
    for move in sorted(moves, key=lambda move: (move.starts_date, move.to_pool_key, move.to_domain_key or "")):
        reason = _reason_against(move, open_stays, leaves_date)
        if reason is not None:
            refused.append(reason)
            continue
        if move.starts_date < arrives_date:
            message = (
                f"Lot {move.lot_key} arrives on {arrives_date}, after the move of {move.starts_date}: it arrives there."
            )
            refused.append(RefusedMove(move=move, code="move_before_arrival", message=message, is_made=True))
        open_stays, done = _moved(move, open_stays, home, max(move.starts_date, arrives_date), leaves_date)
        closed += done
    return [*closed, *open_stays], refused


def _reason_against(move: MoveFacts, stays: Sequence[Stay], leaves_date: date | None) -> RefusedMove | None:
    elsewhere = sum(stay.accelerators for stay in stays if stay.place != move.to)
    where = "/".join(part for part in move.to if part)
    if leaves_date is not None and move.starts_date >= leaves_date:
        message = f"Lot {move.lot_key} leaves on {leaves_date}: it cannot move on {move.starts_date}."
        return RefusedMove(move=move, code="move_after_end", message=message)
    if move.accelerators > elsewhere:
        message = (
            f"Lot {move.lot_key} has {elsewhere} accelerators outside {where} on {move.starts_date}: "
            f"{move.accelerators} cannot move there."
        )
        return RefusedMove(move=move, code="move_exceeds_lot", message=message)
    return None


def _moved(
    move: MoveFacts, stays: Sequence[Stay], home: Place, on_date: date, leaves_date: date | None
) -> tuple[list[Stay], list[Stay]]:
    """(stays that go on, stays that ended) after the move."""
    left = move.accelerators
    going_on: list[Stay] = []
    ended: list[Stay] = []
    for stay in sorted(stays, key=lambda stay: (stay.place != home, stay.starts_date, str(stay.place))):
        taken = 0 if stay.place == move.to else min(left, stay.accelerators)
        left -= taken
        if taken < stay.accelerators:
            going_on.append(replace(stay, accelerators=stay.accelerators - taken))
        # What came and goes on the same day was never there.
        if taken and stay.starts_date < on_date:
            ended.append(replace(stay, accelerators=taken, ends_date=on_date, moved_out=True))
    going_on.append(
        Stay(
            place=move.to,
            accelerators=move.accelerators,
            starts_date=on_date,
            ends_date=leaves_date,
            moved_in=True,
        )
    )
    return going_on, ended
