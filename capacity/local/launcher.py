"""One start from beginning to end: servers, schema, demo world, web, worker, beat, then watching until asked to stop.

The order is the content of this file; how a single process is started or watched stands in its neighbours.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import FrameType
from urllib.parse import urlsplit

from capacity.local import backup
from capacity.local.datadir import AlreadyRunning, DataDir
from capacity.local.health import ask_health, asks_for_first_account, missing_parts
from capacity.local.identities import LocalModeError, remove_outside_folder
from capacity.local.options import Options
from capacity.local.parts import Parts, code_fingerprint
from capacity.local.ports import first_free_port
from capacity.local.postgres import describe
from capacity.local.processes import Child, Guard, rotate_log
from capacity.local.services import Services
from capacity.local.supervisor import KeepsDying, Supervisor
from capacity.local.upkeep import backup_folder

LOG_NAMES = ("database", "broker", "setup", "web", "worker", "what_if", "beat")
READY_SECONDS = 120.0
FIRST_PLAN_SECONDS = 600.0
PROGRESS_SECONDS = 5.0
TICK_SECONDS = 0.1
# In the order of stopping; five seconds together at the very worst.
STOP_SECONDS = {"beat": 0.7, "web": 1.0, "what_if": 0.5, "worker": 1.0, "broker": 0.5, "database": 1.3}
DEMO_ACCOUNTS = (
    *("chair", "deputy", "finance", "controller", "sales", "sales_west"),
    *("research", "product", "exec", "auditor", "admin"),
)
# load_demo's answer when it finds other people's accounts in a database of the user's own.
NOT_EMPTY = 3
# Without letters and digits that look alike on a terminal.
_CODE_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"


class StopRequested(Exception):
    """Ctrl-C, SIGTERM or a closed terminal."""


class Launcher:
    """`run()` returns the exit code; everything it started has ended by then."""

    def __init__(self, options: Options, *, only_services: bool = False) -> None:
        self._options = options
        self._only_services = only_services
        self._data = DataDir(options.data_dir)
        self._began = time.monotonic()
        self._signals = 0
        self._services: Services | None = None
        self._supervisor = Supervisor(self._say)
        self._guard: Guard | None = None
        self._token = secrets.token_urlsafe(12)
        self._has_demo = False
        self._database_is_new = False

    def run(self) -> int:
        try:
            self._data.create()
            self._data.lock()
        except AlreadyRunning as running:
            return self._point_to(running)
        except LocalModeError as error:
            return self._fail(error)
        with self._signals_noted():
            try:
                return self._start_and_watch()
            except StopRequested:
                return 0
            except (LocalModeError, KeepsDying) as error:
                # Ctrl-C reaches the short helper programs too: their failure is then our stop.
                return 0 if self._signals else self._fail(error)
            finally:
                self._stop()

    def _start_and_watch(self) -> int:
        for name in LOG_NAMES:
            rotate_log(self._data.log_path(name))
        self._guard = Guard()
        environment = self._start_services(self._guard)
        parts = Parts(self._options, self._data, self._guard, environment)
        if self._only_services:
            self._write_note(environment, port=None)
            self._print_environment(environment)
            return self._watch()
        port = self._choose_port()
        self._write_note(environment, port=port)
        first = self._prepare(parts)
        for child in (parts.web(port), parts.worker(), parts.what_if(), parts.beat()):
            self._supervisor.add(child)
        base_url = f"http://{self._options.address}:{port}/"
        self._wait_ready(base_url)
        if first:
            self._wait_first_plan(base_url)
        self._announce(base_url)
        return self._watch()

    # --- the servers -------------------------------------------------------------------------------------------------

    def _start_services(self, guard: Guard) -> dict[str, str]:
        options, data = self._options, self._data
        self._services = Services(
            data.path, guard=guard, database=options.database_url is None, broker=options.broker_url is None
        )
        created = self._database_is_new = self._start_database(self._services)
        self._start_broker(self._services)
        if created:
            data.forget_steps()
        database = options.database_url
        given = {
            "DATABASE_URL": database,
            "DATABASE_OWNER_URL": options.database_owner_url or database,
            "CELERY_BROKER_URL": options.broker_url,
        }
        return {
            **self._services.environment(),
            **{name: value for name, value in given.items() if value is not None},
            "SECRET_KEY": options.secret_key or data.secret("secret_key", length=48),
            "ALLOWED_HOSTS": ",".join(options.names()),
            "CAPACITY_DATA_DIR": str(data.path),
            "CAPACITY_START_TOKEN": self._token,
            "SETUP_CODE": self._setup_code(),
        }

    def _setup_code(self) -> str:
        """What the page of the first account asks for: given, else made once and kept in the data folder."""
        given = os.environ.get("SETUP_CODE", "")
        if given:
            return given
        if not (self._data.path / "setup_code").exists():
            letters = "".join(secrets.choice(_CODE_LETTERS) for _ in range(16))
            self._data.keep_secret("setup_code", "-".join(letters[at : at + 4] for at in range(0, 16, 4)))
        return self._data.secret("setup_code", length=12)

    def _start_database(self, services: Services) -> bool:
        postgres = services.postgres
        if postgres is None:
            self._say(f"Database: yours, {_without_password(self._options.database_url)}")
            return False
        new = not (postgres.cluster / "PG_VERSION").exists()
        self._say(f"Database: {describe(postgres)}{' (creating it)' if new else ''}")
        created = postgres.prepare()
        postgres.start()
        self._check()
        if postgres.child is not None:
            self._supervisor.add(postgres.child, before_restart=postgres.clear_crash)
        return created

    def _start_broker(self, services: Services) -> None:
        broker = services.broker
        if broker is None:
            self._say(f"Broker: yours, {_without_password(self._options.broker_url)}")
            return
        self._say("Broker: Valkey")
        broker.start()
        self._check()
        if broker.child is not None:
            self._supervisor.add(broker.child, before_restart=broker.stop_leftover)

    # --- the steps before the first page -----------------------------------------------------------------------------

    def _prepare(self, parts: Parts) -> bool:
        """Bring schema, grants, static files and demo world up to date. True on the first start of this database."""
        mark = code_fingerprint(self._options.project_dir)
        embedded = self._options.database_url is None
        # A database of the user's own may have been changed by someone else since: look every time.
        if not (embedded and self._data.is_done("prepared", mark)):
            self._back_up_first(parts)
            self._step("Tables up to date", parts.step("migrate", "--noinput", "--verbosity", "0", owner=True))
            self._step("Rights of the application's role", parts.step("grant_app_role", owner=True))
            self._step("Static files", parts.step("collectstatic", "--noinput", "--verbosity", "0"))
            self._data.set_done("prepared", mark)
        return self._load_demo(parts, "embedded" if embedded else _without_password(self._options.database_url))

    def _back_up_first(self, parts: Parts) -> None:
        """A dump of a database that holds something, before its tables are changed. A failed one stops the start."""
        if self._database_is_new or not self._options.backup:
            return
        database = self._dumpable()
        if not database.has_tables():
            return
        pending = parts.step("migrate", "--check", "--verbosity", "0", owner=True)
        if self._step("Looking whether tables have to change", pending, accept=(0, 1)) == 0:
            return
        target = backup.new_file(backup_folder(self._data), backup.BEFORE_UPGRADE, now=datetime.now(UTC))
        self._say("Backing up before the tables change …")
        try:
            database.dump(target)
        except LocalModeError as error:
            raise LocalModeError(
                f"The tables have to change and the backup before it failed, so nothing was changed. {error} "
                "Mend that, or start with BACKUP=0 if you have a backup of your own."
            ) from error
        backup.drop_older(target.parent, backup.BEFORE_UPGRADE)
        self._say(f"Backed up to {target}; the last {backup.KEPT_BEFORE_UPGRADES} of these are kept.")

    def _dumpable(self) -> backup.Dumpable:
        assert self._services is not None
        if self._services.postgres is not None:
            return backup.embedded(self._services.postgres)
        return backup.of_url(self._options.database_owner_url or self._options.database_url or "")

    def _load_demo(self, parts: Parts, database: str) -> bool:
        """The demo world once per database; later only its password when another one is asked for."""
        if not self._wants_demo(database):
            return False
        password = self._options.demo_password or self._data.secret("demo_password", length=9)
        given = {"DEMO_PASSWORD": password}
        first = not self._data.is_done("demo", database)
        self._has_demo = True
        if first:
            step = parts.step("load_demo", "--only-empty", extra=given)
            self._has_demo = self._step("Demo world", step, show_output=True, accept=(0, NOT_EMPTY)) == 0
            self._data.set_done("demo", database if self._has_demo else f"none in {database}")
        elif password != self._data.secret("demo_password", length=9):
            self._step("New password of the demo accounts", parts.step("load_demo", "--accounts-only", extra=given))
        if self._has_demo:
            self._data.keep_secret("demo_password", password)
        return first and self._has_demo

    def _wants_demo(self, database: str) -> bool:
        """Whether the demo is to be there: in a new database, unless DEMO=0; later as it was then, unless DEMO says."""
        wanted, mark = self._options.demo, self._data.mark("demo")
        # Whoever removes the demo removes its password too (manage.py remove_demo, typed by hand as well).
        is_there = mark == database and (self._data.path / "demo_password").exists()
        if wanted is False and is_there:
            self._has_demo = True
            self._say("The demo world is in this database and stays, DEMO=0 or not. 'make remove-demo' takes it out.")
            return False
        if mark == database and not is_there:
            mark = f"none in {database}"
            self._data.set_done("demo", mark)
        if wanted is False or (wanted is None and mark == f"none in {database}"):
            self._data.set_done("demo", f"none in {database}")
            return False
        return True

    def _step(self, title: str, child: Child, *, show_output: bool = False, accept: tuple[int, ...] = (0,)) -> int:
        """Run one `manage.py` command to its end, telling how it goes, and return its exit code.

        Raises LocalModeError when the code is not among those to `accept`.
        """
        self._say(f"{title} …")
        path = self._data.log_path("setup")
        shown_to = path.stat().st_size if path.exists() else 0
        began = said = time.monotonic()
        child.start()
        try:
            while child.is_running():
                self._tick()
                if show_output:
                    shown_to = self._show_new_lines(shown_to)
                elif time.monotonic() - said > PROGRESS_SECONDS:
                    said = time.monotonic()
                    self._say(f"{title} … {said - began:.0f} s")
        finally:
            code = child.return_code()
            child.stop(seconds=1.0)
        if show_output:
            self._show_new_lines(shown_to)
        if code is None or code not in accept:
            raise LocalModeError(f"'{title}' failed (code {code}). The log ({path}) ends with:\n{child.log_tail()}")
        return code

    def _show_new_lines(self, position: int) -> int:
        with self._data.log_path("setup").open("rb") as log:
            log.seek(position)
            new = log.read()
        whole = new[: new.rfind(b"\n") + 1]
        for line in whole.decode(errors="replace").splitlines():
            if line and not line.startswith(" "):  # details stay in the log
                self._say(f"  {line}")
        return position + len(whole)

    def _choose_port(self) -> int:
        port = first_free_port(self._options.host, self._options.port)
        if port != self._options.port:
            self._say(f"Port {self._options.port} is taken; using {port}.")
        return port

    # --- ready, and watching -----------------------------------------------------------------------------------------

    def _wait_ready(self, base_url: str) -> None:
        self._say("Web, workers and beat are starting …")
        began = said = time.monotonic()
        while missing := missing_parts(ask_health(base_url), token=self._token):
            if not self._supervisor.all_running():
                missing.append("a process that died")
            now = time.monotonic()
            if now - began > READY_SECONDS:
                raise LocalModeError(
                    f"Not ready after {READY_SECONDS:.0f} s: {', '.join(missing)}. The logs are in "
                    f"{self._data.log_path('web').parent}."
                )
            if now - said > PROGRESS_SECONDS:
                said = now
                self._say(f"Waiting for {', '.join(missing)} … {now - began:.0f} s")
            self._tick()

    def _wait_first_plan(self, base_url: str) -> None:
        self._say("Computing the first plan …")
        began = said = time.monotonic()
        while (ask_health(base_url) or {}).get("plan_age_seconds") is None:
            now = time.monotonic()
            if now - began > FIRST_PLAN_SECONDS:
                self._say("The first plan is still being computed; the page shows how it goes.")
                return
            if now - said > PROGRESS_SECONDS:
                said = now
                self._say(f"Computing the first plan … {now - began:.0f} s")
            self._tick()

    def _announce(self, base_url: str) -> None:
        self._say(f"Ready after {time.monotonic() - self._began:.1f} s. Ctrl-C stops everything.")
        print(f"\nCapacity Review is ready at {base_url}", flush=True)
        if self._has_demo:
            print(f"Demo accounts: {', '.join(DEMO_ACCOUNTS)}", flush=True)
            print(f"Password of each: {self._data.secret('demo_password', length=9)}", flush=True)
        elif asks_for_first_account(base_url):
            base_url = f"{base_url}welcome/?code={self._setup_code()}"
            print(
                f"Nobody has an account yet. Make the first one, with this setup code: {self._setup_code()}", flush=True
            )
            print(base_url, flush=True)
        print(flush=True)
        if self._options.open_browser:
            subprocess.Popen(
                [sys.executable, "-m", "webbrowser", base_url],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _watch(self) -> int:
        while True:
            self._tick()

    def _tick(self) -> None:
        self._check()
        self._supervisor.tick()
        time.sleep(TICK_SECONDS)

    def _check(self) -> None:
        if self._signals:
            raise StopRequested

    # --- the end -----------------------------------------------------------------------------------------------------

    def _stop(self) -> None:
        began = time.monotonic()
        if self._signals:
            self._say("Stopping …")
        self._data.remove_note()
        for name, seconds in STOP_SECONDS.items():
            part = self._supervisor.parts.get(name)
            if part is not None:
                part.child.stop(seconds=0.2 if self._signals > 1 else seconds)
        if self._services is not None:
            self._services.stop()
        if self._guard is not None:
            self._guard.close()
        self._data.unlock()
        if self._signals:
            self._say(f"Stopped in {time.monotonic() - began:.1f} s.")

    @contextlib.contextmanager
    def _signals_noted(self) -> Iterator[None]:
        def note(_number: int, _frame: FrameType | None) -> None:
            self._signals += 1

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, note) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _write_note(self, environment: dict[str, str], *, port: int | None) -> None:
        self._data.write_note(
            {
                "database_url": environment["DATABASE_URL"],
                "database_owner_url": environment["DATABASE_OWNER_URL"],
                "broker_url": environment["CELERY_BROKER_URL"],
                "secret_key": environment["SECRET_KEY"],
                "setup_code": environment["SETUP_CODE"],
                "pid": os.getpid(),
                "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "host": self._options.address,
                "port": port,
            }
        )

    def _print_environment(self, environment: dict[str, str]) -> None:
        self._say("Database and broker are running; manage.py commands find them. Ctrl-C stops them.")
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "CELERY_BROKER_URL"):
            print(f"{name}={environment[name]}", flush=True)

    def _point_to(self, running: AlreadyRunning) -> int:
        note = running.note
        if note.get("port"):
            where = f"at http://{note['host']}:{note['port']}/ (process {running.pid}, since {note['started_at']})"
        else:
            where = f"or is starting (process {running.pid})"
        print(f"Capacity Review already runs {where}. 'make stop' ends it.", flush=True)
        return 0

    def _fail(self, error: Exception) -> int:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a closed terminal must not keep us from stopping in order
            print(f"[{time.monotonic() - self._began:5.1f} s] {text}", flush=True)


def _without_password(url: str | None) -> str:
    parts = urlsplit(url or "")
    if parts.password is None:
        return url or ""
    return (url or "").replace(f":{parts.password}@", ":…@", 1)


def stop_running(options: Options, *, seconds: float = 15.0) -> int:
    """`make stop`: ask the launcher of this data folder to end, wait until it has. Returns an exit code."""
    data = DataDir(options.data_dir)
    if not data.path.exists():
        print("Capacity Review does not run here.")
        return 0
    end = time.monotonic() + seconds
    asked: int | None = None
    while time.monotonic() < end:
        try:
            data.lock()
        except AlreadyRunning as running:
            if asked != running.pid and running.pid:
                os.kill(running.pid, signal.SIGTERM)
                asked = running.pid
            time.sleep(0.1)
            continue
        data.unlock()
        print("Stopped." if asked else "Capacity Review does not run here.")
        return 0
    print(f"Process {asked} did not end within {seconds:.0f} s.", file=sys.stderr)
    return 1


def reset_data(options: Options) -> int:
    """`make reset`: delete the data folder of a start that does not run. Returns an exit code."""
    data = DataDir(options.data_dir)
    if not data.path.exists():
        print(f"There is no data in {data.path}.")
        return 0
    # Never delete a folder that only happens to be named in CAPACITY_DATA_DIR.
    if not (data.path / "lock").exists():
        print(f"{data.path} was not made by Capacity Review; nothing deleted.", file=sys.stderr)
        return 1
    try:
        data.lock()
    except AlreadyRunning as running:
        print(f"Capacity Review runs (process {running.pid}); 'make stop' first. Nothing deleted.", file=sys.stderr)
        return 1
    remove_outside_folder(data.path)
    shutil.rmtree(data.path)
    print(f"Deleted {data.path}.")
    return 0
