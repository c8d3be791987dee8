"""What is done to a data folder from another terminal: back it up, restore it, take the demo out of it.

Works while a start runs (through its note) and while none does (the servers are then started for as long as it takes).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from capacity.local import backup
from capacity.local.backup import Dumpable
from capacity.local.datadir import AlreadyRunning, DataDir
from capacity.local.identities import LocalModeError
from capacity.local.options import Options
from capacity.local.postgres import Postgres
from capacity.local.processes import Guard
from capacity.local.services import Services


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A database that answers: how to dump it, and the environment in which `manage.py` finds it."""

    database: Dumpable
    environment: Mapping[str, str]
    postgres: Postgres | None = None


def back_up(options: Options) -> int:
    """`make backup`: one dump into the data folder. Returns an exit code."""
    data = _existing(options)
    with reached(options, data) as found:
        target = backup.new_file(backup_folder(data), backup.BY_HAND, now=datetime.now(UTC))
        found.database.dump(target)
    print(f"Backed up to {target} ({target.stat().st_size / 1e6:,.1f} MB). Bring it back: make restore FILE={target}")
    return 0


def restore(options: Options, file: Path) -> int:
    """`make restore FILE=…`: put a backup in the place of the present data, which is backed up first."""
    if options.database_url is not None:
        raise LocalModeError(
            "DATABASE_URL names a database of your own: restore it with pg_restore (docs/running.md says how)."
        )
    if not file.is_file():
        raise LocalModeError(f"There is no file {file}. Name a backup: make restore FILE=var/backups/….dump")
    data = DataDir(options.data_dir)
    data.create()
    with started(options, data) as found:
        assert found.postgres is not None
        if found.database.has_tables():
            before = backup.new_file(backup_folder(data), backup.BEFORE_RESTORE, now=datetime.now(UTC))
            found.database.dump(before)
            print(f"What was there is kept in {before}.")
        backup.restore_into(found.postgres, file)
        # The next start brings an older backup up to date and looks anew whether the demo is in it.
        data.forget_steps()
    print(f"Restored {file}. Start with 'make run'.")
    return 0


def remove_demo(options: Options, *, is_sure: bool) -> int:
    """`make remove-demo`: the command of the same name as the database's owner. Returns its exit code."""
    data = _existing(options)
    with reached(options, data) as found:
        command = [sys.executable, "manage.py", "remove_demo", *(["--yes"] if is_sure else [])]
        environment = {**os.environ, **found.environment, "CAPACITY_DB_ROLE": "owner", "CAPACITY_PROCESS": "command"}
        return subprocess.run(command, cwd=options.project_dir, env=environment, check=False).returncode


def backup_folder(data: DataDir) -> Path:
    return data.path / "backups"


@contextlib.contextmanager
def reached(options: Options, data: DataDir) -> Iterator[Reached]:
    """The database of this folder: that of the start that runs, else started for as long as the block lasts."""
    try:
        data.lock()
    except AlreadyRunning as running:
        yield _of_running(options, data, running)
        return
    data.unlock()
    with started(options, data) as found:
        yield found


@contextlib.contextmanager
def started(options: Options, data: DataDir) -> Iterator[Reached]:
    """The servers of this folder, started here; refuses while a start runs."""
    try:
        data.lock()
    except AlreadyRunning as running:
        raise LocalModeError(f"Capacity Review runs (process {running.pid}); 'make stop' first.") from None
    guard, services = Guard(), None
    try:
        services = Services(
            data.path, guard=guard, database=options.database_url is None, broker=options.broker_url is None
        )
        services.start()
        environment = {**_given(options, data), **services.environment()}
        yield Reached(
            database=_dumpable(services.postgres, environment), environment=environment, postgres=services.postgres
        )
    finally:
        if services is not None:
            services.stop()
        guard.close()
        data.unlock()


def _of_running(options: Options, data: DataDir, running: AlreadyRunning) -> Reached:
    note = running.note
    if not note.get("database_owner_url"):
        raise LocalModeError(f"Capacity Review is just starting (process {running.pid}); try again in a moment.")
    environment = {
        **_given(options, data),
        "DATABASE_URL": note["database_url"],
        "DATABASE_OWNER_URL": note["database_owner_url"],
        "CELERY_BROKER_URL": note["broker_url"],
        "SECRET_KEY": note["secret_key"],
    }
    socket_dir = parse_qs(urlsplit(note["database_owner_url"]).query).get("host", [""])[0]
    postgres = None
    if options.database_url is None and socket_dir:
        postgres = Postgres(data_dir=data.path, socket_dir=Path(socket_dir), log_path=data.log_path("database"))
    return Reached(database=_dumpable(postgres, environment), environment=environment, postgres=postgres)


def _dumpable(postgres: Postgres | None, environment: Mapping[str, str]) -> Dumpable:
    return backup.embedded(postgres) if postgres is not None else backup.of_url(environment["DATABASE_OWNER_URL"])


def _given(options: Options, data: DataDir) -> dict[str, str]:
    """What the user gave in the environment, and this folder's own secret key."""
    given = {
        "DATABASE_URL": options.database_url,
        "DATABASE_OWNER_URL": options.database_owner_url or options.database_url,
        "CELERY_BROKER_URL": options.broker_url,
        "SECRET_KEY": options.secret_key or data.secret("secret_key", length=48),
        "CAPACITY_DATA_DIR": str(data.path),
    }
    return {name: value for name, value in given.items() if value is not None}


def _existing(options: Options) -> DataDir:
    data = DataDir(options.data_dir)
    if options.database_url is None and not (data.path / "postgres").exists():
        raise LocalModeError(f"There is no database in {data.path}.")
    data.create()
    return data
