"""The first account of an empty installation: the setup code that guards it, and the account itself.

As long as nobody can sign in, whoever reaches the address could make themselves administrator. So the page asks for a
code that only the terminal of the start (or `manage.py setup_code`) shows. Everybody later is added by an administrator.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from capacity.access.audit import record_event
from capacity.access.models import AuditEvent, RoleGrant, User
from capacity.access.roles import Role

GRANTED_BY = "first start"
REFUSED = "first_person_refused"
CREATED = "first_person_created"
WRONG_CODES = 10
WRONG_CODES_WITHIN = timedelta(minutes=15)
# Letters and digits that nobody mistakes for one another when they copy them from a terminal.
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_CODE_LENGTH = 16


class AlreadyTaken(Exception):
    """Somebody has an account: there is no first person to make any more."""


class WrongCode(Exception):
    """The setup code is not the one of this installation."""


class TooManyWrongCodes(Exception):
    """That address has tried too often; it may try again later."""


def nobody_can_sign_in() -> bool:
    """Whether there is no account in use. One query."""
    return not User.objects.filter(is_active=True).exists()


def setup_code() -> str:
    """The code of this installation: the launcher's, else one that follows from the secret key. Always the same."""
    given = str(settings.SETUP_CODE)
    if given:
        return given
    digest = hmac.new(settings.SECRET_KEY.encode(), b"capacity review: setup code", sha256).digest()
    letters = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:_CODE_LENGTH])
    return "-".join(letters[start : start + 4] for start in range(0, _CODE_LENGTH, 4))


def is_setup_code(tried: str) -> bool:
    """Compared in constant time; capitals, blanks around it and missing dashes do not matter."""
    return hmac.compare_digest(_plain(tried).encode(), _plain(setup_code()).encode())


def check_setup_code(tried: str, *, request: Any) -> None:
    """Raises WrongCode, or TooManyWrongCodes once an address has tried ten times within a quarter of an hour."""
    address = str(request.META.get("REMOTE_ADDR", ""))
    recent = AuditEvent.objects.filter(
        action=REFUSED, detail__address=address, at__gt=timezone.now() - WRONG_CODES_WITHIN
    )
    if recent.count() >= WRONG_CODES:
        raise TooManyWrongCodes
    if not is_setup_code(tried):
        record_event(action=REFUSED, subject="wrong setup code", detail={"address": address}, request=request)
        raise WrongCode


def create_first_person(
    *, username: str, password: str, roles: Iterable[Role], display_name: str = "", team_key: str = "", request: Any
) -> User:
    """The first account: administrator, and what else they do at this lab. Raises AlreadyTaken or ValidationError.

    Two at once: the table is locked against writers, so the second finds the first and is told.
    """
    person = User(username=username, display_name=display_name, team_key=team_key)
    validate_password(password, person)
    held = [role for role in Role if role is Role.ADMIN or role in set(roles)]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f'LOCK TABLE "{User._meta.db_table}" IN SHARE ROW EXCLUSIVE MODE')
        if not nobody_can_sign_in():
            raise AlreadyTaken
        person.set_password(password)
        person.full_clean()
        person.save()
        RoleGrant.objects.bulk_create(RoleGrant(user=person, role=role.value, granted_by=GRANTED_BY) for role in held)
        record_event(
            action=CREATED,
            subject=person.get_username(),
            detail={"roles": [role.value for role in held], "by": GRANTED_BY},
            request=request,
            user=person,
        )
    return person


def password_problems(password: str, *, username: str, display_name: str) -> list[str]:
    """Why a password is too weak for this person, in sentences."""
    try:
        validate_password(password, User(username=username, display_name=display_name))
    except ValidationError as refused:
        return list(refused.messages)
    return []


def _plain(code: str) -> str:
    return "".join(char for char in code.lower() if char.isalnum())
