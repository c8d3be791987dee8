"""Fifty different quotes on the demo world, quick and full, cold and warm, through the product's own calls.

Where BENCH_QUOTES names a file, the seconds are left there for the table of `make bench`.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.allocation.models import Run
from capacity.allocation.services import request_run
from capacity.demo.services import load_demo
from capacity.review.cycle import recompute
from capacity.review.plan_source import ReviewPlanSource
from capacity.review.quote_answer import quote_answer
from capacity.review.quote_asking import quick_answer, run_room
from capacity.review.quote_reading import read_quote
from capacity.review.what_if import heat_run, resolve_with
from contracts.domain.quote_payload import changes_of
from tests.benchmarks.quotes import COUNT, made_quotes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FINANCE = Viewer(username="finance", roles=frozenset({Role.FINANCE}))
# What people feel: the answer beside the form.
QUICK_SECONDS = 1.5


def quiet(_stage: str, _share: float) -> None:
    """Progress that nobody watches."""


def ignore(_answer: dict[str, Any]) -> None:
    """The quick what-if, which nobody reads here."""


def timed(seconds: list[float], began: float) -> None:
    seconds.append(time.perf_counter() - began)


def test_fifty_quotes_on_the_demo_world() -> None:
    load_demo(as_of=NOW.date(), password="a-password-for-tests", now=NOW)
    asked = request_run(reason="bench", now=NOW, is_forced=True, settle=False)
    Run.objects.filter(pk=asked.pk).update(not_before_at=NOW)
    assert recompute(run_id=asked.pk, worker="bench", clock=lambda: NOW, source=ReviewPlanSource()).state == "done"
    run_id = asked.pk
    seconds: dict[str, list[float]] = {name: [] for name in ("quick cold", "quick warm", "full cold", "full warm")}
    quotes = made_quotes(NOW.date(), count=int(os.environ.get("BENCH_QUOTE_COUNT", COUNT)))
    began = time.perf_counter()
    quick_answer(run_id=run_id, quote=read_quote(quotes[0]), viewer=FINANCE)
    timed(seconds["quick cold"], began)
    for sent in quotes:
        began = time.perf_counter()
        quick_answer(run_id=run_id, quote=read_quote(sent), viewer=FINANCE)
        timed(seconds["quick warm"], began)
    assert run_room.cache_info().hits >= len(quotes)
    began = time.perf_counter()
    run = heat_run(run_id)
    fits = 0
    for number, sent in enumerate(quotes):
        if number:
            began = time.perf_counter()
        payload = read_quote(sent).payload
        resolve_with(run=run, changes=changes_of(payload), on_quick=ignore, progress=quiet)
        answer = quote_answer(
            inputs=run.inputs, prepared=run.prepared, payload=payload, target_share=None, progress=quiet
        )
        timed(seconds["full warm" if number else "full cold"], began)
        fits += answer["fits"]
    print(f"{len(quotes)} quotes, {fits} fit")
    if where := os.environ.get("BENCH_QUOTES"):
        Path(where).write_text(json.dumps(seconds))
    assert sorted(seconds["quick warm"])[len(quotes) // 2] < QUICK_SECONDS
