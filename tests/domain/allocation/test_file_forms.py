"""docs/allocation-problem.md is the account of the two files: its example, its fields, what is required and what not."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from capacity.allocation.domain import problem_file, solution
from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.problem import Problem
from capacity.allocation.domain.problem_file import ProblemFileError, problem_from_bytes
from capacity.allocation.domain.solution import solution_to_json

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "allocation-problem.md").read_text(encoding="utf-8")
TAKEN = re.compile(r"""\.take\(\s*"(\w+)\"""")
# Heading of a table → where one of its rows stands in the example.
OBJECTS: dict[str, tuple[str | int, ...]] = {
    "The problem": (),
    "A pool": ("pools", 0),
    "A floor": ("floors", 0),
    "A serving demand": ("serving", 0),
    "An experiment": ("experiments", 0),
}


def example(name: str) -> dict[str, Any]:
    found = re.search(rf"```json {name}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return dict(json.loads(found.group(1)))


def reads(document: dict[str, Any]) -> Problem:
    return problem_from_bytes(json.dumps(document).encode())


def documented() -> list[tuple[str, str, bool]]:
    """(table, field, whether it is required) of every row of the problem's tables."""
    found = []
    for table in OBJECTS:
        rows = PAGE.partition(f"**{table}**")[2].partition("\n**")[0].partition("\n## ")[0]
        for line in rows.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) == 4 and cells[0].startswith("`"):
                found += [(table, name, cells[2].startswith("required")) for name in re.findall(r"`([^`]+)`", cells[0])]
    return found


def test_the_example_has_the_answer_that_is_documented() -> None:
    answer = solution_to_json(solve(problem=reads(example("problem"))))
    del answer["seconds"]
    assert answer == example("solution")


def test_every_name_the_reader_takes_is_documented() -> None:
    names = set(TAKEN.findall(Path(problem_file.__file__).read_text(encoding="utf-8")))
    names |= {"floors", "pools", "serving", "experiments", "previous"}
    assert len(names) > 30
    assert {name for name in names if not re.search(rf"`(?:\w+(?:\[\])?\.)?{name}`", PAGE)} == set()


def test_every_field_a_solution_may_have_is_documented() -> None:
    missing = {name for name in written(solution.Solution) if f"`{name}`" not in PAGE.partition("## Solution")[2]}
    assert missing == set()


def written(kind: type) -> set[str]:
    """Names of the file form of a solution's rows, and of the rows in them."""
    left_out, hints = solution._NOT_IN_FORM.get(kind, set()), get_type_hints(kind)
    names = {each.name for each in fields(kind)} - left_out
    found = {name.rstrip("_") for name in names}
    for name in names:
        inner = [hints[name], *get_args(hints[name])]
        for each in inner:
            found |= written(each) if is_dataclass(each) and isinstance(each, type) else set()
    return found - {"monday"}


@pytest.mark.parametrize(("table", "name", "required"), documented())
def test_a_field_is_required_where_it_is_said_to_be(table: str, name: str, required: bool) -> None:
    document = copy.deepcopy(example("problem"))
    row: Any = document
    path = ["$"]
    for step in OBJECTS[table]:
        row = row[step]
        path.append(f"[{step}]" if isinstance(step, int) else f".{step}")
    *inner, last = name.split(".")
    for step in inner:
        row = row[step.removesuffix("[]")]
        path.append(f".{step.removesuffix('[]')}")
        if step.endswith("[]"):
            row, path = row[0], [*path, "[0]"]
    row.pop(last, None)
    at = f"{''.join(path)}.{last}: is missing."
    try:
        reads(document)
        sentences = []
    except ProblemFileError as error:
        sentences = error.sentences
    assert (at in sentences) == required, sentences
