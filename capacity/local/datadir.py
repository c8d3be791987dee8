"""The data folder of one machine: its lock, its secrets, and the note that tells hand-typed commands where to look."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from capacity.local.identities import LocalModeError


class AlreadyRunning(Exception):
    """Another launcher holds this data folder; `note` is what it wrote (empty while it is still starting)."""

    def __init__(self, pid: int, note: dict[str, Any]) -> None:
        super().__init__(f"process {pid} holds the data folder")
        self.pid = pid
        self.note = note


class DataDir:
    """Everything the launcher keeps between starts, in one folder that only this user may open."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._lock: int | None = None

    def create(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LocalModeError(f"The data folder {self.path} cannot be made: {error.strerror}.") from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise LocalModeError(
                f"The data folder {self.path} cannot be written by this user. Start Capacity Review as its owner, or "
                "name another folder in CAPACITY_DATA_DIR."
            )

    def lock(self) -> None:
        """Hold the folder until this process ends, however it ends; raises AlreadyRunning."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with os.fdopen(descriptor) as holder:
                text = holder.read().strip()
            pid = int(text) if text.isdigit() else 0
            note = self.read_note()
            raise AlreadyRunning(pid, note if note.get("pid") == pid else {}) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._lock = descriptor

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read_note(self) -> dict[str, Any]:
        return self._read_json("local.json")

    def write_note(self, note: dict[str, Any]) -> None:
        """`local.json`: where the database and the broker of this start are (settings read it)."""
        self._write_private("local.json", json.dumps(note, indent=2))

    def remove_note(self) -> None:
        (self.path / "local.json").unlink(missing_ok=True)

    def secret(self, name: str, *, length: int) -> str:
        """A random text kept in a file of its own, made at its first use."""
        path = self.path / name
        if not path.exists():
            self._write_private(name, secrets.token_urlsafe(length))
        return path.read_text().strip()

    def keep_secret(self, name: str, value: str) -> None:
        self._write_private(name, value)

    def log_path(self, name: str) -> Path:
        return self.path / "log" / f"{name}.log"

    def is_done(self, step: str, mark: str) -> bool:
        """True when `step` was finished with the same `mark` (a fingerprint of what it depends on)."""
        return self.mark(step) == mark

    def mark(self, step: str) -> str:
        """What `step` was last finished with; empty when it never was."""
        return str(self._read_json("steps.json").get(step, ""))

    def set_done(self, step: str, mark: str) -> None:
        self._write_private("steps.json", json.dumps({**self._read_json("steps.json"), step: mark}, indent=2))

    def forget_steps(self) -> None:
        (self.path / "steps.json").unlink(missing_ok=True)

    def _read_json(self, name: str) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            content = json.loads((self.path / name).read_text())
            if isinstance(content, dict):
                return content
        return {}

    def _write_private(self, name: str, text: str) -> None:
        unfinished = self.path / f".{name}.{os.getpid()}"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
        unfinished.replace(self.path / name)


def fingerprint(files: Iterable[Path]) -> str:
    """A short hash of the files' names and contents."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(str(path).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:20]
