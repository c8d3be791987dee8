"""Celery tasks of the review: fetch ids, make one call. Each may run twice, late, or on two workers at once."""

from __future__ import annotations

import os
import socket
from functools import cache
from typing import Any

from celery import shared_task
from celery.signals import worker_process_init
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from capacity.access.notices import forget_old
from capacity.allocation.services import request_scheduled_plan
from capacity.allocation.sweeper import sweep
from capacity.allocation.wake import RUN_TASK, WHAT_IF_TASK
from capacity.review.cycle import PlanSource, recompute
from capacity.review.notice_facts import CauseOfMove
from capacity.review.notice_mail import is_mail_on, send_digest, send_immediate
from capacity.review.notices import raise_notices
from capacity.review.plan_moves import told_cause
from capacity.review.what_if import HotRuns, answer_question
from contracts.services import keep_up_with_clock

SCHEDULE_SECONDS = 60.0
# Why a plan moved a request, in a sentence for its reader; None: notices tell the move alone.
CAUSE_OF_MOVE: CauseOfMove | None = told_cause


@cache
def plan_source() -> PlanSource:
    """The plan source that the setting PLAN_SOURCE names, made once per process."""
    source: PlanSource = import_string(settings.PLAN_SOURCE)()
    return source


@worker_process_init.connect
def _use_one_thread(**_: Any) -> None:
    """A run solves on one thread, so that two workers on one machine do not slow each other and answers repeat."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


@shared_task(name=RUN_TASK, acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def run_plan(run_id: int) -> str:
    """Work on the run if it is due and free; otherwise do nothing."""
    worker = f"{socket.gethostname()}:{os.getpid()}"
    return recompute(run_id=run_id, worker=worker, clock=timezone.now, source=plan_source()).state


@cache
def hot_runs() -> HotRuns:
    """The runs this process keeps hot."""
    return HotRuns(most=settings.WHAT_IF_HOT_PLANS)


@shared_task(name=WHAT_IF_TASK, acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def answer_what_if(what_if_id: int) -> str:
    """Answer the what-if if it is due and free; otherwise do nothing."""
    worker = f"{socket.gethostname()}:{os.getpid()}"
    return answer_question(what_if_id=what_if_id, worker=worker, clock=timezone.now, runs=hot_runs())


# Sweeps and ticks that waited for a worker that was down are dropped: the next one does the same work.
@shared_task(name="capacity.review.tasks.sweep_runs", expires=settings.SWEEP_SECONDS, ignore_result=True)
def sweep_runs() -> None:
    """Find runs that are due and that nobody works on."""
    sweep(now=timezone.now())


@shared_task(name="capacity.review.tasks.run_scheduled_plan", expires=SCHEDULE_SECONDS, ignore_result=True)
def run_scheduled_plan() -> None:
    """Ask for the daily plan, once."""
    request_scheduled_plan(now=timezone.now())


@shared_task(name="capacity.review.tasks.move_contracts", expires=SCHEDULE_SECONDS, ignore_result=True)
def move_contracts() -> None:
    """Begin and end contracts and holds whose day has come; the sweep asks for the plan of what changed."""
    keep_up_with_clock(now=timezone.now())


@shared_task(name="capacity.review.tasks.send_notices", expires=SCHEDULE_SECONDS, ignore_result=True)
def send_notices() -> None:
    """Tell what is new, and mail what is wanted at once."""
    raise_notices(now=timezone.now(), with_mail=is_mail_on(), cause=CAUSE_OF_MOVE)
    send_immediate(clock=timezone.now)


@shared_task(name="capacity.review.tasks.send_digests", expires=SCHEDULE_SECONDS, ignore_result=True)
def send_digests() -> None:
    """Mail today's digests once it is 07:00 UTC; forget what is old."""
    send_digest(clock=timezone.now)
    forget_old(now=timezone.now())
