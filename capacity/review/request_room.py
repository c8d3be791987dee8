"""What a run left, kept ready for questions about requests: its problem and plan with everything in them held.

A run never changes, so a process keeps the last two asked about. No solver runs here; nothing is made again that the run
stored. Cold it reads the run's document once, warm an answer takes milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from capacity.allocation.domain.ask_request import HeldRun
from capacity.allocation.domain.problem import Problem
from capacity.allocation.domain.problem_file import problem_from_bytes
from capacity.allocation.domain.solution_reader import solution_from_json
from capacity.allocation.models import RunDocument
from capacity.review.inputs import Inputs
from capacity.review.quote_asking import KEPT_RUNS, RunRoom, run_room
from capacity.review.what_if import WhatIfRefused


@dataclass(frozen=True, slots=True)
class RequestRoom:
    """A run's inputs, what a pool's hour costs in it, and its plan held. names: of its requests, pools and floors."""

    run: RunRoom
    plan: HeldRun
    request_names: dict[str, str]
    pool_names: dict[str, str]
    floor_names: dict[str, str]

    @property
    def inputs(self) -> Inputs:
        return self.run.inputs


@lru_cache(maxsize=KEPT_RUNS)
def request_room(run_id: int) -> RequestRoom:
    """Three queries the first time. Raises WhatIfRefused for a run that has no document or was made by other formulas."""
    run = run_room(run_id)
    found = RunDocument.objects.filter(run_id=run_id).values_list("problem", "solution").first()
    if found is None:
        raise WhatIfRefused(code="no_document", sentence="That run did not finish: ask about one that is done.")
    plan = HeldRun(problem=_problem(found[0]), solution=solution_from_json(found[1]))
    tables = run.inputs.tables
    return RequestRoom(
        run=run,
        plan=plan,
        request_names={row["key"]: row["name"] for row in tables["experiments"]},
        pool_names={row["key"]: row["name"] for row in tables["pools"]},
        floor_names={row["key"]: row["name"] for row in tables["policy_floors"]},
    )


def _problem(document: Mapping[str, Any]) -> Problem:
    """The stored problem without its demands: what serves is held as the plan has it, and reading it takes longest."""
    return problem_from_bytes(json.dumps({**document, "serving": []}).encode())
