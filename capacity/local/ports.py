"""The web port: taken or free, asked by binding, because a connection test misses a server that is still starting."""

from __future__ import annotations

import errno
import socket

from capacity.local.identities import LocalModeError

TRIES = 50


def is_free(host: str, port: int) -> bool:
    """True when we could listen on `host:port` now. Raises LocalModeError when the host is not ours."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise LocalModeError(f"HOST={host} is not an address of this machine ({error}).") from error
    with socket.socket(family, kind, protocol) as listener:
        # Without this a port just given up by an earlier start would look taken for a minute.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise LocalModeError(f"HOST={host} is not an address of this machine ({error.strerror}).") from error
            return False
    return True


def first_free_port(host: str, wanted: int) -> int:
    """`wanted`, or the next free port after it; raises LocalModeError when none of the next fifty is free."""
    for port in range(wanted, min(wanted + TRIES, 65_536)):
        if is_free(host, port):
            return port
    raise LocalModeError(f"No free port on {host} from {wanted} on; name another one in PORT.")
