"""Whom the typed owner of a card names: an account, a role of the meeting, or the research of one team. Pure.

Free text is taken at its word and no further: what names nobody here is nobody, and the notice says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from capacity.access.roles import ROLE_NAMES, Role
from capacity.access.visibility import Viewer

# Who may read cards, first the ones who keep them.
READERS = (Role.PRODUCT, Role.CHAIR, Role.RESEARCH, Role.FINANCE, Role.EXEC, Role.SALES)
_PART = re.compile(r"[:,/]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """An open account as an owner may be named: by user name or by the name shown."""

    number: int
    names: tuple[str, str]
    viewer: Viewer


def _role_words() -> dict[str, Role]:
    """“product”, “product and serving” and “serving” → product; likewise of each role that reads cards."""
    found: dict[str, Role] = {}
    for role in READERS:
        name = ROLE_NAMES[role].split(" (")[0].casefold()
        found |= dict.fromkeys((role.value, name, *name.split(" and ")), role)
    return found


ROLE_OF_WORD = _role_words()


def owners_of(text: str, *, people: Sequence[Person], teams: Mapping[str, str]) -> list[tuple[int, Role, str]]:
    """(account, role in which it is told, team) of everybody the text names. teams: key → name.

    “ada” is that account; “Research: labs” research of the team labs where there is one, else all research.
    """
    asked = _plain(text)
    if not asked:
        return []
    by_name = [each for each in people if asked in {_plain(name) for name in each.names if name}]
    if by_name:
        return [(each.number, role, "") for each in by_name if (role := _first_role(each.viewer)) is not None]
    head, _, tail = (part.strip() for part in _PART.sub(":", asked, count=1).partition(":"))
    role = ROLE_OF_WORD.get(head)
    if role is None:
        return []
    team = next((key for key, name in sorted(teams.items()) if tail and tail in {_plain(key), _plain(name)}), "")
    if role is not Role.RESEARCH or not team:
        return [(each.number, role, "") for each in people if role in each.viewer.roles]
    return [(each.number, role, team) for each in people if each.viewer.owns(role, team)]


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _first_role(viewer: Viewer) -> Role | None:
    return next((role for role in READERS if role in viewer.roles), None)
