"""A write sent twice is done once: what it answered is kept for a day under the sender's `Idempotency-Key`.

The same request under the same key gets the same answer; another request under it is refused. Two at once queue on a
lock of their key. Only what was done is kept: a refused write left nothing, so it may be tried again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from capacity.access.api_errors import refusal
from capacity.access.models import IdempotentAnswer, User
from capacity.access.visibility import Viewer

LONGEST_KEY = 200
KEPT_HOURS = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a write answers: JSON-ready."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def answered_once(
    *, key: str, owner: User, viewer: Viewer, request: Mapping[str, Any], now: datetime, do: Callable[[], Answer]
) -> Answer:
    """The answer of `do`, or the one kept under the key. key "": nothing is kept. request: what makes it the same one.

    Raises ApiRefusal for a key that cannot be one, and for one that another request used.
    """
    if not key:
        return do()
    if len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise refusal(400, "bad_idempotency_key", f"An Idempotency-Key has 1 to {LONGEST_KEY} plain characters.")
    wanted = _hash(request)
    with transaction.atomic():
        _lock(owner, key)
        _forget_old(owner, now)
        kept = IdempotentAnswer.objects.filter(owner=owner, key=key).first()
        if kept is not None:
            return _again(kept, wanted, _sight(viewer))
        answer = do()
        if answer.status < 300:
            IdempotentAnswer.objects.create(
                owner=owner,
                key=key,
                request_hash=wanted,
                sight=_sight(viewer),
                status=answer.status,
                body=answer.body,
                headers=dict(answer.headers),
                created_at=now,
            )
    return answer


def _again(kept: IdempotentAnswer, wanted: str, sight: str) -> Answer:
    if kept.request_hash != wanted:
        message = f'The Idempotency-Key "{kept.key}" came with another request before. Take a new key for each new one.'
        raise refusal(422, "idempotency_key_reused", message, field="Idempotency-Key")
    if kept.sight != sight:
        message = (
            "This was done already. Your roles have changed since, so the answer is not given again: read the rows."
        )
        raise refusal(409, "done_before", message)
    return Answer(status=kept.status, body=kept.body, headers={**kept.headers, "Idempotent-Replay": "true"})


def _hash(request: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()


def _sight(viewer: Viewer) -> str:
    return f"{','.join(sorted(viewer.roles))}|{viewer.team_key}"


def _lock(owner: User, key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"idempotent {owner.pk} {key}"])


def _forget_old(owner: User, now: datetime) -> None:
    IdempotentAnswer.objects.filter(owner=owner, created_at__lt=now - timedelta(hours=KEPT_HOURS)).delete()
