"""Broken contract files: each is assessed or refused in sentences, never met with a trace."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.domain.contract_file import ContractFileError
from contracts.management.commands.assess_contract import assessed
from tests.domain.contracts.broken_contracts import broken_contract
from tests.domain.contracts.examples import EXAMPLES, NAMES, PROJECT

BLOCK = 100
# 600 files always, 4,000 in `make test-long`.
BLOCKS = [pytest.param(block, marks=[pytest.mark.long] if block >= 6 else []) for block in range(40)]
# A path in the file, then a sentence.
SENTENCE = re.compile(r"\$[^:\s]*(\[\".*\"\])?: [^\n]+\.")


def outcome(data: bytes) -> str:
    """Assessed or refused; anything else is raised."""
    try:
        text = assessed(data)
    except ContractFileError as refused:
        assert refused.sentences
        for sentence in refused.sentences:
            assert SENTENCE.fullmatch(sentence) and sentence.isprintable(), sentence
        return "refused"
    assert json.loads(text)["version"] == 1
    return "assessed"


@pytest.mark.parametrize("block", BLOCKS)
def test_a_broken_contract_is_assessed_or_refused_in_sentences_with_a_path(block: int) -> None:
    outcomes = set()
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        try:
            outcomes.add(outcome(broken_contract(number)))
        except Exception as error:
            raise AssertionError(f"broken_contract({number})") from error
    assert outcomes == {"assessed", "refused"}


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a person types it, with no setting in the environment."""
    return subprocess.run(
        [sys.executable, "manage.py", "assess_contract", *arguments],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin", "CAPACITY_DATA_DIR": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_writes_the_result_without_any_setting(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    done = run_command(str(EXAMPLES / "S03b-flat-fee.json"), "--out", str(out))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(out.read_text())["results"]["loss_exposure_usd"] == 3_440
    assert out.stat().st_mode & 0o777 in (0o644, 0o664, 0o600)
    assert list(tmp_path.iterdir()) == [out]


def test_the_command_refuses_bad_input_with_one_sentence_a_line_and_writes_nothing(tmp_path: Path) -> None:
    contract = json.loads((EXAMPLES / "S01-pay-as-you-go.json").read_text())
    contract["extra"] = 1
    contract["versions"][0]["price_lines"][0]["price"] = -3
    given, out = tmp_path / "contract.json", tmp_path / "result.json"
    given.write_text(json.dumps(contract))
    done = run_command(str(given), "--out", str(out))
    assert (done.returncode, done.stdout) == (2, "")
    assert [line.split(": ")[0] for line in done.stderr.splitlines()] == [
        "$.versions[0].price_lines[0].price",
        "$.extra",
    ]
    assert list(tmp_path.iterdir()) == [given]


def test_the_command_names_a_file_or_folder_that_is_not_there(tmp_path: Path) -> None:
    done = run_command(str(tmp_path / "none.json"))
    assert done.returncode == 2 and "cannot be read" in done.stderr
    given = str(EXAMPLES / f"{NAMES[0]}.json")
    done = run_command(given, "--out", str(tmp_path / "none" / "result.json"))
    assert done.returncode == 2 and "the folder to write to does not exist" in done.stderr
