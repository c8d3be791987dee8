"""What a start was asked for: read once from the environment, checked, then passed on as one value."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from capacity.local.identities import LocalModeError

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
DEFAULT_PORT = 8000


@dataclass(frozen=True, kw_only=True)
class Options:
    """HOST, PORT, OPEN, DEMO, BACKUP, DEMO_PASSWORD, DATABASE_URL, CELERY_BROKER_URL and CAPACITY_DATA_DIR, checked."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    open_browser: bool = False
    # None: not said. The demo world is then loaded into a new database and nowhere else.
    demo: bool | None = None
    backup: bool = True
    demo_password: str | None = None
    database_url: str | None = None
    database_owner_url: str | None = None
    broker_url: str | None = None
    secret_key: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    data_dir: Path = PROJECT_DIR / "var"
    project_dir: Path = PROJECT_DIR

    @property
    def address(self) -> str:
        """The host to knock at: a wildcard address is reached through the loopback."""
        loopback = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "[::1]"}
        shown = loopback.get(self.host, self.host)
        return f"[{shown}]" if ":" in shown and not shown.startswith("[") else shown

    def names(self) -> list[str]:
        """Host names a browser may use: what was asked for, the loopback, and this machine's own when it is shared."""
        names = [*self.allowed_hosts, "localhost", "127.0.0.1", "[::1]", self.address]
        if self.host in {"0.0.0.0", "::", ""} and not self.allowed_hosts:
            names += [socket.gethostname(), socket.getfqdn(), *_own_addresses()]
        return list(dict.fromkeys(names))


def read_options(environment: Mapping[str, str] = os.environ) -> Options:
    """Options from the environment; raises LocalModeError naming the variable that makes no sense."""
    given = {name: value for name, value in environment.items() if value != ""}
    database, owner = given.get("DATABASE_URL"), given.get("DATABASE_OWNER_URL")
    if owner and not database:
        raise LocalModeError("DATABASE_OWNER_URL is given without DATABASE_URL; give both, or neither.")
    return Options(
        host=given.get("HOST", "127.0.0.1"),
        port=_port(given.get("PORT", str(DEFAULT_PORT))),
        open_browser=_flag(given.get("OPEN", "0")),
        demo=_flag(given["DEMO"]) if "DEMO" in given else None,
        backup=_flag(given.get("BACKUP", "1")),
        demo_password=given.get("DEMO_PASSWORD"),
        database_url=database,
        database_owner_url=owner,
        broker_url=given.get("CELERY_BROKER_URL"),
        secret_key=given.get("SECRET_KEY"),
        allowed_hosts=tuple(part.strip() for part in given.get("ALLOWED_HOSTS", "").split(",") if part.strip()),
        data_dir=Path(given.get("CAPACITY_DATA_DIR", PROJECT_DIR / "var")).absolute(),
    )


def _flag(text: str) -> bool:
    return text.strip().lower() in {"1", "true", "yes", "on"}


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise LocalModeError(f"PORT={text} is not a port number (1 to 65535).")
    return int(text)


def _own_addresses() -> list[str]:
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    except socket.gaierror:
        return []
    return [str(entry[4][0]) for entry in found]
