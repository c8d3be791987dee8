"""Asks the second solver (`exact_program`), which lives in a process of its own, for the values of a problem.

What belongs here: starting, asking and stopping that process. A value is (dollars, unmet accelerators, minus
accelerator-weeks placed), all to be made small, as fractions.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

PROJECT = Path(__file__).resolve().parents[3]
TierValues = list[tuple[Fraction, Fraction, Fraction]]


class ExactValues:
    """The process, started on entering and stopped on leaving."""

    def __enter__(self) -> ExactValues:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.domain.allocation.exact_program"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=60)

    def of(self, document: dict[str, Any]) -> TierValues:
        """The best value of every tier after the tiers above it."""
        return self._ask({"problem": document})

    def beside(self, document: dict[str, Any], given: Sequence[Sequence[Fraction]]) -> TierValues:
        """The best value of every tier while the tiers above it are no worse than `given`."""
        return self._ask({"problem": document, "given": [[str(value) for value in row] for row in given]})

    def _ask(self, question: dict[str, Any]) -> TierValues:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the second solver stopped; what it said stands on standard error"
        return [(Fraction(usd), Fraction(unmet), Fraction(placed)) for usd, unmet, placed in json.loads(answer)]
