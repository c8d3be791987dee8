"""The installer: says clearly what is missing, means to uv what pip was told, does nothing twice."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from capacity.local import install
from capacity.local.install import SetupError, check_python, make_venv, set_up, uv_environment


def test_an_old_python_is_named_together_with_the_way_out() -> None:
    with pytest.raises(SetupError, match=r"needs Python 3\.11 or newer; .* is 3\.9\.2.*make run PYTHON="):
        check_python((3, 9, 2))
    check_python((3, 11, 0))
    check_python((3, 12, 1))


def test_uv_is_told_what_pip_was_configured_with(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in install.UV_NAMES.values():
        monkeypatch.delenv(name, raising=False)
    configuration = (
        "global.index-url='https://mirror.example.org/simple'\n"
        "global.extra-index-url='https://a.example.org/simple https://b.example.org/simple'\n"
        ":env:.find-links='/wheels /more'\n"
        ":env:.default-timeout='180'\n"
    )
    assert uv_environment(configuration) == {
        "UV_DEFAULT_INDEX": "https://mirror.example.org/simple",
        "UV_INDEX": "https://a.example.org/simple https://b.example.org/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/wheels,/more",
    }


def test_a_variable_set_by_hand_wins_over_pips_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine.example.org/simple")
    assert uv_environment("global.index-url='https://mirror.example.org/simple'") == {}


def test_a_linked_environment_is_used_and_never_deleted(tmp_path: Path) -> None:
    target = tmp_path / "shared"
    (target / "bin").mkdir(parents=True)
    (target / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / ".venv").symlink_to(target)
    assert make_venv(tmp_path / ".venv") == tmp_path / ".venv" / "bin" / "python"
    (target / "bin" / "python").unlink()
    with pytest.raises(SetupError, match="is a link to .*shared, where no working Python is"):
        make_venv(tmp_path / ".venv")
    assert target.is_dir()


def test_an_installation_is_repeated_only_when_the_requirements_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv, project = tmp_path / ".venv", tmp_path / "project"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    project.mkdir()
    (project / "requirements.txt").write_text("Django==5.2.19\n")
    installed: list[str] = []
    monkeypatch.setattr(install, "PROJECT", project)
    monkeypatch.setattr(install, "install", lambda _python, requirements: installed.append(requirements.read_text()))
    set_up(venv, dev=False)
    set_up(venv, dev=False)
    assert installed == ["Django==5.2.19\n"]
    (project / "requirements.txt").write_text("Django==5.2.20\n")
    set_up(venv, dev=False)
    assert installed == ["Django==5.2.19\n", "Django==5.2.20\n"]


def test_a_failed_installation_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)

    def fail(_python: Path, _requirements: Path) -> None:
        raise SetupError("no network")

    monkeypatch.setattr(install, "install", fail)
    for _ in range(2):
        with pytest.raises(SetupError, match="no network"):
            set_up(venv, dev=False)
    assert os.listdir(venv) == ["bin"]
