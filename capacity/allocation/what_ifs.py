"""The life of a what-if: asked, claimed by a worker under a lease, its two answers kept, given back or failed.

The row is the record, the broker only wakes workers; claims are `leases`. What is computed, and by whom, is the
review's business; nothing here touches a run's tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from capacity.access.models import User
from capacity.allocation.leases import hold_longer, pause_after, start_claim, tell_progress, update_held, worker_lost
from capacity.allocation.models import WhatIf
from capacity.allocation.wake import wake_what_if


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfClaim:
    """The right to answer, good while the row is running under this token. has_quick: the quick answer is kept."""

    what_if_id: int
    run_id: int
    fencing_token: int
    attempt: int
    changes: Sequence[Mapping[str, Any]]
    has_quick: bool

    @property
    def row_id(self) -> int:
        return self.what_if_id


class TooManyWaiting(Exception):
    """The person has as many unanswered what-ifs as WHAT_IFS_WAITING_AT_MOST."""


def ask_what_if(
    *, run_id: int, user: User, changes: Sequence[Mapping[str, Any]], changed_rows: Sequence[Any], now: datetime
) -> WhatIf:
    """Queue a question whose changes have been checked, and wake the worker on commit. Raises TooManyWaiting.

    The same changes of the same run asked by the same person while unanswered are one question.
    """
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        waiting = WhatIf.objects.filter(asked_by=user, state__in=["queued", "running"])
        same = waiting.filter(run_id=run_id, changes=list(changes)).first()
        if same is not None:
            return same
        if waiting.count() >= settings.WHAT_IFS_WAITING_AT_MOST:
            raise TooManyWaiting
        row = WhatIf.objects.create(
            run_id=run_id,
            asked_by=user,
            asked_at=now,
            not_before_at=now,
            changes=list(changes),
            changed_rows=list(changed_rows),
        )
        transaction.on_commit(partial(wake_what_if, what_if_id=row.pk), robust=True)
    return row


def claim_what_if(*, what_if_id: int, worker: str, now: datetime) -> WhatIfClaim | None:
    """Take a queued question that is due. None when it is not to be had: taken, answered, failed or not due."""
    with transaction.atomic():
        row = (
            WhatIf.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(pk=what_if_id, state="queued", not_before_at__lte=now)
            .first()
        )
        if row is None:
            return None
        start_claim(row, worker=worker, stage="Reading the run", now=now)
        row.save()
    assert row.fencing_token is not None
    return WhatIfClaim(
        what_if_id=row.pk,
        run_id=row.run_id,
        fencing_token=row.fencing_token,
        attempt=row.attempt,
        changes=row.changes,
        has_quick=row.quick is not None,
    )


def renew_what_if(*, claim: WhatIfClaim, now: datetime) -> None:
    """Hold the question for another RECOMPUTE_LEASE_SECONDS. Raises LeaseLost."""
    hold_longer(WhatIf, claim, now=now)


def report_stage(*, claim: WhatIfClaim, stage: str, share: float) -> None:
    """Show people what is being done; `share` of the whole in [0, 1]. Raises LeaseLost."""
    tell_progress(WhatIf, claim, stage=stage, share=share)


def keep_quick(*, claim: WhatIfClaim, answer: Mapping[str, Any]) -> None:
    """Keep the quick answer; people see it while the full one is computed. Raises LeaseLost."""
    update_held(WhatIf, claim, quick=dict(answer))


def keep_full(*, claim: WhatIfClaim, answer: Mapping[str, Any], seconds: Mapping[str, float], now: datetime) -> None:
    """Keep the full answer and end the question. Raises LeaseLost."""
    update_held(
        WhatIf,
        claim,
        state="done",
        full=dict(answer),
        seconds=dict(seconds),
        finished_at=now,
        lease_until=None,
        stage="",
        progress_share=Decimal(1),
        error_code="",
        error="",
    )


def refuse_what_if(*, claim: WhatIfClaim, code: str, sentence: str, now: datetime) -> str:
    """End the question as failed: trying again would not help. Raises LeaseLost."""
    ended = {"state": "failed", "finished_at": now, "lease_until": None, "stage": ""}
    update_held(WhatIf, claim, error_code=code[:60], error=sentence, **ended)
    return "failed"


def fail_what_if(*, claim: WhatIfClaim, code: str, sentence: str, now: datetime) -> str:
    """Give the question back after an error, to be tried again, or end it after the last attempt. Raises LeaseLost."""
    if claim.attempt >= settings.RECOMPUTE_MAX_ATTEMPTS:
        return refuse_what_if(claim=claim, code=code, sentence=sentence, now=now)
    pause = pause_after(claim.attempt)
    update_held(
        WhatIf,
        claim,
        state="queued",
        not_before_at=now + timedelta(seconds=pause),
        error_code=code[:60],
        error=sentence,
        lease_until=None,
        stage="",
    )
    wake_what_if(what_if_id=claim.what_if_id, countdown=pause)
    return "queued"


def sweep_what_ifs(*, now: datetime) -> list[int]:
    """Give back questions whose worker was lost, and wake what is queued and due; returns the ids woken. Idempotent."""
    for row in WhatIf.objects.filter(state="running", lease_until__lt=now):
        is_last = row.attempt >= settings.RECOMPUTE_MAX_ATTEMPTS
        ended = {"state": "failed", "finished_at": now} if is_last else {"state": "queued", "not_before_at": now}
        # Only as it was read: a worker that renewed or finished meanwhile keeps it.
        WhatIf.objects.filter(
            pk=row.pk, state="running", fencing_token=row.fencing_token, lease_until=row.lease_until
        ).update(**ended, lease_until=None, stage="", error_code="worker_lost", error=worker_lost(row))
    due = WhatIf.objects.filter(state="queued", not_before_at__lte=now).order_by("pk")
    return [pk for pk in due.values_list("pk", flat=True) if wake_what_if(what_if_id=pk)]


def what_ifs_of(*, user: User, sees_all: bool) -> QuerySet[WhatIf]:
    """The questions somebody may read, newest first: their own, or everybody's."""
    found = WhatIf.objects.select_related("asked_by").order_by("-pk")
    return found if sees_all else found.filter(asked_by=user)
