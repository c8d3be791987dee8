"""What a claim on a row is, the same for runs and what-ifs: a token, a lease, progress, the pause before a retry.

A write counts only while the row is running under the writer's fencing token, so a worker that stalled past its lease
can change nothing. Which states there are, and what follows which, is `runs` and `what_ifs`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from django.conf import settings
from django.db import connection

from capacity.allocation.models import LeasedRow


class LeaseLost(Exception):
    """The row is no longer this worker's: another has claimed, finished or given up on it."""


class Refused(Exception):
    """It cannot be done, and trying again cannot help: `code` for machines, `sentence` for people."""

    def __init__(self, *, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Held(Protocol):
    """The right to work on a row, good while it is running under this token."""

    @property
    def row_id(self) -> int: ...

    @property
    def fencing_token(self) -> int: ...


def start_claim(row: LeasedRow, *, worker: str, stage: str, now: datetime) -> None:
    """The row as its worker's, under a token of its own, for RECOMPUTE_LEASE_SECONDS. The caller saves it."""
    row.state, row.attempt, row.fencing_token = "running", row.attempt + 1, _next_token()
    row.worker, row.started_at = worker[:120], now
    row.lease_until = now + timedelta(seconds=settings.RECOMPUTE_LEASE_SECONDS)
    row.stage, row.progress_share = stage, Decimal(0)


def _next_token() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('allocation_fencing_token_seq')")
        return int(cursor.fetchone()[0])


def update_held(model: type[LeasedRow], claim: Held, **changes: Any) -> None:
    """Change the row if it is still this claim's. Raises LeaseLost."""
    held = model._default_manager.filter(pk=claim.row_id, state="running", fencing_token=claim.fencing_token)
    if not held.update(**changes):
        raise lost(model, claim)


def lost(model: type[LeasedRow], claim: Held) -> LeaseLost:
    name = model._meta.verbose_name
    return LeaseLost(f"{name} {claim.row_id} is no longer held under token {claim.fencing_token}")


def hold_longer(model: type[LeasedRow], claim: Held, *, now: datetime) -> None:
    """Hold the row for another RECOMPUTE_LEASE_SECONDS. Raises LeaseLost."""
    update_held(model, claim, lease_until=now + timedelta(seconds=settings.RECOMPUTE_LEASE_SECONDS))


def tell_progress(model: type[LeasedRow], claim: Held, *, stage: str, share: float) -> None:
    """Show people what is being done; `share` of the whole in [0, 1]. Raises LeaseLost."""
    update_held(model, claim, stage=stage[:60], progress_share=Decimal(f"{min(max(share, 0.0), 1.0):.4f}"))


def pause_after(attempt: int) -> float:
    """Seconds until the next attempt: RECOMPUTE_SETTLE_SECONDS, doubled with each one."""
    return float(settings.RECOMPUTE_SETTLE_SECONDS * 2 ** (attempt - 1))


def worker_lost(row: LeasedRow) -> str:
    """The sentence of a row whose lease lapsed."""
    return f"Its worker ({row.worker}) stopped answering during “{row.stage}”."
