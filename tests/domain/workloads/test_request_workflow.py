"""The table of moves of a request: what may happen to it, by whom, and what needs a reason or another person."""

from __future__ import annotations

from itertools import product

import pytest

from capacity.access.roles import Role
from workloads.domain.request_workflow import BY_MOVE, FINAL, PLANNED, STATES, TRANSITIONS, WORDED, refusal

ALL = ["", *(state for state, _ in STATES)]
# move → who makes it: c chair, r research with a request of its own team; ! by another person; ? with a reason.
LISTED = {
    " draft": "cr",
    "draft submitted": "cr",
    "submitted approved": "c!",
    "submitted returned": "c?",
    "submitted denied": "c?",
    "returned draft": "cr",
    "approved running": "c",
    "approved returned": "c?",
    "running done": "cr",
    "draft withdrawn": "cr?",
    "submitted withdrawn": "cr?",
    "returned withdrawn": "cr?",
    "approved withdrawn": "cr?",
    "running withdrawn": "c?",
}


def asked(source: str, target: str, *roles: Role, own: bool = True, maker: bool = False, reason: str = "x") -> str:
    return refusal(source=source, target=target, roles=roles, is_own=own, is_maker=maker, reason=reason)


def test_exactly_these_moves_are_listed() -> None:
    assert {f"{each.source} {each.target}" for each in TRANSITIONS} == set(LISTED)
    assert len(BY_MOVE) == len(TRANSITIONS)


@pytest.mark.parametrize("pair", list(product(ALL, ALL)), ids=lambda pair: "-".join(pair))
def test_every_pair_of_states_by_every_role(pair: tuple[str, str]) -> None:
    who = LISTED.get(" ".join(pair), "")
    may = {role for role in Role if not asked(*pair, role)}
    assert may == {role for letter, role in (("c", Role.CHAIR), ("r", Role.RESEARCH)) if letter in who}
    assert asked(*pair, Role.RESEARCH, own=False), "research moves no other team's request"
    if who:
        assert bool(asked(*pair, Role.CHAIR, maker=True)) is ("!" in who)
        assert bool(asked(*pair, Role.CHAIR, reason=" \n")) is ("?" in who)


def test_a_pair_that_is_not_listed_says_so() -> None:
    assert asked("denied", "submitted", Role.CHAIR) == "A request that is denied does not become submitted."
    assert asked("", "approved", Role.CHAIR) == "A request that is not there yet does not become approved."


def test_nothing_follows_what_is_final_and_only_what_is_approved_is_planned() -> None:
    assert not [each for each in TRANSITIONS if each.source in FINAL]
    assert {"approved", "running"} == PLANNED
    assert WORDED | {"submitted"} | PLANNED | FINAL == set(ALL) - {""}
