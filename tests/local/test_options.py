"""What a start was asked for, read from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from capacity.local.identities import LocalModeError
from capacity.local.options import PROJECT_DIR, Options, read_options


def test_nothing_asked_for_means_the_loopback_and_port_8000() -> None:
    options = read_options({})
    assert (options.host, options.port, options.open_browser) == ("127.0.0.1", 8000, False)
    assert options.data_dir == PROJECT_DIR / "var"
    assert options.database_url is None
    assert options.broker_url is None


def test_make_passes_empty_variables_which_count_as_not_given() -> None:
    assert read_options({"HOST": "", "PORT": "", "DATABASE_URL": "", "CAPACITY_DATA_DIR": ""}) == read_options({})


def test_everything_asked_for_is_taken() -> None:
    options = read_options(
        {
            "HOST": "0.0.0.0",
            "PORT": "9000",
            "OPEN": "1",
            "DEMO_PASSWORD": "long enough",
            "DATABASE_URL": "postgresql://app@db/capacity",
            "DATABASE_OWNER_URL": "postgresql://owner@db/capacity",
            "CELERY_BROKER_URL": "redis://mq/0",
            "ALLOWED_HOSTS": "capacity.example.org, other.example.org",
            "CAPACITY_DATA_DIR": "/srv/capacity",
        }
    )
    assert options == Options(
        host="0.0.0.0",
        port=9000,
        open_browser=True,
        demo_password="long enough",
        database_url="postgresql://app@db/capacity",
        database_owner_url="postgresql://owner@db/capacity",
        broker_url="redis://mq/0",
        allowed_hosts=("capacity.example.org", "other.example.org"),
        data_dir=Path("/srv/capacity"),
    )


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "80.5"])
def test_a_port_that_is_none_is_refused_by_name(port: str) -> None:
    with pytest.raises(LocalModeError, match=f"PORT={port} is not a port number"):
        read_options({"PORT": port})


def test_an_owner_without_a_database_is_refused() -> None:
    with pytest.raises(LocalModeError, match="DATABASE_OWNER_URL is given without DATABASE_URL"):
        read_options({"DATABASE_OWNER_URL": "postgresql://owner@db/capacity"})


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("::", "[::1]"), ("10.1.2.3", "10.1.2.3")],
)
def test_the_address_to_knock_at(host: str, address: str) -> None:
    assert Options(host=host).address == address


def test_the_launcher_may_always_ask_over_the_loopback() -> None:
    names = Options(host="0.0.0.0", allowed_hosts=("capacity.example.org",)).names()
    assert names == ["capacity.example.org", "localhost", "127.0.0.1", "[::1]"]
