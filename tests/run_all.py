"""What `make test` does: style, types, then every test with a database and a broker of its own.

Looks for the browser first, so that a missing one is told in the first second and not after ten minutes.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_BROWSER = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
# mypy's Django plug-in loads the settings; it reads no database.
CHECK_ENVIRONMENT = {
    "DATABASE_URL": "postgresql://nobody@/none",
    "CELERY_BROKER_URL": "redis+socket:///none",
    "SECRET_KEY": "only-for-type-checks-and-nothing-else",
}


def find_browser() -> str | None:
    """The browser the tests drive: CHROMIUM_BIN, then the usual names on PATH."""
    named = os.environ.get("CHROMIUM_BIN")
    if named:
        return named
    on_path = next(filter(None, map(shutil.which, BROWSER_NAMES)), None)
    return on_path or (MAC_BROWSER if Path(MAC_BROWSER).exists() else None)


def provide_browser() -> str | None:
    """A browser, installed with apt when we may; None only when NO_BROWSER=1 asks for doing without."""
    if os.environ.get("NO_BROWSER") == "1":
        return None
    found = find_browser()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("No browser found: installing chromium with apt …", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", *command], env=quiet, stdout=subprocess.DEVNULL, check=False)
        found = find_browser()
    if found is None:
        raise SystemExit(
            "No browser for the browser tests: install chromium, name one in CHROMIUM_BIN, "
            "or do without them by NO_BROWSER=1."
        )
    return found


def run(title: str, command: Sequence[str], environment: Mapping[str, str]) -> int:
    print(f"== {title}", flush=True)
    began = time.monotonic()
    code = subprocess.run(command, cwd=PROJECT, env={**os.environ, **environment}, check=False).returncode
    print(f"== {title}: {'ok' if code == 0 else f'failed ({code})'}, {time.monotonic() - began:.0f} s", flush=True)
    return code


def check_style_and_types() -> list[int]:
    python = [sys.executable, "-m"]
    return [
        run("ruff check", [*python, "ruff", "check", "."], {}),
        run("ruff format", [*python, "ruff", "format", "--check", "."], {}),
        run("mypy", [*python, "mypy"], CHECK_ENVIRONMENT),
    ]


def pytest_command(*, long: bool, browser: bool, extra: Sequence[str]) -> list[str]:
    marks = " and ".join([*(["long"] if long else ["not long"]), *([] if browser else ["not browser"])])
    command = [sys.executable, "-m", "capacity.local", "test-services", "--", sys.executable, "-m", "pytest"]
    # Two processes on two cores, in the order and with the sharing of tests/sharing.py (xdist's own order would put the
    # journeys, few and long, last).
    spread = [] if long else ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    return [*command, *spread, "-m", marks, *extra]


def count_browser_tests() -> str:
    """How many tests NO_BROWSER=1 leaves out, in words."""
    command = pytest_command(long=True, browser=True, extra=["--collect-only", "-q"])
    command[command.index("-m", command.index("pytest")) + 1] = "browser and not long"
    asked = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    counted = re.search(r"(\d+)(?:/\d+)? tests? collected", asked.stdout)
    return counted.group(1) if counted else "no"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="the long tests instead of the usual ones")
    parser.add_argument("--checks-only", action="store_true", help="style and types, no tests")
    arguments, extra = parser.parse_known_args()
    began = time.monotonic()
    browser = None if arguments.checks_only else provide_browser()
    codes = [] if arguments.long else check_style_and_types()
    if not arguments.checks_only:
        command = pytest_command(long=arguments.long, browser=browser is not None, extra=extra)
        codes.append(run("tests", command, {"CHROMIUM_BIN": browser} if browser else {}))
        if browser is None:
            print(f"NO_BROWSER=1: {count_browser_tests()} browser tests were skipped.", flush=True)
    failed = sum(code != 0 for code in codes)
    verdict = "all passed" if not failed else f"{failed} of {len(codes)} parts failed"
    print(f"== {verdict} in {time.monotonic() - began:.0f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
