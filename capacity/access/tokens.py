"""Tokens by which programs act as a person: made, found by their secret, revoked. Each change leaves an audit row.

The secret exists in the answer that shows it once, and in the hands of its owner: never in the database, the audit
log or an error text. It is 256 random bits, so that a plain SHA-256 is enough to keep it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import OuterRef, Q

from capacity.access.audit import record_event
from capacity.access.models import ApiToken, RoleGrant, TokenScope, User

LIFETIMES_DAYS = (7, 30, 90, 365)
MOST_LIVE_TOKENS = 20
# How often the time of last use is written: one write a minute, not one a request.
TOUCH_SECONDS = 60
_FORM = re.compile(r"cap_[0-9a-z]{8}_[A-Za-z0-9_-]{43}")
_PREFIX_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


class TokenRefused(Exception):
    """No token was made; the message says why."""


def create_token(
    *,
    owner: User,
    name: str,
    scopes: Iterable[TokenScope],
    only: Iterable[str] = (),
    days: int,
    now: datetime,
    request: Any = None,
) -> tuple[ApiToken, str]:
    """A new token and its secret, which is not kept. Raises TokenRefused."""
    if days not in LIFETIMES_DAYS:
        raise TokenRefused(f"A token lives {', '.join(map(str, LIFETIMES_DAYS[:-1]))} or {LIFETIMES_DAYS[-1]} days.")
    prefix = "cap_" + "".join(secrets.choice(_PREFIX_LETTERS) for _ in range(8))
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=owner.pk)
        if live_tokens(owner=owner, now=now).count() >= MOST_LIVE_TOKENS:
            raise TokenRefused(f"You have {MOST_LIVE_TOKENS} tokens in use. Revoke one that is not needed.")
        token = ApiToken.objects.create(
            owner=owner,
            name=name,
            prefix=prefix,
            digest=_digest(secret),
            scopes=sorted(set(scopes)),
            only=sorted(set(only)),
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        _record("token_created", token, owner, request)
    return token, secret


def revoke_token(*, owner: User, token_id: int, now: datetime, request: Any = None) -> ApiToken | None:
    """Ends one of the owner's tokens from now; None when they have no such token. Twice is once."""
    with transaction.atomic():
        token = ApiToken.objects.select_for_update().filter(owner=owner, pk=token_id).first()
        if token is not None and token.revoked_at is None:
            token.revoked_at = now
            token.save(update_fields=["revoked_at"])
            _record("token_revoked", token, owner, request)
    return token


def tokens_of(*, owner: User) -> Sequence[ApiToken]:
    """All tokens of the person, the newest first."""
    return list(ApiToken.objects.filter(owner=owner).order_by("-created_at", "-pk"))


def live_tokens(*, owner: User, now: datetime) -> Any:
    """The tokens that still open something, as a query."""
    return ApiToken.objects.filter(owner=owner, revoked_at=None, expires_at__gt=now)


def find_token(*, secret: str, now: datetime) -> tuple[ApiToken, User] | None:
    """The live token of the secret with its owner and their roles of the moment; None for any other text.

    Two queries, and once a minute a third one that keeps the time of last use.
    """
    if not _FORM.fullmatch(secret):
        return None
    token = ApiToken.objects.filter(digest=_digest(secret), revoked_at=None, expires_at__gt=now).first()
    if token is None:
        return None
    held = RoleGrant.objects.filter(user=OuterRef("pk"), revoked_at=None).values("role")
    owner = User.objects.annotate(open_roles=ArraySubquery(held)).filter(pk=token.owner_id, is_active=True).first()
    # Whoever got a new password from an administrator may have lost the old one to somebody, and the token with it.
    if owner is None or owner.one_time_password_at is not None:
        return None
    if token.last_used_at is None or now - token.last_used_at > timedelta(seconds=TOUCH_SECONDS):
        before = Q(last_used_at=None) | Q(last_used_at__lt=now - timedelta(seconds=TOUCH_SECONDS))
        ApiToken.objects.filter(before, pk=token.pk).update(last_used_at=now)
    return token, owner


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _record(action: str, token: ApiToken, owner: User, request: Any) -> None:
    detail = {"name": token.name, "scopes": token.scopes, "only": token.only, "expires": token.expires_at.isoformat()}
    record_event(request=request, user=owner, action=action, subject=token.prefix, detail=detail)
