"""Hands integer programs to the solver's process and reads its answers.

What belongs here: starting, keeping and replacing that process (`cp_sat_process`), and reading its answers as values
or as a SolverFailed. Limits are deterministic units, so the same program gives the same answer everywhere.
"""

from __future__ import annotations

import atexit
import importlib.metadata
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from capacity.allocation.domain.integer_program import FAR, Effort, Found, IntegerProgram, Objective
from capacity.allocation.domain.solver import SolverFailed

CP_SAT_VERSION = f"CP-SAT {importlib.metadata.version('ortools')}"
ROUNDING = 1e-6
PROGRAM = Path(__file__).with_name("cp_sat_process.py")


class _SolverProcess:
    """One process for this one; started when first needed, and again in a forked child or after it died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Raises SolverFailed when the process dies over the request."""
        line = json.dumps(request) + "\n"
        with self._lock:
            process = self._running()
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.write(line)
                process.stdin.flush()
                answer = process.stdout.readline()
            except (OSError, ValueError) as error:
                self._end()
                raise SolverFailed(f"the integer solver's process is gone ({error})") from error
            except BaseException:
                # Interrupted half way (a time limit): the next request must not read this one's answer.
                self._end()
                raise
            if not answer:
                self._end()
                raise SolverFailed("the integer solver's process ended without an answer")
            return dict(json.loads(answer))

    def begin(self) -> None:
        """Starts the process if it does not run, so that it is ready when first asked."""
        with self._lock:
            self._running()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            self._owner = os.getpid()
        return self._process

    def _end(self) -> None:
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            self._process.wait()
        self._process = None

    def close(self) -> None:
        with self._lock:
            self._end()


_SOLVER = _SolverProcess()
atexit.register(_SOLVER.close)


def get_ready() -> None:
    """The solver's process starts, while others still work on what it will be asked."""
    _SOLVER.begin()


def maximise(
    program: IntegerProgram, objective: Objective, *, effort: Effort, start: Mapping[int, int] | None = None
) -> Found | None:
    """The best point of the program found within the effort; None where it has none. start: a point to begin from.

    Raises SolverFailed when the solver died or refused the program.
    """
    terms = sorted((variable, value) for variable, value in objective.items() if value)
    answer = _SOLVER.ask(
        {
            "lower": program.lower,
            "upper": program.upper,
            "rows": program.rows,
            "at_most_one": program.at_most_one,
            "objective": [[variable for variable, _ in terms], [value for _, value in terms]],
            "hint": None if start is None else [list(start), list(start.values())],
            "units": effort.units,
            "gap": effort.gap,
            "searches": effort.searches,
        }
    )
    most = sum(value * (program.upper[v] if value > 0 else program.lower[v]) for v, value in terms)
    if answer["status"] == "infeasible":
        return None
    if answer["status"] not in ("optimal", "feasible", "unknown"):
        raise SolverFailed(f"the integer solver calls the program {answer['status']}")
    values = answer["values"]
    value = 0 if values is None else sum(coefficient * values[v] for v, coefficient in terms)
    # The bound of a whole-number objective may be rounded down to the next whole number.
    bound = math.floor(answer["bound"] + ROUNDING) if abs(answer["bound"]) < FAR else most
    bound = min(most, bound) if terms else 0
    if values is not None:
        bound = max(bound, value)
    return Found(
        values=values, value=value, bound=bound, is_optimal=values is not None and bound == value, spent=answer["spent"]
    )
