"""Who is told: the people whose accounts are open, by what they hold, whose a request is and whom a card names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.viewer import viewer_of_user
from capacity.access.visibility import Viewer
from capacity.review.notice_owners import Person, owners_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """One who is told: the person, and the role for which it is worded."""

    user: User
    role: Role
    team_key: str = ""

    @property
    def viewer(self) -> Viewer:
        """The person in that role alone: the words hold what it may see and no more."""
        whole = viewer_of_user(self.user)
        return Viewer(username=whole.username, roles=whole.roles & {self.role}, team_key=whole.team_key)


class Audience:
    """The people whose accounts are open, by what they hold."""

    def __init__(self, people: Iterable[User], *, teams: Mapping[str, str] | None = None) -> None:
        self._held = [(user, viewer_of_user(user)) for user in people]
        self._teams = teams or {}

    def holders(self, *roles: Role) -> tuple[Told, ...]:
        """Everybody with one of the roles, as the first of them that they hold."""
        found = ((user, next((role for role in roles if role in viewer.roles), None)) for user, viewer in self._held)
        return tuple(Told(user=user, role=role) for user, role in found if role is not None)

    def of_request(self, *, team: str, submitter: int | None, but: int | None = None) -> tuple[Told, ...]:
        """Research of the team, and the chair who submitted it for them. but: who did what is told."""
        found = []
        for user, viewer in self._held:
            if user.pk == but:
                continue
            if viewer.owns(Role.RESEARCH, team):
                found.append(Told(user=user, role=Role.RESEARCH, team_key=team))
            elif user.pk == submitter and Role.CHAIR in viewer.roles:
                found.append(Told(user=user, role=Role.CHAIR))
        return tuple(found)

    def of_card(self, owner: str) -> tuple[tuple[Told, ...], bool]:
        """Product and the chair, and whom its typed owner names; whether it names anybody."""
        told = self.holders(Role.PRODUCT, Role.CHAIR)
        users = {user.pk: user for user, _ in self._held}
        people = [
            Person(number=user.pk, names=(user.get_username(), user.display_name), viewer=viewer)
            for user, viewer in self._held
        ]
        named = owners_of(owner, people=people, teams=self._teams)
        known = {each.user.pk for each in told}
        more = (Told(user=users[pk], role=role, team_key=team) for pk, role, team in named if pk not in known)
        return (*told, *more), bool(named)

    def of_hold(self, owner: int | None) -> tuple[Told, ...]:
        """Whose contract it is, in sales; finance where nobody there is."""
        sellers = tuple(
            Told(user=user, role=Role.SALES)
            for user, viewer in self._held
            if user.pk == owner and Role.SALES in viewer.roles
        )
        return sellers or self.holders(Role.FINANCE)
