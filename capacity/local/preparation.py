"""The steps between the servers and the first page: a backup, the tables, the rights, static files, the demo world.

Each step is one `manage.py` command run to its end. What is started and watched afterwards stands in launcher.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from capacity.local import backup
from capacity.local.datadir import DataDir
from capacity.local.identities import LocalModeError
from capacity.local.options import Options
from capacity.local.parts import Parts, code_fingerprint
from capacity.local.processes import Child
from capacity.local.services import Services
from capacity.local.upkeep import backup_folder

PROGRESS_SECONDS = 5.0
# load_demo's answer when it finds other people's accounts in a database of the user's own.
NOT_EMPTY = 3


class Preparation:
    """What has to be true before the first page, for one start. `has_demo` tells afterwards whether the demo is there."""

    def __init__(
        self,
        options: Options,
        data: DataDir,
        services: Services,
        *,
        database_is_new: bool,
        say: Callable[[str], None],
        pause: Callable[[], None],
    ) -> None:
        """say: tells the terminal. pause: waits a moment while the servers are watched; raises to stop the start."""
        self._options = options
        self._data = data
        self._services = services
        self._is_new = database_is_new
        self._say = say
        self._pause = pause
        self.has_demo = False

    def bring_up_to_date(self, parts: Parts) -> bool:
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
        return self._load_demo(parts, "embedded" if embedded else without_password(self._options.database_url))

    def _back_up_first(self, parts: Parts) -> None:
        """A dump of a database that holds something, before its tables are changed. A failed one stops the start."""
        if self._is_new or not self._options.backup:
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
        self.has_demo = True
        if first:
            step = parts.step("load_demo", "--only-empty", extra=given)
            self.has_demo = self._step("Demo world", step, show_output=True, accept=(0, NOT_EMPTY)) == 0
            self._data.set_done("demo", database if self.has_demo else f"none in {database}")
        elif password != self._data.secret("demo_password", length=9):
            self._step("New password of the demo accounts", parts.step("load_demo", "--accounts-only", extra=given))
        if self.has_demo:
            self._data.keep_secret("demo_password", password)
        return first and self.has_demo

    def _wants_demo(self, database: str) -> bool:
        """Whether the demo is to be there: in a new database, unless DEMO=0; later as it was then, unless DEMO says."""
        wanted, mark = self._options.demo, self._data.mark("demo")
        # Whoever removes the demo removes its password too (manage.py remove_demo, typed by hand as well).
        is_there = mark == database and (self._data.path / "demo_password").exists()
        if wanted is False and is_there:
            self.has_demo = True
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
                self._pause()
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


def without_password(url: str | None) -> str:
    parts = urlsplit(url or "")
    if parts.password is None:
        return url or ""
    return (url or "").replace(f":{parts.password}@", ":…@", 1)
