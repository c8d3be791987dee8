"""How the tests share two processes: the long pieces first, one product for all journeys, the migrations run once.

What belongs here: what saves time without changing what a test sees. conftest.py plugs it in.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from xdist.scheduler import LoadFileScheduling

PROJECT = Path(__file__).resolve().parent.parent
JOURNEYS = "tests/journeys/"
# Whoever is left with one of these at the end keeps the other process waiting.
LONG_FIRST = (
    JOURNEYS,
    "tests/access/test_permission_matrix.py",
    "tests/demo/",
    "tests/local/",
    "tests/test_migrations.py",
)
MIGRATED = "migrated"


def place(nodeid: str) -> int:
    """Where a test stands in the order: its place in LONG_FIRST, all others behind."""
    return next((at for at, start in enumerate(LONG_FIRST) if nodeid.startswith(start)), len(LONG_FIRST))


class FilesTogether(LoadFileScheduling):
    """A file stays in one process, so that its servers start once; all journeys stay in one, beside one product."""

    def _split_scope(self, nodeid: str) -> str:
        return JOURNEYS if nodeid.startswith(JOURNEYS) else str(super()._split_scope(nodeid))


def migrated_database() -> tuple[str, str]:
    """A database that went through every migration from nothing, from which each process copies its own, and what the
    command said as it made it. Made by the first to ask."""
    folder = Path(os.environ["CAPACITY_DATA_DIR"])
    made = folder / MIGRATED
    with (folder / f"{MIGRATED}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
                owner.execute(f"CREATE DATABASE {MIGRATED}")
            urls = {
                name: urlunsplit(urlsplit(os.environ[name])._replace(path=f"/{MIGRATED}"))
                for name in ("DATABASE_URL", "DATABASE_OWNER_URL")
            }
            command = [sys.executable, "manage.py", "migrate", "--run-syncdb", "--noinput", "--no-color"]
            done = subprocess.run(
                command, cwd=PROJECT, env={**os.environ, **urls}, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise RuntimeError(f"the migrations do not apply to an empty database:\n{done.stdout}{done.stderr}")
            made.write_text(done.stdout)
        return MIGRATED, made.read_text()
