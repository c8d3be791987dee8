"""Overrides of fair share as a run reads them, and which of them a decision grants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db.models import Exists, OuterRef, QuerySet

from capacity.decisions.models import Decision
from capacity.imports.rows import Row, table_rows
from capacity.imports.tabular import WARNING, Issue
from capacity.imports.tabular import Row as FileRow
from workloads.domain.request_workflow import PLANNED
from workloads.models import Experiment, PriorityOverride

DECIDED_BY = ("experiment", "allocation")


def overrides_in_force() -> QuerySet[PriorityOverride]:
    """Those whose decision is recorded, of a kind that may set priorities, and not superseded."""
    granted = Decision.objects.filter(number=OuterRef("decision_number"), kind__in=DECIDED_BY, superseded_by=None)
    return PriorityOverride.objects.filter(Exists(granted))


def override_rows() -> list[Row]:
    """The overrides of planned requests; `is_decided` says whether the decision they name grants them."""
    rows = table_rows(PriorityOverride, keys=["key"], foreign={"experiment": "experiment__key"})
    if not rows:
        return []
    planned = set(Experiment.objects.filter(state__in=PLANNED, overrides__isnull=False).values_list("key", flat=True))
    decided = set(overrides_in_force().values_list("key", flat=True))
    return [{**row, "is_decided": row["key"] in decided} for row in rows if row["experiment"] in planned]


def undecided_overrides(rows: Sequence[FileRow]) -> Iterator[Issue]:
    """An override whose decision is not recorded, is of another kind or was superseded changes nothing."""
    named = {str(row.values.get("key")): row for row in reversed(rows)}
    undecided = PriorityOverride.objects.filter(key__in=named).exclude(pk__in=overrides_in_force().values("pk"))
    for override in undecided.order_by("key"):
        row = named[override.key]
        message = (
            f"Decision {override.decision_number} is not recorded as one on experiments or allocation, or was "
            f"superseded: override {override.key} changes nothing until it is."
        )
        yield Issue(
            file=row.file,
            row=row.number,
            column="decision_number",
            code="override_not_decided",
            message=message,
            severity=WARNING,
        )
