"""`solve_problem PROBLEM.json [--out SOLUTION.json] [--effort quick|record]`: the engine on a file, without any table.

Exit 0 with a solution, also where something is short or unplaced; exit 2 and one sentence a line on standard error
for bad input, with nothing written. The form of both files is docs/allocation-problem.md.
"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.json_text import indented_json
from capacity.allocation.domain.problem import Problem
from capacity.allocation.domain.problem_file import problem_from_bytes
from capacity.allocation.domain.solution import solution_to_json
from capacity.imports.file_command import FileCommand


class Command(FileCommand):
    help = "Solve one allocation problem given as a JSON file."
    asks, answers = "PROBLEM.json", "SOLUTION.json"
    # A problem lists every week of every demand: a large one has tens of megabytes.
    most_bytes = 256 * 1024 * 1024

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--effort",
            choices=("quick", "record"),
            default="record",
            help="quick: as after an edit; record: as before a freeze, minutes on large problems (default)",
        )

    def read(self, data: bytes) -> Problem:
        return problem_from_bytes(data)

    def answer(self, asked: Problem, **options: Any) -> str:
        solution = solve(problem=asked, options=SolveOptions(effort=options["effort"]))
        return indented_json(solution_to_json(solution))
