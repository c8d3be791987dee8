"""Real database and broker: rights of the roles, left-overs of a crash, and the three users the server may run as."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from capacity.local.broker import Broker
from capacity.local.identities import (
    DIRECT,
    DROPPED,
    NAMESPACE,
    UNPRIVILEGED,
    LocalModeError,
    choose_identity,
    remove_outside_folder,
)
from capacity.local.options import PROJECT_DIR
from capacity.local.postgres import APP_ROLE, OWNER_ROLE, Postgres, find_binaries
from capacity.local.processes import Guard, is_alive, wait_until
from capacity.local.services import Services
from tests.local import denied

pytestmark = pytest.mark.fault
DENIED = str(Path(denied.__file__))
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="capacity-test-"))
    folder.chmod(0o711)
    yield folder
    remove_outside_folder(folder)
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def servers(data_dir: Path) -> Iterator[Services]:
    guard = Guard()
    services = Services(data_dir, guard=guard, fast=True)
    try:
        services.start()
        yield services
    finally:
        services.stop()
        guard.close()


def make_postgres(data_dir: Path) -> Postgres:
    sockets = Path(tempfile.mkdtemp(dir=data_dir))
    return Postgres(data_dir=data_dir, socket_dir=sockets, log_path=data_dir / "log" / "db.log", fast=True)


def test_the_applications_role_can_neither_change_the_schema_nor_make_databases(data_dir: Path) -> None:
    with servers(data_dir) as services:
        assert services.postgres is not None
        with psycopg.connect(services.postgres.url(OWNER_ROLE), autocommit=True) as owner:
            owner.execute("CREATE TABLE thing (id int)")
            assert owner.execute("SELECT count(*) FROM pg_extension WHERE extname = 'btree_gist'").fetchone() == (1,)
        with psycopg.connect(services.postgres.url(APP_ROLE), autocommit=True) as app:
            for statement in ("CREATE TABLE mine (id int)", "DROP TABLE thing", "CREATE DATABASE mine"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    app.execute(statement)


def test_the_database_is_reached_through_a_private_folder_and_no_port(data_dir: Path) -> None:
    with servers(data_dir) as services:
        assert services.postgres is not None
        assert services.broker is not None
        assert services.postgres.run_sql("SHOW listen_addresses").strip() == ""
        for folder in (services.postgres.socket_dir, services.broker.socket_dir):
            assert folder.stat().st_mode & 0o777 == 0o700
            assert max(len(str(path)) for path in folder.iterdir()) < 100
        socket_dir = services.socket_dir
    assert not socket_dir.exists()


def test_rows_and_messages_survive_a_stop_in_order(data_dir: Path) -> None:
    guard = Guard()
    for expected in (0, 1):
        services = Services(data_dir, guard=guard)  # with durable settings, as in a real start
        services.start()
        assert services.postgres is not None
        assert services.broker is not None
        with psycopg.connect(services.postgres.url(OWNER_ROLE), autocommit=True) as owner:
            owner.execute("CREATE TABLE IF NOT EXISTS thing (id int)")
            assert owner.execute("SELECT count(*) FROM thing").fetchone() == (expected,)
            owner.execute("INSERT INTO thing VALUES (1)")
        assert f":{expected + 1}\r\n" == ask_broker(services.broker, "RPUSH celery message")
        services.stop()
    guard.close()


def ask_broker(broker: Broker, command: str) -> str:
    code = (
        "import socket, sys\nc = socket.socket(socket.AF_UNIX); c.connect(sys.argv[1])\n"
        "c.sendall(sys.argv[2].encode() + b'\\r\\n'); sys.stdout.write(c.recv(100).decode())"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code, str(broker.socket_path), command], capture_output=True, check=True
    )
    return asked.stdout.decode()


def test_a_left_over_server_of_the_same_cluster_is_ended_before_the_next_start(data_dir: Path) -> None:
    left_over = make_postgres(data_dir)
    left_over.prepare()
    left_over.start()
    old_pid = left_over.child.pid if left_over.child else 0
    broker = Broker(data_dir=data_dir, socket_dir=Path(tempfile.mkdtemp(dir=data_dir)), log_path=data_dir / "mq.log")
    broker.start()
    with servers(data_dir) as services:
        assert services.postgres is not None
        assert services.postgres.is_ready()
        assert left_over.child is not None
        assert left_over.child.return_code() is not None
        assert broker.child is not None
        assert broker.child.return_code() is not None
    left_over.child.sweep()
    broker.child.sweep()
    assert not is_alive(old_pid)


def test_a_killed_server_starts_again_on_its_data_even_with_a_busy_session(data_dir: Path) -> None:
    postgres = make_postgres(data_dir)
    postgres.prepare()
    postgres.start()
    busy = "import psycopg, sys; psycopg.connect(sys.argv[1]).execute('SELECT sum(i) FROM generate_series(1, 1e12) i')"
    client = subprocess.Popen([sys.executable, "-c", busy, postgres.url(APP_ROLE)], stderr=subprocess.DEVNULL)
    running = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'capacity_app' AND state = 'active'"
    assert wait_until(lambda: postgres.run_sql(running).strip() == "1", seconds=10)
    assert postgres.child is not None
    assert postgres.child.process is not None
    postgres.child.process.send_signal(signal.SIGKILL)
    postgres.child.sweep()
    postgres.clear_crash()
    postgres.start()
    assert postgres.run_sql(running).strip() == "0"
    postgres.stop()
    client.wait()


@pytest.mark.long
def test_a_stale_pid_file_naming_a_stranger_hurts_nobody(data_dir: Path) -> None:
    with servers(data_dir):
        pass
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (data_dir / "postgres" / "postmaster.pid").write_text(f"{stranger.pid}\n{data_dir}/postgres\n")
    (data_dir / "broker" / "broker.pid").write_text(f"{stranger.pid}\n")
    with servers(data_dir):
        assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_an_interrupted_creation_is_begun_anew(data_dir: Path) -> None:
    (data_dir / "postgres.new").mkdir()
    (data_dir / "postgres.new" / "PG_VERSION").write_text("18")
    with servers(data_dir) as services:
        assert services.postgres is not None
        assert services.postgres.is_ready()
    assert not (data_dir / "postgres.new").exists()


def test_data_of_another_postgresql_version_is_refused_with_both_versions(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(
        LocalModeError, match=r"made by PostgreSQL 12, the programs here are postgres \(PostgreSQL\) \d+"
    ):
        make_postgres(data_dir).prepare()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(data_dir: Path) -> None:
    postgres = make_postgres(data_dir)
    postgres.prepare()
    (postgres.cluster / "postgresql.auto.conf").write_text("work_mem = 'nonsense'\n")
    with pytest.raises(LocalModeError, match=r"PostgreSQL did not start[\s\S]*work_mem"):
        postgres.start()
    postgres.stop()


# --- whom the server runs as ----------------------------------------------------------------------------------------------

REPORT = (
    "import os, sys, psycopg\n"
    "from capacity.local.postgres import choose_identity\n"
    "with psycopg.connect(os.environ['DATABASE_URL']) as c: print('app', c.execute('SELECT 1').fetchone())\n"
    "print('way', choose_identity().name)\n"
)


def start_under(prefix: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """A whole start of both servers in a process of its own; says which way the database server runs."""
    command = [*prefix, sys.executable, "-m", "capacity.local", "test-services", "--", sys.executable, "-c", REPORT]
    return subprocess.run(
        command, cwd=PROJECT_DIR, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(not IS_ROOT, reason="only root needs another user")
def test_root_starts_the_server_in_a_user_namespace_or_as_an_unprivileged_user() -> None:
    done = start_under([])
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"app (1,)\nway {choose_identity().name}\n"
    assert choose_identity() in (NAMESPACE, DROPPED)


@pytest.mark.skipif(not (IS_ROOT and denied.is_possible()), reason="needs root on x86-64 Linux")
def test_root_without_namespaces_starts_the_server_as_an_unprivileged_user() -> None:
    refused = subprocess.run([sys.executable, DENIED, *NAMESPACE.prefix, "/bin/true"], capture_output=True, check=False)
    assert refused.returncode != 0, "the filter does not refuse namespaces"
    done = start_under([sys.executable, DENIED])
    assert done.returncode == 0, done.stderr
    assert done.stdout == "app (1,)\nway dropped\n"


@pytest.mark.skipif(not (IS_ROOT and denied.is_possible()), reason="needs root on x86-64 Linux")
def test_a_data_folder_behind_a_closed_door_is_moved_to_where_the_server_can_go(data_dir: Path) -> None:
    data_dir.chmod(0o700)
    done = start_under([sys.executable, DENIED], TMPDIR=str(data_dir))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "app (1,)\nway dropped\n"


@pytest.mark.skipif(not (IS_ROOT and denied.is_possible()), reason="needs root on x86-64 Linux")
@pytest.mark.long
def test_the_same_data_are_used_whichever_way_the_server_runs(data_dir: Path) -> None:
    data_dir.chmod(0o700)  # nobody else may pass: the dropped way must move the cluster, the others must find it
    way = "from capacity.local.identities import choose_identity\nprint(choose_identity().name)\n"
    code = way + (
        "import psycopg, sys, shutil\nfrom pathlib import Path\n"
        "from capacity.local.postgres import Postgres, OWNER_ROLE\nfrom capacity.local.services import make_socket_dir\n"
        "d = Path(sys.argv[1]); p = Postgres(data_dir=d, socket_dir=make_socket_dir(), log_path=d / 'log', fast=True)\n"
        "p.prepare(); p.start()\n"
        "with psycopg.connect(p.url(OWNER_ROLE), autocommit=True) as c:\n"
        "    c.execute('CREATE TABLE IF NOT EXISTS seen (id serial)')\n"
        "    c.execute('INSERT INTO seen DEFAULT VALUES')\n"
        "    print(c.execute('SELECT count(*) FROM seen').fetchone()[0])\n"
        "p.stop(); shutil.rmtree(p.socket_dir)\n"
    )
    seen = []
    for prefix in ([], [sys.executable, DENIED], []):
        command = [*prefix, sys.executable, "-c", code, str(data_dir)]
        done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        seen.append(done.stdout.split())
    here = choose_identity().name
    assert seen == [[here, "1"], ["dropped", "2"], [here, "3"]]


@pytest.mark.skipif(not (IS_ROOT and denied.is_possible() and shutil.which("setpriv")), reason="needs root on Linux")
def test_when_no_way_is_left_the_message_names_database_url() -> None:
    no_change_of_user = ["setpriv", "--bounding-set=-setuid,-setgid", "--inh-caps=-all"]
    done = start_under([*no_change_of_user, sys.executable, DENIED])
    assert done.returncode == 1
    assert "refuses to run as root" in done.stderr
    assert "DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not IS_ROOT, reason="only root can become somebody else")
def test_an_ordinary_user_starts_the_server_directly(data_dir: Path) -> None:
    python = python_for(UNPRIVILEGED)
    home = data_dir / "home"
    shutil.copytree(PROJECT_DIR / "capacity" / "local", home / "capacity" / "local")
    (home / "capacity" / "__init__.py").touch()
    binaries = find_binaries()
    programs = home / binaries.parent.parent.name
    shutil.copytree(binaries.parent, programs / binaries.parent.name)
    if (libraries := binaries.parent.parent.with_name(f"{programs.name}.libs")).is_dir():
        shutil.copytree(libraries, home / libraries.name)
    broker = shutil.copy(
        Broker(data_dir=home, socket_dir=home, log_path=home).new_child().argv[0], home / "broker-server"
    )
    for path in [home, *home.rglob("*")]:
        os.chown(path, UNPRIVILEGED, UNPRIVILEGED)
    report = (
        "from capacity.local.identities import choose_identity; import os; print(os.getuid(), choose_identity().name)"
    )
    done = subprocess.run(
        [python, "-m", "capacity.local", "test-services", "--", python, "-c", report],
        cwd=home,
        env={
            "PATH": os.environ["PATH"],
            "TMPDIR": str(home),
            "CAPACITY_PG_BIN": str(programs / binaries.parent.name / binaries.name),
            "CAPACITY_BROKER_BIN": str(broker),
        },
        user=UNPRIVILEGED,
        group=UNPRIVILEGED,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{UNPRIVILEGED} {DIRECT.name}\n"


def python_for(uid: int) -> str:
    """An interpreter that this user can run (ours may lie in root's home)."""
    for candidate in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with contextlib.suppress(OSError):
            asked = subprocess.run(
                [candidate, "-c", "import sys; print(sys.version_info >= (3, 11))"],
                user=uid,
                group=uid,
                extra_groups=[],
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
            )
            if asked.stdout == "True\n":
                return candidate
    pytest.fail("no Python 3.11 or newer that an ordinary user can run")
