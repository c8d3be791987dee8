"""Processes that build plans look for cycles rarely; what is in a cycle is found all the same."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from celery.signals import worker_process_init

from capacity.celery import app
from capacity.lib.garbage import THRESHOLDS, collect_rarely


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


class _Node:
    other: _Node | None = None


def _collections() -> int:
    return int(gc.get_stats()[0]["collections"])


def test_a_hundred_thousand_numbers_are_searched_a_few_times_and_a_cycle_is_still_found() -> None:
    gc.set_threshold(700, 10, 10)
    before = _collections()
    kept = [[n] for n in range(100_000)]
    often = _collections() - before
    collect_rarely()
    node = _Node()
    node.other = node
    seen = weakref.ref(node)
    del node
    before = _collections()
    kept = [[n] for n in range(100_000)]
    assert len(kept) == 100_000
    assert _collections() - before <= 6 < often
    assert seen() is None


def test_a_worker_begins_with_it() -> None:
    gc.set_threshold(700, 10, 10)
    worker_process_init.send(sender=app)
    assert gc.get_threshold() == THRESHOLDS
