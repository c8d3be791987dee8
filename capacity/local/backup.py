"""Backups of one database by pg_dump and pg_restore: which programs, how they connect, where the files go.

A dump is written under a name of its own until it is whole and readable, so a file called `.dump` is a whole one.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from capacity.local.identities import DIRECT, Identity, LocalModeError
from capacity.local.postgres import DATABASE, OWNER_ROLE, SUPERUSER, Postgres, clean_environment, find_binaries

KEPT_BEFORE_UPGRADES = 5
BEFORE_UPGRADE, BEFORE_RESTORE, BY_HAND = "before-upgrade", "before-restore", "capacity"
PROGRAMS = ("pg_dump", "pg_restore", "psql")
# A backup of Capacity Review names this table in its list of contents.
_OUR_TABLE = "TABLE DATA public django_migrations"


@dataclass(frozen=True, kw_only=True)
class Dumpable:
    """A database and the programs to dump it. `identity`: whom the programs run as; `address`: how they connect."""

    binaries: Path
    address: tuple[str, ...]
    identity: Identity = DIRECT
    secrets: Mapping[str, str] = field(default_factory=dict)

    def has_tables(self) -> bool:
        """Whether there is anything to lose."""
        asked = "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = 'public')"
        return self._run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", asked).decode().strip() == "t"

    def dump(self, target: Path) -> None:
        """Write a dump to `target`; raises LocalModeError and leaves no half of one."""
        unfinished = target.with_name(f".{target.name}.unfinished")
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                self._run("pg_dump", "--format=custom", out=out)
                out.flush()
                os.fsync(out.fileno())
            read_contents(self, unfinished)
            unfinished.replace(target)
        except OSError as error:
            raise LocalModeError(f"The backup could not be written to {target}: {error.strerror}.") from error
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def _run(self, program: str, *arguments: str, out: object = subprocess.PIPE, source: object = None) -> bytes:
        path = self.binaries / program
        if not os.access(path, os.X_OK):
            raise LocalModeError(f"There is no program {path}: name a folder that has it in CAPACITY_PG_BIN.")
        done = subprocess.run(
            [*self.identity.prefix, str(path), *self.address, *arguments],
            env={**clean_environment(), **self.secrets},
            stdin=source if source is not None else subprocess.DEVNULL,  # type: ignore[call-overload]
            stdout=out,
            stderr=subprocess.PIPE,
            cwd="/",
            user=self.identity.uid,
            group=self.identity.gid,
            extra_groups=[] if self.identity.uid is not None else None,
        )
        if done.returncode != 0:
            raise LocalModeError(f"{program} failed: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout or b""


def embedded(postgres: Postgres, *, database: str = DATABASE) -> Dumpable:
    """The database of the embedded server, seen by its superuser, so that owners and rights are in the dump."""
    return Dumpable(
        binaries=postgres.binaries,
        identity=postgres.identity,
        address=("-h", str(postgres.socket_dir), "-U", SUPERUSER, "-d", database),
    )


def of_url(url: str) -> Dumpable:
    """A database of the user's own. Its password goes by the environment: others can read a command line."""
    parts = urlsplit(url)
    password = unquote(parts.password) if parts.password is not None else None
    host = parts.netloc.rpartition("@")[2]
    shown = urlunsplit(parts._replace(netloc=f"{parts.username}@{host}" if parts.username else host))
    return Dumpable(
        binaries=find_binaries(),
        address=("-d", shown),
        secrets={"PGPASSWORD": password} if password is not None else {},
    )


def read_contents(database: Dumpable, file: Path) -> str:
    """The dump's own list of contents; raises LocalModeError when it is not a whole dump of Capacity Review."""
    lister = Dumpable(binaries=database.binaries, identity=database.identity, address=())
    try:
        with file.open("rb") as source:
            contents = lister._run("pg_restore", "--list", source=source).decode(errors="replace")
    except OSError as error:
        raise LocalModeError(f"{file} cannot be read: {error.strerror}.") from error
    except LocalModeError as error:
        raise LocalModeError(f"{file} is not a backup: {error}") from error
    return contents


def restore_into(postgres: Postgres, file: Path) -> None:
    """Put the dump in the place of the embedded server's database; raises LocalModeError and then changes nothing.

    It is read into a database beside the present one, all or nothing; only a whole one takes its place.
    """
    new, old = f"{DATABASE}_restoring", f"{DATABASE}_before"
    beside = embedded(postgres, database=new)
    if _OUR_TABLE not in read_contents(beside, file):
        raise LocalModeError(f"{file} is a backup of another database, not of Capacity Review.")
    postgres.run_sql(f"DROP DATABASE IF EXISTS {new};\nDROP DATABASE IF EXISTS {old};\n")
    postgres.run_sql(f"CREATE DATABASE {new} OWNER {OWNER_ROLE} TEMPLATE template0;\n")
    try:
        with file.open("rb") as source:
            beside._run("pg_restore", "--single-transaction", "--exit-on-error", source=source)
    except LocalModeError:
        postgres.run_sql(f"DROP DATABASE IF EXISTS {new};\n")
        raise
    postgres.run_sql(
        f"ALTER DATABASE {DATABASE} RENAME TO {old};\nALTER DATABASE {new} RENAME TO {DATABASE};\n"
        f"DROP DATABASE {old};\n"
    )


def new_file(folder: Path, kind: str, *, now: datetime) -> Path:
    """A name for a backup of this kind; names sort by time."""
    return folder / f"{kind}-{now:%Y%m%d-%H%M%S}.dump"


def drop_older(folder: Path, kind: str, *, keep: int = KEPT_BEFORE_UPGRADES) -> Sequence[Path]:
    """Delete all but the newest backups of this kind; those that went."""
    older = sorted(folder.glob(f"{kind}-*.dump"))[:-keep]
    for path in older:
        path.unlink(missing_ok=True)
    return older
