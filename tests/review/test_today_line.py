"""The line of today in the drawing of placements."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from capacity.allocation.models import Run
from capacity.review.gantt import placement_gantt

POOL = {"pool_key": "h100", "name": "H100"}
PLACED: dict[str, Any] = {
    "experiment_key": "e1", "name": "One", "pool_key": "h100", "network_domain": "", "start_week": "2026-W48", "weeks": 4,
    "accelerators": 8, "purpose": "research", "is_divisible": False, "team_name": "T", "priority": "P1",
}  # fmt: skip


def today(*moment: int) -> float | None:
    drawn = placement_gantt(
        run=Run(first_week="2026-W48", weeks=4),
        pools=[POOL],
        placed=[PLACED],
        weeks=[],
        now=datetime(*moment, tzinfo=UTC),  # type: ignore[misc, arg-type]
        query="",
    )
    assert drawn is not None
    found = drawn["today"]
    assert found is None or isinstance(found, float)
    return found


def test_it_stands_in_the_middle_of_its_day_all_day_long() -> None:
    """Weeks start on Mon 23 Nov: Monday is half a day in, Wednesday two and a half of seven."""
    assert today(2026, 11, 23, 0, 0, 1) == today(2026, 11, 23, 23, 59, 59) == pytest.approx(0.5 / 7)
    assert today(2026, 11, 25, 12) == pytest.approx(2.5 / 7)
    assert today(2026, 12, 20, 23) == pytest.approx(27.5 / 7)


def test_there_is_none_outside_the_weeks_drawn() -> None:
    assert today(2026, 11, 22, 23, 59) is None
    assert today(2026, 12, 21, 0) is None
