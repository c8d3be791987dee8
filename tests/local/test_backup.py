"""Backups: a whole dump or none, restored with data, sequences, triggers and rights as they were."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from capacity.local import backup
from capacity.local.identities import LocalModeError
from capacity.local.options import PROJECT_DIR
from capacity.local.postgres import APP_ROLE, OWNER_ROLE, Postgres
from capacity.local.processes import Guard
from capacity.local.services import Services

pytestmark = pytest.mark.fault
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
CONTENT = "SELECT count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM \"{}\" t"
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
TRIGGERS = "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
RIGHTS = """
SELECT table_name, privilege_type FROM information_schema.role_table_grants WHERE grantee = 'capacity_app' ORDER BY 1, 2
"""


@dataclass
class Folder:
    """A data folder whose database holds the product's real tables and a few rows."""

    path: Path
    services: Services

    @property
    def postgres(self) -> Postgres:
        assert self.services.postgres is not None
        return self.services.postgres

    def manage(self, *arguments: str, role: str = "owner") -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            **self.services.environment(),
            "CAPACITY_DATA_DIR": str(self.path),
            "CAPACITY_DB_ROLE": role,
            "SECRET_KEY": "x" * 50,
        }
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip

    def ask(self, sql: str) -> list[tuple]:
        with psycopg.connect(self.postgres.url(OWNER_ROLE)) as connection:
            return connection.execute(sql).fetchall()  # type: ignore[arg-type]

    def everything(self) -> dict[str, list[tuple]]:
        asked = {"sequences": SEQUENCES, "triggers": TRIGGERS, "rights": RIGHTS}
        rows = [(name, *self.ask(CONTENT.format(name))[0]) for (name,) in self.ask(TABLES)]
        return {"rows": rows, **{name: self.ask(sql) for name, sql in asked.items()}}


@pytest.fixture(scope="module")
def folder() -> Iterator[Folder]:
    path = Path(tempfile.mkdtemp(prefix="capacity-test-"))
    path.chmod(0o711)
    guard = Guard()
    guard.remove_afterwards(path)
    services = Services(path, guard=guard, fast=True)
    try:
        services.start()
        made = Folder(path=path, services=services)
        made.manage("migrate", "--noinput", "--verbosity", "0")
        made.manage("grant_app_role")
        made.manage("load_demo", "--as-of", "2026-11-22", "--password", "a password of the tests", role="app")
        yield made
    finally:
        services.stop()
        guard.close()
        shutil.rmtree(path, ignore_errors=True)


def dump(folder: Folder, name: str = "one.dump") -> Path:
    target = folder.path / "backups" / name
    backup.embedded(folder.postgres).dump(target)
    return target


def test_what_is_restored_equals_what_was_backed_up(folder: Folder) -> None:
    before = folder.everything()
    assert {name: count for name, count, _ in before["rows"]}["inventory_lot"] > 0
    assert ("contracts_customer", "pgtrigger_alias_is_immutable") in [
        (table, name.rsplit("_", 1)[0]) for table, name in before["triggers"]
    ]
    file = dump(folder)
    with psycopg.connect(folder.postgres.url(OWNER_ROLE)) as connection:
        connection.execute("DELETE FROM contracts_commitstep")
        connection.execute("CREATE TABLE left_behind (x int)")

    backup.restore_into(folder.postgres, file)

    assert folder.everything() == before
    assert folder.ask("SELECT count(*) FROM pg_database WHERE datname LIKE 'capacity_%'") == [(0,)]


def test_after_a_restore_the_application_writes_new_rows_and_still_cannot_rewrite_records(folder: Folder) -> None:
    backup.restore_into(folder.postgres, dump(folder))
    folder.manage("load_demo", "--as-of", "2026-11-22", "--password", "another password", role="app")
    assert folder.ask("SELECT max(id) = (SELECT last_value FROM access_auditevent_id_seq) FROM access_auditevent") == [
        (True,)
    ]
    with psycopg.connect(folder.postgres.url(APP_ROLE)) as connection:
        connection.execute("UPDATE inventory_lot SET accelerators = accelerators + 8 WHERE key = 'H100-1'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM access_auditevent")


def test_a_broken_file_is_refused_and_changes_nothing(folder: Folder) -> None:
    file = dump(folder)
    before = folder.everything()
    half = file.with_name("half.dump")
    half.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    text = file.with_name("text.dump")
    text.write_text("not a dump")
    for broken in (half, text):
        with pytest.raises(LocalModeError):
            backup.restore_into(folder.postgres, broken)
    assert folder.everything() == before
    assert folder.ask("SELECT count(*) FROM pg_database WHERE datname LIKE 'capacity_%'") == [(0,)]


def test_a_backup_of_another_database_is_refused(folder: Folder) -> None:
    folder.postgres.run_sql("CREATE DATABASE stranger;\n")
    other = folder.path / "backups" / "other.dump"
    backup.embedded(folder.postgres, database="stranger").dump(other)
    folder.postgres.run_sql("DROP DATABASE stranger;\n")
    with pytest.raises(LocalModeError, match="another database"):
        backup.restore_into(folder.postgres, other)


def test_a_failed_backup_leaves_no_file(folder: Folder) -> None:
    target = folder.path / "backups" / "none.dump"
    with pytest.raises(LocalModeError, match="pg_dump failed"):
        backup.embedded(folder.postgres, database="not-there").dump(target)
    assert [path.name for path in target.parent.iterdir() if "none" in path.name] == []


def test_a_backup_is_for_its_owner_only(folder: Folder) -> None:
    file = dump(folder)
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


def test_only_the_last_five_before_upgrades_are_kept_and_those_by_hand_always(tmp_path: Path) -> None:
    for day in range(1, 9):
        now = datetime(2026, 11, day, tzinfo=UTC)
        for kind in (backup.BEFORE_UPGRADE, backup.BY_HAND):
            backup.new_file(tmp_path, kind, now=now).touch()
    gone = backup.drop_older(tmp_path, backup.BEFORE_UPGRADE)
    assert [path.name for path in gone] == [f"before-upgrade-2026110{day}-000000.dump" for day in (1, 2, 3)]
    assert len(list(tmp_path.glob("capacity-*.dump"))) == 8


def test_a_password_goes_by_the_environment_and_not_by_the_command_line() -> None:
    found = backup.of_url("postgresql://owner:s%40crit@db.example:5433/capacity?sslmode=require")
    assert found.address == ("-d", "postgresql://owner@db.example:5433/capacity?sslmode=require")
    assert found.secrets == {"PGPASSWORD": "s@crit"}
