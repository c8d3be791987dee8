"""The table of moves: what may happen to a contract, by whom, and what the clock does."""

from __future__ import annotations

from datetime import date
from itertools import product

import pytest

from capacity.access.roles import Role
from contracts.domain.workflow import (
    BEFORE_FINANCE,
    BY_MOVE,
    IN_FORCE,
    MAY_HOLD,
    OFFERS,
    PIPELINE,
    STATES,
    TRANSITIONS,
    due_moves,
    refusal,
)

ALL = [state for state, _ in STATES]
# move → who makes it: f finance, s sales with a contract of their own, t the clock; ! by another person; ? with a reason.
LISTED = {
    "draft what_if": "fs",
    "what_if draft": "fs",
    "what_if submitted": "fs",
    "submitted approved": "f!",
    "submitted returned": "f?",
    "approved returned": "f?",
    "returned what_if": "fs",
    "approved signed": "fs",
    "signed active": "t",
    "active notice": "fs?",
    "notice active": "f?",
    "active ended": "t",
    "notice ended": "t",
    "draft withdrawn": "fs?",
    "what_if withdrawn": "fs?",
    "submitted withdrawn": "fs?",
    "approved withdrawn": "fs?",
    "returned withdrawn": "fs?",
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
    assert may == {role for letter, role in (("f", Role.FINANCE), ("s", Role.SALES)) if letter in who}
    assert bool(asked(*pair, Role.SALES, own=False)), "sales move nobody else's contract"
    if who and "t" not in who:
        assert bool(asked(*pair, Role.FINANCE, maker=True)) is ("!" in who)
        assert bool(asked(*pair, Role.FINANCE, reason=" \n")) is ("?" in who)


def test_a_pair_that_is_not_listed_says_so() -> None:
    assert asked("draft", "signed", Role.FINANCE) == "A contract that is draft does not become signed."
    assert asked("signed", "active", Role.FINANCE) == "This happens by itself, on the day the contract says."


def test_the_sets_of_states_part_the_whole() -> None:
    assert OFFERS | BEFORE_FINANCE == PIPELINE
    assert PIPELINE | IN_FORCE | {"ended", "withdrawn"} == set(ALL)
    assert PIPELINE - {"draft"} == MAY_HOLD


@pytest.mark.parametrize(
    ("state", "today", "moves"),
    [
        ("signed", date(2027, 1, 3), []),
        ("signed", date(2027, 1, 4), ["active"]),
        ("active", date(2027, 7, 4), []),
        ("active", date(2027, 7, 5), ["ended"]),
        ("notice", date(2027, 7, 5), ["ended"]),
        ("signed", date(2028, 1, 1), ["active", "ended"]),
        ("approved", date(2028, 1, 1), []),
        ("ended", date(2028, 1, 1), []),
    ],
)
def test_the_clock_begins_on_the_first_day_and_ends_on_the_day_after_the_last(
    state: str, today: date, moves: list[str]
) -> None:
    assert due_moves(state=state, starts=date(2027, 1, 4), ends=date(2027, 7, 5), today=today) == moves
