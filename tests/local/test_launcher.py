"""Whole starts with real processes: ready, killed, stopped, twice at once, on a taken port."""

from __future__ import annotations

import contextlib
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from capacity.local.options import PROJECT_DIR
from capacity.local.processes import command_line, is_alive, wait_until
from tests.local.standin import make_project

pytestmark = pytest.mark.fault
START = (
    "import sys\nfrom dataclasses import replace\nfrom pathlib import Path\n"
    "from capacity.local.launcher import Launcher\nfrom capacity.local.options import read_options\n"
    "sys.exit(Launcher(replace(read_options(), project_dir=Path(sys.argv[1]))).run())"
)
PARTS = {
    "web": "gunicorn",
    "worker": "celery .*worker .*--queues celery",
    "what_if": "celery .*worker .*--queues what_if",
    "beat": "celery .*beat",
    "database": "postgres -D",
    "broker": "valkey",
}


class Start:
    """One launcher on a stand-in product; its output is kept as it comes."""

    def __init__(self, root: Path, *, port: int | None = None, **environment: str) -> None:
        self.root, self.data, self.output_path = root, root / "var", root / f"output-{time.monotonic_ns()}"
        settings = {"CAPACITY_DATA_DIR": str(self.data), "PORT": str(port or free_port()), **environment}
        with self.output_path.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, str(root / "project")],
                cwd=PROJECT_DIR,
                env={**_clean_environment(), **settings},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self.output_path.read_text()

    def wait_ready(self, *, seconds: float = 40) -> str:
        wait_until(lambda: "is ready at" in self.output or self.process.poll() is not None, seconds=seconds)
        found = re.search(r"Capacity Review is ready at (http://\S+)", self.output)
        assert found, self.output
        return found.group(1)

    def children(self) -> dict[str, int]:
        """Part → process number, read from the machine and not from the launcher's own book-keeping."""
        asked = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        lines = {int(pid): command_line(int(pid)) for pid in asked.stdout.split()}
        return {part: pid for part, mark in PARTS.items() for pid, line in lines.items() if re.search(mark, line)}

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


_SERVICE_NAMES = {
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "CELERY_BROKER_URL",
    "SECRET_KEY",
    "CAPACITY_DB_ROLE",
    "HOST",
    "PORT",
    "OPEN",
    "DEMO",
    "BACKUP",
    "SETUP_CODE",
    "DEMO_PASSWORD",
    "ALLOWED_HOSTS",
    "DJANGO_SETTINGS_MODULE",  # the stand-in has none
}


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _SERVICE_NAMES}


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def health(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}healthz", timeout=5) as answer:
        return json.loads(answer.read())


def descendants(pid: int) -> list[int]:
    asked = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    parents = [tuple(map(int, line.split())) for line in asked.stdout.splitlines()]
    found = [pid]
    for known in found:
        found += [child for child, parent in parents if parent == known]
    return found[1:]


@contextlib.contextmanager
def project_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="capacity-test-"))
    folder.chmod(0o711)
    make_project(folder / "project")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def root() -> Iterator[Path]:
    with project_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def running() -> Iterator[Start]:
    """One start shared by the tests that leave it running as they found it."""
    with project_folder() as folder:
        started = Start(folder)
        started.wait_ready()
        yield started
        started.end()


@pytest.fixture
def start(root: Path) -> Iterator[Start]:
    started = Start(root)
    yield started
    if started.process.poll() is None:
        started.end()


def test_a_start_ends_with_the_address_the_accounts_and_a_note_for_hand_typed_commands(running: Start) -> None:
    url = running.wait_ready()
    assert (
        "Demo accounts: chair, deputy, finance, controller, sales, sales_west, research, product, exec, auditor, admin"
        in running.output
    )
    password = (running.data / "demo_password").read_text().strip()
    assert f"Password of each: {password}" in running.output
    assert set(running.children()) == set(PARTS)
    note = json.loads((running.data / "local.json").read_text())
    assert note["pid"] == running.process.pid
    assert url.endswith(f":{note['port']}/")
    assert note["database_url"].startswith("postgresql://capacity_app@/capacity?host=/")
    assert note["database_owner_url"].startswith("postgresql://capacity_owner@/capacity?host=/")
    assert note["secret_key"] == (running.data / "secret_key").read_text().strip()
    # The schema is changed by its owner only, and the web process does not know the owner's address.
    steps = ["migrate owner", "grant_app_role owner", "collectstatic app", "load_demo app"]
    assert (running.data / "steps-run.txt").read_text().splitlines() == steps
    assert health(url)["owner_known"] is False


def test_stopping_takes_five_seconds_at_most_and_leaves_nothing(root: Path, start: Start) -> None:
    url = start.wait_ready()
    everyone = descendants(start.process.pid)
    assert len(everyone) >= 8
    with pytest.raises(TimeoutError):  # a request in flight must not hold up the stop
        urllib.request.urlopen(f"{url}slow", timeout=0.5)
    began = time.monotonic()
    assert start.end(signal.SIGINT) == 0
    assert time.monotonic() - began <= 5
    assert [pid for pid in everyone if is_alive(pid)] == []
    assert not (start.data / "local.json").exists()
    log = (start.data / "log" / "database.log").read_text()
    assert "database system is shut down" in log


def test_the_second_start_repeats_no_step_and_keeps_the_password(root: Path, start: Start) -> None:
    start.wait_ready()
    password = (start.data / "demo_password").read_text()
    start.end()
    again = Start(root)
    again.wait_ready(seconds=10)
    again.end()
    assert len((start.data / "steps-run.txt").read_text().splitlines()) == 4
    assert (start.data / "demo_password").read_text() == password
    (root / "project" / "capacity" / "changed.py").write_text("x = 1")
    third = Start(root)
    third.wait_ready(seconds=10)
    third.end()
    steps = (start.data / "steps-run.txt").read_text().splitlines()[4:]
    assert steps == ["migrate owner", "grant_app_role owner", "collectstatic app"]


def test_a_second_start_points_to_the_first_and_changes_nothing(running: Start) -> None:
    url = running.wait_ready()
    before = running.children()
    second = Start(running.root)
    assert second.process.wait(timeout=10) == 0
    assert f"already runs at {url} (process {running.process.pid}, since " in second.output
    assert running.children() == before
    assert health(url)["plan_age_seconds"] == 1


def test_a_taken_port_is_told_and_the_next_one_used(root: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        taken = other.getsockname()[1]
        started = Start(root, port=taken)
        url = started.wait_ready()
        used = int(url.rstrip("/").rsplit(":", 1)[1])
        assert f"Port {taken} is taken; using {used}." in started.output
        assert used > taken
        started.end()


def test_any_killed_part_is_back_within_seconds(running: Start) -> None:
    url = running.wait_ready()
    first = running.children()
    for part in ("worker", "what_if", "beat", "web", "broker", "database"):
        os.kill(first[part], signal.SIGKILL)
        assert wait_until(lambda part=part: running.children().get(part, first[part]) != first[part], seconds=10), part
    assert wait_until(lambda: _answers(url), seconds=10)
    for part in PARTS:
        assert f"The {part} process was ended by signal 9; starting it again." in running.output
    assert len(running.children()) == len(PARTS)


def test_a_killed_worker_leaves_no_half_of_itself(running: Start) -> None:
    running.wait_ready()
    trace = running.root / "trace"
    send_task(running, str(trace), 30)
    assert wait_until(lambda: trace.exists() and trace.read_text().endswith("\n"), seconds=10)
    pool_process = int(trace.read_text())
    old = running.children()["worker"]
    os.kill(old, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(pool_process), seconds=5), "the task's process outlived its worker"
    assert wait_until(lambda: running.children().get("worker", old) != old, seconds=5)


def test_a_killed_launcher_leaves_no_orphan_and_the_next_start_works(root: Path, start: Start) -> None:
    start.wait_ready()
    send_task(start, str(root / "trace"), 60)
    assert wait_until(lambda: (root / "trace").exists(), seconds=10)
    everyone = descendants(start.process.pid)
    socket_folders = re.findall(r"host=(\S+?)/db", (start.data / "local.json").read_text())
    start.end(signal.SIGKILL)
    assert wait_until(lambda: not [pid for pid in everyone if is_alive(pid)], seconds=10)
    assert wait_until(lambda: not Path(socket_folders[0]).exists(), seconds=10)
    again = Start(root)
    again.wait_ready(seconds=10)
    assert again.end() == 0


def send_task(start: Start, *arguments: object) -> None:
    note = json.loads((start.data / "local.json").read_text())
    code = f"from capacity.celery import work; work.delay(*{arguments!r})"
    environment = {**_clean_environment(), "CELERY_BROKER_URL": note["broker_url"]}
    subprocess.run([sys.executable, "-c", code], cwd=start.root / "project", env=environment, check=True)


def test_a_failing_step_shows_its_reason_and_stops_everything(root: Path) -> None:
    (root / "project" / "fail-migrate").touch()
    started = Start(root)
    assert started.process.wait(timeout=20) == 1
    assert "'Tables up to date' failed (code 1)" in started.output
    assert "the reason stands here" in started.output
    assert "Traceback" not in started.output


def test_ctrl_c_during_a_long_step_stops_at_once(root: Path) -> None:
    (root / "project" / "slow-load_demo").touch()
    started = Start(root)
    assert wait_until(lambda: "Demo world" in started.output, seconds=20)
    time.sleep(0.3)
    everyone = descendants(started.process.pid)
    began = time.monotonic()
    assert started.end(signal.SIGINT) == 0
    assert time.monotonic() - began <= 5
    assert [pid for pid in everyone if is_alive(pid)] == []
    # The demo world was not finished, so the next start begins it again.
    (root / "project" / "slow-load_demo").unlink()
    again = Start(root)
    again.wait_ready()
    again.end()
    assert (again.data / "steps-run.txt").read_text().splitlines()[-1] == "load_demo app"


@pytest.mark.long
def test_a_part_that_cannot_run_is_given_up_with_the_end_of_its_log(root: Path) -> None:
    (root / "project" / "capacity" / "celery.py").write_text("raise RuntimeError('broken on purpose')")
    started = Start(root)
    assert started.process.wait(timeout=60) == 1
    assert "5 times in a row; giving up" in started.output
    assert "broken on purpose" in started.output


def test_a_database_and_a_broker_of_ones_own_are_used_instead_of_the_embedded_ones(root: Path) -> None:
    given = {name: os.environ[name] for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "CELERY_BROKER_URL")}
    started = Start(root, DEMO_PASSWORD="given by hand", **given)
    started.wait_ready()
    assert set(started.children()) == {"web", "worker", "what_if", "beat"}
    assert json.loads((started.data / "local.json").read_text())["database_url"] == given["DATABASE_URL"]
    assert "Password of each: given by hand" in started.output
    assert not (started.data / "postgres").exists()
    started.end()


@pytest.mark.long
def test_another_demo_password_changes_the_accounts_and_loads_nothing_again(root: Path, start: Start) -> None:
    start.wait_ready()
    start.end()
    again = Start(root, DEMO_PASSWORD="asked for later")
    again.wait_ready()
    again.end()
    assert "Password of each: asked for later" in again.output
    assert (again.data / "arguments.txt").read_text().splitlines()[-1] == "load_demo --accounts-only asked for later"
    third = Start(root)
    third.wait_ready()
    third.end()
    assert "Password of each: asked for later" in third.output


def test_a_database_with_other_peoples_accounts_gets_no_demo_world(root: Path) -> None:
    given = {name: os.environ[name] for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "CELERY_BROKER_URL")}
    (root / "project" / "not-empty").touch()
    for _ in range(2):
        started = Start(root, **given)
        started.wait_ready()
        started.end()
        assert "Demo accounts" not in started.output
    assert "load_demo --only-empty" in (started.data / "arguments.txt").read_text()


def test_a_start_without_the_demo_says_where_the_first_account_is_made(root: Path) -> None:
    (root / "project" / "nobody").touch()
    started = Start(root, DEMO="0")
    url = started.wait_ready()
    code = (started.data / "setup_code").read_text().strip()
    assert re.fullmatch(r"(\w{4}-){3}\w{4}", code)
    wait_until(lambda: f"{url}welcome/?code={code}" in started.output, seconds=5)
    assert f"with this setup code: {code}" in started.output
    assert f"{url}welcome/?code={code}" in started.output
    assert "Demo accounts" not in started.output
    assert json.loads((started.data / "local.json").read_text())["setup_code"] == code
    assert (started.data / "setup_code").stat().st_mode & 0o077 == 0
    started.end()
    assert "load_demo" not in (started.data / "steps-run.txt").read_text()
    # Once somebody has an account there is nothing to say; and the demo does not come by itself later.
    (root / "project" / "nobody").unlink()
    again = Start(root)
    again.wait_ready()
    again.end()
    assert "setup code" not in again.output
    assert "load_demo" not in (again.data / "steps-run.txt").read_text()


def test_a_folder_with_the_demo_keeps_it_and_says_how_to_remove_it(root: Path, start: Start) -> None:
    start.wait_ready()
    start.end()
    again = Start(root, DEMO="0")
    again.wait_ready()
    again.end()
    assert "'make remove-demo' takes it out" in again.output
    assert "Demo accounts" in again.output
    (again.data / "demo_password").unlink()  # what remove_demo does
    third = Start(root)
    third.wait_ready()
    third.end()
    assert "Demo accounts" not in third.output
    assert (third.data / "steps-run.txt").read_text().count("load_demo") == 1


def test_tables_that_change_are_backed_up_first_and_a_failed_backup_stops_the_start(root: Path, start: Start) -> None:
    start.wait_ready()
    note = json.loads((start.data / "local.json").read_text())
    with psycopg.connect(note["database_owner_url"]) as connection:
        connection.execute("CREATE TABLE django_migrations (x int)")
        connection.execute("INSERT INTO django_migrations VALUES (7)")
    start.end()
    backups = start.data / "backups"

    (root / "project" / "capacity" / "changed.py").write_text("x = 1")
    again = Start(root)
    again.wait_ready()
    assert not backups.exists(), "nothing has to change, so nothing is backed up"
    again.end()

    (root / "project" / "pending").touch()
    (root / "project" / "capacity" / "changed.py").write_text("x = 2")
    third = Start(root)
    third.wait_ready()
    (file,) = backups.iterdir()
    assert f"Backed up to {file}" in third.output
    assert third.output.index("Backed up to") < third.output.index("Tables up to date")
    third.end()

    shutil.rmtree(backups)
    backups.write_text("no folder can be made here")
    (root / "project" / "capacity" / "changed.py").write_text("x = 3")
    steps = (start.data / "steps-run.txt").read_text()
    stopped = Start(root)
    assert stopped.process.wait(timeout=30) == 1
    assert "the backup before it failed, so nothing was changed" in stopped.output
    assert (start.data / "steps-run.txt").read_text() == f"{steps}migrate owner\n", "only the look whether"
    without = Start(root, BACKUP="0")
    without.wait_ready()
    without.end()


def run_local(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**_clean_environment(), "CAPACITY_DATA_DIR": str(data)}
    command = [sys.executable, "-m", "capacity.local", *arguments]
    return subprocess.run(command, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=False)


def test_a_backup_is_made_while_it_runs_or_not_and_restored_when_it_does_not(root: Path, start: Start) -> None:
    start.wait_ready()
    note = json.loads((start.data / "local.json").read_text())
    with psycopg.connect(note["database_owner_url"]) as connection:
        connection.execute("CREATE TABLE django_migrations (x int)")
        connection.execute("INSERT INTO django_migrations VALUES (7)")
    while_running = run_local(start.data, "backup")
    assert while_running.returncode == 0, while_running.stderr
    (file,) = (start.data / "backups").glob("capacity-*.dump")
    with psycopg.connect(note["database_owner_url"]) as connection:
        connection.execute("UPDATE django_migrations SET x = 8")
    refused = run_local(start.data, "restore", str(file))
    assert refused.returncode == 1
    assert "'make stop' first" in refused.stderr
    start.end()
    assert run_local(start.data, "backup").returncode == 0
    missing = run_local(start.data, "restore", str(root / "none.dump"))
    assert (missing.returncode, "There is no file" in missing.stderr) == (1, True)

    restored = run_local(start.data, "restore", str(file))

    assert restored.returncode == 0, restored.stderr
    assert "What was there is kept in" in restored.stdout
    again = Start(root)
    again.wait_ready()
    note = json.loads((again.data / "local.json").read_text())
    with psycopg.connect(note["database_owner_url"]) as connection:
        assert connection.execute("SELECT x FROM django_migrations").fetchall() == [(7,)]
    again.end()


def test_make_stop_ends_a_start_from_another_terminal(root: Path, start: Start) -> None:
    start.wait_ready()
    environment = {**os.environ, "CAPACITY_DATA_DIR": str(start.data)}
    stop = [sys.executable, "-m", "capacity.local", "stop"]
    asked = subprocess.run(stop, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=False)
    assert (asked.returncode, asked.stdout) == (0, "Stopped.\n")
    assert start.process.wait(timeout=5) == 0
    asked = subprocess.run(stop, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=False)
    assert (asked.returncode, asked.stdout) == (0, "Capacity Review does not run here.\n")


@pytest.mark.long
def test_reset_refuses_while_it_runs_and_never_deletes_a_strange_folder(root: Path, start: Start) -> None:
    start.wait_ready()
    reset = [sys.executable, "-m", "capacity.local", "reset", "--data-dir"]
    running = subprocess.run([*reset, str(start.data)], cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert running.returncode == 1
    assert "Nothing deleted" in running.stderr
    start.end()
    strange = subprocess.run(
        [*reset, str(root / "project")], cwd=PROJECT_DIR, capture_output=True, text=True, check=False
    )
    assert strange.returncode == 1
    assert (root / "project" / "manage.py").exists()
    done = subprocess.run([*reset, str(start.data)], cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert not start.data.exists()


def _answers(url: str) -> bool:
    try:
        return health(url)["plan_age_seconds"] == 1
    except OSError:
        return False
