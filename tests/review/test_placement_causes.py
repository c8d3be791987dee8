"""Why a request stands elsewhere than a week ago: small plans by hand, one cause each."""

from __future__ import annotations

from typing import Any

from capacity.lib.horizon import Week
from capacity.review.placement_causes import SEE_INPUTS, Causes

FIRST = Week.parse("2026-W48")
WEEKS = [FIRST.plus(offset).key for offset in range(6)]
Row = dict[str, Any]


def cells(pool: str = "h100", supply: list[int] | None = None, **columns: int) -> list[Row]:
    return [
        {"pool_key": pool, "week": week, "allocatable": (supply or [128] * 6)[index], "serving": 0, "floor": None}
        | columns
        for index, week in enumerate(WEEKS)
    ]


def stands(
    key: str,
    start: int,
    weeks: int = 2,
    count: int = 64,
    *,
    domain: str = "d1",
    pool: str = "h100",
    priority: str = "P1",
) -> Row:
    return {
        "experiment_key": key,
        "name": f"Run {key}",
        "pool_key": pool,
        "domain_key": domain,
        "start_week": WEEKS[start],
        "weeks": weeks,
        "accelerators": count,
        "is_running": False,
        "team_key": "alignment",
        "priority": priority,
    }


def plan(*placements: Row, weeks: list[Row] | None = None, **more: list[Row]) -> dict[str, list[Row]]:
    return {"pool_weeks": weeks or cells(), "placements": list(placements), **more}


def causes(before: Any, after: Any, inputs: list[Row] | None = None, documents: Any = ({}, {})) -> Causes:
    return Causes(before=before, after=after, weeks=set(WEEKS), inputs=inputs or [], documents=documents)


def override(**more: Any) -> Row:
    return {
        "key": "launch",
        "experiment": "E7",
        "weight": "1.50",
        "starts_date": "2026-11-01",
        "ends_date": "2026-12-01",
        "is_decided": True,
        **more,
    }


def document(*experiments: Row, overrides: tuple[Row, ...] = (), as_of: str = "2026-11-25") -> Row:
    return {"as_of": as_of, "tables": {"experiments": list(experiments), "priority_overrides": list(overrides)}}


def line(table: str, key: list[str], kind: str = "changed", labels: tuple[str, ...] = ("Accelerators",)) -> Row:
    fields = [{"label": label, "before": None, "after": None} for label in labels]
    return {"table": table, "key": key, "kind": kind, "noun": "Row", "fields": fields}


def lot(week: int, count: int = 64) -> list[Row]:
    return [{"pool_key": "h100", "lot_key": "L9", "week": WEEKS[week], "accelerators": count}]


def test_less_supply_in_the_weeks_it_had_names_the_lot_that_slipped() -> None:
    before = plan(stands("E7", 1), weeks=cells(supply=[64, 128, 128, 128, 128, 128]), lot_events=lot(1))
    after = plan(stands("E7", 3), weeks=cells(supply=[64, 64, 64, 128, 128, 128]), lot_events=lot(3))
    assert causes(before, after).of_move("E7") == (
        "h100 has 64 fewer in the week of 30 Nov: lot L9 comes in the week of 14 Dec instead of 30 Nov"
    )


def test_more_supply_where_it_is_now_names_the_lot_that_came_earlier() -> None:
    before = plan(stands("E7", 3), weeks=cells(supply=[0, 0, 0, 64, 64, 64]), lot_events=lot(3))
    after = plan(stands("E7", 0), weeks=cells(supply=[64] * 6), lot_events=lot(0))
    cause = causes(before, after).of_move("E7")
    # It left weeks 3 and 4 to nobody: only what it gained is the cause.
    assert cause == "h100 has 64 more in the week of 23 Nov: lot L9 comes in the week of 23 Nov instead of 14 Dec"


def test_who_lies_there_now_is_named_with_their_own_cause_one_step_further() -> None:
    before = plan(stands("E2", 3), stands("E7", 1))
    after = plan(stands("E2", 1), stands("E7", 3))
    changed = [line("experiments", ["E2"], labels=("Latest start date",))]
    assert causes(before, after, changed).of_move("E7") == (
        "Run E2 (E2) has its place now: its request changed: latest start date"
    )
    assert causes(before, after).of_move("E7") == (
        "Run E2 (E2) has its place now: it moved from h100 in the week of 14 Dec to h100 in the week of 30 Nov"
    )


def test_the_one_in_the_same_domain_is_named_before_a_larger_one_beside_it() -> None:
    before = plan(stands("E7", 1, domain="d1"))
    after = plan(stands("E7", 3), stands("near", 1, count=8, domain="d1"), stands("big", 1, count=64, domain="d2"))
    new = [line("experiments", ["near"], "added"), line("experiments", ["big"], "added")]
    assert causes(before, after, new).of_move("E7") == "Run near (near) has its place now: it is a new request"


def test_serving_and_a_floor_that_grew_are_told_with_their_size() -> None:
    before, after = plan(stands("E7", 1)), plan(stands("E7", 3), weeks=cells(serving=40))
    assert causes(before, after).of_move("E7") == "serving takes 40 more of h100 in the week of 30 Nov"
    after = plan(stands("E7", 3), weeks=cells(floor=90))
    assert causes(before, after).of_move("E7") == "the floor keeps 90 more of h100 in the week of 30 Nov"


def test_room_that_somebody_left_is_why_it_goes_there() -> None:
    before = plan(stands("E2", 0), stands("E7", 2), weeks=cells(supply=[64] * 6))
    after = plan(stands("E7", 0), weeks=cells(supply=[64] * 6))
    assert causes(before, after).of_move("E7") == ("Run E2 (E2) left the room it has now: it is finished or withdrawn")
    before = plan(stands("E7", 2), weeks=cells(serving=40))
    assert causes(before, plan(stands("E7", 0))).of_move("E7") == "serving takes 40 less of h100 in the week of 23 Nov"


def test_its_own_row_a_decision_or_a_pool_that_is_gone_come_first() -> None:
    before, after = plan(stands("E2", 3), stands("E7", 1)), plan(stands("E2", 1), stands("E7", 3))
    weighed = (document(), document(overrides=(override(),)))
    assert causes(before, after, documents=weighed).of_move("E7") == "a decision weighs it otherwise (override launch)"
    before = plan(stands("E7", 1, pool="old"), weeks=[*cells(), *cells("old")])
    assert causes(before, plan(stands("E7", 1))).of_move("E7") == "pool old is gone"
    running = {**stands("E7", 2), "is_running": True}
    assert causes(plan(stands("E7", 1)), plan(running)).of_move("E7") == "it is running now, and stays where it runs"


def test_a_request_that_lost_its_place_keeps_the_plan_s_reason_beside_the_cause() -> None:
    gone = [{"experiment_key": "E7", "name": "Run E7", "reason": "blocked_by_commitment"}]
    after = plan(weeks=cells(supply=[0] * 6), unplaced=gone)
    assert (
        causes(plan(stands("E7", 1)), after).of_loss("E7")
        == "h100 has 128 fewer in the week of 30 Nov; blocked by commitment"
    )


def test_a_place_gained_where_nothing_changed_points_to_the_inputs() -> None:
    assert causes(plan(), plan(stands("E7", 1))).of_place("E7") == SEE_INPUTS
    new = [line("experiments", ["E7"], "added")]
    assert causes(plan(), plan(stands("E7", 1)), new).of_place("E7") == "it is a new request"


def test_another_domain_of_the_pool_is_no_change_of_room() -> None:
    cause = causes(plan(stands("E7", 1)), plan(stands("E7", 1, domain="d2"))).of_move("E7")
    assert cause == "same pool and weeks, now in d2"


def test_where_nothing_else_differs_the_weight_of_its_team_is_told() -> None:
    sides = [[{"team_key": "alignment", "engine_weight": weight}] for weight in ("1.02", "1.1")]
    before, after = plan(teams=sides[0]), plan(stands("E7", 1), teams=sides[1])
    assert causes(before, after).of_place("E7") == "its team weighs 1.1 instead of 1.02 by fair share"
    assert causes({**before, "teams": sides[1]}, after).of_place("E7") == SEE_INPUTS


def test_a_lower_class_is_never_the_cause_of_a_higher_one() -> None:
    before = plan(stands("E7", 1), stands("fill", 3, priority="P3"))
    after = plan(stands("E7", 3), stands("fill", 1, priority="P3"))
    assert causes(before, after).of_move("E7") == SEE_INPUTS
    assert causes(before, after).of_move("fill").startswith("Run E7 (E7) has its place now")


def test_preemptible_work_is_below_every_class_whatever_letter_it_has() -> None:
    before = plan(stands("low", 1, priority="P0"))
    after = plan(stands("low", 3, priority="P0"), stands("gang", 1, priority="P2"))
    asked = document({"key": "low", "preemptible": True}, {"key": "gang", "preemptible": False})
    told = causes(before, after, documents=(asked, asked))
    assert told.of_move("low").startswith("Run gang (gang) has its place now")
    back = causes(
        plan(stands("gang", 1, priority="P1")), plan(stands("low", 1, priority="P0")), documents=(asked, asked)
    )
    assert back.of_loss("gang") == SEE_INPUTS


def test_an_edit_of_words_is_no_cause_and_what_is_asked_for_is_told_alone() -> None:
    before = plan(stands("E7", 1))
    after = plan(stands("E7", 3), stands("new", 1, priority="P0"))
    words = [line("experiments", ["E7"], labels=("Hypothesis", "Name"))]
    assert causes(before, after, words).of_move("E7").startswith("Run new (new) has its place now")
    both = [line("experiments", ["E7"], labels=("Hypothesis", "Latest start date", "Pool keys"))]
    assert causes(before, after, both).of_move("E7") == "its request changed: latest start date, pool keys"


def test_an_override_counts_from_the_day_it_is_in_force_to_the_day_it_ends() -> None:
    before, after = plan(stands("E7", 1)), plan(stands("E7", 3))
    added = [line("priority_overrides", ["E7", "launch"], "added")]
    for row in (override(starts_date="2026-11-30"), override(is_decided=False)):
        sides = (document(), document(overrides=(row,)))
        assert causes(before, after, added, sides).of_move("E7") == SEE_INPUTS
    rows = (override(),)
    assert causes(before, after, [], (document(overrides=rows),) * 2).of_move("E7") == SEE_INPUTS
    ended = (document(overrides=rows), document(overrides=rows, as_of="2026-12-01"))
    assert causes(before, after, [], ended).of_move("E7") == "the decision that weighed it has ended (override launch)"
    weighs = (document(overrides=rows), document(overrides=(override(weight="2"),)))
    assert causes(before, after, [], weighs).of_move("E7") == "a decision weighs it otherwise (override launch)"


def test_every_event_of_a_lot_is_compared_and_not_its_first_alone() -> None:
    room = {"before": cells(supply=[64] * 6), "after": cells(supply=[64, 64, 64, 0, 0, 0])}

    def told(was: list[Row], now: list[Row]) -> str:
        before = plan(stands("E7", 3), weeks=room["before"], lot_events=was)
        return causes(before, plan(stands("E7", 0), weeks=room["after"], lot_events=now)).of_move("E7")

    fewer = "h100 has 64 fewer in the week of 14 Dec: lot L9 "
    assert told(lot(0) + lot(5, -64), lot(0) + lot(3, -64)) == fewer + "leaves in the week of 14 Dec instead of 28 Dec"
    assert told(lot(0) + lot(5, -64), lot(1, 32) + lot(3, -32)) == (
        fewer + "comes in the week of 30 Nov instead of 23 Nov, of 32 instead of 64 and "
        "leaves in the week of 14 Dec instead of 28 Dec, of 32 instead of 64"
    )
    assert told(lot(0), lot(0) + lot(3, -64)) == fewer + "leaves in the week of 14 Dec"
    passed = [{**lot(0)[0], "week": FIRST.plus(-1).key}]
    assert told(passed + lot(5, -64), lot(3, -64)) == fewer + "leaves in the week of 14 Dec instead of 28 Dec"


def test_a_loss_after_which_enough_is_left_is_not_named_before_who_stands_there() -> None:
    before = plan(stands("E7", 1), weeks=cells(supply=[1000] * 6))
    after = plan(stands("E7", 3), stands("E2", 1, priority="P0"), weeks=cells(supply=[992] * 6))
    new = [line("experiments", ["E2"], "added")]
    assert causes(before, after, new).of_move("E7") == "Run E2 (E2) has its place now: it is a new request"
    spread = plan(stands("E7", 1, domain=""), weeks=cells(supply=[1000] * 6))
    then = plan(stands("E7", 3, domain=""), weeks=cells(supply=[992] * 6))
    assert causes(spread, then).of_move("E7") == SEE_INPUTS
    full = plan(stands("E7", 1), stands("rest", 1, count=936, priority="P0"), weeks=cells(supply=[1000] * 6))
    assert causes(full, after, new).of_move("E7") == "h100 has 8 fewer in the week of 30 Nov"


def test_pools_are_called_by_their_names_and_a_week_of_another_year_says_its_year() -> None:
    weeks = [FIRST.plus(offset).key for offset in range(6, 10)]
    named: Any = tuple(document() for _ in range(2))
    for each in named:
        each["tables"]["pools"] = [{"key": "h100", "name": "H100 US East"}]
    cells_of = lambda count: [{"pool_key": "h100", "week": week, "allocatable": count} for week in weeks]  # noqa: E731
    place = {**stands("E7", 0), "start_week": weeks[0]}
    before, after = plan(place, weeks=cells_of(64)), plan({**place, "start_week": weeks[2]}, weeks=cells_of(0))
    told = Causes(before=before, after=after, weeks={FIRST.key, *weeks}, inputs=[], documents=named)
    assert told.of_move("E7") == "H100 US East has 64 fewer in the week of 4 Jan 2027"


def test_work_that_runs_and_can_be_preempted_is_told_what_takes_its_room() -> None:
    run = {"key": "E7", "preemptible": True, "state": "running"}
    stays, shorter = ({**stands("E7", 0, weeks), "is_running": True} for weeks in (6, 3))
    documents = (document(run), document(run))
    new = [line("experiments", ["E2"], "added"), line("experiments", ["E7"], labels=("State", "Pool"))]
    after = plan(shorter, stands("E2", 3, count=128, priority="P0"))
    assert causes(plan(stays), after, new, documents).of_move("E7") == (
        "Run E2 (E2) has its place now: it is a new request"
    )
    lost = {"experiment_key": "E7", "name": "Run E7", "reason": "floor_reserved"}
    gone = plan(stands("E2", 0, 6, 128, priority="P0"), unplaced=[lost])
    assert causes(plan(stays), gone, new, documents).of_loss("E7") == (
        "Run E2 (E2) has its place now: it is a new request; floor reserved"
    )
