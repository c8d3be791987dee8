"""The one clock of checks that measure against today: the real one, unless a caller says what time to take for now.

A demo world of another week and a test set it; nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.utils import timezone

_set: ContextVar[datetime | None] = ContextVar("clock", default=None)


def now() -> datetime:
    """The moment that counts as now."""
    return _set.get() or timezone.now()


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Take `moment` (with its time zone) for now inside the block."""
    token = _set.set(moment)
    try:
        yield
    finally:
        _set.reset(token)
