"""Runs → visible rows: the ONE way from a run's result tables to pages, plots, CSV and API.

Which tables there are is `table_specs`. A row comes out as {column: value | Banded | RESTRICTED | None}. Nothing is
computed here but ratios' display.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F, Value
from django.db.models.functions import JSONObject
from django.http import Http404

from capacity.access.visibility import (
    COMMITTED,
    RESTRICTED,
    ContractLabel,
    Viewer,
    is_price_blind,
    label_blockers,
    label_of_contract,
    redact,
    scenario_resource,
    see,
)
from capacity.lib.figures import UNKNOWN_COST, UNKNOWN_PRICE, UNSIZED, Absent
from capacity.review.table_columns import RunTableSpec
from capacity.review.table_specs import (
    CONTRACT_MULTIPLES,
    DEALS,
    EXPOSURE,
    REMEDIES,
    ROLLUPS,
    SCENARIOS,
    SHORTFALLS,
    UNPLACED,
)
from capacity.review.table_specs_map import WORKLOAD_USE
from capacity.review.table_specs_moves import WASTE
from contracts.models import RunDeal, RunExposure

Row = dict[str, Any]
UNKNOWN_MONEY = Absent("not known", "unknown", "Its revenue or its cost is not known.")


def contract_labels(run_id: int) -> list[ContractLabel]:
    """The names of every contract and deal in a run, for putting them in the viewer's own words. One query."""
    signed = RunExposure.objects.filter(run_id=run_id).values_list(*_LABEL_COLUMNS)
    deals = RunDeal.objects.filter(run_id=run_id).values_list(*_LABEL_COLUMNS)
    return [_label(*names) for names in signed.union(deals, all=True)]


_LABEL_COLUMNS = ("contract_key", "contract_name", "customer_name", "customer_alias", "owner_username")


def _label(key: str, name: str, customer: str, alias: str, owner: str) -> ContractLabel:
    return ContractLabel(key=key, name=name, customer=customer, alias=alias, owner=owner)


def run_rows(
    *, viewer: Viewer, run_id: int, spec: RunTableSpec, labels: Sequence[ContractLabel] = (), **filters: Any
) -> list[Row]:
    """The table's rows of a run as the viewer may see them, in the table's order. One query.

    labels: needed by tables whose texts may name a contract (unplaced, shortfalls, issues). filters: field lookups;
    one on a column the viewer does not see in full raises Http404, so that a filter cannot be used to guess it.
    """
    for lookup, value in filters.items():
        name = lookup.split("__")[0]
        # Where rows that may not be known are left out, a filter by what makes them known tells nothing.
        if name != spec.gate and name in {column.name for column in spec.columns}:
            refuse_blind_filter(viewer, spec, name)
        if name == "serving_class" and class_in_words(viewer, str(value), labels=labels) != value:
            raise Http404
    rows = spec.model._default_manager.filter(run_id=run_id, **filters).order_by(*spec.order)
    shown = [visible_row(viewer=viewer, spec=spec, row=row, labels=labels) for row in rows.values(*_needed(spec))]
    return _behind_gate(spec, shown)


def _needed(spec: RunTableSpec) -> list[str]:
    """Columns that must be read to show those of the table: what a row may be called, and whose it is."""
    needed = {*(column.name for column in spec.columns), *([spec.owner] if spec.owner else [])}
    if spec in (EXPOSURE, DEALS, SCENARIOS):
        needed |= {"contract_name", "customer_alias", "owner_username"}
    return sorted(needed)


def _behind_gate(spec: RunTableSpec, rows: list[Row]) -> list[Row]:
    return [row for row in rows if row[spec.gate] is not RESTRICTED] if spec.gate else rows


def rows_of_several(
    *,
    viewer: Viewer,
    run_id: int,
    specs: Sequence[RunTableSpec],
    labels: Sequence[ContractLabel] = (),
    **filters: Any,
) -> dict[str, list[Row]]:
    """run_rows of several tables, by table name. One query: the database writes each row as JSON.

    Amounts come back as the decimals they are stored with, days as days. filters: columns that all the tables have; the
    caller sees to it that they tell nothing.
    """
    parts = [
        spec.model._default_manager.filter(run_id=run_id, **filters).values_list(
            Value(spec.name), JSONObject(**{name: F(name) for name in {*_needed(spec), *spec.order}})
        )
        for spec in specs
    ]
    stored: dict[str, list[Row]] = {spec.name: [] for spec in specs}
    for name, row in parts[0].union(*parts[1:], all=True):
        stored[name].append(row)
    return {
        spec.name: _behind_gate(
            spec,
            [
                visible_row(viewer=viewer, spec=spec, row=_typed(spec, row), labels=labels)
                for row in sorted(stored[spec.name], key=lambda row: [row[name] for name in spec.order])
            ],
        )
        for spec in specs
    }


def _typed(spec: RunTableSpec, row: Row) -> Row:
    """The row with its decimals and days as such, which JSON has as numbers and texts."""
    return {name: _typed_value(spec.model._meta.get_field(name), value) for name, value in row.items()}


def _typed_value(field: Any, value: Any) -> Any:
    if isinstance(field, models.DecimalField) and isinstance(value, int | float):
        return Decimal(repr(value))
    if isinstance(field, models.DateField) and isinstance(value, str):
        return date.fromisoformat(value[:10])
    return value


def exposure_with_labels(*, viewer: Viewer, run_id: int) -> tuple[list[Row], list[ContractLabel]]:
    """run_rows of EXPOSURE, and contract_labels. Two queries."""
    stored = list(RunExposure.objects.filter(run_id=run_id).order_by(*EXPOSURE.order).values(*_exposure_columns()))
    labels = [_label(*(row[name] for name in _LABEL_COLUMNS)) for row in stored]
    rows = [visible_row(viewer=viewer, spec=EXPOSURE, row=row, labels=labels) for row in stored]
    deals = RunDeal.objects.filter(run_id=run_id).values_list(*_LABEL_COLUMNS)
    return rows, [*labels, *(_label(*names) for names in deals)]


def _exposure_columns() -> list[str]:
    return sorted({*(column.name for column in EXPOSURE.columns), *_LABEL_COLUMNS})


def refuse_blind_filter(viewer: Viewer, spec: RunTableSpec, name: str) -> None:
    """Http404 where the viewer has no full sight of the column: filtering or sorting by it would tell its value."""
    probe = object()
    if see(viewer, spec.resource, name, probe) is not probe:
        raise Http404


def visible_row(*, viewer: Viewer, spec: RunTableSpec, row: Mapping[str, Any], labels: Sequence[ContractLabel]) -> Row:
    """One stored row as the viewer may see it. `label` is what the viewer may call the row's contract."""
    owner = str(row.get(spec.owner, "")) if spec.owner else ""
    if spec in (SHORTFALLS, REMEDIES) and row["contract_key"]:
        owner = next((each.owner for each in labels if each.key == row["contract_key"]), "")
    resource = scenario_resource(row["scenario"]) if spec is SCENARIOS else spec.resource
    shown = {column.name: see(viewer, resource, column.name, row[column.name], owner=owner) for column in spec.columns}
    if spec is EXPOSURE:
        shown["label"] = label_of_contract(
            viewer, name=row["contract_name"], alias=row["customer_alias"], owner=row["owner_username"]
        )
        _say_why_absent(shown)
    if spec is SCENARIOS:
        shown["label"] = label_of_contract(
            viewer, name=row["contract_name"], alias=row["customer_alias"], owner=row["owner_username"]
        )
        _say_why_scenario_is_absent(shown)
    if spec is ROLLUPS and row["is_small"] and is_price_blind(viewer):
        shown |= dict.fromkeys(_ROLLED_UP, RESTRICTED)
    if spec is DEALS:
        shown["label"] = _deal_label(viewer, row)
        if shown["accelerators"] is None:
            shown["accelerators"] = UNSIZED
    if spec is CONTRACT_MULTIPLES:
        _say_why_unknown(shown)
    if spec is REMEDIES:
        shown["label"] = _demand_in_words(viewer, row, labels)
    if spec is WASTE and str(row["serving_class"]).startswith(_DEDICATED):
        shown["usd_per_week"] = see(viewer, "exposure", "reserved_cost_usd", row["usd_per_week"])
        shown |= _use_of_one_customer(viewer, row, shown)
    if spec in (UNPLACED, WASTE) and isinstance(shown["sentence"], str):
        shown["sentence"] = redact(viewer, shown["sentence"], contracts=labels)
    for name in _LABELLED.get(spec.name, ()):
        if isinstance(shown[name], list):
            shown[name] = label_blockers(viewer, shown[name], contracts=labels_by_demand(labels))
    if spec is WORKLOAD_USE and str(row["serving_class"]).startswith(_DEDICATED):
        # What a class of a contract's own costs is what the contract costs, whoever's workload it is.
        shown["usd"] = see(viewer, "exposure", "reserved_cost_usd", row["usd"])
    if isinstance(shown.get("serving_class"), str):
        shown["serving_class"] = class_in_words(viewer, shown["serving_class"], labels=labels)
    return shown


# Low use as runs before told it: the share first.
_SHARE_FIRST = re.compile(r"^[\d.]+\s?% of what ")


def _use_of_one_customer(viewer: Viewer, row: Mapping[str, Any], shown: Mapping[str, Any]) -> Row:
    """How much of a contract's own replicas is at work is what the customer uses of what it pays for: as that cost is."""
    told = see(viewer, "exposure", "consumed_cost_usd", row["measured"])
    if told is row["measured"] or not isinstance(shown["sentence"], str):
        return {}
    words = _SHARE_FIRST.sub("Little of what ", shown["sentence"])
    return {"measured": RESTRICTED, "peer": RESTRICTED, "sentence": words}


# What sales read in place of a deal of another account.
OTHERS_DEAL = "another account"


def _deal_label(viewer: Viewer, row: Mapping[str, Any]) -> str:
    label = label_of_contract(
        viewer, name=row["contract_name"], alias=row["customer_alias"], owner=row["owner_username"]
    )
    return OTHERS_DEAL if label == COMMITTED else label


def _demand_in_words(viewer: Viewer, row: Mapping[str, Any], labels: Iterable[ContractLabel]) -> str:
    """What the viewer may call a demand: its contract's label, or the workload that is our own."""
    key = row["contract_key"]
    if not key:
        return str(row["workload_key"])
    found = next((each for each in labels if each.key == key), None)
    if found is None:
        return "a contract"
    return label_of_contract(viewer, name=found.name, alias=found.alias, owner=found.owner)


# Columns that list demands, which may be contracts.
_LABELLED = {
    "unplaced": ("blockers", "smallest_changes"),
    "shortfall-remedies": ("displaces",),
    "scarcity-prices": ("unlocks",),
}

# The serving class of a contract's own accelerators is this and the contract's key; that of a pinned version on its own
# replicas has the version too.
_DEDICATED = "dedicated."


def class_in_words(viewer: Viewer, serving_class: str, *, labels: Iterable[ContractLabel]) -> str:
    """A serving class as the viewer may read it: one that is a contract's own names it as the viewer calls it."""
    if not serving_class.startswith(_DEDICATED):
        return serving_class
    key = serving_class.removeprefix(_DEDICATED)
    by_key = {each.key: each for each in labels}
    found = by_key.get(key) or by_key.get(re.sub(r"\.v\d+$", "", key))
    if found is None:
        return _DEDICATED.rstrip(".")
    label = label_of_contract(viewer, name=found.name, alias=found.alias, owner=found.owner)
    return serving_class if label == found.name else f"{_DEDICATED}{label}"


def labels_by_demand(labels: Iterable[ContractLabel]) -> _DemandLabels:
    """Demand key (`c.<contract>.v<version>`, of a deal `h.…`) → the label of its contract."""
    return _DemandLabels({label.key: label for label in labels})


class _DemandLabels(dict[str, ContractLabel]):
    """Looks a contract's label up by the key of its demand."""

    def get(self, key: str, default: Any = None) -> Any:
        if not key.startswith(("c.", "h.")):
            return default
        return super().get(key[2:].rpartition(".v")[0], default)


_MONEY = ("revenue_usd", "consumed_cost_usd", "reserved_cost_usd", "margin_usd", "worst_revenue_usd", "worst_cost_usd")
_SIZES = ("committed_accelerators", "planned_accelerators", "worst_accelerators", "capacity_gap_accelerators")


def _say_why_absent(row: Row) -> None:
    """An empty size is "unsized", an empty cost of a sized contract is "unknown cost": never a dash that reads as zero."""
    for name in _SIZES:
        if row[name] is None:
            row[name] = UNSIZED
    for name in (*_MONEY, "worst_margin_usd", "loss_exposure_usd", "margin_share", "worst_margin_share"):
        if row[name] is None:
            row[name] = UNSIZED if row["is_sized"] is False else UNKNOWN_COST


_OF_USE = ("reserved_cost_usd", "consumed_cost_usd", "margin_usd", "margin_share", "loss_exposure_usd")


def _say_why_unknown(row: Row) -> None:
    """The same of a contract at a multiple: a need that is not sized leaves its costs unsized too."""
    is_unsized = row["accelerators"] is None
    for name in ("accelerators", "capacity_gap_accelerators"):
        if row[name] is None:
            row[name] = UNSIZED
    for name in _OF_USE:
        if row[name] is None:
            row[name] = UNSIZED if is_unsized else UNKNOWN_COST if name.endswith("cost_usd") else UNKNOWN_MONEY
    if row["revenue_usd"] is None:
        row["revenue_usd"] = UNKNOWN_PRICE


# Money of a roll-up.
_ROLLED_UP = tuple(column.name for column in ROLLUPS.columns if column.unit == "USD" or column.name == "margin_share")
_SCENARIO_COSTS = (
    "consumed_cost_usd",
    "headroom_cost_usd",
    "reserved_cost_usd",
    "consumed_margin_usd",
    "margin_usd",
    "loss_exposure_usd",
    "margin_swing_usd",
)


def _say_why_scenario_is_absent(row: Row) -> None:
    """As for exposure; of revenue it is a price that is missing."""
    for name in ("capacity_gap_accelerators", "capacity_gap_accelerator_weeks"):
        if row[name] is None:
            row[name] = UNSIZED
    for name in _SCENARIO_COSTS:
        if row[name] is None:
            row[name] = UNSIZED if row["is_sized"] is False else UNKNOWN_COST
    if row["revenue_usd"] is None:
        row["revenue_usd"] = UNKNOWN_PRICE
    if row["is_priced"] is False:
        for name in ("margin_usd", "consumed_margin_usd", "loss_exposure_usd", "margin_swing_usd"):
            if row[name] is UNKNOWN_COST:
                row[name] = UNKNOWN_PRICE


def sorted_rows(rows: list[Row], *, key: str, descending: bool) -> list[Row]:
    """Rows by a column's visible value; what is hidden or not known comes last in either direction."""

    def known(row: Row) -> bool:
        return (
            isinstance(row[key], int | float | str) or hasattr(row[key], "quantize") or hasattr(row[key], "isoformat")
        )

    have: list[Row] = [row for row in rows if known(row)]
    rest = [row for row in rows if not known(row)]
    return [*sorted(have, key=lambda row: row[key], reverse=descending), *rest]
