"""Ten thousand broken problem files: each is solved or refused in sentences, never met with a trace.

What belongs here: the reading of a file and everything behind it, in this process, and the command as a process.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.problem_file import ProblemFileError, problem_from_bytes
from capacity.allocation.domain.solution import solution_to_json
from tests.domain.allocation.broken_files import broken_file
from tests.domain.allocation.for_all import BY_PARTS
from tests.domain.allocation.test_cases import run_command

BLOCK = 250
# 3,000 files always, 10,000 in `make test-long`.
BLOCKS = [pytest.param(block, marks=[pytest.mark.long] if block >= 12 else []) for block in range(40)]
# 6 processes always, 200 in `make test-long`.
PROCESSES = [pytest.param(block, marks=[pytest.mark.long] if block else []) for block in range(34)]
# A path in the file, then a sentence.
SENTENCE = re.compile(r"\$[^:\s]*(\[\".*\"\])?: [^\n]+\.")


def outcome(data: bytes) -> str:
    """Solved or refused; anything else is raised."""
    try:
        problem = problem_from_bytes(data)
    except ProblemFileError as refused:
        assert refused.sentences
        for sentence in refused.sentences:
            assert SENTENCE.fullmatch(sentence) and sentence.isprintable(), sentence
        return "refused"
    for options in (None, BY_PARTS):
        json.dumps(solution_to_json(solve(problem=problem, options=options)), allow_nan=False)
    return "solved"


@pytest.mark.parametrize("block", BLOCKS)
def test_a_broken_file_is_solved_or_refused_in_sentences_with_a_path(block: int) -> None:
    outcomes = set()
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        try:
            outcomes.add(outcome(broken_file(number)))
        except Exception as error:
            raise AssertionError(f"broken_file({number})") from error
    assert outcomes == {"solved", "refused"}


@pytest.mark.parametrize("block", PROCESSES)
def test_the_command_on_a_broken_file_ends_with_0_or_2_and_writes_all_or_nothing(block: int, tmp_path: Path) -> None:
    for number in range(block * 6, block * 6 + 6):
        problem, out = tmp_path / "problem.json", tmp_path / "solution.json"
        problem.write_bytes(broken_file(number))
        done = run_command(str(problem), "--out", str(out))
        assert done.returncode in (0, 2), (number, done.stderr)
        assert done.stdout == ""
        if done.returncode == 0:
            assert done.stderr == "" and json.loads(out.read_text())["version"] == 1
            out.unlink()
        else:
            assert done.stderr and all(SENTENCE.fullmatch(line) for line in done.stderr.splitlines()), number
        assert list(tmp_path.iterdir()) == [problem]
