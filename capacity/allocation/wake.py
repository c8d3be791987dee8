"""Waking a worker: the only place that hands a run to the broker, and it may fail.

The run row is the record of what is due; a message is a hint. So a broker that is down costs the caller at most
about half a second, is logged, and is made good by the sweeper.
"""

from __future__ import annotations

import logging
from functools import cache, partial

from celery import Celery
from django.conf import settings
from django.db import transaction

RUN_TASK = "capacity.review.tasks.run_plan"
WHAT_IF_TASK = "capacity.review.tasks.answer_what_if"
# A queue of its own, so that a question never waits for a plan; its worker keeps the hot models.
WHAT_IF_QUEUE = "what_if"
# A wake-up nobody took for this long is worth nothing: the sweeper has sent fresh ones since.
EXPIRES_AFTER_SWEEPS = 5

logger = logging.getLogger(__name__)


@cache
def _producer() -> Celery:
    """A Celery client that only sends; the worker's own application stays the composition root's business."""
    producer = Celery("capacity-producer", set_as_current=False)
    producer.config_from_object("django.conf:settings", namespace="CELERY")
    producer.conf.broker_transport_options = {
        **settings.CELERY_BROKER_TRANSPORT_OPTIONS,
        "socket_connect_timeout": 0.4,
        "socket_timeout": 0.4,
        "max_retries": 0,
    }
    return producer


def wake_worker(*, run_id: int, countdown: float = 0.0) -> bool:
    """Send one wake-up for the run, to be acted on after `countdown` seconds. False when the broker did not take it."""
    return _send(RUN_TASK, run_id, countdown, queue=settings.CELERY_TASK_DEFAULT_QUEUE)


def wake_what_if(*, what_if_id: int, countdown: float = 0.0) -> bool:
    """The same for a what-if, in the queue of its own."""
    return _send(WHAT_IF_TASK, what_if_id, countdown, queue=WHAT_IF_QUEUE)


def _send(task: str, row_id: int, countdown: float, *, queue: str) -> bool:
    countdown = max(0.0, countdown)
    try:
        _producer().send_task(
            task,
            args=[row_id],
            queue=queue,
            countdown=countdown,
            expires=countdown + EXPIRES_AFTER_SWEEPS * settings.SWEEP_SECONDS,
            ignore_result=True,
            retry=False,
        )
    except Exception as error:  # any transport's own error class: none of them may fail an edit
        logger.warning("%s %s: the broker took no wake-up (%s); the sweeper will send one", task, row_id, error)
        return False
    return True


def wake_worker_on_commit(*, run_id: int, countdown: float = 0.0) -> None:
    """Send the wake-up when the surrounding transaction commits; never when it rolls back."""
    transaction.on_commit(partial(wake_worker, run_id=run_id, countdown=countdown), robust=True)
