"""One child process: start it, see whether it lives, stop it with everything it started.

Three nets keep a child from outliving its launcher: every child leads its own process group, the kernel signals it when
the launcher dies (Linux), and a guard process signals its group when the launcher's end of a pipe closes (everywhere).
Knows nothing about databases or web servers.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
GUARD_PATIENCE_SECONDS = 8.0


def die_with_parent(signal_number: int = signal.SIGKILL, parent: int | None = None) -> None:
    """Ask the kernel to send us `signal_number` when our parent dies. Does nothing where the kernel cannot (macOS)."""
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    if parent is not None and os.getppid() != parent:  # it died before we asked
        os._exit(1)


def is_alive(pid: int) -> bool:
    """True when a process of this number runs. One that is dead but not yet collected does not: some containers have
    no init process that would collect it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return sys.platform != "linux" or _state_and_group(pid)[0] not in {"Z", "X", ""}


def _state_and_group(pid: int | str) -> tuple[str, int]:
    """State letter and process group of a process, as Linux tells; ("", 0) when it is gone."""
    try:
        state, _parent, group = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:3]
    except (OSError, IndexError, ValueError):
        return "", 0
    return state, int(group)


def command_line(pid: int) -> str:
    """The command line of a process, empty when it is gone or cannot be read."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    asked = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def wait_until(happened: Callable[[], bool], *, seconds: float, every: float = 0.03) -> bool:
    """Poll until `happened()`; False when the time is over."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() >= end:
            return False
        time.sleep(every)
    return True


def signal_group(pgid: int, signal_number: int) -> bool:
    """Signal a whole process group; False when nobody is left in it."""
    try:
        os.killpg(pgid, signal_number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS answers this for a group of zombies
        return False
    return True


def group_is_alive(pgid: int) -> bool:
    """True when anyone in the group still runs (see `is_alive` about the dead that nobody collects)."""
    if not signal_group(pgid, 0):
        return False
    if sys.platform != "linux":
        return True
    members = (_state_and_group(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return any(group == pgid and state not in {"Z", "X"} for state, group in members)


class Guard:
    """A small forked process that outlives a killed launcher just long enough to end its children and folders."""

    def __init__(self) -> None:
        read_end, self._write_end = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.close(self._write_end)
                _run_guard(read_end)
            finally:
                os._exit(0)
        os.close(read_end)

    def watch(self, pgid: int, signal_number: int) -> None:
        self._tell(f"+ {pgid} {int(signal_number)}")

    def forget(self, pgid: int) -> None:
        self._tell(f"- {pgid} 0")

    def remove_afterwards(self, folder: Path) -> None:
        self._tell(f"rm {folder} 0")

    def close(self) -> None:
        """Let the guard end: it acts on what is still registered, so stop the children first."""
        os.close(self._write_end)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def _tell(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # the guard itself was killed: the other two nets remain
            os.write(self._write_end, line.encode() + b"\n")


def _run_guard(read_end: int) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    # A lock held by the launcher must end with it, not with us.
    os.closerange(3, read_end)
    os.closerange(read_end + 1, 256)
    groups: dict[int, int] = {}
    folders: list[str] = []
    with os.fdopen(read_end) as lines:
        for line in lines:
            word, rest = line.rstrip("\n").split(" ", 1)
            value, number_text = rest.rsplit(" ", 1)
            if word == "+":
                groups[int(value)] = int(number_text)
            elif word == "-":
                groups.pop(int(value), None)
            else:
                folders.append(value)
    for pgid, death_signal in groups.items():
        signal_group(pgid, death_signal)
    if not wait_until(lambda: not any(map(group_is_alive, groups)), seconds=GUARD_PATIENCE_SECONDS):
        for pgid in groups:
            signal_group(pgid, signal.SIGKILL)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(kw_only=True)
class Child:
    """A process in its own group. `stop_signal` asks it to end well, `death_signal` is sent when the launcher dies."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    log_path: Path | None = None
    cwd: Path | str = "/"
    stop_signal: int = int(signal.SIGTERM)
    death_signal: int = int(signal.SIGTERM)
    user: int | None = None
    group: int | None = None
    guard: Guard | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None else None

    def start(self) -> None:
        parent = os.getpid()
        with self._open_log() as log:
            self.process = subprocess.Popen(
                list(self.argv),
                env=dict(self.env),
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self.user,
                group=self.group,
                extra_groups=[] if self.user is not None else None,
                # After the change of user, which would clear the parent-death signal.
                preexec_fn=lambda: die_with_parent(self.death_signal, parent),
            )
        if self.guard is not None:
            self.guard.watch(self.process.pid, self.death_signal)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def return_code(self) -> int | None:
        return self.process.poll() if self.process is not None else None

    def stop(self, *, seconds: float) -> bool:
        """Ask it to end, kill its group when it does not within `seconds`. True when it ended by itself."""
        if self.process is None:
            return True
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(self.stop_signal)
        ended = wait_until(lambda: not self.is_running(), seconds=seconds)
        self.sweep()
        return ended

    def sweep(self) -> None:
        """Kill whatever is left of its group (grandchildren of a child that was killed) and collect the child."""
        if self.process is None:
            return
        signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.guard is not None:
            self.guard.forget(self.process.pid)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of its log, for a message someone can act on."""
        if self.log_path is None or not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def _open_log(self) -> IO[bytes]:
        if self.log_path is None:
            return open(os.devnull, "wb")
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        return self.log_path.open("ab")


def rotate_log(path: Path, *, keep: int = 3) -> None:
    """Shift path → path.1 → path.2 …, so that a log file holds one start."""
    if not path.exists() or path.stat().st_size == 0:
        return
    for number in range(keep - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    path.replace(path.with_name(f"{path.name}.1"))
