"""What each workload takes of classes, pools and weeks: a small plan by hand, and the sums that must hold of any."""

from __future__ import annotations

from decimal import Decimal as D
from fractions import Fraction as F
from types import SimpleNamespace
from typing import Any, cast

from capacity.inventory.domain.envelope import PurposeHours, split_envelope
from capacity.lib.horizon import Week
from capacity.lib.money import round_parts
from capacity.review.map_sums import serving_usd
from capacity.review.map_use_rows import MAP_WEEKS, uses_of, workload_use_rows
from capacity.review.plan_rows import PlanRows

FIRST = Week.parse("2026-W48")
WEEKS = [FIRST.plus(index) for index in range(MAP_WEEKS + 1)]
SHARED, OWN = "large.interactive.eu", "dedicated.c-9"
WORK = {"c.c-1.v1": F(1, 2), "w.chat": F(1, 6), "w.code": F(1, 3)}
WORKLOADS = {"c.c-1.v1": "chat", "w.chat": "chat", "w.code": "code", "c.c-9.v1": None}
PURPOSES = {"c.c-1.v1": "serving", "w.chat": "product", "w.code": "internal", "c.c-9.v1": "serving"}
TIERS = {"c.c-1.v1": "committed", "w.chat": "forecast", "w.code": "forecast", "c.c-9.v1": "committed"}


def plan(*, parts: dict[str, str] | None, served: bool = True) -> PlanRows:
    """25 accelerators of a shared class and 8 of a contract's own in one pool, at $2.00: $11,088 a week."""
    shares = {SHARED: WORK if served else {}, OWN: {"c.c-9.v1": F(1)}}
    allocated = {(key, "p", week): count for week in WEEKS for key, count in ((SHARED, 25), (OWN, 8))}
    return cast(
        PlanRows,
        SimpleNamespace(
            weeks=WEEKS,
            pools={"p": {}},
            pool_week_rows=[{"pool_key": "p", "week": week.key, "envelope_parts": parts} for week in WEEKS],
            allocated=allocated,
            classes_in={("p", week): [OWN, SHARED] for week in WEEKS},
            served_parts=lambda class_key, week: shares[class_key],
            workload_of=WORKLOADS.__getitem__,
            demands={key: SimpleNamespace(tier=tier) for key, tier in TIERS.items()},
            purpose_by_demand=PURPOSES,
        ),
    )


# Serving in four lines and what is no serving: 25 + 8 accelerators × 168 × $2.00 = $11,088.
PARTS = {
    "serving_consumed": "6000",
    "serving_headroom": "3000.5",
    "serving_spare": "1087.5",
    "internal": "1000",
    "no_choice": "0",
    "learning": "5000",
    "idle": "77",
    "burst": "0",
}


def stored(**how: Any) -> list[dict[str, Any]]:
    return [row for row in workload_use_rows(uses_of(plan(**how))) if row["week"] == FIRST.key]


def as_told(rows: list[dict[str, Any]]) -> dict[tuple[str, str, str], tuple[int, D | None]]:
    return {(row["workload_key"], row["serving_class"], row["tier"]): (row["accelerators"], row["usd"]) for row in rows}


def test_a_class_is_split_by_work_and_its_dollars_are_those_of_the_pool() -> None:
    # Of 25: 12.5, 4.1667 and 8.3333; of $8,400: 4,200, 1,400 and 2,800. The contract without a card stands apart.
    assert as_told(stored(parts=PARTS)) == {
        ("chat", SHARED, "committed"): (13, D("4200.00")),
        ("chat", SHARED, "forecast"): (4, D("1400.00")),
        ("code", SHARED, "forecast"): (8, D("2800.00")),
        ("", OWN, "committed"): (8, D("2688.00")),
    }


def test_a_class_that_served_nobody_is_of_no_card() -> None:
    assert as_told(stored(parts=PARTS, served=False)) == {
        ("", SHARED, ""): (25, D("8400.00")),
        ("", OWN, "committed"): (8, D("2688.00")),
    }


def test_burst_is_paid_by_those_who_are_served_and_learning_and_idle_are_not() -> None:
    assert serving_usd(PARTS) == D("11088")
    assert serving_usd({**PARTS, "burst": "33"}) == D("11121")
    rows = stored(parts={**PARTS, "burst": "33"})
    assert sum(row["usd"] for row in rows) == D("11121.00")


def test_cents_that_do_not_divide_still_sum() -> None:
    rows = stored(parts={**PARTS, "serving_consumed": "6000.017"})
    assert sum(row["usd"] for row in rows) == D("11088.02")


def test_an_unknown_cost_leaves_accelerators_and_no_dollars() -> None:
    rows = stored(parts=None)
    assert sum(row["accelerators"] for row in rows) == 33
    assert {row["usd"] for row in rows} == {None}


def test_the_unrounded_parts_sum_to_what_is_held() -> None:
    uses = [use for use in uses_of(plan(parts=PARTS)) if use.week == FIRST]
    assert sum(use.exact_accelerators for use in uses) == 33
    assert sum((use.exact_usd or F(0)) for use in uses) == 11088
    chat = [use for use in uses if use.workload_key == "chat"]
    assert sum(use.exact_accelerators for use in chat) == F(50, 3)


def test_a_quarter_is_told_and_no_week_more() -> None:
    assert len({use.week for use in uses_of(plan(parts=PARTS))}) == 13


CLASSES = {
    "one": {"w.chat": F(1, 3), "w.code": F(1, 3), "w.none": F(1, 3)},
    "two": {"w.chat": F(1, 2), "w.none": F(1, 2)},
}
SPENT_BY = {"w.chat": "serving", "w.code": "internal", "w.none": "no_choice"}


def two_classes() -> PlanRows:
    """10 and 5 accelerators in one pool at $0.10 ÷ 168 an hour: $1.50 a week, of which $1.00 and $0.50."""
    hours = {
        purpose: sum(
            (count * share for key, count in (("one", 10), ("two", 5)) for name, share in CLASSES[key].items()
             if SPENT_BY[name] == purpose), F(0),
        ) for purpose in ("serving", "internal", "no_choice")
    }  # fmt: skip
    envelope = split_envelope(
        cost_usd=D("1.50"),
        available_accelerators=D(15),
        maintenance_accelerators=D(0),
        allocatable_accelerators=15,
        purpose_hours=PurposeHours(
            serving_consumed=hours["serving"] * 168,
            internal=hours["internal"] * 168,
            no_choice=hours["no_choice"] * 168,
        ),
    )
    parts = {line: f"{usd:f}" for line, usd in envelope.parts_usd.items()}
    return cast(
        PlanRows,
        SimpleNamespace(
            weeks=[FIRST],
            pools={"p": {}},
            pool_week_rows=[{"pool_key": "p", "week": FIRST.key, "envelope_parts": parts}],
            allocated={("one", "p", FIRST): 10, ("two", "p", FIRST): 5},
            classes_in={("p", FIRST): ["one", "two"]},
            served_parts=lambda class_key, week: CLASSES[class_key],
            workload_of=lambda demand: demand.removeprefix("w."),
            demands={key: SimpleNamespace(tier="forecast") for key in SPENT_BY},
            purpose_by_demand=SPENT_BY,
        ),
    )


def test_the_map_says_of_each_purpose_what_the_envelope_says_to_the_cent() -> None:
    rows = workload_use_rows(uses_of(two_classes()))
    # Envelope: serving 1/3 × 10 + 1/2 × 5 = 5.8333 accelerators = $0.58333, no choice the same, internal $0.33333. Of
    # $1.50 the two cents... floors 0.58 + 0.33 + 0.58 = 1.49, one cent left: equal remainders, by key to internal.
    lines = two_classes().pool_week_rows[0]["envelope_parts"]
    told = {
        "internal": D(lines["internal"]),
        "no_choice": D(lines["no_choice"]),
        "serving": D(lines["serving_consumed"]),
    }
    expected = {"internal": D("0.34"), "no_choice": D("0.58"), "serving": D("0.58")}
    assert round_parts(told, total=D("1.50")) == expected
    found = {
        purpose: sum((row["usd"] for row in rows if SPENT_BY[f"w.{row['workload_key']}"] == purpose), D(0))
        for purpose in expected
    }
    # By class first it were 0.34 + 0.33 + 0.33 and 0.25 + 0.25: chat 0.59 and code 0.33.
    assert found == expected


def test_dollars_of_a_purpose_are_no_whole_accelerators_times_the_rate() -> None:
    """Work of 1.5, 0.5 and 1 on 25 accelerators: the middle one holds 4 of them whole, and spends $1,400 on both sides."""
    hours = F(25) * 168
    envelope = split_envelope(
        cost_usd=D(8400), available_accelerators=D(25), maintenance_accelerators=D(0), allocatable_accelerators=25,
        purpose_hours=PurposeHours(serving_consumed=hours / 2, no_choice=hours / 6, internal=hours / 3),
    )  # fmt: skip
    assert envelope.parts_usd["no_choice"].quantize(D("0.01")) == D("1400.00") != 4 * 336
    assert as_told(stored(parts=PARTS))["chat", SHARED, "forecast"] == (4, D("1400.00"))
