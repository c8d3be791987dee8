"""Reading problem files: what is accepted, and every kind of bad input, each with its path and all at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.problem_file import ProblemFileError, problem_from_bytes

GOOD: dict[str, Any] = {
    "version": 1,
    "first_week": "2026-11-23",
    "weeks": 2,
    "tiers": ["committed", "P0"],
    "floors": [{"key": "md", "pools": ["west"], "accelerators": [2, 2], "lendable": True}],
    "pools": [
        {
            "key": "west",
            "accelerator_type": "h100",
            "region": "us-west",
            "node_size": 2,
            "allocatable": [10, 10],
            "domains": [{"key": "a", "allocatable": [4, 4]}, {"key": "b", "allocatable": [6, 6]}],
            "usd_per_accelerator_hour": 2.0,
            "burst": {"accelerators": [1, 1], "usd_per_accelerator_hour": 3.5, "tiers": ["committed"]},
        },
        {
            "key": "east",
            "accelerator_type": "h100",
            "region": "us-east",
            "allocatable": [5, 5],
            "usd_per_accelerator_hour": 2,
        },
    ],
    "serving": [
        {
            "key": "c1",
            "class": "chat",
            "tier": "committed",
            "work": [3, 3.5],
            "usd_lost_per_work_week": 9.0,
            "max_pools": 1,
            "options": [{"pool": "west", "work_per_accelerator": 1.0, "replica_accelerators": 2}],
        }
    ],
    "experiments": [
        {
            "key": "e1",
            "tier": "P0",
            "team": "pretraining",
            "model_development": True,
            "accelerators": 4,
            "weeks": 1,
            "earliest_start": "2026-11-23",
            "latest_start": "2026-11-30",
            "pools": ["west"],
            "pinned": {"pool": "west", "domain": "a", "start": "2026-11-23"},
        }
    ],
    "previous": [{"key": "e0", "pool": "gone", "domain": None, "start": "2026-11-16", "weeks": 1, "accelerators": 2}],
}


def read(document: Any) -> Any:
    return problem_from_bytes(json.dumps(document).encode())


def sentences(document: Any) -> list[str]:
    with pytest.raises(ProblemFileError) as refused:
        read(document)
    return refused.value.sentences


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    document = copy.deepcopy(GOOD)
    change(document)
    return document


def test_a_full_file_is_read() -> None:
    problem = read(GOOD)
    assert problem.pools[0].domains[1].allocatable == (6, 6)
    assert problem.serving[0].work == (Fraction(3), Fraction(7, 2))
    assert problem.experiments[0].pinned.domain == "a"


def test_absent_names_take_their_defaults() -> None:
    document = changed(lambda d: (d.pop("floors"), d.pop("previous")))
    for name in ("class", "max_pools", "usd_lost_per_work_week"):
        del document["serving"][0][name]
    del document["serving"][0]["options"][0]["replica_accelerators"]
    del document["experiments"][0]["pinned"]
    problem = read(document)
    demand, experiment, pool = problem.serving[0], problem.experiments[0], problem.pools[1]
    assert (demand.class_, demand.max_pools, demand.usd_lost_per_work_week) == ("c1", None, None)
    assert demand.options[0].replica_accelerators == 1
    assert (experiment.preemptible, experiment.divisible, experiment.weight, experiment.pinned) == (
        False,
        False,
        1,
        None,
    )
    assert (pool.node_size, pool.domains, pool.burst, problem.floors, problem.previous) == (1, (), None, (), ())


def test_a_byte_order_mark_and_whole_numbers_written_with_a_point_are_accepted() -> None:
    text = json.dumps(changed(lambda d: d["pools"][1].update(allocatable=[5.0, 5e0])))
    problem = problem_from_bytes(b"\xef\xbb\xbf" + text.encode())
    assert problem.pools[1].allocatable == (5, 5)


def test_no_options_are_allowed_and_wholly_short() -> None:
    document = changed(lambda d: (d["serving"][0].update(options=[]), d["experiments"][0].pop("pinned")))
    for name in ("pools", "accelerators", "weeks"):
        del document["experiments"][0][name]
    document["experiments"][0]["options"] = []
    solution = solve(problem=read(document))
    assert [row.accelerators for row in solution.capacity_shortfalls] == [3, 4]
    assert [row.reason for row in solution.unplaced] == ["region"]


def at(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change that puts `value` at the path."""

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def without(*path: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


BAD: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (at("version", value=2), "$.version"),
    (without("version"), "$.version"),
    (at("first_week", value="2026-11-24"), "$.first_week"),
    (at("first_week", value="2026-W48"), "$.first_week"),
    (at("first_week", value="0001-01-01"), "$.first_week"),
    (at("first_week", value=None), "$.first_week"),
    (at("weeks", value=0), "$.weeks"),
    (at("weeks", value=157), "$.weeks"),
    (at("weeks", value=True), "$.weeks"),
    (at("weeks", value="2"), "$.weeks"),
    (at("tiers", value="P0"), "$.tiers"),
    (at("tiers", value=["committed", "P0", "P0"]), "$.tiers[2]"),
    (at("tiers", value=["committed"]), "$.experiments[0].tier"),
    (at("experiments", 0, "tier", value="committed"), "$.tiers[0]"),
    (at("extra", value=1), "$.extra"),
    (at("pools", value={}), "$.pools"),
    (at("pools", 0, value=[]), "$.pools[0]"),
    (at("pools", 1, "key", value="west"), "$.pools[1].key"),
    (at("pools", 1, "key", value="a b"), "$.pools[1].key"),
    (at("pools", 1, "key", value="k" * 81), "$.pools[1].key"),
    (without("pools", 1, "key"), "$.pools[1].key"),
    (at("pools", 1, "allocatable", value=[5]), "$.pools[1].allocatable"),
    (at("pools", 1, "allocatable", value=[5, -1]), "$.pools[1].allocatable[1]"),
    (at("pools", 1, "allocatable", value=[5, 1.5]), "$.pools[1].allocatable[1]"),
    (at("pools", 1, "allocatable", value=[5, None]), "$.pools[1].allocatable[1]"),
    (at("pools", 1, "allocatable", value=[5, 10**30]), "$.pools[1].allocatable[1]"),
    (at("pools", 1, "node_size", value=0), "$.pools[1].node_size"),
    (at("pools", 1, "region", value=7), "$.pools[1].region"),
    (at("pools", 1, "usd_per_accelerator_hour", value=-1), "$.pools[1].usd_per_accelerator_hour"),
    (without("pools", 1, "usd_per_accelerator_hour"), "$.pools[1].usd_per_accelerator_hour"),
    (at("pools", 0, "domains", 1, "allocatable", value=[6, 7]), "$.pools[0].domains"),
    (at("pools", 0, "domains", 1, "key", value="a"), "$.pools[0].domains[1].key"),
    (at("pools", 0, "burst", "tiers", value=["P0"]), "$.pools[0].burst.tiers[0]"),
    (at("pools", 0, "burst", "tiers", value=["gold"]), "$.pools[0].burst.tiers[0]"),
    (at("pools", 0, "burst", "accelerators", value=[1]), "$.pools[0].burst.accelerators"),
    (at("floors", 0, "pools", value=["north"]), "$.floors[0].pools[0]"),
    (at("floors", 0, "pools", value=["west", "west"]), "$.floors[0].pools[1]"),
    (at("floors", 0, "lendable", value=1), "$.floors[0].lendable"),
    (at("serving", 0, "tier", value="gold"), "$.serving[0].tier"),
    (at("serving", 0, "work", value=[3]), "$.serving[0].work"),
    (at("serving", 0, "work", value=[3, -0.1]), "$.serving[0].work[1]"),
    (at("serving", 0, "work", value=[3, "4"]), "$.serving[0].work[1]"),
    (at("serving", 0, "usd_lost_per_work_week", value="9"), "$.serving[0].usd_lost_per_work_week"),
    (at("serving", 0, "max_pools", value=0), "$.serving[0].max_pools"),
    (at("serving", 0, "options", 0, "pool", value="north"), "$.serving[0].options[0].pool"),
    (at("serving", 0, "options", 0, "work_per_accelerator", value=0), "$.serving[0].options[0].work_per_accelerator"),
    (at("serving", 0, "options", 0, "replica_accelerators", value=0), "$.serving[0].options[0].replica_accelerators"),
    (lambda d: d["serving"][0]["options"].append(d["serving"][0]["options"][0]), "$.serving[0].options[1].pool"),
    (lambda d: d["serving"].append({**d["serving"][0], "key": "c2", "max_pools": None}), "$.serving[1].max_pools"),
    (lambda d: d["serving"].append({**d["serving"][0], "key": "c2", "options": []}), "$.serving[1].options"),
    (lambda d: d["serving"].append(d["serving"][0]), "$.serving[1].key"),
    (at("experiments", 0, "key", value="c1"), "$.experiments[0].key"),
    (at("experiments", 0, "weeks", value=0), "$.experiments[0].weeks"),
    (at("experiments", 0, "latest_start", value="2026-11-16"), "$.experiments[0].latest_start"),
    (at("experiments", 0, "latest_start", value="2026-11-25"), "$.experiments[0].latest_start"),
    (at("experiments", 0, "model_development", value=None), "$.experiments[0].model_development"),
    (at("experiments", 0, "weight", value=-1), "$.experiments[0].weight"),
    (at("experiments", 0, "pools", value=["north"]), "$.experiments[0].pools[0]"),
    (at("experiments", 0, "options", value=[]), "$.experiments[0].pools"),
    (without("experiments", 0, "pools"), "$.experiments[0].pools"),
    (at("experiments", 0, "pinned", "pool", value="east"), "$.experiments[0].pinned.pool"),
    (at("experiments", 0, "pinned", "pool", value="north"), "$.experiments[0].pinned.pool"),
    (at("experiments", 0, "pinned", "domain", value=None), "$.experiments[0].pinned.domain"),
    (at("experiments", 0, "pinned", "domain", value="c"), "$.experiments[0].pinned.domain"),
    (at("experiments", 0, "pinned", "extra", value=1), "$.experiments[0].pinned.extra"),
    (at("previous", 0, "weeks", value="1"), "$.previous[0].weeks"),
]


def test_the_file_that_is_broken_below_is_good() -> None:
    assert solve(problem=read(GOOD)).termination == "optimal"


@pytest.mark.parametrize(("change", "path"), BAD)
def test_bad_input_is_refused_with_its_path(change: Callable[[dict[str, Any]], Any], path: str) -> None:
    found = sentences(changed(change))
    assert any(sentence.startswith(f"{path}: ") for sentence in found), found
    assert all("\n" not in sentence and sentence.endswith(".") for sentence in found)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e309", "1" * 5000, "1e-400", "1E999999999"])
def test_numbers_that_are_not_plain_are_refused(number: str) -> None:
    text = json.dumps(GOOD).replace('"work": [3, 3.5]', f'"work": [3, {number}]')
    with pytest.raises(ProblemFileError) as refused:
        problem_from_bytes(text.encode())
    assert [sentence.split(":")[0] for sentence in refused.value.sentences] == ["$.serving[0].work[1]"]


def test_a_name_given_twice_is_refused() -> None:
    text = json.dumps(GOOD).replace('"weeks": 2,', '"weeks": 2, "weeks": 2,', 1)
    with pytest.raises(ProblemFileError) as refused:
        problem_from_bytes(text.encode())
    assert refused.value.sentences == ['$: the name "weeks" is given twice.']


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff\xfe{\x00}\x00", b"[]", b"null", b'"x"', b"[" * 100_000, b'{"a": 1} {}', b"\x00"]
)
def test_what_is_no_problem_at_all_is_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(ProblemFileError) as refused:
        problem_from_bytes(data)
    assert len(refused.value.sentences) == 1


def test_lists_of_unequal_length_are_no_error_of_their_own_where_the_weeks_are_unreadable() -> None:
    def change(document: dict[str, Any]) -> None:
        document["weeks"] = [2]
        document["pools"][0]["allocatable"] = [10, 10, 10]

    assert [sentence.split(":")[0] for sentence in sentences(changed(change))] == ["$.weeks"]


def test_all_errors_are_told_at_once() -> None:
    document = changed(lambda d: (d.update(extra=1), d["pools"][1].update(node_size=-1), d["serving"][0].pop("work")))
    paths = {sentence.split(": ")[0] for sentence in sentences(document)}
    assert paths == {"$.extra", "$.pools[1].node_size", "$.serving[0].work"}
