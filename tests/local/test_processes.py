"""A child never outlives its launcher, nor its own children it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from capacity.local.options import PROJECT_DIR
from capacity.local.processes import Child, Guard, is_alive, rotate_log, wait_until

# A child that has a child of its own; both deaf to SIGTERM when asked to be.
FAMILY = """
import os, signal, subprocess, sys, time
if "deaf" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
print(os.getpid(), inner.pid, flush=True)
time.sleep(120)
"""
LAUNCHER = """
import sys, time
from pathlib import Path
from capacity.local.processes import Child, Guard
guard = Guard(); guard.remove_afterwards(Path(sys.argv[1]))
Child(name="family", argv=[sys.executable, "-c", sys.argv[2]], log_path=Path(sys.argv[3]), guard=guard).start()
time.sleep(120)
"""


def family_of(log: Path) -> list[int]:
    assert wait_until(lambda: log.exists() and log.read_text().endswith("\n"), seconds=10)
    return [int(part) for part in log.read_text().split()]


def is_gone(pid: int) -> bool:
    return not is_alive(pid)


def test_a_stopped_child_takes_its_own_children_along(tmp_path: Path) -> None:
    child = Child(name="family", argv=[sys.executable, "-c", FAMILY], log_path=tmp_path / "log")
    child.start()
    outer, inner = family_of(tmp_path / "log")
    assert child.stop(seconds=5)
    assert is_gone(outer)
    assert wait_until(lambda: is_gone(inner), seconds=2)


def test_a_child_deaf_to_the_request_is_killed_when_its_time_is_over(tmp_path: Path) -> None:
    child = Child(name="family", argv=[sys.executable, "-c", FAMILY, "deaf"], log_path=tmp_path / "log")
    child.start()
    family_of(tmp_path / "log")
    began = time.monotonic()
    assert not child.stop(seconds=0.3)
    assert time.monotonic() - began < 2
    assert child.return_code() == -signal.SIGKILL


@pytest.mark.fault
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_launcher_leaves_neither_processes_nor_folders(tmp_path: Path, number: int) -> None:
    folder, log = tmp_path / "sockets", tmp_path / "log"
    folder.mkdir()
    launcher = subprocess.Popen([sys.executable, "-c", LAUNCHER, str(folder), FAMILY, str(log)], cwd=PROJECT_DIR)
    family = family_of(log)
    launcher.send_signal(number)
    launcher.wait()
    assert wait_until(lambda: all(map(is_gone, family)), seconds=10), "a grandchild survived"
    assert wait_until(lambda: not folder.exists(), seconds=10), "the socket folder was left behind"


def test_the_guard_leaves_alone_what_was_stopped_in_order(tmp_path: Path) -> None:
    guard = Guard()
    child = Child(name="x", argv=[sys.executable, "-c", "import time; time.sleep(60)"], guard=guard)
    child.start()
    child.stop(seconds=2)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    guard.close()
    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_child_does_not_inherit_open_files_such_as_the_lock(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(descriptor, True)
    code = f"import os\ntry: os.fstat({descriptor}); print('open')\nexcept OSError: print('closed')"
    child = Child(name="x", argv=[sys.executable, "-c", code], log_path=tmp_path / "log")
    child.start()
    assert wait_until(lambda: not child.is_running(), seconds=10)
    os.close(descriptor)
    assert (tmp_path / "log").read_text() == "closed\n"


def test_logs_shift_by_one_at_each_start_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    for number in range(6):
        path.write_text(f"start {number}")
        rotate_log(path)
    assert not path.exists()
    kept = {old.name: old.read_text() for old in tmp_path.iterdir()}
    assert kept == {"web.log.1": "start 5", "web.log.2": "start 4", "web.log.3": "start 3"}


def test_an_empty_log_is_not_shifted(tmp_path: Path) -> None:
    (tmp_path / "web.log").touch()
    rotate_log(tmp_path / "web.log")
    assert not (tmp_path / "web.log.1").exists()
