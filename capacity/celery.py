"""The Celery application: `celery -A capacity.celery worker`. Tasks live in each app's tasks.py."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from capacity.lib.garbage import collect_rarely

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "capacity.settings")

app = Celery("capacity")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def _begin_process(**_: Any) -> None:
    collect_rarely()
