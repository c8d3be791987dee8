"""The life of a contract version: its states, and every move between them with who may make it. Pure.

This table is the one place that says what may happen (methods: Workflow of a contract); forms, the API, the clock and
the database's own rule are made from it. Not here: writing a move (contracts/services.py), capacity (contracts/holds.py).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from capacity.access.roles import Role

STATES = [
    ("draft", "Draft"),
    ("what_if", "What-if"),
    ("submitted", "Submitted"),
    ("approved", "Approved"),
    ("returned", "Returned"),
    ("signed", "Signed"),
    ("active", "Active"),
    ("notice", "Notice given"),
    ("ended", "Ended"),
    ("withdrawn", "Withdrawn"),
]
STATE_NAMES = dict(STATES)
# What sales may still word; what is before finance or bears its word; both together; what binds us.
OFFERS = frozenset({"draft", "what_if", "returned"})
BEFORE_FINANCE = frozenset({"submitted", "approved"})
PIPELINE = OFFERS | BEFORE_FINANCE
IN_FORCE = frozenset({"signed", "active", "notice"})
# A draft is nothing to keep accelerators for: it has to have been tried first.
MAY_HOLD = PIPELINE - {"draft"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """One move. roles: who makes it on any contract; own: on contracts that are theirs; neither: the clock does.

    other_person: it is made by nobody who worded the terms or submitted them (maker ≠ checker).
    """

    source: str
    target: str
    verb: str
    roles: frozenset[Role] = frozenset()
    own: frozenset[Role] = frozenset()
    needs_reason: bool = False
    other_person: bool = False

    @property
    def is_by_clock(self) -> bool:
        return not self.roles and not self.own


_FINANCE = frozenset({Role.FINANCE})
_SALES = frozenset({Role.SALES})


def _sales(source: str, target: str, verb: str, *, needs_reason: bool = False) -> Transition:
    """A move that sales make with their own contracts, and finance with any."""
    return Transition(source=source, target=target, verb=verb, roles=_FINANCE, own=_SALES, needs_reason=needs_reason)


TRANSITIONS: tuple[Transition, ...] = (
    _sales("draft", "what_if", "Try as a what-if"),
    _sales("what_if", "submitted", "Submit to finance"),
    _sales("what_if", "draft", "Back to draft"),
    Transition(source="submitted", target="approved", verb="Approve", roles=_FINANCE, other_person=True),
    Transition(source="submitted", target="returned", verb="Return", roles=_FINANCE, needs_reason=True),
    _sales("returned", "what_if", "Rework"),
    _sales("approved", "signed", "Record the signature"),
    Transition(source="approved", target="returned", verb="Take back and return", roles=_FINANCE, needs_reason=True),
    Transition(source="signed", target="active", verb="Begin"),
    _sales("active", "notice", "Record the notice", needs_reason=True),
    Transition(source="notice", target="active", verb="Notice withdrawn", roles=_FINANCE, needs_reason=True),
    Transition(source="active", target="ended", verb="End"),
    Transition(source="notice", target="ended", verb="End"),
    *(_sales(source, "withdrawn", "Withdraw", needs_reason=True) for source, _ in STATES if source in PIPELINE),
)
BY_MOVE = {(each.source, each.target): each for each in TRANSITIONS}
NOT_LISTED = "A contract that is {source} does not become {target}."


def refusal(*, source: str, target: str, roles: Collection[Role], is_own: bool, is_maker: bool, reason: str) -> str:
    """Why this person may not make the move now, in a sentence, or "".

    is_own: the contract is the person's in sales. is_maker: they worded its terms or submitted it.
    """
    move = BY_MOVE.get((source, target))
    if move is None:
        names = (STATE_NAMES.get(state, state).lower() for state in (source, target))
        return NOT_LISTED.format(**dict(zip(("source", "target"), names, strict=True)))
    if move.is_by_clock:
        return "This happens by itself, on the day the contract says."
    if not (move.roles & set(roles) or (is_own and move.own & set(roles))):
        return "Finance does this." if not move.own else "Finance does this, or sales with a contract of their own."
    if move.other_person and is_maker:
        return "Nobody approves what they worded or submitted themselves: another person of finance has to."
    if move.needs_reason and not reason.strip():
        return "Say why, so that the others know."
    return ""


def moves_from(source: str) -> list[Transition]:
    """What may happen next to a contract in this state, in the table's order."""
    return [each for each in TRANSITIONS if each.source == source]


def due_moves(*, state: str, starts: date, ends: date, today: date) -> list[str]:
    """The states the clock moves a contract through by `today`: active from its start, ended from its end (exclusive).

    One that was signed and is over before anybody looked passes through both.
    """
    due = []
    if state == "signed" and starts <= today:
        due.append("active")
        state = "active"
    if state in {"active", "notice"} and ends <= today:
        due.append("ended")
    return due
