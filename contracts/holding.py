"""Holds: granted where there is room, released, and ended by themselves. (methods: Holds)

A grant asks the engine's own arithmetic whether everything held, and everything above it, still fits in every pool and
week. One lock lets one person at a time ask; the inputs may move meanwhile, so what was asked is asked again with the
inputs held still if they did. The check itself is given by the caller: it composes what stands above this app.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from django.db import DatabaseError, OperationalError, connection, transaction

from capacity.access.audit import record_event
from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.visibility import Viewer, reads_floor
from capacity.imports.batches import take_turn
from capacity.imports.cells import CellError, text
from capacity.imports.edits import Actor, apply_rows
from capacity.imports.selectors import latest_inputs_version
from capacity.imports.tables import tables
from contracts.domain.quote import two_digits_up
from contracts.domain.workflow import MAY_HOLD, STATE_NAMES
from contracts.models import Contract, Hold

logger = logging.getLogger(__name__)

_HOLDS_LOCK = 7_301_005
LONGEST_WAIT = 20
SOURCE = "workflow"
# The audit log's word for a hold or signature that found no room.
REFUSED = "hold.refused"
_NOBODY_WAITS = "Somebody else asks for the same accelerators at this moment. Try again."


class HoldRefused(Exception):
    """Nothing was written: the sentence says why. field: what to mend in a form."""

    def __init__(self, sentence: str, *, code: str = "not_allowed", field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.field = field


@dataclass(frozen=True, kw_only=True, slots=True)
class ShortWeek:
    """A pool and week in which what is held would be short, and by how many of its accelerators."""

    week: str
    pool: str
    accelerators: int


class NoRoom(HoldRefused):
    """There is no room: `weeks` says where and by how much, the worst first in the sentence.

    Whoever may not read the floor is told in steps, each size rounded up; `exact` is for the audit log.
    """

    def __init__(self, weeks: Sequence[ShortWeek], *, signs: bool, reads_floor: bool = True) -> None:
        self.exact = tuple(weeks)
        self.weeks = self.exact if reads_floor else tuple(_in_steps(each) for each in weeks)
        worst = max(self.weeks, key=lambda each: each.accelerators)
        size = f"{'' if reads_floor else 'up to '}{worst.accelerators:,}"
        where = f"{size} accelerators short in {worst.pool or 'every pool'} in {worst.week}"
        more = f", and short in {len(self.weeks) - 1} more weeks" if len(self.weeks) > 1 else ""
        what = "Signing it would take what is held for other deals" if signs else "There is no room for this hold"
        super().__init__(f"{what}: {where}{more}.", code="no_room")


def _in_steps(week: ShortWeek) -> ShortWeek:
    return replace(week, accelerators=two_digits_up(week.accelerators)[1])


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """What is about to happen to one contract version: it is signed, or it holds from today with a probability."""

    contract: str
    version: int
    signs: bool = False
    probability: Decimal | None = None
    expires_date: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """The answer of a check: where it would be short (nowhere: there is room), and what the policy allows."""

    short: tuple[ShortWeek, ...] = ()
    refusal: str = ""
    field: str = ""


class HoldCheck(Protocol):
    """Whether everything held, and everything above, fits with the change, as the database is now."""

    def __call__(self, *, change: Planned, as_of: date) -> Room: ...


def lock_holds() -> None:
    """One at a time, until the transaction ends: grants and signatures. Taken before any lock of the inputs.

    Raises HoldRefused when too many ask at once.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            # Each who stands before us looks for room for seconds: wait for longer than for any row.
            cursor.execute(
                f"SET LOCAL lock_timeout = '{LONGEST_WAIT}s'; SET LOCAL statement_timeout = '{LONGEST_WAIT}s'"
            )
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_HOLDS_LOCK])
    except OperationalError:
        raise HoldRefused(_NOBODY_WAITS, code="busy") from None


def require_room(*, check: HoldCheck, change: Planned, as_of: date, viewer: Viewer) -> None:
    """Returns with the inputs held still and room for the change in them. Call it under lock_holds.

    Raises NoRoom, HoldRefused.
    """
    for is_last in (False, True):
        read = latest_inputs_version()
        room = check(change=change, as_of=as_of)
        take_turn(["holds"])
        # Nobody writes an input from here on: unless somebody did before, what was checked is what there is.
        if is_last or latest_inputs_version() == read:
            break
    if room.refusal:
        raise HoldRefused(room.refusal, code="no_hold", field=room.field)
    if room.short:
        raise NoRoom(room.short, signs=change.signs, reads_floor=reads_floor(viewer))


@contextmanager
def asked_in_sight(*, change: Planned, user: User, request: object) -> Iterator[None]:
    """Keeps in the audit log what found no room, after all else was taken back: asking again and again is seen.

    What is short says something of the floor, which sales may not read in full (methods: Holds).
    """
    try:
        yield
    except NoRoom as refused:
        worst = max(refused.exact, key=lambda each: each.accelerators)
        asked = "signature" if change.signs else f"{change.probability:f} until {change.expires_date}"
        detail = {"asked": asked, "pool": worst.pool, "week": worst.week, "short": worst.accelerators}
        subject = refused_subject(change.contract, change.version)
        record_event(user=user, request=request, action=REFUSED, subject=subject, detail=detail)
        raise


def refused_subject(key: str, version: int) -> str:
    """What the audit log calls a contract version."""
    return f"{key} v{version}"


def grant_hold(
    *,
    key: str,
    version: int,
    probability: Decimal,
    expires_date: date,
    note: str,
    user: User,
    viewer: Viewer,
    now: datetime,
    check: HoldCheck,
    request: object = None,
    source: str = SOURCE,
) -> Hold:
    """The hold, in place of one that the deal had. Raises Contract.DoesNotExist, HoldRefused, NoRoom."""
    today = now.date()
    _require_plain(note)
    # Rounded first: what rounds to nothing holds nothing.
    is_share = probability.is_finite() and 0 < probability <= 1
    probability = probability.quantize(Decimal("0.0001")) if is_share else Decimal(0)
    if not probability:
        raise HoldRefused("Give a probability above 0 and at most 100 %.", code="bad_value", field="probability")
    if expires_date <= today:
        raise HoldRefused("Give a day after today.", code="bad_value", field="expires_date")
    change = Planned(contract=key, version=version, probability=probability, expires_date=expires_date)
    with asked_in_sight(change=change, user=user, request=request), transaction.atomic():
        lock_holds()
        _refuse(Contract.objects.select_related("owner").get(key=key, version=version), viewer)
        require_room(check=check, change=change, as_of=today, viewer=viewer)
        contract = (
            Contract.objects.select_for_update(of=("self",)).select_related("owner").get(key=key, version=version)
        )
        _refuse(contract, viewer)
        end_hold(
            contract=contract, state="released", now=now, user=user, note="replaced by another hold", source=source
        )
        hold = _insert(contract, probability, today, expires_date, note, user, source)
        _record(user, request, "hold.granted", hold)
    return hold


def release_hold(
    *, key: str, version: int, note: str, user: User, viewer: Viewer, now: datetime, request: object = None
) -> Hold:
    """The hold, released. Raises Contract.DoesNotExist, HoldRefused."""
    _require_plain(note)
    with transaction.atomic():
        take_turn(["holds"])
        contract = (
            Contract.objects.select_for_update(of=("self",)).select_related("owner").get(key=key, version=version)
        )
        if not may_hold(contract, viewer):
            raise HoldRefused("Finance releases this hold, or sales with a contract of their own.")
        hold = end_hold(contract=contract, state="released", now=now, user=user, note=note.strip() or "released")
        if hold is None:
            raise HoldRefused("Nothing is held for this deal.", code="no_hold")
        _record(user, request, "hold.released", hold)
    return hold


def expire_holds(*, now: datetime) -> int:
    """Writes down which holds are over. They count nowhere since their day; doing it twice does nothing more."""
    over = Hold.objects.filter(state="granted", expires_date__lte=now.date()).order_by("contract")
    ended = 0
    for pk in over.values_list("contract", flat=True):
        try:
            ended += _expire(pk, now)
        except (HoldRefused, DatabaseError) as error:
            # One hold that cannot be ended must not keep the others from their end.
            logger.error("The hold of contract %s is over and cannot be ended: %s", pk, error)
    return ended


def end_hold(
    *, contract: Contract, state: str, now: datetime, user: User | None, note: str, source: str = SOURCE
) -> Hold | None:
    """Ends the hold the contract has, if it has one. Call it with the contract locked."""
    hold = contract.holds.filter(state="granted").first()
    if hold is None:
        return None
    cells = {"key": hold.key, "state": state, "ended_date": now.date().isoformat(), "note": note[:300]}
    _apply(cells, user, note, source)
    hold.refresh_from_db()
    return hold


def may_hold(contract: Contract, viewer: Viewer) -> bool:
    """Whether this person keeps accelerators for the deal: finance, or sales with a contract of their own."""
    owner = contract.owner.get_username() if contract.owner else ""
    return Role.FINANCE in viewer.roles or viewer.owns(Role.SALES, owner)


def longest_hold(*, weeks: int, today: date) -> date:
    """The last day on which a hold granted today may expire, by the policy's weeks."""
    return today + timedelta(weeks=weeks)


# --- inside -------------------------------------------------------------------------------------------------------


def _expire(pk: int, now: datetime) -> bool:
    with transaction.atomic():
        take_turn(["holds"])
        contract = Contract.objects.select_for_update(of=("self",)).get(pk=pk)
        late = contract.holds.filter(state="granted", expires_date__lte=now.date()).exists()
        return late and end_hold(contract=contract, state="expired", now=now, user=None, note="expired") is not None


def _require_plain(note: str) -> None:
    try:
        text()(note)
    except CellError as error:
        raise HoldRefused(error.message, code="bad_value", field="note") from None


def _refuse(contract: Contract, viewer: Viewer) -> None:
    if not may_hold(contract, viewer):
        raise HoldRefused("Finance asks for this hold, or sales with a contract of their own.")
    if contract.state not in MAY_HOLD:
        name = STATE_NAMES[contract.state].lower()
        message = f"A contract that is {name} holds nothing: only a deal from what-if to approved does."
        raise HoldRefused(message, code="wrong_state")


def _insert(
    contract: Contract, probability: Decimal, today: date, expires_date: date, note: str, user: User, source: str
) -> Hold:
    stem = f"{contract.key}.v{contract.version}"[:70]
    key = f"{stem}.h{contract.holds.count() + 1}"
    cells = {
        "key": key,
        "contract": contract.key,
        "version": str(contract.version),
        "probability": f"{probability:f}",
        "granted_date": today.isoformat(),
        "expires_date": expires_date.isoformat(),
        "state": "granted",
        "note": note.strip()[:300],
    }
    _apply(cells, user, note.strip(), source)
    return Hold.objects.get(key=key)


def _apply(cells: dict[str, str], user: User | None, note: str, source: str) -> None:
    """Through the one writer of rows, whose history keeps who and why. The right to do it has been asked here."""
    outcome = apply_rows(table=tables()["holds"], rows=[cells], actor=Actor(user=user, source=source, note=note))
    if outcome.errors:
        sentence = " ".join(issue.message for issue in outcome.errors)
        raise HoldRefused(sentence, code="bad_value", field=outcome.errors[0].column)


def _record(user: User, request: object, action: str, hold: Hold) -> None:
    record_event(
        user=user,
        request=request,
        action=action,
        subject=f"{hold.contract.key} v{hold.contract.version}",
        detail={"hold": hold.key, "expires": hold.expires_date.isoformat()},
    )
