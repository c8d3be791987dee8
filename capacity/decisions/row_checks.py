"""Warnings over rows of policy that no single column can show: floors on unfit pools, waivers without a decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.apps import apps

from capacity.decisions.models import FloorWaiver, PolicyFloor
from capacity.decisions.selectors import waivers_in_force
from capacity.imports.tabular import WARNING, Issue, Row


def floors_over_unfit_pools(rows: Sequence[Row]) -> Iterator[Issue]:
    """A floor is for model development: a pool that cannot train is no use to it (methods: Floor)."""
    named = {(row.values.get("policy"), row.values.get("key")): row for row in reversed(rows)}
    floors = PolicyFloor.objects.filter(policy__version__in={policy for policy, _ in named}).select_related("policy")
    for floor in floors.order_by("policy__version", "key"):
        row = named.get((floor.policy.version, floor.key))
        if row is None:
            continue
        for pool in _pools(floor.pool_keys):
            why = _unfit(pool)
            if why:
                message = f"The floor stands on pool {pool['key']}, which is of no use for model development: {why}."
                yield _warn(row, "pool_keys", "floor_on_unfit_pool", message)


def _pools(keys: Sequence[str]) -> list[dict[str, Any]]:
    # By name, because the inventory stands above this app.
    pools: Any = apps.get_model("inventory", "Pool")._default_manager
    columns = ("is_single_purpose", "dense_bf16_tflops", "dense_fp8_tflops")
    return list(
        pools.filter(key__in=keys)
        .order_by("key")
        .values("key", "source_type", "domains__pool_id", *(f"accelerator_type__{name}" for name in columns))
        .distinct()
    )


def _unfit(pool: Mapping[str, Any]) -> str:
    if pool["accelerator_type__is_single_purpose"]:
        return "its accelerators can do one thing only"
    if pool["accelerator_type__dense_bf16_tflops"] is None and pool["accelerator_type__dense_fp8_tflops"] is None:
        return "its type has no training precision (BF16 or FP8) on record"
    if pool["domains__pool_id"] is None:
        return "it has no network domain that joins accelerators"
    return ""


def undecided_waivers(rows: Sequence[Row]) -> Iterator[Issue]:
    """A waiver whose decision is not recorded, is of another kind or was superseded lowers nothing."""
    named = {str(row.values.get("key")): row for row in reversed(rows)}
    undecided = FloorWaiver.objects.filter(key__in=named).exclude(pk__in=waivers_in_force().values("pk"))
    for waiver in undecided.order_by("key"):
        message = (
            f"Decision {waiver.decision_number} is not recorded as a floor waiver, or was superseded: "
            f"waiver {waiver.key} lowers nothing until it is."
        )
        yield _warn(named[waiver.key], "decision_number", "waiver_not_decided", message)


def _warn(row: Row, column: str, code: str, message: str) -> Issue:
    return Issue(file=row.file, row=row.number, column=column, code=code, message=message, severity=WARNING)
