"""`solve_problem PROBLEM.json [--out SOLUTION.json] [--effort quick|record]`: the engine on a file, without any table.

Exit 0 with a solution, also where something is short or unplaced; exit 2 and one sentence a line on standard error
for bad input, with nothing written. The form of both files is docs/methods.md, "Allocation problem".
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.problem_file import ProblemFileError, problem_from_bytes
from capacity.allocation.domain.solution import solution_to_json
from capacity.lib.whole_file import write_whole

BAD_INPUT = 2


class Command(BaseCommand):
    help = "Solve one allocation problem given as a JSON file."
    requires_system_checks: list[Any] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("problem", metavar="PROBLEM.json", help="the problem")
        parser.add_argument("--out", metavar="SOLUTION.json", help="where to write the solution (standard output)")
        parser.add_argument(
            "--effort",
            choices=("quick", "record"),
            default="record",
            help="quick: as after an edit; record: as before a freeze, minutes on large problems (default)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        out = options["out"]
        try:
            problem = problem_from_bytes(Path(options["problem"]).read_bytes())
            if out and not Path(out).absolute().parent.is_dir():
                raise ProblemFileError([f"{ascii(out)}: the folder to write to does not exist."])
        except ProblemFileError as error:
            self._refuse(error.sentences)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._refuse([f"{ascii(options['problem'])}: cannot be read ({reason})."])
        text = json.dumps(
            solution_to_json(solve(problem=problem, options=SolveOptions(effort=options["effort"]))),
            indent=1,
            allow_nan=False,
        )
        if not out:
            self.stdout.write(text)
            return
        try:
            write_whole(Path(out), text + "\n")
        except OSError as error:
            self._refuse([f"{ascii(out)}: cannot be written ({error.strerror})."])

    def _refuse(self, sentences: list[str]) -> None:
        for sentence in sentences:
            self.stderr.write(sentence)
        raise SystemExit(BAD_INPUT)
