"""One attempt at work held under a lease: progress told while it runs, each way of failing turned into a state.

What belongs here: what runs and what-ifs share of that. Which states there are is capacity/allocation/runs.py and
what_ifs.py; what the work is, `cycle` and `what_if`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection

from capacity.allocation.domain.checks import PlanInconsistent
from capacity.allocation.heartbeat import LeaseKeeper
from capacity.allocation.leases import LeaseLost, Refused

logger = logging.getLogger(__name__)

# Progress is written when the stage changes, else at most this often.
PROGRESS_SECONDS = 1.0


class Reporter:
    """Throttles progress to the row, and stops a computation whose lease is gone."""

    def __init__(self, *, name: str, tell: Callable[..., None], lease: LeaseKeeper) -> None:
        """name: of the work. tell: called with stage and share."""
        self._name, self._tell, self._lease = name, tell, lease
        self._stage, self._written_at = "", float("-inf")

    def __call__(self, stage: str, share: float) -> None:
        if self._lease.is_lost:
            raise LeaseLost(f"{self._name} was taken over")
        if stage == self._stage and time.monotonic() - self._written_at < PROGRESS_SECONDS:
            return
        self._tell(stage=stage, share=share)
        self._stage, self._written_at = stage, time.monotonic()


def attempt(
    *,
    name: str,
    work: Callable[[], str],
    refuse: Callable[..., str],
    fail: Callable[..., str],
) -> str:
    """What `work` returns; else the state that `refuse` (no retry helps) or `fail` (tried again) gives it.

    name: of the work, for the log. refuse and fail are called with code and sentence. Raises LeaseLost.
    """
    try:
        return work()
    except LeaseLost:
        raise
    except Refused as refusal:
        return refuse(code=refusal.code, sentence=refusal.sentence)
    except PlanInconsistent as error:
        logger.error("%s: the plan does not balance: %s", name, " ".join(error.sentences))
        return refuse(code="plan_inconsistent", sentence=_inconsistent(len(error.sentences)))
    except SoftTimeLimitExceeded:
        code, sentence = "time_limit", f"It took longer than {settings.CELERY_TASK_SOFT_TIME_LIMIT} s and was stopped."
    except MemoryError:
        code, sentence = "out_of_memory", "It needed more memory than the worker has."
    except Exception as error:  # whatever it was, the row must say that it failed
        logger.exception("%s failed", name)
        code = "error"
        sentence = f"It stopped with an unexpected {type(error).__name__}; the worker's log has the details."
    connection.close_if_unusable_or_obsolete()
    return fail(code=code, sentence=sentence)


def _inconsistent(balances: int) -> str:
    """Which balances they are names contracts and requests, so it stays in the log."""
    return (
        f"The plan that was found breaks {balances} of its own balances, so nothing of it was kept. That is a defect of "
        "the engine, not of the inputs; solving the same again would not help. The worker's log names the balances."
    )
