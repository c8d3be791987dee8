"""Asks the pages how this start is doing (`/healthz`, of which only the JSON is known) and whether somebody has an account."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

PARTS = ("database", "broker", "worker", "what_if", "beat")


def ask_health(base_url: str, *, seconds: float = 3.0) -> dict[str, Any] | None:
    """The answer of `/healthz` (also when it says 503), None when nobody answers JSON there."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy
    try:
        with opener.open(f"{base_url}healthz", timeout=seconds) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    except (OSError, ValueError):
        return None
    try:
        content = json.loads(body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def asks_for_first_account(base_url: str, *, seconds: float = 5.0) -> bool:
    """Whether nobody has an account yet: only then is there a page that makes the first one."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{base_url}welcome/", timeout=seconds) as answer:
            return bool(answer.status == 200 and answer.headers.get_content_type() == "text/html")
    except (OSError, ValueError):
        return False


def missing_parts(health: dict[str, Any] | None, *, token: str) -> list[str]:
    """What keeps this start from being ready, in words; empty when it is ready."""
    if health is None:
        return ["web (no answer yet)"]
    if health.get("start") != token:
        return ["web (another program answers on this port)"]
    return [f"{part} ({health.get(part)})" for part in PARTS if health.get(part) != "ok"]
