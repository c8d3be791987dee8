"""The life of a request for accelerators: its states, and every move between them with who may make it. Pure.

This table is the one place that says what may happen (methods: Workflow of a request); pages, the API and the
database's own rule are made from it. Not here: writing a move (workloads/request_moves.py), where it is placed (runs).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from capacity.access.roles import Role

STATES = [
    ("draft", "Draft"),
    ("submitted", "Submitted"),
    ("returned", "Returned"),
    ("approved", "Approved"),
    ("running", "Running"),
    ("done", "Done"),
    ("denied", "Denied"),
    ("withdrawn", "Withdrawn"),
]
STATE_NAMES = dict(STATES)
# Before its first move a request is not there.
BEGINNING = ""
# What a run plans: nobody else's accelerators wait for what was not approved.
PLANNED = frozenset({"approved", "running"})
# What still waits for somebody before it may be approved.
BEFORE_APPROVAL = frozenset({"draft", "submitted", "returned"})
# What whoever asks may still word.
WORDED = frozenset({"draft", "returned"})
# Nothing happens to these any more; what they said and why they ended stays.
FINAL = frozenset({"done", "denied", "withdrawn"})
KINDS = [("new", "New"), ("change", "Change"), ("extension", "Extension")]


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestTransition:
    """One move. roles: who makes it on any request; own: on the requests of their team.

    other_person: it is not made by whoever submitted the request.
    """

    source: str
    target: str
    verb: str
    roles: frozenset[Role]
    own: frozenset[Role] = frozenset()
    needs_reason: bool = False
    other_person: bool = False


_CHAIR = frozenset({Role.CHAIR})
_RESEARCH = frozenset({Role.RESEARCH})


def _own(source: str, target: str, verb: str, *, needs_reason: bool = False) -> RequestTransition:
    """A move that research makes with the requests of its own team, and the chair with any."""
    return RequestTransition(
        source=source, target=target, verb=verb, roles=_CHAIR, own=_RESEARCH, needs_reason=needs_reason
    )


def _chair(source: str, target: str, verb: str, *, needs_reason: bool = False) -> RequestTransition:
    return RequestTransition(source=source, target=target, verb=verb, roles=_CHAIR, needs_reason=needs_reason)


TRANSITIONS: tuple[RequestTransition, ...] = (
    _own(BEGINNING, "draft", "Keep as a draft"),
    _own("draft", "submitted", "Submit"),
    RequestTransition(source="submitted", target="approved", verb="Approve", roles=_CHAIR, other_person=True),
    _chair("submitted", "returned", "Return", needs_reason=True),
    _chair("submitted", "denied", "Deny", needs_reason=True),
    _own("returned", "draft", "Rework"),
    _chair("approved", "running", "Record that it runs"),
    _chair("approved", "returned", "Take back and return", needs_reason=True),
    _own("running", "done", "Done"),
    *(
        _own(source, "withdrawn", "Withdraw", needs_reason=True)
        for source in ("draft", "submitted", "returned", "approved")
    ),
    _chair("running", "withdrawn", "Stop and withdraw", needs_reason=True),
)
BY_MOVE = {(each.source, each.target): each for each in TRANSITIONS}
NOT_LISTED = "A request that is {source} does not become {target}."


def refusal(*, source: str, target: str, roles: Collection[Role], is_own: bool, is_maker: bool, reason: str) -> str:
    """Why this person may not make the move now, in a sentence, or "".

    is_own: the request is of the person's own team. is_maker: they submitted it last.
    """
    move = BY_MOVE.get((source, target))
    if move is None:
        names = (STATE_NAMES.get(state, state or "not there yet").lower() for state in (source, target))
        return NOT_LISTED.format(**dict(zip(("source", "target"), names, strict=True)))
    if not (move.roles & set(roles) or (is_own and move.own & set(roles))):
        return "The chair does this." if not move.own else "The chair does this, or research for its own team."
    if move.other_person and is_maker:
        return "Nobody approves what they submitted themselves: another chair has to."
    if move.needs_reason and not reason.strip():
        return "Say why, so that the others know."
    return ""


def moves_from(source: str) -> list[RequestTransition]:
    """What may happen next to a request in this state, in the table's order."""
    return [each for each in TRANSITIONS if each.source == source]
