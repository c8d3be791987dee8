"""One spelling for one value: canonical JSON and its SHA-256, for input hashes, result hashes and frozen reviews.

Keys sorted, no spaces, decimals and dates as strings, times in UTC. The order of a list is part of its value: callers
sort rows by key first. Nothing here knows what is being hashed.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any


def canonical_json(value: Any) -> str:
    """The one text of a value made of dicts, lists, strings, numbers, booleans, None, Decimal, date and datetime.

    Raises ValueError for NaN and infinities, for a naive datetime, and for any other type.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_text)


def content_hash(value: Any) -> str:
    """SHA-256 (64 hex digits) of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not a number that can be recorded")
        return format(value, "f")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no one spelling: give a time zone")
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise ValueError(f"{type(value).__name__} has no canonical JSON")
