"""Commands from file to file: what was asked is never written over, and a file too large is not read."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from capacity.imports import file_command
from capacity.imports.tabular import MOST_BYTES
from contracts.management.commands.assess_contract import Command as AssessContract
from tests.domain.contracts.examples import EXAMPLES, PROJECT

ASKED = {
    "assess_contract": EXAMPLES / "S01-pay-as-you-go.json",
    "solve_problem": PROJECT / "tests" / "cases" / "1_two_demands.problem.json",
}


def answer(command: str, source: Path | str, out: Path | str) -> tuple[int, str]:
    """(exit code, what it says on standard error)."""
    errors = io.StringIO()
    try:
        call_command(command, str(source), out=str(out), stderr=errors)
    except SystemExit as exit_:
        return int(str(exit_.code)), errors.getvalue()
    return 0, errors.getvalue()


def by_name(source: Path) -> str:
    return str(source)


def by_a_longer_way(source: Path) -> str:
    return f"{source.parent}/../{source.parent.name}/./{source.name}"


def by_a_symbolic_link(source: Path) -> str:
    link = source.with_name("link.json")
    link.symlink_to(source)
    return str(link)


def by_a_hard_link(source: Path) -> str:
    link = source.with_name("hard.json")
    link.hardlink_to(source)
    return str(link)


@pytest.mark.parametrize("command", sorted(ASKED))
@pytest.mark.parametrize("named", [by_name, by_a_longer_way, by_a_symbolic_link, by_a_hard_link])
def test_the_answer_is_not_written_over_what_was_asked(command: str, named: Any, tmp_path: Path) -> None:
    source = tmp_path / "asked.json"
    shutil.copy(ASKED[command], source)
    before, out = source.read_bytes(), named(source)
    code, said = answer(command, source, out)
    assert (code, source.read_bytes()) == (2, before)
    assert said.strip() == f"{out!r}: is the file to answer; name another one to write to."


@pytest.mark.parametrize("command", sorted(ASKED))
def test_an_older_answer_is_written_over(command: str, tmp_path: Path) -> None:
    out = tmp_path / "answer.json"
    out.write_text("old")
    assert answer(command, ASKED[command], out) == (0, "")
    assert out.read_text().startswith("{")


def test_a_file_above_the_limit_is_refused_and_one_at_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, padded = ASKED["assess_contract"].read_bytes(), tmp_path / "padded.json"
    monkeypatch.setattr(AssessContract, "most_bytes", len(content) + 5)
    padded.write_bytes(content + b" " * 5)
    assert answer("assess_contract", padded, tmp_path / "out.json")[0] == 0
    padded.write_bytes(content + b" " * 6)
    code, said = answer("assess_contract", padded, tmp_path / "other.json")
    assert (code, said.strip()) == (2, f"'{padded}': has more than {len(content) + 5:,} bytes, the most that is read.")
    assert not (tmp_path / "other.json").exists()


def test_a_contract_has_at_most_as_many_bytes_as_a_table_that_is_imported() -> None:
    assert AssessContract.most_bytes == file_command.MOST_BYTES == MOST_BYTES
