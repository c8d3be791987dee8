"""The web port: taken means the next free one, a foreign address is refused with its name."""

from __future__ import annotations

import socket

import pytest

from capacity.local.identities import LocalModeError
from capacity.local.ports import first_free_port, is_free


@pytest.fixture
def listener() -> socket.socket:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        yield server


def test_a_listened_port_is_taken(listener: socket.socket) -> None:
    assert not is_free("127.0.0.1", listener.getsockname()[1])


def test_a_taken_port_gives_the_next_free_one(listener: socket.socket) -> None:
    taken = listener.getsockname()[1]
    found = first_free_port("127.0.0.1", taken)
    assert taken < found <= taken + 50
    assert is_free("127.0.0.1", found)


def test_a_port_taken_on_every_address_is_taken_on_the_loopback_too() -> None:
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))
        server.listen(1)
        assert not is_free("127.0.0.1", server.getsockname()[1])


def test_an_address_of_another_machine_is_refused_by_name() -> None:
    with pytest.raises(LocalModeError, match=r"HOST=192\.0\.2\.1 is not an address of this machine"):
        first_free_port("192.0.2.1", 8000)
