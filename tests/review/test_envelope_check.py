"""The envelope's identity: the worked week holds, a line that is a cent off is found, and what a page makes of it adds up."""

from __future__ import annotations

from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any

import pytest

from capacity.allocation.domain.checks import PlanInconsistent
from capacity.lib.figures import UNKNOWN_COST
from capacity.lib.horizon import Week
from capacity.review.envelope_check import check_envelopes
from capacity.review.envelope_rows import NAMES, envelope_by_pool, waterfall

WEEK = Week.parse("2026-W48")
# The worked week: 1,000 owned at $1.87, 935 left after failures, 928 allocatable at $2.00; serving holds 600 and
# experiments 240 of them, 88 are idle and 7 a fragment.
PARTS = {
    "serving_consumed": D(120_960),
    "serving_headroom": D(67_200),
    "serving_spare": D(13_440),
    "learning": D(80_640),
    "internal": D(0),
    "no_choice": D(0),
    "idle": D(29_568),
    "fragment": D(2_352),
    "maintenance": D(0),
    "burst": D(0),
}


def rows_with(changes: dict[str, D] | None = None, **cost: Any) -> Any:
    """What the check reads of a plan, with some lines of the envelope changed."""
    parts = PARTS | (changes or {})
    place = ("pool", WEEK)
    supply = SimpleNamespace(pool_key="pool", week=WEEK, available=D(935), maintenance=D(0), allocatable=928)
    counted = {"counted_usd": D(314_160), "part_week_usd": D(0), "on_demand_usd_per_hour": None} | cost
    return SimpleNamespace(
        week_by_key={WEEK.key: WEEK},
        pools={"pool": {"burst_usd_per_accelerator_hour": None}},
        plan=SimpleNamespace(calendar=SimpleNamespace(pool_weeks=[supply]), costs={place: SimpleNamespace(**counted)}),
        burst={},
        classes_in={place: ["chat", "docs"]},
        allocated={("chat", *place): 400, ("docs", *place): 200},
        running_by_pool={place: [("e-1", 240)]},
        pool_week_rows=[
            {
                "pool_key": "pool",
                "week": WEEK.key,
                "envelope_usd": sum(parts.values(), D(0)),
                "envelope_parts": {line: f"{usd:f}" for line, usd in parts.items()},
            }
        ],
    )


def test_the_worked_week_holds_to_the_cent() -> None:
    assert sum(PARTS.values()) == 314_160
    check_envelopes(rows_with())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"idle": D("29567.99"), "learning": D("80640.01")}, ("learning", "idle")),
        ({"fragment": D("2352.01")}, ("fragment", "total")),
        ({"serving_consumed": D("120959.99")}, ("serving", "total")),
        ({"maintenance": D(168), "idle": D(29_400)}, ("maintenance", "idle")),
        ({"burst": D(1)}, ("burst", "total")),
    ],
)
def test_a_line_that_is_a_cent_off_refuses_the_plan(changes: dict[str, D], named: tuple[str, ...]) -> None:
    with pytest.raises(PlanInconsistent) as refused:
        check_envelopes(rows_with(changes))
    sentences = " ".join(refused.value.sentences)
    assert all(f": {line} is " in sentences for line in named)


def test_moving_dollars_between_serving_lines_is_no_fault_of_the_total() -> None:
    check_envelopes(rows_with({"serving_consumed": D(120_000), "serving_headroom": D(68_160)}))


def test_days_billed_before_a_lot_counts_are_expected_in_idle() -> None:
    check_envelopes(rows_with({"idle": D(29_568) + 500}, part_week_usd=D(500)))
    with pytest.raises(PlanInconsistent):
        check_envelopes(rows_with(part_week_usd=D(500)))


def test_a_pool_without_a_rate_has_no_envelope_to_check() -> None:
    rows = rows_with(counted_usd=None)
    rows.pool_week_rows[0] |= {"envelope_usd": None, "envelope_parts": None}
    check_envelopes(rows)


# --- what a page makes of it ------------------------------------------------------------------------------------------


def test_thirds_of_cents_in_two_pools_make_one_total() -> None:
    third = {line: f"{D(1) / 3:f}" for line in NAMES}
    rows = envelope_by_pool(
        weeks=[{"pool_key": key, "envelope_parts": third} for key in ("a", "b")], names={"a": "A", "b": "B"}
    )
    # Twenty thirds of a dollar: 6.67.
    assert sum(row["envelope_usd"] for row in rows) == D("6.67")
    steps = waterfall(rows)
    assert sum(step.usd for step in steps) == D("6.67")
    assert [step.start for step in steps][1:] == [sum(s.usd for s in steps[:n]) for n in range(1, len(steps))]


def test_a_pool_without_a_rate_in_one_week_is_unknown_and_joins_no_sum() -> None:
    weeks = [
        {"pool_key": "a", "envelope_parts": {"idle": "5.00"}},
        {"pool_key": "b", "envelope_parts": {"idle": "7.00"}},
        {"pool_key": "b", "envelope_parts": None},
    ]
    rows = envelope_by_pool(weeks=weeks, names={"a": "A", "b": "B"})
    assert rows[1]["envelope_usd"] is UNKNOWN_COST
    assert [(step.line, step.usd) for step in waterfall(rows) if step.usd] == [("idle", D(5))]
    assert waterfall(rows[1:]) == []
