"""`make bench`: plans, what-ifs and other tools' solutions, measured one after another, told in one table.

What belongs here: which measurements are made and in which order; each is a process of its own. Figures of a busy
machine are too high: nothing else should run. Problems are written by the generator, so anybody can repeat them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import sys
import tempfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from tests.benchmarks import table
from tests.benchmarks.made_problems import ASKS, SIZES, sized_problem
from tests.benchmarks.other_tools import TOOLS
from tests.benchmarks.processes import Ended, run_python
from tests.benchmarks.table import PlanRow, QuoteRow, ToolRow, WhatIfRow
from tests.benchmarks.targets import DATABASE, EFFORTS, LIMITS, QUICK, TARGETS, WHAT_IF_P95

SEED = 1
LOW_ASK = round(min(ASKS) * 100)
# Sizes measured quickly and at the lower E when nobody asks for more.
GOALS = ("L", "XL")
WHAT_IF_LIMIT, TOOL_LIMIT, DATABASE_LIMIT = 900.0, 300.0, 600.0
ROUNDS = 5
TOOL_SIZES = ("M",)
QUOTE_SIZES, QUOTE_LIMIT = ("M",), 1800.0
PRODUCT = "product"
OWN, OTHER = ("-m", "tests.benchmarks.own_route"), ("-m", "tests.benchmarks.other_tools")


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), limit=arguments.limit)
        named = names(arguments.sizes)
        for size, effort, ask in wanted_plans(named, names(arguments.efforts)):
            bench.plan(size, ask, effort)
        if arguments.goals:
            for size in (size for size in GOALS if size not in named):
                bench.plan(size, LOW_ASK, QUICK)
        for size in sizes_or(arguments.what_if_sizes, named, WHAT_IF_P95):
            bench.what_ifs(size, LOW_ASK, quick=arguments.questions, full=arguments.full)
        for size in sizes_or(arguments.tool_sizes, named, TOOL_SIZES):
            bench.tools(size, LOW_ASK, rounds=arguments.rounds)
        for size in sizes_or(arguments.quote_sizes, named, QUOTE_SIZES):
            bench.quote_rooms(size, LOW_ASK)
        if arguments.database:
            bench.database()
            bench.quotes()
        bench.tell()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="R,M", help=f"of {', '.join(SIZES)}: whatever has a target (R,M)")
    parser.add_argument("--efforts", default=",".join(EFFORTS), help="quick, record or both")
    parser.add_argument("--no-goals", dest="goals", action="store_false", help="leave the quick plans of L and XL out")
    parser.add_argument("--what-if-sizes", help="of which sizes (those named that have a target)")
    parser.add_argument("--questions", type=int, default=20, help="quick what-ifs of a size (20)")
    parser.add_argument("--full", type=int, default=6, help="full what-ifs of a size (6)")
    parser.add_argument("--tool-sizes", help="where other tools solve the serving LP (M, if named)")
    parser.add_argument("--quote-sizes", help="where a quote's room is looked for in a made problem (M, if named)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="alternating rounds of the tools")
    parser.add_argument("--no-database", dest="database", action="store_false", help="leave the demo world out")
    parser.add_argument("--limit", type=float, help="stop any single measurement after these seconds")
    return parser.parse_args()


def names(told: str) -> list[str]:
    return [name.strip() for name in told.split(",") if name.strip()]


def sizes_or(told: str | None, named: Sequence[str], usual: Collection[str]) -> list[str]:
    """The sizes told, else those of the named ones for which it is usual."""
    return [size for size in named if size in usual] if told is None else names(told)


def wanted_plans(sizes: Sequence[str], efforts: Sequence[str]) -> list[tuple[str, str, int]]:
    """(size, effort, E in percent) of everything that has a target; of a size without any, everything."""
    asks = [round(share * 100) for share in ASKS]
    return [
        (size, effort, ask)
        for size, effort, ask in itertools.product(sizes, efforts, asks)
        if (size, effort, ask) in TARGETS or not any(key[0] == size for key in TARGETS)
    ]


class Bench:
    """Measures, keeps the rows, and tells them. folder: where problems and solutions are written."""

    def __init__(self, folder: Path, *, limit: float | None) -> None:
        self.folder, self.limit = folder, limit
        self.plans: list[PlanRow] = []
        self.answers: list[WhatIfRow] = []
        self.others: list[ToolRow] = []
        self.quoted: list[QuoteRow] = []

    def _problem(self, size: str, ask: int) -> Path:
        path = self.folder / f"{size}-{ask}.json"
        if not path.exists():
            path.write_text(json.dumps(sized_problem(size, ask=ask / 100, seed=SEED)))
        return path

    def _solution(self, size: str, ask: int, effort: str) -> Path:
        return self.folder / f"{size}-{ask}-{effort}.solution.json"

    def _run(self, what: str, arguments: Sequence[str | Path], limit: float) -> Ended:
        print(f"{what} …", end=" ", file=sys.stderr, flush=True)
        ended = run_python([str(each) for each in arguments], limit=min(limit, self.limit or limit))
        print(f"{ended.seconds:.1f} s", file=sys.stderr, flush=True)
        return ended

    def plan(self, size: str, ask: int, effort: str) -> None:
        """The very command a person gives, from file to file."""
        out, limit = self._solution(size, ask, effort), LIMITS[size, effort]
        command: list[str | Path] = [
            "manage.py",
            "solve_problem",
            self._problem(size, ask),
            "--out",
            out,
            "--effort",
            effort,
        ]
        ended = self._run(f"{size}, E {ask} %, {effort}", command, limit)
        failure = failure_of(ended)
        found = {} if failure else json.loads(out.read_text())
        phases = found.get("seconds", {})
        row = PlanRow(
            size=size,
            ask=ask,
            effort=effort,
            total=ended.seconds,
            seconds={"read": ended.seconds - sum(phases.values()), **phases} if found else {},
            megabytes=ended.megabytes,
            processor=ended.processor,
            termination=found.get("termination", ""),
            tiers=found.get("tiers", ()),
            failure=failure,
        )
        self.plans.append(row)

    def what_ifs(self, size: str, ask: int, *, quick: int, full: int) -> None:
        command: list[str | Path] = ["-m", "tests.benchmarks.what_if_run", self._problem(size, ask)]
        command += ["--quick", str(quick), "--full", str(full)]
        ended = self._run(f"what-ifs {size}, E {ask} %", command, WHAT_IF_LIMIT)
        failure = failure_of(ended)
        found = {"quick": [], "full": []} if failure else json.loads(ended.output)
        for kind in ("quick", "full"):
            hot = found["hot"][0] if kind == "quick" and not failure else None
            self.answers.append(WhatIfRow(size, ask, kind, found[kind], hot, ended.megabytes, failure))

    def tools(self, size: str, ask: int, *, rounds: int) -> None:
        """Every tool in a process of its own, in alternating rounds; one that fails once is not tried again."""
        if not any(self._solution(size, ask, effort).exists() for effort in EFFORTS):
            self.plan(size, ask, QUICK)
        kept = [self._solution(size, ask, effort) for effort in EFFORTS]
        solution = next((path for path in kept if path.exists()), kept[0])
        ended: dict[str, list[Ended]] = {name: [] for name in (PRODUCT, *TOOLS)}
        for number in range(rounds if solution.exists() else 0):
            for name, runs in ended.items():
                if not any(failure_of(run) for run in runs):
                    files = [self._problem(size, ask), solution]
                    command: list[str | Path] = [*OWN, *files] if name == PRODUCT else [*OTHER, *files, name]
                    runs.append(self._run(f"serving LP {size}, round {number + 1}, {name}", command, TOOL_LIMIT))
        self.others += [tool_row(size, ask, name, runs) for name, runs in ended.items()]

    def database(self) -> None:
        """The demo world planned from its tables and stored, and its pages; rows come back in a file."""
        out = self.folder / "database.json"
        os.environ["BENCH_RESULTS"] = str(out)
        command = ["-m", "pytest", "tests/benchmarks/test_speed.py", "-q", "-s", "-m", "long"]
        ended = self._run("demo world through the database", command, DATABASE_LIMIT)
        print(ended.output, file=sys.stderr)
        if out.exists():
            found = json.loads(out.read_text())
            self.plans.append(PlanRow(**found))
        else:
            failure = failure_of(ended) or "no result"
            self.plans.append(PlanRow(DATABASE, None, QUICK, ended.seconds, failure=failure))

    def quotes(self) -> None:
        """Fifty quotes on the demo world, as the pages and the worker answer them."""
        out = self.folder / "quotes.json"
        os.environ["BENCH_QUOTES"] = str(out)
        command = ["-m", "pytest", "tests/benchmarks/test_quote_speed.py", "-q", "-s", "-m", "long"]
        ended = self._run("quotes on the demo world", command, QUOTE_LIMIT)
        found = json.loads(out.read_text()) if out.exists() else {}
        failure = "" if found else failure_of(ended) or "no result"
        for kind in found or ("quick", "full"):
            self.quoted.append(QuoteRow(DATABASE, kind, found.get(kind, ()), failure))

    def quote_rooms(self, size: str, ask: int) -> None:
        """A demand of the size of a quote in a made problem: its room by the engine, and its quick what-if."""
        ended = self._run(
            f"room for quotes {size}", ["-m", "tests.benchmarks.quotes", self._problem(size, ask)], QUOTE_LIMIT
        )
        failure = failure_of(ended)
        found = {} if failure else json.loads(ended.output)
        for kind in ("room", "quick"):
            self.quoted.append(QuoteRow(size, kind, found.get(kind, ()), failure))

    def tell(self) -> None:
        cores = os.cpu_count()
        print(f"\nPython {platform.python_version()}, {platform.machine()}, {cores} cores; seed {SEED}\n")
        self._tell("Plans", table.PLAN_COLUMNS, map(table.plan_cells, self.plans))
        self._tell("What-ifs", table.WHAT_IF_COLUMNS, map(table.what_if_cells, self.answers))
        self._tell("Quotes", table.QUOTE_COLUMNS, map(table.quote_cells, self.quoted))
        ours = {row.size: row for row in self.others if row.tool == PRODUCT}
        rows = (table.tool_cells(row, ours[row.size]) for row in self.others)
        self._tell("Serving LP, placements fixed, one column a demand, option and week", table.TOOL_COLUMNS, rows)
        print("\n".join(["Gap of every tier, relative and absolute", "", *table.tier_lines(self.plans), ""]))

    def _tell(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        print("\n".join([title, "", *table.lines(columns, rows), ""]))


def failure_of(ended: Ended) -> str:
    """Empty where the process did what it should, else a few words for the table."""
    if ended.code is None:
        return f"not finished after {ended.seconds:.0f} s"
    if ended.code:
        last = ended.complaint.strip().splitlines()[-1:] or ["no message"]
        return f"exit {ended.code}: {last[0][:80]}"
    return ""


def tool_row(size: str, ask: int, name: str, runs: Sequence[Ended]) -> ToolRow:
    failure = next(filter(None, map(failure_of, runs)), "" if runs else "no plan to hold")
    found = [json.loads(run.output) for run in runs if not failure_of(run)]
    return ToolRow(
        size=size,
        ask=ask,
        tool=name,
        solver=found[0]["solver"] if found else "-",
        build=[row["build"] for row in found],
        solve=[row["solve"] for row in found],
        usd=[row["usd"] for row in found],
        megabytes=max((run.megabytes for run in runs), default=None),
        failure=failure,
    )


if __name__ == "__main__":
    raise SystemExit(main())
