"""The supply chart's labels: deliveries of neighbouring weeks stand on lines of their own."""

from __future__ import annotations

from datetime import date

from capacity.lib.horizon import Week
from capacity.review.plots import EVENT_LETTER_SHARE, EVENT_LEVELS, SupplyDemand, supply_demand

WEEKS = 52
FIRST = Week.containing(date(2026, 11, 23))
LABEL = "+512 B200"


def labels(*weeks: int, text: str = LABEL) -> list[tuple[float, str]]:
    """(height, side) of each delivery's label."""
    flat = [1000.0] * WEEKS
    chart = SupplyDemand(
        weeks=[FIRST.plus(index) for index in range(WEEKS)],
        supply=flat,
        expected=flat,
        firm=flat,
        p10=flat,
        p90=flat,
        short=[0.0] * WEEKS,
        events=[(week, text) for week in weeks],
    )
    notes = supply_demand(chart)["layout"]["annotations"]
    return [(note["y"], note["xanchor"]) for note in notes if note.get("name") == "role:delivery"]


def test_a_label_as_long_as_five_weeks_leaves_its_line_to_one_six_weeks_later_but_not_to_one_four_weeks_later() -> None:
    assert 5 < len(LABEL) * EVENT_LETTER_SHARE * WEEKS < 6
    assert labels(2, 8) == [(0.0, "left"), (0.0, "left")]
    assert labels(2, 6) == [(0.0, "left"), (0.06, "left")]


def test_late_labels_stand_at_the_left_of_their_delivery_and_keep_apart_from_those_before() -> None:
    # The label of week 36 reaches to week 41; that of week 42 from week 37 on.
    assert labels(36, 42) == [(0.0, "left"), (0.06, "right")]
    assert labels(36, 47) == [(0.0, "left"), (0.0, "right")]


def test_with_more_deliveries_than_lines_every_label_is_still_there() -> None:
    found = labels(*range(EVENT_LEVELS + 2))
    assert len(found) == EVENT_LEVELS + 2
    assert max(height for height, _ in found) < 0.06 * EVENT_LEVELS
