"""What a move would save on paper, before anybody asks: the very figure of its what-if, without solving (methods:
Cheaper serving). Pure.

What belongs here: the classes that a move changes, sized again from the run's inputs with its changes in them. The
arithmetic of the saving is workloads/domain/moves.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from capacity.imports.rows import cell_text
from capacity.imports.tables import tables
from capacity.imports.tabular import read_cell
from capacity.review.compute import HOLDS, PreparedPlan
from capacity.review.input_edits import CHANGED
from capacity.review.inputs import Inputs
from capacity.review.move_answer import class_sides
from capacity.review.move_changes import Change, MoveRefused, Terms, changes_of_move
from contracts.demand import contract_loads
from contracts.inputs import contracts_in_force, deals_in_pipeline
from workloads.demand import ClassLoad, own_product_loads, profiles_of, serving_classes
from workloads.domain.classes import ServingClass
from workloads.domain.moves import MOVE_WEEKS, saving_of


def paper_of(plan: PreparedPlan, terms: Terms) -> Decimal | None:
    """USD a week of load saved, the mean of the next weeks; None where the move cannot be made or a rate is missing.

    terms: of a kind that plans suggest: it changes rows of the card and its contracts in place.
    """
    try:
        changes = changes_of_move(terms=terms, inputs=plan.inputs.tables)
    except MoveRefused:
        return None
    changed = _with_changes(plan.inputs, changes)
    before = {each.key: each for each in plan.classes}
    loads = _loads(plan, changed, terms.workload)
    touched = {key for key, each in before.items() if _serves(each, terms.workload)}
    touched |= {each.class_key for each in loads if each.load.workload_key == terms.workload}
    after = serving_classes(
        loads=[each for each in loads if each.class_key in touched],
        tables=changed.tables,
        policy=plan.policy,
        weeks=len(changed.horizon),
    )
    weeks = min(MOVE_WEEKS, len(changed.horizon))
    return saving_of(
        before=class_sides(plan, weeks, [before[key] for key in sorted(touched & before.keys())]),
        after=class_sides(plan, weeks, after),
        weeks=weeks,
    ).paper_usd


def _with_changes(inputs: Inputs, changes: Sequence[Change]) -> Inputs:
    """The inputs with these rows changed. That a row may be so is checked when it is asked."""
    found = {name: list(rows) for name, rows in inputs.tables.items()}
    for change in changes:
        table, rows = tables()[change["table"]], found[change["table"]]
        assert change["op"] == CHANGED
        at = next(n for n, row in enumerate(rows) if [cell_text(row[name]) for name in table.key] == change["key"])
        cells = {name: read_cell(table.column(name), text) for name, text in change["values"].items()}
        rows[at] = {**rows[at], **cells}
    return replace(inputs, tables=found)


def _serves(serving: ServingClass, workload: str) -> bool:
    return any(member.workload_key == workload for member in serving.members)


def _loads(plan: PreparedPlan, inputs: Inputs, workload: str) -> list[ClassLoad]:
    """The loads of all cards on the models that the workload is served by before or after: what shares its classes."""
    models = {row["model_version"] for of in (plan.inputs, inputs) for row in _cards(of) if row["key"] == workload}
    cards = [row for row in _cards(inputs) if row["key"] == workload or row["model_version"] in models]
    keys = {row["key"] for row in cards}
    contracts = [row for row in inputs.tables["contracts"] if row["workload"] in keys]
    narrow: dict[str, Sequence[Mapping[str, Any]]] = {**inputs.tables, "workloads": cards, "contracts": contracts}
    policy, horizon = plan.policy, inputs.horizon
    own, _ = own_product_loads(tables=narrow, policy=policy, horizon=horizon, as_of=inputs.as_of)
    sold = contracts_in_force(tables=narrow, policy=policy, horizon=horizon, as_of=inputs.as_of)
    if policy.tier_of(HOLDS) is not None:
        deals = deals_in_pipeline(tables=narrow, policy=policy, horizon=horizon, as_of=inputs.as_of)
        sold = [*sold, *(each for each in deals if each.hold is not None)]
    unpriced = (None,) * len(horizon)
    found, _ = contract_loads(
        contracts=sold,
        # What a load is worth is no part of its size.
        revenue={each.demand_key: plan.revenue.get(each.demand_key, unpriced) for each in sold},
        profile_places=set(profiles_of(tables=narrow, policy=policy)),
        horizon=horizon,
    )
    return [*own, *found]


def _cards(inputs: Inputs) -> Iterable[Mapping[str, Any]]:
    return inputs.tables["workloads"]
