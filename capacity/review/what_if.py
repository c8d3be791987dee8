"""What-ifs about a run: its inputs with changes in them, prepared by the code that plans, answered quickly and fully.

What belongs here: `resolve_with`, the hot plans a worker process keeps, and the names that make an answer readable. The
run and the tables of today are only read. Life cycle: capacity/allocation/what_ifs.py; who sees what: what_if_rows.
"""

from __future__ import annotations

import json
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from math import ceil
from typing import Any

from capacity.access.audit import record_event
from capacity.access.roles import Role
from capacity.access.viewer import viewer_of_user
from capacity.access.visibility import reads_floor
from capacity.allocation.domain.checks import BadProblem, check_problem
from capacity.allocation.domain.problem import Problem
from capacity.allocation.domain.problem_writer import problem_to_json
from capacity.allocation.domain.solution import Solution
from capacity.allocation.domain.solution_reader import solution_from_json
from capacity.allocation.domain.what_if import HotPlan, full
from capacity.allocation.domain.what_if_answer import Answer, answer_to_json
from capacity.allocation.heartbeat import LeaseKeeper
from capacity.allocation.leases import LeaseLost, Refused
from capacity.allocation.models import Run, RunDocument, WhatIf
from capacity.allocation.what_ifs import (
    WhatIfClaim,
    claim_what_if,
    fail_what_if,
    keep_full,
    keep_quick,
    refuse_what_if,
    renew_what_if,
    report_stage,
)
from capacity.decisions.policy import NoPolicyInForce
from capacity.review.attempts import Reporter, attempt
from capacity.review.compute import PreparedPlan, prepare_inputs
from capacity.review.documents import OtherFormulas, inputs_of_document
from capacity.review.input_edits import ChangesRefused, apply_changes
from capacity.review.inputs import Inputs
from capacity.review.move_answer import move_answer
from capacity.review.quote_answer import quote_answer
from contracts.models import Quote
from workloads.models import WorkloadMove

logger = logging.getLogger(__name__)

# The audit log's word for a quote that found no room, beside a hold's.
QUOTE_REFUSED = "quote.refused"
# Its word for a what-if after which more of what the asker sells is short, asked by whoever may not read the floor.
ASKED_SHORT = "scenario.short"
Progress = Callable[[str, float], None]
Changes = Sequence[Mapping[str, Any]]


class WhatIfRefused(Refused):
    """The question cannot be answered."""


@dataclass(frozen=True, kw_only=True)
class HotRun:
    """A run's inputs, its problem prepared again from them, its plan, and the serving model kept hot."""

    inputs: Inputs
    prepared: PreparedPlan
    problem: Problem
    solution: Solution
    plan: HotPlan


class HotRuns:
    """The runs asked about last, at most `most` of them: what bounds the memory of a worker."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[int, HotRun] = OrderedDict()

    def get(self, run_id: int) -> HotRun:
        """Raises WhatIfRefused."""
        if run_id not in self._kept:
            while len(self._kept) >= self._most:
                self._kept.popitem(last=False)
            self._kept[run_id] = heat_run(run_id)
        self._kept.move_to_end(run_id)
        return self._kept[run_id]

    def __len__(self) -> int:
        return len(self._kept)


def run_inputs(run_id: int) -> Inputs:
    """The inputs stored with a run. Raises WhatIfRefused where the run has no document or was made by other formulas."""
    found = RunDocument.objects.filter(run_id=run_id).values_list("inputs", "run__inputs_version").first()
    if found is None:
        raise WhatIfRefused(code="no_document", sentence="That run did not finish: ask about one that is done.")
    try:
        return inputs_of_document(found[0], version=found[1] or 0).in_order()
    except OtherFormulas as error:
        sentence = f"That run was {error}. Ask about the current plan."
        raise WhatIfRefused(code="other_formulas", sentence=sentence) from error


def heat_run(run_id: int) -> HotRun:
    """Raises WhatIfRefused also where the run's inputs no longer give its problem."""
    inputs = run_inputs(run_id)
    document = RunDocument.objects.filter(run_id=run_id).only("problem", "solution").get()
    prepared = prepare_inputs(inputs=inputs, progress=_ignore)
    if json.loads(json.dumps(problem_to_json(prepared.problem))) != document.problem:
        sentence = "That run was planned by an earlier release, which sized it differently. Ask about the current plan."
        raise WhatIfRefused(code="other_formulas", sentence=sentence)
    solution = solution_from_json(document.solution)
    plan = HotPlan(problem=prepared.problem, solution=solution)
    return HotRun(inputs=inputs, prepared=prepared, problem=prepared.problem, solution=solution, plan=plan)


def resolve_with(
    *, run: HotRun, changes: Changes, on_quick: Callable[[dict[str, Any]], None], progress: Progress
) -> dict[str, Any]:
    """Both answers to changes that were checked before: the quick one to `on_quick` as soon as it is there, then the
    full one returned. Both as JSON with the names of what they speak of. Raises WhatIfRefused.
    """
    progress("Preparing the change", 0.02)
    changed = prepare_changed(run=run, changes=changes)
    names = _Names(run.prepared, changed)
    progress("Serving solved again, placements held", 0.1)
    on_quick(names.added_to(run.plan.quick(changed=changed.problem)))
    answer = full(
        problem=run.problem,
        solution=run.solution,
        changed=changed.problem,
        progress=lambda stage, share: progress(stage, 0.15 + 0.8 * share),
    )
    return names.added_to(answer)


def prepare_changed(*, run: HotRun, changes: Changes) -> PreparedPlan:
    """The problem of the run's inputs with the changes in them, by the code that plans. Raises WhatIfRefused."""
    try:
        inputs, _ = apply_changes(inputs=run.inputs, changes=changes, viewer=None)
        prepared = prepare_inputs(inputs=inputs.in_order(), progress=_ignore, known=run.prepared)
        check_problem(prepared.problem)
    except (ChangesRefused, NoPolicyInForce) as error:
        raise WhatIfRefused(code="bad_change", sentence=str(error)) from error
    except BadProblem as error:
        raise WhatIfRefused(code="bad_problem", sentence=" ".join(error.sentences)) from error
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        logger.warning("the change cannot be prepared: %r", error)
        sentence = f"With this change the inputs cannot be planned ({type(error).__name__}: {error})."
        raise WhatIfRefused(code="bad_change", sentence=sentence) from error
    return prepared


class _Names:
    """What demands and experiments of both sides are called, and whose they are."""

    def __init__(self, before: PreparedPlan, after: PreparedPlan) -> None:
        self._demands: dict[str, dict[str, Any]] = {}
        self._experiments: dict[str, dict[str, Any]] = {}
        for side in (before, after):
            teams = {row["key"]: row["name"] for row in side.inputs.tables["teams"]}
            for contract in (*side.contracts, *side.deals):
                self._demands[contract.demand_key] = {
                    "contract_key": str(contract.row["key"]),
                    "contract_name": str(contract.row["name"]),
                    "customer_name": str(contract.customer["name"]),
                    "customer_alias": str(contract.customer["alias"]),
                    "owner": str(contract.row["owner"] or ""),
                    "workload_key": str(contract.row["workload"] or ""),
                }
            for row in side.inputs.tables["experiments"]:
                team = teams.get(row["team"], row["team"])
                self._experiments[row["key"]] = {"name": row["name"], "team_key": row["team"], "team_name": team}

    def added_to(self, answer: Answer) -> dict[str, Any]:
        document = answer_to_json(answer)
        for row in document["demands"]:
            row["of"] = self._demands.get(row["key"], {"workload_key": row["key"].removeprefix("w.")})
        for row in document["placements"]:
            row["of"] = self._experiments.get(row["key"], {"name": row["key"], "team_key": "", "team_name": ""})
        return document


def _ignore(_stage: str, _share: float) -> None:
    """Progress of what takes no time."""


# --- in the worker --------------------------------------------------------------------------------------------------


def answer_question(*, what_if_id: int, worker: str, clock: Callable[[], datetime], runs: HotRuns) -> str:
    """Answer the question if it is to be had; calling it any number of times gives one result. Returns the state.

    Errors end in the row, never in the broker; the log has the trace.
    """
    claim = claim_what_if(what_if_id=what_if_id, worker=worker, now=clock())
    if claim is None:
        return "not_claimed"
    try:
        with LeaseKeeper(claim=claim, clock=clock, renew=renew_what_if) as lease:
            return attempt(
                name=f"what-if {claim.what_if_id} attempt {claim.attempt}",
                work=lambda: _answer(claim, lease, clock, runs),
                refuse=lambda **why: refuse_what_if(claim=claim, now=clock(), **why),
                fail=lambda **why: fail_what_if(claim=claim, now=clock(), **why),
            )
    except LeaseLost:
        return "fenced_off"


def _answer(claim: WhatIfClaim, lease: LeaseKeeper, clock: Callable[[], datetime], runs: HotRuns) -> str:
    started = time.perf_counter()
    run = runs.get(claim.run_id)
    heated = time.perf_counter()
    quick_at: list[float] = []

    def on_quick(answer: dict[str, Any]) -> None:
        keep_quick(claim=claim, answer=answer)
        quick_at.append(time.perf_counter())

    tell = Reporter(name=f"what-if {claim.what_if_id}", tell=partial(report_stage, claim=claim), lease=lease)
    quote = Quote.objects.select_related("made_by").filter(what_if_id=claim.what_if_id).first()
    share = 0.5 if quote else 1.0
    answer = resolve_with(
        run=run, changes=claim.changes, on_quick=on_quick, progress=lambda stage, done: tell(stage, done * share)
    )
    if quote is not None:
        answer["quote"] = _quoted(run, quote, lambda stage, done: tell(stage, share + 0.48 * done))
    if is_asked_of_a_move(claim.what_if_id):
        changed = prepare_changed(run=run, changes=claim.changes)
        answer["move"] = move_answer(before=run.prepared, after=changed, answer=answer)
    seconds = {
        "read": round(heated - started, 3),
        "quick": round(quick_at[0] - heated, 3),
        "full": round(time.perf_counter() - quick_at[0], 3),
    }
    keep_full(claim=claim, answer=answer, seconds=seconds, now=clock())
    if quote is not None:
        _note_refused(quote, answer["quote"])
    else:
        _note_short(claim.what_if_id, answer)
    return "done"


def is_asked_of_a_move(what_if_id: int) -> bool:
    """Whether the question is what a move would save."""
    return WorkloadMove.objects.filter(what_if_uuid__in=WhatIf.objects.filter(pk=what_if_id).values("uuid")).exists()


def _note_refused(quote: Quote, document: Mapping[str, Any]) -> None:
    """Keeps in the audit log a quote that found no room: asking again and again is seen (methods: Quotes)."""
    short = document.get("short")
    if short and not document["fits"]:
        detail = {"week": short["week"], "short": short["most"], "weeks": short["in_all"]}
        record_event(user=quote.made_by, action=QUOTE_REFUSED, subject=f"quote {quote.number}", detail=detail)


def _note_short(what_if_id: int, answer: Mapping[str, Any]) -> None:
    """Keeps in the audit log what would be short more, for those to whom an answer tells it in steps."""
    row = WhatIf.objects.select_related("asked_by").get(pk=what_if_id)
    asker = viewer_of_user(row.asked_by)
    owned = [each for each in answer["demands"] if asker.owns(Role.SALES, each["of"].get("owner", ""))]
    short = ceil(sum(max(0.0, each["short_after"] - each["short_before"]) for each in owned))
    if short > 0 and not reads_floor(asker):
        detail = {"short_accelerator_weeks": short}
        record_event(user=row.asked_by, action=ASKED_SHORT, subject=f"what-if {row.uuid}", detail=detail)


def _quoted(run: HotRun, quote: Quote, progress: Progress) -> dict[str, Any]:
    """What is said of a quote beside what its rows change. Raises WhatIfRefused."""
    try:
        return quote_answer(
            inputs=run.inputs,
            prepared=run.prepared,
            payload=quote.payload,
            target_share=quote.target_margin_share,
            progress=progress,
            in_steps=not reads_floor(viewer_of_user(quote.made_by)),
        )
    except ChangesRefused as error:
        raise WhatIfRefused(code="bad_change", sentence=str(error)) from error


def latest_run_id(run_id: int) -> int:
    """The run that holds the rows: a run that found nothing new shows another's."""
    found = Run.objects.filter(pk=run_id).values_list("state", "reused_run_id").first()
    return found[1] if found and found[0] == "reused" and found[1] else run_id
