"""Every column of a result table has its line in the visibility table: a new one cannot reach a page unlisted."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path

from django.apps import apps
from django.db import models

from capacity.access.models import AuditEvent
from capacity.access.sight_table import TABLE
from capacity.allocation.models import Run, RunTable
from capacity.decisions.models import Action, Decision, PolicySet
from capacity.review.models import Review

ROOT = Path(__file__).resolve().parents[2]
RESOURCES = {
    "RunPool": "pool",
    "RunPoolWeek": "pool_week",
    "RunLotEvent": "lot",
    "RunAllocation": "allocation",
    "RunDemand": "demand",
    "RunPlacement": "placement",
    "RunUnplaced": "unplaced",
    "RunScarcityPrice": "scarcity",
    "RunTier": "tier",
    "RunShortfallRemedy": "remedy",
    "RunIssue": "issue",
    "RunWorkload": "workload",
    "RunWorkloadUse": "workload_use",
    "RunWorkloadCard": "workload_card",
    "RunTeam": "team_share",
    "RunQueue": "queue",
    "RunPreemption": "preemption",
    "RunTrough": "trough",
    "RunMoveCandidate": "move_candidate",
    "RunWaste": "waste",
    "RunExposure": "exposure",
    "RunDeal": "deal",
    "RunContractMultiple": "contract_use",
    "RunContractPool": "contract_pool",
    "RunContractLot": "contract_lot",
    "RunContractSla": "contract_sla",
    "RunScenario": "exposure_scenario",
    "RunRollup": "exposure_rollup",
    "RunChance": "money_risk",
    "RunActual": "actual",
    "RunMeasuredPeak": "measured_peak",
    "RunClassActual": "class_actual",
    "RunForecastScore": "forecast_score",
    "RunGranted": "granted",
    "RunPostMortem": "post_mortem",
}
# Tables that are not shown by column: whole documents (finance only, as run.inputs and so on), and figures, which
# name their own line of the table in each row.
BY_ROW = {"RunDocument", "RunFigure", "RunMove"}
NOT_SHOWN = {"id", "run", "idempotency_key"}


def columns(model: type[models.Model]) -> set[str]:
    return {field.name for field in model._meta.concrete_fields} - NOT_SHOWN


def result_tables() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if issubclass(model, RunTable)]


def test_every_result_table_has_its_resource() -> None:
    assert {model.__name__ for model in result_tables()} == set(RESOURCES) | BY_ROW


def test_every_column_of_a_result_table_is_listed() -> None:
    missing = {
        f"{model.__name__}.{name}"
        for model in result_tables()
        if model.__name__ not in BY_ROW
        for name in columns(model) - set(TABLE[RESOURCES[model.__name__]])
    }
    assert missing == set()


def test_every_column_of_runs_reviews_decisions_actions_and_the_audit_log_is_listed() -> None:
    listed = {Run: "run", Review: "review", Decision: "decision", Action: "action", AuditEvent: "audit"}
    listed[PolicySet] = "policy"
    missing = {
        f"{resource}.{name}"
        for model, resource in listed.items()
        for name in columns(model) - {"run"}
        if name not in TABLE[resource]
    }
    assert missing == set()


def named_lines(source: str) -> set[tuple[str, str]]:
    """Pairs of neighbouring text literals ("resource", "field") in tuples and calls, whose first is a resource."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        parts: list[ast.expr] = node.elts if isinstance(node, ast.Tuple) else getattr(node, "args", [])
        if not isinstance(node, ast.Tuple | ast.Call) or _asks_the_database(node):
            continue
        texts = [part.value if isinstance(part, ast.Constant) else None for part in parts]
        if isinstance(node, ast.Tuple) and len(texts) != 2:
            continue
        for first, second in pairwise(texts):
            if isinstance(first, str) and first in TABLE and isinstance(second, str) and second.isidentifier():
                found.add((first, second))
    return found


def _asks_the_database(node: ast.expr) -> bool:
    """`select_related("run", "frozen_by")` names columns of a model, no line of the table."""
    name = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
    return name in {"select_related", "prefetch_related", "values", "values_list", "only", "defer", "order_by"}


def test_every_line_that_the_review_names_is_in_the_table() -> None:
    missing = {
        (path.name, resource, field)
        for path in sorted((ROOT / "capacity" / "review").glob("*.py"))
        for resource, field in named_lines(path.read_text())
        if field not in TABLE[resource]
    }
    assert missing == set()


def test_a_misspelt_line_would_be_found() -> None:
    assert named_lines('see(viewer, "exposure", "margin", 3); sight=("metric", "H99")') == {
        ("exposure", "margin"),
        ("metric", "H99"),
    }
