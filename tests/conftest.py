"""What every test may rely on: a database and a broker of the tests' own."""

from __future__ import annotations

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # Without this a test typed by hand would find the running demo (settings read its note) and write into it.
    if os.environ.get("CAPACITY_TEST_SERVICES") != "1" and not config.option.collectonly:
        pytest.exit(
            "Tests need a database and a broker of their own. Run: make pytest ARGS='tests/…', or "
            "python -m capacity.local test-services -- pytest tests/…",
            returncode=4,
        )
