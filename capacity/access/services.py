"""Changes of people: an account created, a role granted or revoked. Each, with its audit row, is one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now

from capacity.access.audit import record_event
from capacity.access.models import RoleGrant, User
from capacity.access.roles import Role


class RoleChangeRefused(Exception):
    """The roles stay as they are; the message says why, in a sentence for the person who asked."""


class PersonRefused(Exception):
    """The account was not created; the message says why."""


def grant_role(*, by: User, person: User, role: Role, request: Any = None) -> bool:
    """Gives the person the role. False if they hold it already. Raises RoleChangeRefused."""
    with transaction.atomic():
        locked = _lock_for_change(by=by, person=person)
        _, is_new = RoleGrant.objects.get_or_create(
            user=locked, role=role, revoked_at=None, defaults={"granted_by": by.get_username()}
        )
        if is_new:
            _record(by=by, person=locked, role=role, action="role_granted", request=request)
    return is_new


def revoke_role(*, by: User, person: User, role: Role, request: Any = None) -> bool:
    """Ends the person's role from now. False if they do not hold it. Raises RoleChangeRefused."""
    with transaction.atomic():
        locked = _lock_for_change(by=by, person=person)
        ended = RoleGrant.objects.filter(user=locked, role=role, revoked_at=None).update(revoked_at=Now())
        if ended:
            _record(by=by, person=locked, role=role, action="role_revoked", request=request)
    return bool(ended)


def create_person(
    *, username: str, password: str, roles: Iterable[Role], display_name: str = "", team_key: str = ""
) -> User:
    """A new account with its roles. Raises PersonRefused for a taken name or a weak password."""
    person = User(username=username, display_name=display_name, team_key=team_key)
    try:
        validate_password(password, person)
        person.set_password(password)
        person.full_clean()
    except ValidationError as refused:
        raise PersonRefused(" ".join(refused.messages)) from None
    with transaction.atomic():
        person.save()
        for role in roles:
            RoleGrant.objects.create(user=person, role=role, granted_by="command line")
        record_event(
            action="person_created",
            subject=username,
            detail={"roles": sorted(roles), "by": "command line"},
        )
    return person


def _lock_for_change(*, by: User, person: User) -> User:
    # Whoever hands out roles must not be able to hand himself the right to see data.
    if by.pk == person.pk:
        raise RoleChangeRefused("Nobody changes their own roles: ask another administrator.")
    return User.objects.select_for_update(no_key=True).get(pk=person.pk)


def _record(*, by: User, person: User, role: Role, action: str, request: Any) -> None:
    record_event(request=request, user=by, action=action, subject=person.get_username(), detail={"role": role.value})
