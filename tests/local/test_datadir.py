"""The data folder: one holder at a time, secrets readable by their owner only, finished steps remembered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from capacity.local.datadir import AlreadyRunning, DataDir, fingerprint
from capacity.local.identities import LocalModeError
from capacity.local.options import PROJECT_DIR

HOLD = """
import sys, time
from pathlib import Path
from capacity.local.datadir import DataDir
data = DataDir(Path(sys.argv[1])); data.lock(); data.write_note({"pid": __import__("os").getpid(), "port": 8123})
print("held", flush=True); time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_held_folder_tells_who_holds_it_and_where_it_runs(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(AlreadyRunning) as refused:
        DataDir(tmp_path).lock()
    assert refused.value.pid == holder.pid
    assert refused.value.note["port"] == 8123


def test_a_killed_holder_leaves_the_folder_free(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    data = DataDir(tmp_path)
    data.lock()
    assert (tmp_path / "lock").read_text() == str(os.getpid())
    data.unlock()


def test_the_note_of_an_earlier_start_is_not_taken_for_the_holders(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    DataDir(tmp_path).write_note({"pid": 1, "port": 9999})
    with pytest.raises(AlreadyRunning) as refused:
        DataDir(tmp_path).lock()
    assert refused.value.note == {}


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    first = DataDir(tmp_path).secret("secret_key", length=48)
    assert DataDir(tmp_path).secret("secret_key", length=48) == first
    assert len(first) >= 48
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_the_note_holds_a_secret_so_only_its_owner_can_read_it(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    data.write_note({"secret_key": "x"})
    assert (tmp_path / "local.json").stat().st_mode & 0o777 == 0o600
    data.remove_note()
    assert data.read_note() == {}


def test_a_step_is_done_only_for_the_mark_it_was_done_with(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    data.set_done("prepared", "aaa")
    data.set_done("demo", "embedded")
    assert data.is_done("prepared", "aaa")
    assert not data.is_done("prepared", "bbb")
    assert data.is_done("demo", "embedded")
    data.forget_steps()
    assert not data.is_done("prepared", "aaa")


def test_a_half_written_file_of_steps_counts_as_nothing_done(tmp_path: Path) -> None:
    (tmp_path / "steps.json").write_text('{"prepared": "aa')
    assert not DataDir(tmp_path).is_done("prepared", "aa")


def test_a_file_in_the_place_of_the_data_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")
    with pytest.raises(LocalModeError, match="cannot be made"):
        DataDir(tmp_path / "var").create()


def test_the_fingerprint_follows_contents_and_names(tmp_path: Path) -> None:
    one, two = tmp_path / "a.py", tmp_path / "b.py"
    one.write_text("x = 1")
    before = fingerprint([one])
    assert fingerprint([one]) == before
    one.write_text("x = 2")
    assert fingerprint([one]) != before
    one.write_text("x = 1")
    one.rename(two)
    assert fingerprint([two]) != before
