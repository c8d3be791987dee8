"""The process behind processes.Forker: reads orders, forks a child for each, tells its id and how it ended.

Orders: `recompute` a run; `edit_and_die`: commit an edit with its request, then die before the broker hears of it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import django

django.setup()

from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from capacity.allocation import wake  # noqa: E402
from capacity.allocation.services import request_run  # noqa: E402
from capacity.inventory.models import Site  # noqa: E402
from capacity.review.cycle import recompute  # noqa: E402
from tests.faults.fake_plan import FakePlanSource  # noqa: E402


class DeadlyBroker:
    """Kills whoever sends: after the commit, before the message."""

    def send_task(self, *_: Any, **__: Any) -> None:
        os._exit(9)


def _recompute(run_id: int) -> str:
    return recompute(run_id=run_id, worker=f"fork:{os.getpid()}", clock=timezone.now, source=FakePlanSource()).state


def _edit_and_die(key: str) -> str:
    wake._producer = lambda: DeadlyBroker()  # type: ignore[assignment]
    with transaction.atomic():
        Site.objects.create(key=key, name=key, region="us-east")
        request_run(reason="edit", now=timezone.now())
    return "survived"


ORDERS = {"recompute": _recompute, "edit_and_die": _edit_and_die}


def _tell(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _serve(order: dict[str, Any]) -> None:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        os.write(writing, ORDERS[order.pop("what")](**order).encode())
        os._exit(0)
    os.close(writing)
    _tell(pid=pid)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(reading) as pipe:
        ended = pipe.read()
    if os.WIFSIGNALED(status):
        ended = f"signal {os.WTERMSIG(status)}"
    elif os.WEXITSTATUS(status):
        ended = f"exit {os.WEXITSTATUS(status)}"
    _tell(ended=ended)


if __name__ == "__main__":
    for line in sys.stdin:
        _serve(json.loads(line))
