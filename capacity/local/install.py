"""Makes `.venv` and installs the requirements: `python3 capacity/local/install.py [--dev | --bench]`. Quick when unchanged.

Runs before anything is installed, on whatever Python is there, as a plain file: it imports nothing but the standard
library. Installs with uv, which takes a quarter of pip's time, and with pip where uv cannot.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
OLDEST_PYTHON = (3, 11)
# How pip's own configuration is told to uv, which does not read it.
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "constraint": "UV_CONSTRAINT",
    "cert": "SSL_CERT_FILE",
}


class SetupError(Exception):
    """The installation cannot go on; the message says what to do."""


def say(text: str) -> None:
    print(text, flush=True)


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> None:
    if tuple(version[:2]) < OLDEST_PYTHON:
        found = ".".join(str(part) for part in version)
        raise SetupError(
            f"Capacity Review needs Python 3.11 or newer; {sys.executable} is {found}. "
            "Name a newer one: make run PYTHON=python3.12"
        )


def make_venv(venv: Path) -> Path:
    """The folder's Python; makes the virtual environment when there is none that works."""
    python = venv / "bin" / "python"
    if python.exists() and subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return python
    if venv.is_symlink():
        raise SetupError(f"{venv} is a link to {os.readlink(venv)}, where no working Python is. Remove the link.")
    say(f"Making {venv.name} with Python {sys.version.split()[0]} …")
    shutil.rmtree(venv, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True)
    if made.returncode != 0:
        raise SetupError(
            f"Python could not make a virtual environment: {(made.stdout + made.stderr).strip()}\n"
            "On Debian and Ubuntu: apt install python3-venv"
        )
    return python


def wanted_text(files: list[Path], python: Path) -> str:
    """What the installation depends on, word for word; compared with what the last one noted."""
    version = subprocess.run([str(python), "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return "\n".join([version, *[path.read_text() for path in files]])


def uv_environment(pip_configuration: str) -> dict[str, str]:
    """Environment for uv that means the same as `pip config list` says. A variable the user set himself wins."""
    environment: dict[str, str] = {}
    for line in pip_configuration.splitlines():
        name, _, value = line.partition("=")
        uv_name = UV_NAMES.get(name.rsplit(".", 1)[-1].strip())
        if uv_name is None or not value:
            continue
        try:
            text = str(ast.literal_eval(value))
        except (ValueError, SyntaxError):
            continue
        # uv separates folders of wheels by commas, the rest by blanks as pip does.
        environment[uv_name] = ",".join(text.split()) if uv_name == "UV_FIND_LINKS" else " ".join(text.split())
    if "UV_INDEX" in environment:
        environment["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # pip's rule: the best version of all indexes
    return {name: value for name, value in environment.items() if name not in os.environ}


def install(python: Path, requirements: Path) -> None:
    """Install with uv, else with pip; raises SetupError with pip's words."""
    if _install_with_uv(python, requirements):
        return
    say("Installing with pip (uv is not to be had here); this takes a minute or two …")
    if subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)]).returncode != 0:
        raise SetupError(f"pip could not install {requirements.name}; its message stands above.")


def _install_with_uv(python: Path, requirements: Path) -> bool:
    pip = [str(python), "-m", "pip"]
    uv = [str(python), "-m", "uv"]
    if subprocess.run([*uv, "--version"], capture_output=True).returncode != 0:
        subprocess.run([*pip, "install", "--quiet", "uv"], capture_output=True)
    configuration = subprocess.run([*pip, "config", "list"], capture_output=True, text=True).stdout
    command = [*uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(requirements)]
    return subprocess.run(command, env={**os.environ, **uv_environment(configuration)}).returncode == 0


def set_up(venv: Path, *, dev: bool, bench: bool = False) -> None:
    """Each kind contains the ones before it: what runs, what tests and checks need (dev), what is measured (bench)."""
    check_python()
    python = make_venv(venv)
    kind = "bench" if bench else "dev" if dev else "run"
    names = ["requirements.txt", "requirements-dev.txt", "requirements-bench.txt"]
    files = [PROJECT / name for name in names[: 1 + ["run", "dev", "bench"].index(kind)]]
    stamp = venv / f".installed-{kind}.txt"
    wanted = wanted_text(files, python)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    began = time.monotonic()
    say(f"Installing {files[-1].name} …")
    install(python, files[-1])
    stamp.write_text(wanted)
    say(f"Installed in {time.monotonic() - began:.0f} s.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what the tests need")
    parser.add_argument("--bench", action="store_true", help="also what `make bench` compares with")
    parser.add_argument("--venv", type=Path, default=PROJECT / ".venv")
    arguments = parser.parse_args()
    try:
        set_up(arguments.venv, dev=arguments.dev, bench=arguments.bench)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
