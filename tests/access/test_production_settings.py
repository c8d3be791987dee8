"""In production the settings refuse to start unsafely, and Django's own deployment check finds nothing to warn of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.security
ROOT = Path(__file__).resolve().parents[2]
STRONG = "kq3v-7Zt1mXw9Rb2Lh8Ns5Yc4Gd6Fj0Pa_Qe-Uo+Ix=Tz%Vy-3f8Jd2Kw"
SAFE = {
    "SECRET_KEY": STRONG,
    "ALLOWED_HOSTS": "capacity.example.org",
    "SECURE": "1",
    "DATABASE_URL": "postgresql://app@/none",
    "CELERY_BROKER_URL": "redis://localhost/0",
}


def run(tmp_path: Path, *command: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """The command with the environment of a production start, and nothing of this machine's."""
    wanted = {key: value for key, value in {**SAFE, **changes}.items() if value is not None}
    environment = {"PATH": os.environ["PATH"], "CAPACITY_DATA_DIR": str(tmp_path), **wanted}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_safe_start_succeeds(tmp_path: Path) -> None:
    assert run(tmp_path, "-c", "import capacity.settings").returncode == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SECRET_KEY": None}, "SECRET_KEY is not set"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too weak"),
        ({"SECRET_KEY": "django-insecure-" + STRONG}, "SECRET_KEY is too weak"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS must name the hosts"),
        ({"DATABASE_URL": None}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "sqlite:///x"}, "must start with postgresql://"),
        ({"CELERY_BROKER_URL": None}, "CELERY_BROKER_URL is not set"),
    ],
    ids=lambda value: None if isinstance(value, dict) else value,
)
def test_an_unsafe_start_is_refused_with_its_reason(tmp_path: Path, changes: dict[str, str | None], said: str) -> None:
    done = run(tmp_path, "-c", "import capacity.settings", **changes)
    assert done.returncode != 0
    assert said in done.stderr
    assert "ImproperlyConfigured" in done.stderr


def test_a_refusal_does_not_print_the_key(tmp_path: Path) -> None:
    assert "canary" not in run(tmp_path, "-c", "import capacity.settings", SECRET_KEY="canary").stderr


def test_the_deployment_check_warns_of_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout
