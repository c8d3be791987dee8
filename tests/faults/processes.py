"""Real processes for fault tests: a broker, a Celery worker, and a process that forks one recompute at a time.

Each is started in its own session, so that everything it left can be ended by its group at the end of the test.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from capacity.local.broker import find_server

ROOT = Path(__file__).resolve().parents[2]


def wait_until(condition: Callable[[], Any], *, seconds: float, what: str, every: float = 0.02) -> Any:
    """The first truthy answer of `condition`; AssertionError naming `what` when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(every)
    raise AssertionError(f"not within {seconds} s: {what}")


def is_alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


class OwnBroker:
    """A Valkey of this test's own, that may be killed, stopped and flushed."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cr-", dir="/tmp"))
        self.socket = self.folder / "b.sock"
        self.url = f"redis+socket://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = {"--port": "0", "--unixsocket": str(self.socket), "--dir": str(self.folder), "--save": ""}
        command = [str(find_server()), *(part for pair in options.items() for part in pair)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        wait_until(self._answers, seconds=10, what="the broker answers")

    def _answers(self) -> bool:
        with contextlib.suppress(redis.exceptions.ConnectionError):
            return bool(self.client().ping())
        return False

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket))

    def queued(self) -> int:
        """Messages waiting for a worker."""
        return int(self.client().llen("celery"))

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def close(self) -> None:
        self.signal(signal.SIGCONT)
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Worker:
    """A Celery worker with one pool child, run as in production but for the timings in `environment`."""

    def __init__(self, *, environment: dict[str, str], log: Path) -> None:
        self.environment = environment
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.groups: list[int] = []

    def start(self) -> None:
        options = ["--concurrency", "1", "--loglevel", "INFO", "--without-gossip", "--without-mingle", "-O", "fair"]
        command = [sys.executable, "-m", "celery", "-A", "capacity.celery", "worker", *options]
        started_at = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        self.groups.append(self.process.pid)
        wait_until(
            lambda: b" ready." in self.log.read_bytes()[started_at:], seconds=40, what="the worker is ready", every=0.1
        )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def child(self) -> int:
        """The pool child's process id."""
        return int(wait_until(lambda: children_of(self.pid), seconds=10, what="the worker has a child")[0])

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def close(self) -> None:
        for group in self.groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()


class Forker:
    """A process with everything imported that forks a child per order (tests/faults/forker.py): quick to kill often."""

    def __init__(self, *, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forker"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )

    def order(self, what: str, **arguments: Any) -> int:
        """Start a child on `what`; its process id."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"what": what, **arguments}) + "\n")
        self.process.stdin.flush()
        return int(json.loads(self.process.stdout.readline())["pid"])

    def answer(self) -> str:
        """How the child ended: its outcome, or `signal 9`, or `exit 9`."""
        assert self.process.stdout is not None
        return str(json.loads(self.process.stdout.readline())["ended"])

    def close(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
