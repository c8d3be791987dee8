"""The processes that are Capacity Review itself: web, worker, beat and the `manage.py` steps, each as a Child."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from capacity.local.datadir import DataDir, fingerprint
from capacity.local.options import Options
from capacity.local.processes import Child, Guard

CELERY = [sys.executable, "-m", "celery", "-A", "capacity.celery"]
_WORKER = [*CELERY, "worker", "--concurrency", "1", "--prefetch-multiplier", "1", "--loglevel", "INFO"]
_WORKER += ["--without-gossip", "--without-mingle"]


class Parts:
    """Makes children that share one environment, one log folder and one guard."""

    def __init__(self, options: Options, data: DataDir, guard: Guard, environment: Mapping[str, str]) -> None:
        self._options = options
        self._data = data
        self._guard = guard
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}
        # Only the steps that change the schema may know the owner's address.
        self._owner_url = self._environment.pop("DATABASE_OWNER_URL", None)

    def web(self, port: int) -> Child:
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        # Loaded once and forked: ready in half the time of two workers that each import everything.
        argv = [sys.executable, "-m", "gunicorn", "--preload", "--bind", f"{host}:{port}"]
        argv += ["--workers", "2", "--threads", "4", "--worker-class", "gthread", "--graceful-timeout", "1"]
        argv += ["--no-control-socket", "capacity.wsgi:application"]
        return self._child("web", argv, death_signal=signal.SIGKILL)

    def worker(self) -> Child:
        return self._child(
            "worker", [*_WORKER, "--queues", "celery", "--hostname", "local@%h"], death_signal=signal.SIGKILL
        )

    def what_if(self) -> Child:
        """Answers what-ifs: a process of its own, that keeps serving models in memory."""
        argv = [*_WORKER, "--queues", "what_if", "--hostname", "what_if@%h"]
        return self._child("what_if", argv, death_signal=signal.SIGKILL)

    def beat(self) -> Child:
        argv = [*CELERY, "beat", "--loglevel", "INFO", "--pidfile="]
        return self._child("beat", argv, death_signal=signal.SIGKILL)

    def step(self, *arguments: str, owner: bool = False, extra: Mapping[str, str] | None = None) -> Child:
        """One `manage.py` command; as the database's owner when it changes the schema."""
        child = self._child("setup", [sys.executable, "manage.py", *arguments], death_signal=signal.SIGTERM)
        environment = {**child.env, "CAPACITY_PROCESS": "command", **(extra or {})}
        if self._owner_url:
            environment["DATABASE_OWNER_URL"] = self._owner_url
        if owner:
            environment["CAPACITY_DB_ROLE"] = "owner"
        child.env = environment
        return child

    def _child(self, name: str, argv: list[str], *, death_signal: int) -> Child:
        return Child(
            name=name,
            argv=argv,
            env={**self._environment, "CAPACITY_PROCESS": name},
            log_path=self._data.log_path(name),
            cwd=self._options.project_dir,
            death_signal=death_signal,
            guard=self._guard,
        )


def code_fingerprint(project_dir: Path) -> str:
    """Changes with any file that could change the schema, the grants or the collected static files."""
    files = [path for folder in ("capacity", "workloads", "contracts") for path in (project_dir / folder).rglob("*.py")]
    files += [path for path in (project_dir / "static").rglob("*") if path.is_file()]
    return fingerprint([*files, project_dir / "requirements.txt"])
