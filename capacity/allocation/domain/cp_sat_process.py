"""The process in which the integer solver runs, and the only file that imports OR-tools.

OR-tools brings a HiGHS library of its own which cannot be loaded beside highspy's, so the two never share a process.
A request on standard input is its length in a line and then the numbers of a program as Python writes them for itself,
which takes a tenth of the time of text; one answer a line on standard output, JSON. It ends with its input or its parent.
"""

from __future__ import annotations

import json
import marshal
import os
import sys
import threading
import time
from typing import Any

from ortools.sat.python import cp_model_helper as cp_sat

SEED = 20260101
PARENT_SECONDS = 0.5
FINAL = ("optimal", "infeasible", "invalid")
# What a first try of each is like was measured on packing programs (docs/methods.md, Packing).
STRATEGIES: tuple[dict[str, int], ...] = (
    {"linearization_level": 2, "cp_model_probing_level": 0, "symmetry_level": 0, "max_presolve_iterations": 1},
    {"linearization_level": 2, "symmetry_level": 0},
    {"linearization_level": 1},
    {"linearization_level": 2},
)


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
    """status: optimal, feasible, unknown, infeasible or invalid; values and bound of the maximisation.

    One strategy after another, each beginning from the best point so far: how long one takes on such programs differs
    by orders of magnitude from another, and which of them is quick cannot be known before.
    """
    best: dict[str, Any] = {"status": "unknown", "values": None, "bound": float("inf"), "spent": 0.0}
    best["value"] = float("-inf")
    for strategy in STRATEGIES[: request["searches"]]:
        found = _search(request, strategy)
        best["bound"] = min(best["bound"], found["bound"])
        best["spent"] += found["spent"]
        if found["values"] is not None and found["value"] > best["value"]:
            best |= {"values": found["values"], "value": found["value"]}
            request["hint"] = [list(range(len(found["values"]))), found["values"]]
        if best["values"] is None or found["status"] in FINAL:
            best["status"] = found["status"]
        else:
            best["status"] = "feasible"
        gap = best["bound"] - best["value"]
        if found["status"] in FINAL or gap <= request["gap"] * max(1.0, abs(best["bound"])):
            break
    return best


def _search(request: dict[str, Any], strategy: dict[str, int]) -> dict[str, Any]:
    parameters = cp_sat.SatParameters()
    parameters.num_workers = 1
    parameters.max_deterministic_time = request["units"]
    parameters.relative_gap_limit = request["gap"]
    parameters.random_seed = SEED
    for name, value in strategy.items():
        setattr(parameters, name, value)
    solver: Any = cp_sat.SolveWrapper()
    solver.set_parameters(parameters)
    answer = solver.solve(build_model(request))
    status = str(answer.status).rsplit(".", 1)[-1].lower()
    has_point = status in ("optimal", "feasible")
    worth = -answer.objective_value if has_point else float("-inf")
    return {
        "status": status,
        "values": list(answer.solution) if has_point else None,
        "value": worth,
        "bound": _bound(status, worth, -answer.best_objective_bound),
        "spent": answer.deterministic_time,
    }


def _bound(status: str, value: float, told: float) -> float:
    """What the solver tells as its bound, if it is one: a search cut short before it had any tells 0 or less."""
    if status == "optimal":
        return max(value, told)
    return told if told > max(0.0, value) else float("inf")


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
    while length := sys.stdin.buffer.readline():
        answers.write(json.dumps(solve(marshal.loads(sys.stdin.buffer.read(int(length))))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
