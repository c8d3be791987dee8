"""The hash chain of frozen reviews: what a seal covers, and the check that nothing under it has changed.

A seal covers the review's own row, the run's header, every result row of the run and the documents of its inputs,
problem and solution; and the seal of the review before. So one changed byte anywhere shows in that review.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.apps import apps
from django.db import models

from capacity.allocation.models import Run, RunDocument, RunTable
from capacity.imports.rows import as_json
from capacity.lib.canonical import content_hash
from capacity.review.models import Review

# What of a run's row is part of the seal: what it was made of and what came out, not who worked on it when.
_HEADER = (
    "state",
    "inputs_version",
    "input_hash",
    "result_hash",
    "as_of_date",
    "first_week",
    "weeks",
    "policy_version",
    "formula_version",
    "solver_version",
    "termination",
)
_DOCUMENT = ("inputs", "problem", "solution", "changes")

# None: the hash of that run cannot be made any more (an older formula, with other columns).
HashOfRun = Callable[[Run], str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A frozen review that is not what was sealed, and in which respect."""

    week: str
    sentence: str


def run_seal(run: Run) -> dict[str, Any]:
    """The run as the seal covers it: its header and one hash for each result table and document."""
    header = Run.objects.filter(pk=run.pk).values(*_HEADER).get()
    document = RunDocument.objects.filter(run=run).values(*_DOCUMENT).get()
    return {
        "run": run.pk,
        "header": header,
        "documents": {name: _hash(document[name]) for name in _DOCUMENT},
        "rows": {label: _hash(rows) for label, rows in _result_rows(run) if rows},
    }


def sealed_hash(review: Review, *, seal: dict[str, Any], previous_hash: str) -> str:
    """SHA-256 (64 hex digits) of everything the review's seal covers. `seal` is run_seal of its run."""
    return _hash(
        {
            "week": review.week,
            "run": seal,
            "inputs_version": review.inputs_version,
            "changes": review.changes,
            "carried": review.carried,
            "frozen_by": review.frozen_by_id,
            "frozen_at": review.frozen_at.astimezone(UTC).isoformat(),
            "previous": previous_hash,
        }
    )


def seal_faults(*, row_hash: HashOfRun | None = None) -> Iterator[Fault]:
    """Every frozen review that does not match its seal, in the order of the weeks; nothing when all do.

    row_hash: run → the hash of its result rows as publishing computes it, compared with the run's result_hash.
    """
    before: Review | None = None
    for review in Review.objects.select_related("run").order_by("week"):
        yield from (Fault(week=review.week, sentence=sentence) for sentence in _faults(review, before, row_hash))
        before = review


def _faults(review: Review, before: Review | None, row_hash: HashOfRun | None) -> Iterator[str]:
    if review.previous_id != (before.pk if before else None):
        yield "It is not linked to the review before it."
    if review.run.first_week != review.week:
        yield f"Its run is of {review.run.first_week}."
    try:
        seal = run_seal(review.run)
    except RunDocument.DoesNotExist:
        yield "The documents of its run are gone."
        return
    if sealed_hash(review, seal=seal, previous_hash=before.content_hash if before else "") != review.content_hash:
        yield "Its content is not what was sealed."
    if row_hash is not None and row_hash(review.run) not in {None, review.run.result_hash}:
        yield "The result rows of its run are not those that were published."


def _result_rows(run: Run) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The rows of each result table without their empty columns: a column or table added later does not break a seal."""
    for model in _result_models():
        rows = model._default_manager.filter(run=run).order_by("pk").values()
        yield model._meta.label, [_without_empty(row) for row in rows]


def _without_empty(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None and value not in ("", [], {})}


def _hash(value: Any) -> str:
    # Decimals without their trailing zeros: what the database holds as 1.50 and as 1.5 is one value.
    return content_hash(as_json(value))


def _result_models() -> list[type[models.Model]]:
    """Every result table (rows of a run), in a fixed order; the documents are hashed by themselves."""
    found = [
        model
        for model in apps.get_models()
        if issubclass(model, RunTable) and model is not RunDocument and not model._meta.abstract
    ]
    return sorted(found, key=lambda model: model._meta.label)
