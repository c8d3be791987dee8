"""Work that waits beside idle accelerators: only what it could really take is told as idle for it, by hand."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.problem import Domain, Experiment, ExperimentOption, Floor, Pool, Problem
from capacity.lib.horizon import Horizon, Week
from capacity.review.waiting_rows import WaitingRows
from workloads.domain.classes import ClassOption

FIRST = Week.parse("2026-W48")
WEEKS = 8


def request(size: int, *, weeks: int = 2, latest: int = 0, earliest: int = 0, **columns: Any) -> Experiment:
    return Experiment(
        key="e-1",
        tier="P1",
        team="t",
        model_development=columns.pop("model_development", False),
        earliest_start=FIRST.plus(earliest),
        latest_start=FIRST.plus(latest),
        options=(ExperimentOption(pools=("p",), accelerators=size, weeks=weeks),),
        **columns,
    )


def waiting(
    one: Experiment,
    *,
    supply: list[int],
    domains: tuple[list[int], ...] = (),
    floor: int = 0,
    throttled: tuple[dict[str, Any], ...] = (),
    replica: int = 8,
) -> WaitingRows:
    """One pool of this supply by week, in these domains, with a floor for model development."""
    problem = Problem(
        first_week=FIRST,
        weeks=WEEKS,
        tiers=("committed", "P1"),
        pools=(
            Pool(
                key="p",
                accelerator_type="h100",
                region="us",
                usd_per_accelerator_hour=2,
                allocatable=tuple(supply),
                domains=tuple(Domain(key=f"d{n}", allocatable=tuple(each)) for n, each in enumerate(domains)),
            ),
        ),
        experiments=(one,),
        floors=(Floor(key="f", pools=("p",), accelerators=(floor,) * WEEKS),) if floor else (),
    )
    solution = solve(problem=problem, options=SolveOptions(), progress=lambda _stage, _share: None)
    horizon = Horizon(first=FIRST, weeks=WEEKS)
    serving = SimpleNamespace(
        members=[SimpleNamespace(workload_key="chat")],
        options=[ClassOption(pool_key="p", work_per_accelerator=Fraction(1), replica_accelerators=replica)],
    )
    return WaitingRows(
        SimpleNamespace(  # type: ignore[arg-type]
            plan=SimpleNamespace(problem=problem, solution=solution, inputs=SimpleNamespace(as_of=date(2026, 11, 23))),
            weeks=list(horizon),
            horizon=horizon,
            pools={"p": {"name": "Pool one"}},
            requests={one.key: one},
            runs={},
            experiments={one.key: {"name": "Ablation"}},
            idle={(each.pool, each.week): each.accelerators for each in solution.idle},
            class_by_key={"m.interactive.any": serving},
            workloads={"chat": {"name": "Chat"}},
            tables={"throttled_weeks": list(throttled)},
        )
    )


def queued(*args: Any, **columns: Any) -> list[dict[str, Any]]:
    return list(waiting(*args, **columns).queued())


def test_a_request_is_told_of_room_after_its_window() -> None:
    (row,) = queued(request(64), supply=[32, 32, 32, 64, 64, 64, 64, 64])
    assert (row["pool_key"], row["week"], row["accelerators"]) == ("p", "2026-W51", 64)
    assert row["sentence"] == (
        "Ablation (e-1) waits; in Pool one it could have 64 accelerators for 2 weeks from the week of 14 Dec. It may start "
        "until the week of 23 Nov: a later window would do."
    )


def test_a_run_that_is_recalled_stops_and_waits_for_nothing() -> None:
    found = waiting(request(64), supply=[32, 32, 32, 64, 64, 64, 64, 64])
    assert list(found.queued())
    found.rows.runs["e-1"] = SimpleNamespace()  # type: ignore[assignment]
    assert list(found.queued()) == []


def test_room_before_the_window_is_told_as_that() -> None:
    (row,) = queued(request(64, earliest=4, latest=5), supply=[64, 64, 64, 0, 0, 0, 0, 0])
    assert row["sentence"].endswith("It may not start before the week of 21 Dec: an earlier window would do.")


def test_what_a_floor_keeps_is_not_idle_for_other_work() -> None:
    """Of 100 the floor keeps 60: 40 are free for work that is not model development, which asks for 64."""
    (row,) = queued(request(64), supply=[100] * WEEKS, floor=60)
    assert row["accelerators"] is None
    assert row["sentence"] == (
        "Ablation (e-1) waits; in Pool one it would have 64 accelerators for 2 weeks from the week of 23 Nov, but a floor "
        "keeps them for other work."
    )
    # 40 of the same pool it may have: it has its place, and does not wait.
    assert queued(request(40), supply=[100] * WEEKS, floor=60) == []
    # Model development may stand on the floor, in a later week.
    late = request(64, model_development=True)
    (row,) = queued(late, supply=[0, 0, 0, *[100] * 5], floor=60)
    assert (row["week"], row["accelerators"]) == ("2026-W51", 64)


def test_idle_that_is_split_over_domains_holds_no_gang() -> None:
    """48 and 48 are 96 in all; a gang of 64 lies in one domain."""
    (row,) = queued(request(64), supply=[96] * WEEKS, domains=([48] * WEEKS, [48] * WEEKS))
    assert row["accelerators"] is None
    assert row["sentence"].endswith(
        "it finds 64 idle in all for 2 weeks from the week of 23 Nov, but at most 48 of them in one network domain."
    )
    # In the fourth week a domain of 64 is there.
    grown = [48, 48, 48, 64, 64, 64, 64, 64]
    (row,) = queued(request(64), supply=[48 + size for size in grown], domains=(grown, [48] * WEEKS))
    assert (row["week"], row["accelerators"]) == ("2026-W51", 64)


def test_work_in_parts_needs_all_its_accelerator_weeks_somewhere() -> None:
    divisible = request(64, divisible=True)
    # 64 × 2 = 128 accelerator-weeks: six weeks of 8 are 48 in all, of 24 they are 144.
    assert queued(divisible, supply=[0, 0, 8, 8, 8, 8, 8, 8]) == []
    (row,) = queued(divisible, supply=[0, 0, 24, 24, 24, 24, 24, 24])
    assert "it could have all of it in parts from the week of 7 Dec" in row["sentence"]


# --- throttled ------------------------------------------------------------------------------------------------------


def throttled(*, supply: int, floor: int = 0, week: str = "2026-W48", replica: int = 8) -> dict[str, Any]:
    told = {"workload": "chat", "week": week, "requests": 10_000, "throttled": 40}
    shell = waiting(
        request(1, earliest=-5, latest=-4), supply=[supply] * WEEKS, floor=floor, throttled=(told,), replica=replica
    )
    (row,) = shell.throttled()
    return row


def test_throttled_work_is_told_of_whole_replicas_outside_the_floors() -> None:
    # 100 less 60 are 40; replicas of 16 take 32 of them.
    row = throttled(supply=100, floor=60, replica=16)
    assert (row["accelerators"], row["pool_key"], row["week"]) == (32, "p", "2026-W48")
    assert row["sentence"] == (
        "0.40% of the requests of Chat were throttled in the week of 23 Nov; 32 accelerators of Pool one are idle in that "
        "week that could serve it."
    )
    assert throttled(supply=100, week="2026-W47")["sentence"].endswith("are idle this week that could serve it.")


def test_idle_that_serving_may_not_take_is_told_with_the_reason() -> None:
    kept = throttled(supply=64, floor=60)
    assert kept["accelerators"] is None
    assert kept["sentence"].endswith(
        "64 accelerators of Pool one stand idle in that week, kept by a floor that serving may not enter."
    )
    small = throttled(supply=6)
    assert small["accelerators"] is None
    assert small["sentence"].endswith(
        "6 accelerators of Pool one stand idle in that week, less than a whole replica of 8."
    )


def test_throttling_that_is_small_over_or_without_idle_accelerators_is_no_finding() -> None:
    def rows(*told: tuple[str, int], supply: int = 64) -> list[dict[str, Any]]:
        found = tuple(
            {"workload": "chat", "week": week, "requests": 10_000, "throttled": count} for week, count in told
        )
        return list(waiting(request(1, earliest=-5, latest=-4), supply=[supply] * WEEKS, throttled=found).throttled())

    assert rows(("2026-W46", 40), ("2026-W47", 0)) == []
    assert rows(("2026-W47", 10)) == []
    assert rows(("2026-W47", 40), supply=0) == []
    assert rows() == []
    assert len(rows(("2026-W47", 40), ("2026-W46", 0))) == 1
