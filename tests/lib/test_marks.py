"""Geometry of sparklines, bars, heat strips and Gantt rows."""

from __future__ import annotations

from capacity.lib.marks import GanttBar, GanttRow, heat_step, percent_of, place_row, spark, used_path


def test_a_sparkline_runs_from_edge_to_edge_and_from_low_to_high() -> None:
    drawn = spark([0, 5, 10], height=24)
    assert drawn is not None
    assert drawn.path == "M0 23L50 12L100 1"
    assert (drawn.last_x, drawn.last_y, drawn.limit_y) == (100, 1, None)


def test_a_limit_above_the_series_widens_the_scale() -> None:
    drawn = spark([0, 10], limit=20, height=24)
    assert drawn is not None
    assert (drawn.limit_y, drawn.last_y) == (1, 12)


def test_a_missing_week_breaks_the_line_instead_of_counting_as_zero() -> None:
    drawn = spark([0, None, 10], height=24)
    assert drawn is not None
    assert drawn.path == "M0 23M100 1"


def test_a_series_without_any_value_draws_nothing() -> None:
    assert spark([None, None]) is None


def test_a_flat_series_lies_in_the_middle() -> None:
    drawn = spark([7, 7], height=24)
    assert drawn is not None
    assert drawn.path == "M0 12L100 12"


def test_a_bar_stays_within_its_track() -> None:
    assert [percent_of(value, 4) for value in (-1, 1, 9)] == [0, 25, 100]
    assert percent_of(3, 0) == 0


def test_heat_steps_follow_the_key() -> None:
    shares = (-0.13, -0.12, -0.05, -0.001, 0, 0.049, 0.05, 0.12, 0.13)
    steps = ("short3", "short2", "short1", "short1", "tight", "tight", "spare1", "spare1", "spare2")
    assert tuple(map(heat_step, shares)) == steps


def test_the_used_share_is_drawn_in_steps() -> None:
    assert used_path([0.5, 1.0], weeks=4) == "M0 5H25L25 0H50"


def _bar(start: float, end: float, label: str = "x") -> GanttBar:
    return GanttBar(start=start, end=end, label=label, purpose="serve")


def test_overlapping_bars_take_another_lane_and_later_ones_come_back() -> None:
    placed = place_row(GanttRow(name="p", bars=(_bar(0, 10), _bar(5, 8), _bar(10, 20))), weeks=20, letters=100)
    assert placed.lanes == 2
    assert [bar.lane for bar in placed.bars] == [0, 1, 0]


def test_a_bar_is_cut_at_the_span_and_dropped_outside_it() -> None:
    placed = place_row(GanttRow(name="p", bars=(_bar(-5, 5), _bar(30, 40))), weeks=20, letters=100)
    assert [(bar.x, bar.width) for bar in placed.bars] == [(0, 25)]


def test_a_label_stands_in_the_bar_or_after_it_or_before_it() -> None:
    bars = (_bar(0, 10, "short"), _bar(0, 1, "ten letters"), _bar(19, 20, "ten letters"))
    placed = place_row(GanttRow(name="p", bars=bars), weeks=20, letters=100)
    assert sorted((bar.bar.start, bar.bar.end, bar.label_at) for bar in placed.bars) == [
        (0, 1, "after"),
        (0, 10, "in"),
        (19, 20, "before"),
    ]


def test_a_label_beside_its_bar_keeps_the_room_it_needs() -> None:
    bars = (_bar(0, 1, "ten letters"), _bar(2, 6, "b"))
    placed = place_row(GanttRow(name="p", bars=bars), weeks=20, letters=100)
    assert [bar.lane for bar in placed.bars] == [0, 1]
