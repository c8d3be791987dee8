"""Requests that a plan moved against the one before it, with their cause: kept as the plan is published, read by pages.

Between plans of one week nothing else tells why a request moved: the changes document compares frozen reviews only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Subquery

from capacity.access.visibility import ContractLabel, Viewer
from capacity.allocation.models import PLAN_SCOPE, CurrentRun, RunDocument
from capacity.imports.rows import as_json
from capacity.review.changes_shown import visible_changes
from capacity.review.input_changes import input_changes
from capacity.review.outcome_changes import placement_lines
from capacity.review.snapshots import result_rows
from capacity.review.tables import contract_labels
from workloads.models import RunMove

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
# What a cause may be found in.
RESULTS = ("pool_weeks", "lot_events", "placements", "unplaced", "teams")
INPUTS = ("experiments", "lots", "outages", "pools", "priority_overrides")


def moves_against_current(*, run_id: int, inputs: Mapping[str, Any], tables: Rows) -> list[RunMove]:
    """The moves of a plan that is about to become current. inputs: its document. Seven queries."""
    before = CurrentRun.objects.filter(scope=PLAN_SCOPE).exclude(run_id=run_id).values_list("run_id", flat=True).first()
    if before is None:
        return []
    document = RunDocument.objects.filter(run_id=before).values_list("inputs", flat=True).first()
    if document is None:
        return []
    documents = (_part(document), _part(inputs))
    changed = input_changes(before=documents[0], after=documents[1])
    lines = placement_lines(
        before={name: as_json(rows) for name, rows in result_rows(before, RESULTS).items()},
        after={name: as_json(list(tables[name])) for name in RESULTS},
        inputs=changed,
        documents=documents,
    )
    return [
        RunMove(run_id=run_id, against_run=before, experiment_key=line["key"][0], line=line)
        for line in lines
        if line["kind"] != "ended"
    ]


def _part(document: Mapping[str, Any]) -> dict[str, Any]:
    return {"as_of": document.get("as_of"), "tables": {name: document["tables"].get(name, []) for name in INPUTS}}


def moves_up_to(run_id: int) -> list[RunMove]:
    """Those of the last plan, up to this one, that moved anything. One query."""
    last = RunMove.objects.filter(run_id__lte=run_id).order_by("-run_id").values("run_id")[:1]
    return list(RunMove.objects.filter(run_id=Subquery(last)).order_by("experiment_key"))


def cause_of_move(
    *, key: str, run_id: int, since_run: int, viewer: Viewer, labels: Sequence[ContractLabel] = ()
) -> str:
    """Why the request moved last between the two plans, in the viewer's words; "" where none of them moved it.

    One query. labels: contracts that the text might name.
    """
    rows = RunMove.objects.filter(experiment_key=key, run_id__lte=run_id, run_id__gt=since_run)
    move = rows.order_by("-run_id").first()
    if move is None:
        return ""
    groups = visible_changes(viewer, {"lines": [move.line]}, labels)
    shown = groups[0]["lines"] if groups else []
    return str(shown[0]["cause"]) if shown else ""


def told_cause(viewer: Viewer, key: str, before: int, now: int) -> str:
    """The cause of a move between two plans as a sentence of a notice, or ""."""
    cause = cause_of_move(key=key, run_id=now, since_run=before, viewer=viewer, labels=contract_labels(now))
    return f"Because {cause}." if cause else ""
