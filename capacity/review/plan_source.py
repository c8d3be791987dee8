"""The plan source of the product: reads all tables, computes the plan, writes its rows. What cycle.py runs.

Everything a run publishes passes through `ComputedPlan`: its rows are hashed as they are written, so that a frozen
review can be checked against the database years later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import models

from capacity.allocation import models as allocation
from capacity.allocation.domain.checks import BadProblem
from capacity.allocation.domain.engine import ENGINE_VERSION, SOLVER_VERSION
from capacity.allocation.domain.problem_writer import problem_to_json
from capacity.allocation.domain.solution import solution_to_json
from capacity.allocation.models import Run, RunDocument
from capacity.allocation.runs import PlanHeader, PlanRefused
from capacity.decisions.policy import NoPolicyInForce
from capacity.imports.rows import as_json
from capacity.lib.canonical import content_hash
from capacity.review.actual_rows import actual_tables
from capacity.review.card_rows import workload_card_rows
from capacity.review.changes import Changes, compare
from capacity.review.compute import solve_inputs
from capacity.review.contract_standing import contract_lot_rows, contract_pool_rows, standing_of
from capacity.review.envelope_check import check_envelopes
from capacity.review.fairness_rows import team_rows
from capacity.review.inputs import FORMULA_VERSION, Inputs, read_inputs
from capacity.review.map_rows import issue_rows, unplaced_rows, workload_rows
from capacity.review.map_use_rows import uses_of, workload_use_rows
from capacity.review.metrics import figure_rows
from capacity.review.models import Review, RunChance, RunFigure, RunRollup, RunScenario
from capacity.review.money_tables import money_tables
from capacity.review.plan_moves import moves_against_current
from capacity.review.plan_rows import PlanRows
from capacity.review.preemption_rows import preemption_rows
from capacity.review.queue_rows import queue_rows
from capacity.review.remedies import remedy_rows
from capacity.review.row_copy import copy_rows
from capacity.review.snapshots import against_review, result_rows
from capacity.review.trough_rows import trough_rows
from capacity.review.waste_rows import WasteRows
from contracts.deals import deal_rows
from contracts.exposure import rows_of_measured
from contracts.measured import measured_contracts
from contracts.models import (
    RunContractLot,
    RunContractMultiple,
    RunContractPool,
    RunContractSla,
    RunDeal,
    RunExposure,
)
from contracts.sla_rows import sla_rows
from contracts.use import multiple_rows
from workloads.actual_models import ACTUAL_TABLES
from workloads.models import (
    RunMove,
    RunMoveCandidate,
    RunPreemption,
    RunQueue,
    RunTeam,
    RunTrough,
    RunWaste,
    RunWorkload,
    RunWorkloadCard,
    RunWorkloadUse,
)

Progress = Callable[[str, float], None]
Row = dict[str, Any]

# Every result table, in the order in which it is written and hashed.
RESULT_TABLES: tuple[tuple[str, type[models.Model]], ...] = (
    ("pools", allocation.RunPool),
    ("pool_weeks", allocation.RunPoolWeek),
    ("lot_events", allocation.RunLotEvent),
    ("allocations", allocation.RunAllocation),
    ("demands", allocation.RunDemand),
    ("placements", allocation.RunPlacement),
    ("unplaced", allocation.RunUnplaced),
    ("scarcity_prices", allocation.RunScarcityPrice),
    ("shortfall_remedies", allocation.RunShortfallRemedy),
    ("tiers", allocation.RunTier),
    ("issues", allocation.RunIssue),
    ("workloads", RunWorkload),
    ("workload_use", RunWorkloadUse),
    ("workload_cards", RunWorkloadCard),
    ("troughs", RunTrough),
    ("move_candidates", RunMoveCandidate),
    ("waste", RunWaste),
    ("exposure", RunExposure),
    ("exposure_scenarios", RunScenario),
    ("exposure_rollups", RunRollup),
    ("money_risk", RunChance),
    ("deals", RunDeal),
    ("contract_multiples", RunContractMultiple),
    ("contract_pools", RunContractPool),
    ("contract_lots", RunContractLot),
    ("contract_slas", RunContractSla),
    ("teams", RunTeam),
    ("queue", RunQueue),
    ("preemptions", RunPreemption),
    *ACTUAL_TABLES,
    ("figures", RunFigure),
)
# Tables that came later than the first runs: where they are empty they count for nothing in a run's hash, so that runs
# from before keep the hash they were sealed with.
LATER_TABLES = frozenset({"deals", "contract_multiples", "contract_pools", "contract_lots", "contract_slas"}) | {
    "exposure_scenarios",
    "exposure_rollups",
    "money_risk",
    "workload_use",
    "workload_cards",
    "teams",
    "queue",
    "preemptions",
    "troughs",
    "move_candidates",
    "waste",
    *(name for name, _ in ACTUAL_TABLES),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ComputedPlan:
    """A plan ready to be written: its header, document and rows by table."""

    header: PlanHeader
    document: Mapping[str, Any]
    tables: Mapping[str, list[Row]]

    def write(self, run: Run) -> None:
        """Insert everything under the run, with what changed since the last frozen review. Inside the publishing
        transaction, so that the comparison is with the review that is the last one when the plan becomes current."""
        RunDocument.objects.create(run=run, **self.document, changes=self._changes())
        moves = moves_against_current(run_id=run.pk, inputs=self.document["inputs"], tables=self.tables)
        RunMove.objects.bulk_create(moves)
        for name, model in RESULT_TABLES:
            copy_rows(model, self.tables[name], run_id=run.pk)

    def _changes(self) -> Changes:
        last = Review.objects.order_by("-week").first()
        if last is None:
            return compare(before_inputs=None, before_results={}, after_inputs={}, after_results={})
        return compare(
            before_inputs=RunDocument.objects.values_list("inputs", flat=True).get(run_id=last.run_id),
            before_results=result_rows(last.run_id),
            after_inputs=self.document["inputs"],
            after_results=self.tables,
            against=against_review(last),
        )


class ReviewPlanSource:
    """Reads and computes the weekly plan. Stateless."""

    formula_version = FORMULA_VERSION
    solver_version = f"engine {ENGINE_VERSION}, {SOLVER_VERSION}"

    def read(self, *, as_of: date) -> Inputs:
        return read_inputs(as_of=as_of)

    def compute(self, *, inputs: Inputs, progress: Progress, effort: str = "quick") -> ComputedPlan:
        """Raises PlanRefused where the inputs cannot be planned whatever is tried again."""
        started = time.perf_counter()
        inputs = inputs.in_order()
        try:
            plan = solve_inputs(inputs=inputs, progress=progress, effort=effort)
        except NoPolicyInForce as error:
            raise PlanRefused(code="no_policy", sentence=str(error)) from error
        except BadProblem as error:
            raise PlanRefused(code="bad_problem", sentence=" ".join(error.sentences)) from error
        solved = time.perf_counter()
        progress("Checking the envelope", 0.86)
        rows = PlanRows(plan)
        check_envelopes(rows)
        progress("Costing contracts", 0.88)
        measured = measured_contracts(
            contracts=plan.contracts,
            classes=plan.classes,
            revenue=plan.revenue,
            plan=rows.plan_costs,
            fallback_rates=rows.fallback_rates,
            policy=plan.policy,
            models=rows.models,
        )
        multiples = multiple_rows(contracts=measured, first_week=rows.weeks[0])
        standing = standing_of(rows)
        progress("Scenarios of use", 0.92)
        money = money_tables(rows=rows, measured=measured)
        progress("Explaining", 0.94)
        uses = uses_of(rows)
        cards = workload_card_rows(rows, uses)
        found = WasteRows(rows, uses, cards)
        tables: dict[str, list[Row]] = {
            "pools": rows.pool_rows,
            "pool_weeks": rows.pool_week_rows,
            "lot_events": rows.lot_event_rows,
            "allocations": rows.allocation_rows,
            "demands": rows.demand_rows,
            "placements": rows.placement_rows,
            "unplaced": unplaced_rows(rows),
            "scarcity_prices": rows.scarcity_rows,
            "shortfall_remedies": remedy_rows(rows),
            "tiers": rows.tier_rows,
            "issues": issue_rows(rows, contracts=[each.contract for versions in measured for each in versions]),
            "workloads": workload_rows(rows, uses),
            "workload_use": workload_use_rows(uses),
            "workload_cards": cards,
            "teams": team_rows(rows),
            "queue": queue_rows(rows),
            "preemptions": preemption_rows(rows),
            "troughs": trough_rows(rows),
            "move_candidates": found.suggested(),
            "waste": found.waste(),
            **actual_tables(rows),
            "exposure": rows_of_measured(measured, rows.horizon),
            **money,
            "deals": deal_rows(
                deals=plan.deals,
                revenue=plan.revenue,
                held=rows.held_weeks,
                tables=plan.inputs.tables,
                policy=plan.policy,
                horizon=rows.horizon,
            ),
            "contract_multiples": multiples,
            "contract_pools": contract_pool_rows(rows, standing),
            "contract_lots": contract_lot_rows(rows, standing),
            "contract_slas": sla_rows(
                contracts=measured,
                lines=plan.inputs.tables["sla_lines"],
                fees={row["contract_key"]: row["revenue_usd"] for row in multiples if row["position"] == 0},
            ),
        }
        tables["figures"] = figure_rows(rows=rows, tables=tables)
        tables = {name: as_stored(model, tables[name]) for name, model in RESULT_TABLES}
        document = {
            "inputs": inputs.as_document(),
            "problem": problem_to_json(plan.problem),
            "solution": {**solution_to_json(plan.solution), "seconds": {}},
        }
        return ComputedPlan(
            header=PlanHeader(
                result_hash=hash_of_tables(tables),
                as_of_date=inputs.as_of,
                first_week=inputs.horizon.first.key,
                weeks=len(inputs.horizon),
                policy_version=plan.policy.version,
                formula_version=self.formula_version,
                solver_version=self.solver_version,
                termination=plan.solution.termination,
                seconds={
                    "solve": round(solved - started, 3),
                    "rows": round(time.perf_counter() - solved, 3),
                },
            ),
            document=document,
            tables=tables,
        )


def as_stored(model: type[models.Model], rows: Iterable[Row]) -> list[Row]:
    """The rows with every decimal rounded to its column's places, so that what is hashed is what the database holds."""
    steps = {
        field.name: Decimal(1).scaleb(-(field.decimal_places or 0))
        for field in model._meta.concrete_fields
        if isinstance(field, models.DecimalField)
    }
    return [
        {
            name: Decimal(value).quantize(steps[name]) if name in steps and value is not None else value
            for name, value in row.items()
        }
        for row in rows
    ]


def hash_of_tables(tables: Mapping[str, list[Row]]) -> str:
    """SHA-256 over every row of every result table, in table order and in the order of their canonical text."""
    names = [name for name, _ in RESULT_TABLES if tables[name] or name not in LATER_TABLES]
    return content_hash({name: sorted(map(content_hash, map(as_json, tables[name]))) for name in names})


def result_hash_of_run(run_id: int) -> str:
    """The same hash from what the database holds now: equal to the run's unless somebody changed a row."""
    tables = {}
    for name, model in RESULT_TABLES:
        columns = [field.name for field in model._meta.concrete_fields if field.name not in {"id", "run"}]
        tables[name] = list(model._default_manager.filter(run_id=run_id).values(*columns))
    return hash_of_tables(tables)
