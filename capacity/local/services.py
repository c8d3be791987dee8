"""Database and broker together: the two servers every other process needs.

`Services` keeps them in a data folder for a whole start; `run_with_temporary_services` gives one command (a test run) a
fresh pair in a temporary folder and leaves nothing behind, also when it is killed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from capacity.local.broker import Broker
from capacity.local.identities import remove_outside_folder
from capacity.local.postgres import APP_ROLE, OWNER_ROLE, Postgres
from capacity.local.processes import Guard, die_with_parent


def make_socket_dir() -> Path:
    """A short private folder: a unix socket's whole path may have 103 bytes at most."""
    parent = "/tmp" if os.access("/tmp", os.W_OK | os.X_OK) else None
    return Path(tempfile.mkdtemp(prefix="cr-", dir=parent))


class Services:
    """PostgreSQL and Valkey with their data in `data_dir`; sockets in a short temporary folder."""

    def __init__(
        self, data_dir: Path, *, guard: Guard, fast: bool = False, database: bool = True, broker: bool = True
    ) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        log_dir = data_dir / "log"
        self.postgres: Postgres | None = None
        self.broker: Broker | None = None
        # One folder per server: each must own its own, and they may run as different users.
        self.socket_dir = make_socket_dir()
        guard.remove_afterwards(self.socket_dir)
        self.socket_dir.chmod(0o711)
        for name in ("db", "mq"):
            (self.socket_dir / name).mkdir(mode=0o700)
        if database:
            self.postgres = Postgres(
                data_dir=data_dir,
                socket_dir=self.socket_dir / "db",
                log_path=log_dir / "database.log",
                guard=guard,
                fast=fast,
            )
        if broker:
            self.broker = Broker(
                data_dir=data_dir,
                socket_dir=self.socket_dir / "mq",
                log_path=log_dir / "broker.log",
                guard=guard,
                fast=fast,
            )

    def start(self) -> None:
        if self.postgres is not None:
            self.postgres.prepare()
            self.postgres.start()
        if self.broker is not None:
            self.broker.start()

    def stop(self) -> None:
        if self.broker is not None:
            self.broker.stop()
        if self.postgres is not None:
            self.postgres.stop()
        shutil.rmtree(self.socket_dir, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        """The addresses of the servers started here, by the names the settings know."""
        found: dict[str, str] = {}
        if self.postgres is not None:
            found |= {"DATABASE_URL": self.postgres.url(APP_ROLE), "DATABASE_OWNER_URL": self.postgres.url(OWNER_ROLE)}
        if self.broker is not None:
            found["CELERY_BROKER_URL"] = self.broker.url
        return found


@contextlib.contextmanager
def temporary_services() -> Iterator[dict[str, str]]:
    """A fresh database and broker for tests; yields the environment that points to them."""
    folder = Path(tempfile.mkdtemp(prefix="capacity-test-"))
    guard = Guard()
    guard.remove_afterwards(folder)
    services = None
    try:
        folder.chmod(0o711)
        services = Services(folder, guard=guard, fast=True)
        services.start()
        # Django's test runner makes its databases from this template.
        assert services.postgres is not None
        services.postgres.run_sql("CREATE EXTENSION IF NOT EXISTS btree_gist;", database="template1")
        yield {
            **services.environment(),
            "CAPACITY_DATA_DIR": str(folder),
            "CAPACITY_TEST_SERVICES": "1",
            "CAPACITY_DB_ROLE": "owner",
            "SECRET_KEY": secrets.token_urlsafe(48),
        }
    finally:
        if services is not None:
            services.stop()
        remove_outside_folder(folder)
        shutil.rmtree(folder, ignore_errors=True)
        guard.close()


def run_with_temporary_services(command: Sequence[str]) -> int:
    """Run `command` with fresh services; returns its exit code. SIGTERM is passed on, Ctrl-C reaches it by itself."""
    with temporary_services() as environment:
        parent = os.getpid()
        process = subprocess.Popen(
            list(command),
            env={**os.environ, **environment},
            preexec_fn=lambda: die_with_parent(signal.SIGTERM, parent),
        )

        def pass_on(number: int, _frame: FrameType | None) -> None:
            if number != signal.SIGINT:
                process.send_signal(number)

        before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            return process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
