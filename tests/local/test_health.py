"""Ready means: this start's own token, and every part says "ok"."""

from __future__ import annotations

import socket

from capacity.local.health import ask_health, missing_parts

GOOD = {"start": "t", "database": "ok", "broker": "ok", "worker": "ok", "what_if": "ok", "beat": "ok"}


def test_all_parts_ok_with_our_token_is_ready() -> None:
    assert missing_parts(GOOD, token="t") == []


def test_a_healthy_answer_of_another_start_is_not_ours() -> None:
    assert missing_parts({**GOOD, "start": "other"}, token="t") == ["web (another program answers on this port)"]


def test_what_is_missing_is_named_in_the_parts_own_words() -> None:
    assert missing_parts({**GOOD, "worker": "no answer", "beat": None}, token="t") == [
        "worker (no answer)",
        "beat (None)",
    ]


def test_no_answer_is_missing_and_does_not_raise() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        health = ask_health(f"http://127.0.0.1:{unused.getsockname()[1]}/")
    assert health is None
    assert missing_parts(health, token="t") == ["web (no answer yet)"]
