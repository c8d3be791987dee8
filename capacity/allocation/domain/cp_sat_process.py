"""The process in which the integer solver runs, and the only file that imports OR-tools.

OR-tools brings a HiGHS library of its own which cannot be loaded beside highspy's, so the two never share a process.
One request a line on standard input, one answer a line on standard output, JSON; it ends with its input or its parent.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

from ortools.sat.python import cp_model_helper as cp_sat

SEED = 20260101
PARENT_SECONDS = 0.5


def build_model(request: dict[str, Any]) -> Any:
    """The request as the solver's model; the objective is negated, because the solver minimises."""
    model = cp_sat.CpModelProto()
    for lower, upper in zip(request["lower"], request["upper"], strict=True):
        model.variables.add().domain.extend([lower, upper])
    for variables, coefficients, lower, upper in request["rows"]:
        linear = model.constraints.add().linear
        linear.vars.extend(variables)
        linear.coeffs.extend(coefficients)
        linear.domain.extend([lower, upper])
    for variables in request["at_most_one"]:
        model.constraints.add().at_most_one.literals.extend(variables)
    model.objective.vars.extend(request["objective"][0])
    model.objective.coeffs.extend([-value for value in request["objective"][1]])
    if request["hint"] is not None:
        model.solution_hint.vars.extend(request["hint"][0])
        model.solution_hint.values.extend(request["hint"][1])
    return model


def solve(request: dict[str, Any]) -> dict[str, Any]:
    """status: optimal, feasible, unknown, infeasible or invalid; values and bound of the maximisation."""
    parameters = cp_sat.SatParameters()
    parameters.num_workers = request["searches"]
    parameters.interleave_search = request["searches"] > 1
    parameters.max_deterministic_time = request["units"]
    parameters.relative_gap_limit = request["gap"]
    parameters.random_seed = SEED
    parameters.linearization_level = request.get("linearization", 1)
    solver = cp_sat.SolveWrapper()
    solver.set_parameters(parameters)
    answer = solver.solve(build_model(request))
    status = str(answer.status).rsplit(".", 1)[-1].lower()
    has_point = status in ("optimal", "feasible")
    return {
        "status": status,
        "values": list(answer.solution) if has_point else None,
        "bound": -answer.best_objective_bound,
        "spent": answer.deterministic_time,
    }


def _watch_parent() -> None:
    """Ends this process when whoever started it is gone, however it went."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_SECONDS)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    _watch_parent()
    answers = os.fdopen(os.dup(1), "w")
    # Whatever the library may print goes to standard error, never between two answers.
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(solve(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
