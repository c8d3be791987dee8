"""One start from beginning to end: servers, schema, demo world, web, worker, beat, then watching until asked to stop.

The order is the content of this file; how a single process is started or watched stands in its neighbours.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import FrameType

from capacity.local.datadir import AlreadyRunning, DataDir
from capacity.local.health import ask_health, asks_for_first_account, missing_parts
from capacity.local.identities import LocalModeError
from capacity.local.options import Options
from capacity.local.parts import Parts
from capacity.local.ports import first_free_port
from capacity.local.postgres import describe
from capacity.local.preparation import PROGRESS_SECONDS, Preparation, without_password
from capacity.local.processes import Guard, rotate_log
from capacity.local.services import Services
from capacity.local.supervisor import KeepsDying, Supervisor

LOG_NAMES = ("database", "broker", "setup", "web", "worker", "what_if", "beat")
READY_SECONDS = 120.0
FIRST_PLAN_SECONDS = 600.0
TICK_SECONDS = 0.1
# In the order of stopping; five seconds together at the very worst.
STOP_SECONDS = {"beat": 0.7, "web": 1.0, "what_if": 0.5, "worker": 1.0, "broker": 0.5, "database": 1.3}
DEMO_ACCOUNTS = (
    *("chair", "deputy", "finance", "controller", "sales", "sales_west"),
    *("research", "product", "exec", "auditor", "admin"),
)
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
            self._say(f"Database: yours, {without_password(self._options.database_url)}")
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
            self._say(f"Broker: yours, {without_password(self._options.broker_url)}")
            return
        self._say("Broker: Valkey")
        broker.start()
        self._check()
        if broker.child is not None:
            self._supervisor.add(broker.child, before_restart=broker.stop_leftover)

    def _prepare(self, parts: Parts) -> bool:
        """Schema, grants, static files and demo world up to date. True when the demo came with this start."""
        assert self._services is not None
        preparation = Preparation(
            self._options,
            self._data,
            self._services,
            database_is_new=self._database_is_new,
            say=self._say,
            pause=self._tick,
        )
        first = preparation.bring_up_to_date(parts)
        self._has_demo = preparation.has_demo
        return first

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
