"""Reads people and the audit log for their two pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch

from capacity.access.models import AuditEvent, RoleGrant, User
from capacity.access.roles import Role

EVENTS_PER_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One line of the people page."""

    username: str
    display_name: str
    team_key: str
    is_active: bool
    one_time_password_at: datetime | None
    last_login: datetime | None
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Some events, newest first; `older` is the id to go on before, None on the last page."""

    events: list[AuditEvent]
    older: int | None


def people() -> list[Person]:
    """Everybody with an account, by name, with their open roles in the order of the roles. Two queries."""
    open_grants = Prefetch("role_grants", RoleGrant.objects.filter(revoked_at=None), to_attr="open_grants")
    found = []
    for user in User.objects.order_by("username").prefetch_related(open_grants):
        held = {grant.role for grant in user.open_grants}
        found.append(
            Person(
                username=user.username,
                display_name=user.display_name,
                team_key=user.team_key,
                is_active=user.is_active,
                one_time_password_at=user.one_time_password_at,
                last_login=user.last_login,
                roles=tuple(role for role in Role if role in held),
            )
        )
    return found


def audit_page(*, action: str = "", username: str = "", before: int | None = None) -> AuditPage:
    """Events newest first, optionally of one action or one person, from the one before `before`. One query."""
    events = AuditEvent.objects.select_related("user").order_by("-id")
    if action:
        events = events.filter(action=action)
    if username:
        events = events.filter(user__username=username)
    if before is not None:
        events = events.filter(id__lt=before)
    found = list(events[: EVENTS_PER_PAGE + 1])
    shown = found[:EVENTS_PER_PAGE]
    return AuditPage(events=shown, older=shown[-1].pk if len(found) > EVENTS_PER_PAGE else None)
