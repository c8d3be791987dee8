"""A recorded broker: what would have been sent, without one (fixture `recorded_broker` in conftest.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from capacity.allocation import wake


@dataclass
class RecordedBroker:
    """Takes wake-ups (run id, countdown); refuses them while `is_down`."""

    sent: list[tuple[int, float]] = field(default_factory=list)
    is_down: bool = False

    def send_task(self, name: str, *, args: list[int], countdown: float, **_: Any) -> None:
        assert name == wake.RUN_TASK
        if self.is_down:
            raise ConnectionError("connection refused")
        self.sent.append((args[0], countdown))
