"""Whom the database server may run as. PostgreSQL refuses root, and needs its user to be known by name.

Three ways: directly (ordinary user); in a user namespace that shows root as an unprivileged user; by dropping to an
unprivileged user for good (root where namespaces are forbidden, as in many containers).
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

UNPRIVILEGED = 65534  # "nobody" on Linux: initdb wants a user with a name
NAMESPACE_PREFIX = ("unshare", "--user", f"--map-user={UNPRIVILEGED}", f"--map-group={UNPRIVILEGED}", "--")
# Only used when the data folder's parents are closed to the unprivileged user.
OUTSIDE_PARENTS = (Path("/var/lib"), Path("/var/tmp"))


class LocalModeError(Exception):
    """The one-machine mode cannot go on; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """How a program of PostgreSQL is run: `prefix` before its command, or as user `uid`."""

    name: str
    sentence: str
    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def run(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, text: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.prefix, *argv],
            env=dict(env) if env is not None else None,
            input=text if text is not None else "",
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            user=self.uid,
            group=self.gid,
            extra_groups=[] if self.uid is not None else None,
        )

    def can_run(self, argv: Sequence[str]) -> bool:
        try:
            return self.run(argv).returncode == 0
        except (OSError, subprocess.SubprocessError):
            return False

    def can_enter(self, folder: Path) -> bool:
        """True when this user can pass every parent of something inside `folder`."""
        return self.can_run(["/bin/sh", "-c", 'cd "$0" 2>/dev/null', str(folder)])

    @property
    def file_owner(self) -> tuple[int, int]:
        """Who must own the cluster's files, as the machine sees it."""
        return (self.uid if self.uid is not None else os.geteuid(), self.gid if self.gid is not None else os.getegid())


DIRECT = Identity(name="direct", sentence="run as this user")
NAMESPACE = Identity(name="namespace", sentence="run in a user namespace", prefix=NAMESPACE_PREFIX)
DROPPED = Identity(name="dropped", sentence="run as an unprivileged user", uid=UNPRIVILEGED, gid=UNPRIVILEGED)


def choose_identity() -> Identity:
    """The first way that works here; raises LocalModeError when none does."""
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return DIRECT
    if NAMESPACE.can_run(["/bin/sh", "-c", "exit 0"]):
        return NAMESPACE
    if os.geteuid() == 0 and _has_name(UNPRIVILEGED) and DROPPED.can_run(["/bin/sh", "-c", "exit 0"]):
        return DROPPED
    if os.geteuid() == 0:
        raise LocalModeError(
            "PostgreSQL refuses to run as root, and this machine forbids both user namespaces and changing to an "
            "unprivileged user. Start Capacity Review as an ordinary user, or give a database of your own in "
            "DATABASE_URL."
        )
    raise LocalModeError(
        f"PostgreSQL needs a user with a name, and user number {os.geteuid()} has none here (and user namespaces are "
        "forbidden). Start Capacity Review as a user listed in /etc/passwd, or give a database of your own in "
        "DATABASE_URL."
    )


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def give_to(identity: Identity, folder: Path) -> None:
    """Make the identity own `folder` and everything in it; nothing to do when it already does."""
    owner, group = identity.file_owner
    if folder.stat().st_uid == owner:
        return
    if os.geteuid() != 0:
        raise LocalModeError(
            f"{folder} belongs to user number {folder.stat().st_uid}. Start Capacity Review as that user, or name "
            "another data folder in CAPACITY_DATA_DIR."
        )
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            os.chown(os.path.join(parent, name), owner, group, follow_symlinks=False)
    os.chown(folder, owner, group)


def outside_folder(data_dir: Path) -> Path:
    """A folder of this data folder's own that an unprivileged user can reach; the same at every start."""
    mark = hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:12]
    for parent in OUTSIDE_PARENTS:
        folder = parent / "capacity-review" / mark
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.parent.chmod(0o755)
            folder.chmod(0o755)
        except OSError:
            continue
        return folder
    raise LocalModeError(
        f"{data_dir} cannot be read by an unprivileged user, and none of {', '.join(map(str, OUTSIDE_PARENTS))} can be "
        "written. Name a folder every user can pass in CAPACITY_DATA_DIR, or give a database of your own in "
        "DATABASE_URL."
    )


def remove_outside_folder(data_dir: Path) -> None:
    """Forget what was kept outside of `data_dir` (used by the temporary services and by `make clean`)."""
    mark = hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:12]
    for parent in OUTSIDE_PARENTS:
        shutil.rmtree(parent / "capacity-review" / mark, ignore_errors=True)
