"""Rows of the API that are not one run table: requests placed or not, runs, reviews, decisions, actions, policies.

Each field passes the visibility table; the words of decisions and actions by what the decision speaks of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from capacity.access.visibility import Viewer, action_resource, decision_resource, see
from capacity.allocation.models import Run
from capacity.allocation.selectors import recent_runs
from capacity.decisions.models import Action, Decision
from capacity.decisions.models import PolicySet as Policy
from capacity.decisions.selectors import policy_versions
from capacity.imports.api_fields import VisibleFlag, VisibleInteger, VisibleList, VisibleText, field_for
from capacity.review.models import Review
from capacity.review.pages import visible_rows
from capacity.review.table_specs import PLACEMENTS, UNPLACED
from capacity.review.tables import Row, contract_labels

MOST_RUNS = 500

_RUN_COLUMNS = [
    "id",
    "state",
    "reason",
    "requested_by",
    "requested_at",
    "attempt",
    "started_at",
    "finished_at",
    "stage",
    "progress_share",
    "error_code",
    "error",
    "as_of_date",
    "first_week",
    "weeks",
    "inputs_version",
    "policy_version",
    "formula_version",
    "solver_version",
    "termination",
    "input_hash",
    "result_hash",
    "is_forced",
]
_REVIEW_COLUMNS = ("week", "frozen_at", "inputs_version", "content_hash")
_DECISION_COLUMNS = [
    "number",
    "review_week",
    "run_id",
    "kind",
    "question",
    "chosen",
    "reason",
    "decider_role",
    "owner_role",
    "effect_metric",
    "effect_direction",
    "effect_target",
    "effect_by_date",
    "review_back_date",
    "guardrail_metric",
    "dissent",
    "reversible",
    "decided_at",
]
_ACTION_COLUMNS = [
    "number",
    "review_week",
    "title",
    "owner_role",
    "due_date",
    "status",
    "status_note",
    "closed_at",
    "created_at",
]
_POLICY_COLUMNS = [field.name for field in Policy._meta.concrete_fields if field.name not in ("id", "row_version")]


def _fields(model: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: field_for(model._meta.get_field(name)) for name in names}


_SHARED = ["experiment_key", "name", "team_key", "team_name", "priority", "accelerators", "weeks"]
EXPERIMENT_FIELDS: Mapping[str, Any] = {
    **_fields(PLACEMENTS.model, _SHARED),
    "is_placed": VisibleFlag(),
    "is_running": VisibleFlag(),
    "pool_key": VisibleText(),
    "start_week": VisibleText(),
    "reason": VisibleText(),
    "sentence": VisibleText(),
    "short_by": VisibleInteger(),
}
RUN_FIELDS: Mapping[str, Any] = _fields(Run, _RUN_COLUMNS)
REVIEW_FIELDS: Mapping[str, Any] = {
    **_fields(Review, _REVIEW_COLUMNS),
    "run": VisibleInteger(),
    "frozen_by": VisibleText(),
}
DECISION_FIELDS: Mapping[str, Any] = {
    name: VisibleInteger() if name == "run_id" else field_for(Decision._meta.get_field(name))
    for name in _DECISION_COLUMNS
}
ACTION_FIELDS: Mapping[str, Any] = {**_fields(Action, _ACTION_COLUMNS), "decision": VisibleInteger()}
POLICY_FIELDS: Mapping[str, Any] = {
    **{name: VisibleList() if name == "tiers" else field_for(Policy._meta.get_field(name)) for name in _POLICY_COLUMNS},
    "floors": VisibleList(),
}


def experiment_rows(viewer: Viewer, run_id: int) -> list[Row]:
    """Every request of a run: where it is placed, or why it is not. By key. Three queries."""
    empty = dict.fromkeys(EXPERIMENT_FIELDS)
    placed = visible_rows(viewer=viewer, run_id=run_id, spec=PLACEMENTS)
    unplaced = visible_rows(viewer=viewer, run_id=run_id, spec=UNPLACED, labels=contract_labels(run_id))
    rows = [
        {**empty, **{name: value for name, value in row.items() if name in EXPERIMENT_FIELDS}, "is_placed": is_placed}
        for is_placed, found in ((True, placed), (False, unplaced))
        for row in found
    ]
    return sorted(rows, key=lambda row: str(row["experiment_key"]))


def run_list_rows(viewer: Viewer) -> list[Row]:
    """The newest runs."""
    return [
        {name: see(viewer, "run", name, getattr(run, name)) for name in _RUN_COLUMNS}
        for run in recent_runs(limit=MOST_RUNS)
    ]


def review_rows(viewer: Viewer) -> list[Row]:
    """Frozen reviews, newest first."""
    rows = Review.objects.order_by("-week").values(*_REVIEW_COLUMNS, "run_id", "frozen_by__username")
    return [
        {
            **{name: see(viewer, "review", name, row[name]) for name in _REVIEW_COLUMNS},
            "run": see(viewer, "review", "run", row["run_id"]),
            "frozen_by": see(viewer, "review", "frozen_by", row["frozen_by__username"]),
        }
        for row in rows
    ]


def decision_rows(viewer: Viewer) -> list[Row]:
    """Decisions, newest first; the words of commercial ones and of those on the floor as the viewer may read them."""
    return [
        {name: see(viewer, decision_resource(row["kind"]), name, row[name]) for name in _DECISION_COLUMNS}
        for row in _newest(Decision.objects.all()).values(*_DECISION_COLUMNS)
    ]


def action_rows(viewer: Viewer) -> list[Row]:
    """Actions, newest first."""
    found = []
    for row in _newest(Action.objects.all()).values(*_ACTION_COLUMNS, "decision__number", "decision__kind"):
        resource = action_resource(row["decision__kind"] or "")
        shown = {name: see(viewer, resource, name, row[name]) for name in _ACTION_COLUMNS}
        shown["decision"] = see(viewer, resource, "decision", row["decision__number"])
        found.append(shown)
    return found


def _newest(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.order_by("-number")


def policy_rows(viewer: Viewer) -> list[Row]:
    """Every version of the policy with its floors."""
    return [
        {
            **{name: see(viewer, "policy", name, row[name]) for name in _POLICY_COLUMNS},
            "floors": _floors(viewer, row["floors"]),
        }
        for row in policy_versions()
    ]


def _floors(viewer: Viewer, floors: Sequence[Mapping[str, Any]]) -> Any:
    names = ("key", "name", "pool_keys", "share", "accelerators", "lendable", "team_key")
    return see(viewer, "policy", "floor_key", [{name: floor[name] for name in names} for floor in floors])
