"""`/healthz`: whether the parts of the product answer, for launchers and load balancers. Shows no figure and no name.

Each part is asked now, not remembered: the database by a query, the broker by a connection, a worker by a ping that
it answers, beat by its last tick in the database (at most two minutes ago).
"""

from __future__ import annotations

import time
from datetime import timedelta
from functools import cache
from threading import Lock
from typing import Any

from celery import Celery
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_celery_beat.models import PeriodicTask

from capacity.allocation.selectors import current_plan

OK = "ok"
# Beat ticks every SWEEP_SECONDS and writes its ticks at once; two minutes are several of them.
BEAT_SILENT_AFTER = timedelta(seconds=120)
WORKER_ANSWERS_WITHIN_SECONDS = 1.0
QUESTIONS = 2
# The host name that the worker of what-ifs is started with (--hostname what_if@%h), which tells it from the others.
WHAT_IF_WORKER = "what_if"
# A worker's answer counts this long, so that many askers do not become many pings.
KEPT_SECONDS = 2.0
_last_answer: dict[str, Any] = {"at": 0.0, "parts": None}
_lock = Lock()


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when every part but what_if is ok, else 503; each part is "ok" or says what is wrong."""
    parts, age = database_and_beat()
    broker, worker, what_if = broker_and_workers()
    parts = {"database": parts["database"], "broker": broker, "worker": worker, "beat": parts["beat"]}
    # Plans and pages go on without the worker of what-ifs: it is told, and does not count.
    is_well = all(state == OK for state in parts.values())
    content = {"status": OK if is_well else "degraded", **parts, "what_if": what_if, "plan_age_seconds": age}
    content["start"] = settings.START_TOKEN
    return JsonResponse(content, status=200 if is_well else 503)


def database_and_beat() -> tuple[dict[str, str], float | None]:
    """The database, beat by its tick, and the plan's age in whole seconds (None without a plan)."""
    now = timezone.now()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        ticks = PeriodicTask.objects.filter(name="sweep-runs").values_list("last_run_at", "date_changed").first()
        age = current_plan(now=now).age_seconds(now=now)
    except DatabaseError as error:
        return {"database": f"does not answer ({type(error).__name__})", "beat": "not known without the database"}, None
    last = max((at for at in ticks or () if at is not None), default=None)
    if last is None:
        beat = "has not started yet"
    elif now - last > BEAT_SILENT_AFTER:
        beat = f"silent for {(now - last).total_seconds():.0f} s"
    else:
        beat = OK
    return {"database": OK, "beat": beat}, None if age is None else round(age)


def broker_and_workers() -> tuple[str, str, str]:
    """Asked at most every KEPT_SECONDS in a process; others read that answer."""
    with _lock:
        if _last_answer["parts"] is None or time.monotonic() - _last_answer["at"] > KEPT_SECONDS:
            _last_answer["parts"] = _ask_broker_and_workers()
            _last_answer["at"] = time.monotonic()
        found: tuple[str, str, str] = _last_answer["parts"]
        return found


def _ask_broker_and_workers() -> tuple[str, str, str]:
    try:
        with _client().connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, timeout=1)
            worker = _answers(broker, matcher="pcre", pattern=f"(?!{WHAT_IF_WORKER}@)")
            what_if = _answers(broker, matcher="glob", pattern=f"{WHAT_IF_WORKER}@*")
    except Exception as error:  # any transport's own error class: the page must answer whatever it is
        unknown = "not known without the broker"
        return f"does not answer ({type(error).__name__})", unknown, unknown
    return OK, worker, what_if


def _answers(broker: Any, **hostnames: str) -> str:
    """Whether a worker of that kind of host name answers. A question is a broadcast: one asked while either side is
    still subscribing is lost, so silence is asked twice."""
    for _ in range(QUESTIONS):
        found = _client().control.ping(timeout=WORKER_ANSWERS_WITHIN_SECONDS, limit=1, connection=broker, **hostnames)
        if found:
            return OK
    return f"no worker answered within {QUESTIONS * WORKER_ANSWERS_WITHIN_SECONDS:.0f} s"


@cache
def _client() -> Celery:
    """A Celery client that only asks, with short timeouts."""
    client = Celery("capacity-health", set_as_current=False)
    client.config_from_object("django.conf:settings", namespace="CELERY")
    client.conf.broker_transport_options = {
        **settings.CELERY_BROKER_TRANSPORT_OPTIONS,
        "socket_connect_timeout": 1,
        "socket_timeout": 2,
        "max_retries": 0,
    }
    return client
