"""The real product under test: started by its launcher in a data folder of its own, edited and killed like in life.

Knows processes and files; what people see of it is in browsing.py.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from capacity.demo.builder import demo_tables
from capacity.local.options import PROJECT_DIR
from capacity.local.processes import command_line, die_with_parent, is_alive, wait_until

PASSWORD = "a-password-for-journeys"
READY_SECONDS = 150.0
# Everything waits less than in life, so that a journey of two weeks takes seconds; the order of things is the same.
FASTER = {
    "SWEEP_SECONDS": "2",
    "RECOMPUTE_SETTLE_SECONDS": "1",
    "RECOMPUTE_MAX_WAIT_SECONDS": "3",
    "RECOMPUTE_LEASE_SECONDS": "6",
}
# What the services of the test run itself, or a person's shell, would tell the launcher.
_NOT_OURS = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "CELERY_BROKER_URL",
    "SECRET_KEY",
    "CAPACITY_DB_ROLE",
    "CAPACITY_PROCESS",
    "ALLOWED_HOSTS",
    "HOST",
    "OPEN",
)


class Product:
    """One `python -m capacity.local run` from its start to its end."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="capacity-journey-"))
        self._folder.chmod(0o711)  # the database may run as another user
        own = {"CAPACITY_DATA_DIR": str(self._folder / "var"), "PORT": str(_free_port()), "DEMO_PASSWORD": PASSWORD}
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
        self.environment = {**kept, **FASTER, **own}
        self._output = self._folder / "output"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "capacity.local", "run"],
                cwd=PROJECT_DIR,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(signal.SIGTERM),
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_ready(self) -> str:
        """The address, once the ready line is printed; fails with the launcher's output when it is not."""
        wait_until(lambda: "is ready at" in self.output or self.process.poll() is not None, seconds=READY_SECONDS)
        found = re.search(r"Capacity Review is ready at (http://\S+)/\n", self.output)
        assert found, self.output
        self.url = found[1]
        return self.url

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
            return dict(json.loads(answer.read()))

    @property
    def demo_monday(self) -> date:
        found = re.search(r"Demo world from (\S+):", self.output)
        assert found, self.output
        return date.fromisoformat(found[1])

    def demo_rows(self, name: str) -> list[dict[str, str]]:
        """The rows of a demo table as they were loaded, dates resolved."""
        return list(csv.DictReader(demo_tables(monday=self.demo_monday)[f"{name}.csv"].decode().splitlines()))

    def import_rows(self, **tables: list[dict[str, str]]) -> str:
        """What a person does with changed files: `manage.py import_tables` against the running database."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        for name, rows in tables.items():
            with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        command = [sys.executable, "manage.py", "import_tables", str(folder), "--source", "journey"]
        done = subprocess.run(
            command, cwd=PROJECT_DIR, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def part(self, mark: str) -> int:
        """The process number of the launcher's child whose command line holds the mark."""
        found = [pid for pid in _children_of(self.process.pid) if re.search(mark, command_line(pid))]
        assert len(found) == 1, f"{mark}: {found}"
        return found[0]

    def stop(self) -> tuple[float, list[str]]:
        """Ctrl-C; seconds until the launcher ended, and what it left running."""
        known = _descendants(self.process.pid)
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        seconds = time.monotonic() - began
        # On a busy disk the database's last checkpoint may outlive the launcher by some seconds; it must end by itself.
        wait_until(lambda: not any(map(is_alive, known)), seconds=15.0)
        return seconds, [f"{pid} {command_line(pid)}" for pid in known if is_alive(pid)]

    def remove_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def wait_for(happened: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """The first truthy answer; fails with `what` when the time is over."""
    end = time.monotonic() + seconds
    while not (answer := happened()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)
    return answer


def _children_of(pid: int) -> list[int]:
    return [child for child, parent in _process_table() if parent == pid]


def _descendants(pid: int) -> list[int]:
    table, found = _process_table(), [pid]
    for known in found:
        found += [child for child, parent in table if parent == known]
    return found[1:]


def _process_table() -> list[tuple[int, int]]:
    asked = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    return [(int(pid), int(parent)) for pid, parent in (line.split() for line in asked.stdout.splitlines())]


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])
