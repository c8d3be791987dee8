"""Accounts after the first: added by an administrator with a one-time password, changed, closed and opened again.

Each change with its audit row is one transaction. No password is ever written to the log, nor kept but as its hash.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from capacity.access.audit import record_event
from capacity.access.models import RoleGrant, User
from capacity.access.roles import Role
from capacity.access.services import PersonRefused

ONE_TIME_PASSWORD_LASTS = timedelta(days=7)
# Words of the routes under /people/ that no account may take.
RESERVED_NAMES = frozenset({"new"})
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_GROUPS, _GROUP_LENGTH = 4, 4


class AccountChangeRefused(Exception):
    """The account stays as it is; the message says why, in a sentence for the person who asked."""


def new_one_time_password() -> str:
    """Sixteen random letters and digits in groups of four: about 79 bits, easy to read out."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)


def is_expired(person: User, *, now: datetime) -> bool:
    """Whether the password is a one-time one that was not replaced within its week."""
    issued = person.one_time_password_at
    return issued is not None and now - issued > ONE_TIME_PASSWORD_LASTS


@transaction.atomic
def add_person(
    *, by: User, username: str, display_name: str, roles: Iterable[Role], team_key: str = "", request: Any = None
) -> tuple[User, str]:
    """A new account with its roles and its one-time password. Raises PersonRefused for a name that cannot be."""
    password = new_one_time_password()
    person = User(username=username, display_name=display_name, team_key=team_key)
    person.one_time_password_at = timezone.now()
    person.set_password(password)
    try:
        if username.lower() in RESERVED_NAMES:
            raise ValidationError(f"Nobody can be called {username} here: choose another name.")
        person.full_clean()
    except ValidationError as refused:
        raise PersonRefused(" ".join(refused.messages)) from None
    person.save()
    held = list(dict.fromkeys(roles))
    RoleGrant.objects.bulk_create(
        RoleGrant(user=person, role=role.value, granted_by=by.get_username()) for role in held
    )
    record_event(
        action="person_created",
        subject=person.get_username(),
        detail={"roles": [role.value for role in held], "team": team_key, "by": by.get_username()},
        request=request,
        user=by,
    )
    return person, password


@transaction.atomic
def issue_password(*, by: User, person: User, request: Any = None) -> str:
    """A new one-time password in place of the person's own; their sessions end. Raises AccountChangeRefused."""
    locked = _lock(by=by, person=person, to="set your own password on its page")
    password = new_one_time_password()
    locked.set_password(password)
    locked.one_time_password_at = timezone.now()
    locked.save(update_fields=["password", "one_time_password_at"])
    record_event(action="password_issued", subject=locked.get_username(), request=request, user=by)
    return password


@transaction.atomic
def set_active(*, by: User, person: User, is_active: bool, request: Any = None) -> bool:
    """Close or reopen an account; False when it is so already. Raises AccountChangeRefused."""
    locked = _lock(by=by, person=person, to="ask another administrator")
    if locked.is_active == is_active:
        return False
    locked.is_active = is_active
    locked.save(update_fields=["is_active"])
    action = "person_reactivated" if is_active else "person_deactivated"
    record_event(action=action, subject=locked.get_username(), request=request, user=by)
    return True


@transaction.atomic
def change_details(*, by: User, person: User, display_name: str, team_key: str, request: Any = None) -> bool:
    """The name shown and the team; False when nothing changes. Raises AccountChangeRefused.

    A team decides which requests somebody sees, so nobody sets their own.
    """
    locked = _lock(by=by, person=person, to="ask another administrator")
    before = {"display_name": locked.display_name, "team": locked.team_key}
    after = {"display_name": display_name, "team": team_key}
    if before == after:
        return False
    locked.display_name, locked.team_key = display_name, team_key
    locked.save(update_fields=["display_name", "team_key"])
    record_event(
        action="person_changed",
        subject=locked.get_username(),
        detail={name: [before[name], after[name]] for name in after if before[name] != after[name]},
        request=request,
        user=by,
    )
    return True


@transaction.atomic
def change_own_password(*, person: User, password: str, request: Any = None) -> None:
    """The person's own new password, already checked; it is no longer a one-time one."""
    person.set_password(password)
    person.one_time_password_at = None
    person.save(update_fields=["password", "one_time_password_at"])
    record_event(action="password_changed", subject=person.get_username(), request=request, user=person)


def _lock(*, by: User, person: User, to: str) -> User:
    if by.pk == person.pk:
        raise AccountChangeRefused(f"Nobody does this to their own account: {to}.")
    return User.objects.select_for_update(no_key=True).get(pk=person.pk)
