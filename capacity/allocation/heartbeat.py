"""Keeping a lease alive while a solver computes: a thread beside it, with its own database connection.

It stops renewing at the task's hard time limit: a computation that hangs must lose its lease, not hold it for ever.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection

from capacity.allocation.leases import Held, LeaseLost
from capacity.allocation.runs import renew_lease

logger = logging.getLogger(__name__)

BEATS_PER_LEASE = 3


class LeaseKeeper:
    """`with LeaseKeeper(claim=…, clock=…) as lease:` renews each third of a lease; `lease.is_lost` once fenced off."""

    def __init__(self, *, claim: Held, clock: Callable[[], datetime], renew: Callable[..., None] = renew_lease) -> None:
        self._claim: Any = claim
        self._clock = clock
        self._renew_row = renew
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"lease-{claim.row_id}", daemon=True)

    @property
    def is_lost(self) -> bool:
        return self._lost.is_set()

    def __enter__(self) -> LeaseKeeper:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=settings.RECOMPUTE_LEASE_SECONDS)

    def _beat(self) -> None:
        give_up_at = time.monotonic() + settings.CELERY_TASK_TIME_LIMIT
        pause = settings.RECOMPUTE_LEASE_SECONDS / BEATS_PER_LEASE
        try:
            while not self._stop.wait(pause) and time.monotonic() < give_up_at:
                self._renew()
                if self.is_lost:
                    return
        finally:
            connection.close()

    def _renew(self) -> None:
        try:
            self._renew_row(claim=self._claim, now=self._clock())
        except LeaseLost:
            self._lost.set()
        except DatabaseError as error:  # a restart of the database: the next beat finds a new connection
            logger.warning("token %s: the lease was not renewed (%s)", self._claim.fencing_token, error)
            connection.close()
