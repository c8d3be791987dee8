"""From the file form of a problem to a Problem, or to every sentence that says what is wrong with the file.

What belongs here: the shape of the file, its defaults, and references between its parts. Single values are read in
`reading`; what the numbers mean together (a floor above supply, work that cannot fit) is `checks` and the plan.
"""

from __future__ import annotations

from typing import Any

from capacity.allocation.domain import reading
from capacity.allocation.domain.checks import report_losses_apart
from capacity.allocation.domain.problem import (
    MAX_WEEKS,
    Burst,
    Domain,
    Experiment,
    ExperimentOption,
    Floor,
    Pin,
    Placement,
    Pool,
    Problem,
    ServingDemand,
    ServingOption,
)
from capacity.allocation.domain.problem_references import report_bad_references
from capacity.allocation.domain.reading import Errors, ObjectReader
from capacity.lib.horizon import Week
from capacity.lib.refused_file import RefusedFile

FILE_VERSION = 1


class ProblemFileError(RefusedFile):
    """The file is not a problem."""


def problem_from_bytes(data: bytes) -> Problem:
    """The problem in a UTF-8 file (with or without byte order mark). Raises ProblemFileError with all errors."""
    try:
        document = reading.parse_json(data)
    except reading.UnreadableJSON as error:
        raise ProblemFileError([f"$: {error}"]) from None
    return problem_from_json(document)


def problem_from_json(document: Any) -> Problem:
    """The problem in a parsed document (numbers as int or Decimal). Raises ProblemFileError with all errors."""
    errors = Errors()
    problem = _read_problem(document, errors)
    if errors or problem is None:
        raise ProblemFileError(errors.lines())
    return problem


def _read_problem(document: Any, errors: Errors) -> Problem | None:
    top = ObjectReader(value=document, path="$", errors=errors)
    if not top.is_object:
        return None
    top.take("version", reading.whole(at_least=FILE_VERSION, at_most=FILE_VERSION, what="version 1"))
    first_week = top.take("first_week", reading.week)
    weeks = top.take("weeks", reading.whole(at_least=1, at_most=MAX_WEEKS))
    tiers = top.take("tiers", reading.list_of(reading.key))
    pools = _rows(top, "pools", lambda *at: _read_pool(*at, weeks=weeks))
    floors = _rows(top, "floors", lambda *at: _read_floor(*at, weeks=weeks), optional=True)
    serving = _rows(top, "serving", lambda *at: _read_serving(*at, weeks=weeks))
    experiments = _rows(top, "experiments", _read_experiment)
    previous = _rows(top, "previous", _read_placement, optional=True)
    top.close()
    report_bad_references(
        tiers=tiers,
        pools=pools,
        floors=floors,
        serving=serving,
        experiments=experiments,
        with_options=_experiments_with_options(document),
        errors=errors,
    )
    if errors or first_week is None or weeks is None or tiers is None:
        return None
    problem = Problem(
        first_week=first_week,
        weeks=weeks,
        tiers=tiers,
        pools=tuple(row for _, row in pools if row is not None),
        serving=tuple(row for _, row in serving if row is not None),
        experiments=tuple(row for _, row in experiments if row is not None),
        floors=tuple(row for _, row in floors if row is not None),
        previous=tuple(row for _, row in previous if row is not None),
    )
    report_losses_apart(problem, errors)
    return None if errors else problem


def _experiments_with_options(document: dict[str, Any]) -> frozenset[str]:
    rows = document.get("experiments")
    return frozenset(
        f"$.experiments[{position}]"
        for position, row in enumerate(rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and "options" in row
    )


def _rows(top: ObjectReader, name: str, read: Any, *, optional: bool = False) -> list[tuple[str, Any]]:
    """(path, row) of every item of the list `name`; row None where it could not be read."""
    rows = top.take(name, reading.items, [] if optional else reading.REQUIRED)
    return [(path, read(item, path, top.errors)) for path, item in rows or []]


def _read_pool(value: Any, path: str, errors: Errors, *, weeks: int | None) -> Pool | None:
    row = ObjectReader(value=value, path=path, errors=errors)
    before = len(errors.sentences) + errors.beyond
    accelerators = reading.weekly(reading.whole(), weeks, plain=reading.is_plain_whole)
    domains = row.take("domains", reading.items, None)
    pool = Pool(
        key=row.take("key", reading.key) or "",
        accelerator_type=row.take("accelerator_type", reading.text) or "",
        region=row.take("region", reading.text) or "",
        allocatable=row.take("allocatable", accelerators) or (),
        usd_per_accelerator_hour=row.take("usd_per_accelerator_hour", reading.quantity()) or 0,
        node_size=row.take("node_size", reading.whole(at_least=1), 1) or 1,
        domains=tuple(_read_domain(item, at, errors, weeks=weeks) for at, item in domains or []),
        burst=row.take("burst", lambda *at: _read_burst(*at, weeks=weeks), None),
    )
    row.close()
    reading.report_repeated([(f"{path}.domains[{i}].key", d.key or None) for i, d in enumerate(pool.domains)], errors)
    if len(errors.sentences) + errors.beyond > before or not row.is_object:
        return None
    _check_domains_sum(pool, path, given=domains is not None, errors=errors)
    return pool


def _check_domains_sum(pool: Pool, path: str, *, given: bool, errors: Errors) -> None:
    lengths = {len(domain.allocatable) for domain in pool.domains} - {len(pool.allocatable)}
    if not given or lengths:
        # Where the number of weeks is not known, lists may differ in length; then that number is what is refused.
        return
    for week, supply in enumerate(pool.allocatable):
        total = sum(domain.allocatable[week] for domain in pool.domains)
        if total != supply:
            errors.add(f"{path}.domains", f"sum to {total} in week {week + 1}, but the pool has {supply} allocatable")
            return


def _read_domain(value: Any, path: str, errors: Errors, *, weeks: int | None) -> Domain:
    row = ObjectReader(value=value, path=path, errors=errors)
    domain = Domain(
        key=row.take("key", reading.key) or "",
        allocatable=row.take("allocatable", reading.weekly(reading.whole(), weeks, plain=reading.is_plain_whole)) or (),
    )
    row.close()
    return domain


def _read_burst(value: Any, path: str, errors: Errors, *, weeks: int | None) -> Burst | None:
    row = ObjectReader(value=value, path=path, errors=errors)
    burst = Burst(
        accelerators=row.take("accelerators", reading.weekly(reading.whole(), weeks, plain=reading.is_plain_whole))
        or (),
        usd_per_accelerator_hour=row.take("usd_per_accelerator_hour", reading.quantity()) or 0,
        tiers=row.take("tiers", reading.list_of(reading.key), None),
    )
    row.close()
    return burst


def _read_floor(value: Any, path: str, errors: Errors, *, weeks: int | None) -> Floor:
    row = ObjectReader(value=value, path=path, errors=errors)
    floor = Floor(
        key=row.take("key", reading.key) or "",
        pools=row.take("pools", reading.list_of(reading.key)) or (),
        accelerators=row.take("accelerators", reading.weekly(reading.whole(), weeks, plain=reading.is_plain_whole))
        or (),
        lendable=bool(row.take("lendable", reading.boolean, False)),
        team=row.take("team", reading.or_null(reading.key), None),
    )
    row.close()
    return floor


def _read_serving(value: Any, path: str, errors: Errors, *, weeks: int | None) -> ServingDemand:
    row = ObjectReader(value=value, path=path, errors=errors)
    own_key = row.take("key", reading.key) or ""
    options = row.take("options", reading.items)
    demand = ServingDemand(
        key=own_key,
        class_=row.take("class", reading.key, own_key) or "",
        tier=row.take("tier", reading.key) or "",
        work=row.take("work", reading.weekly(reading.quantity(), weeks, plain=reading.is_plain_quantity)) or (),
        usd_lost_per_work_week=row.take("usd_lost_per_work_week", reading.or_null(reading.quantity()), None),
        options=tuple(_read_serving_option(item, at, errors) for at, item in options or []),
        max_pools=row.take("max_pools", reading.or_null(reading.whole(at_least=1)), None),
    )
    row.close()
    return demand


def _read_serving_option(value: Any, path: str, errors: Errors) -> ServingOption:
    row = ObjectReader(value=value, path=path, errors=errors)
    option = ServingOption(
        pool=row.take("pool", reading.key) or "",
        work_per_accelerator=row.take("work_per_accelerator", reading.quantity(above_zero=True)) or 1,
        replica_accelerators=row.take("replica_accelerators", reading.whole(at_least=1), 1) or 1,
    )
    row.close()
    return option


def _read_experiment(value: Any, path: str, errors: Errors) -> Experiment | None:
    row = ObjectReader(value=value, path=path, errors=errors)
    first, last = row.take("earliest_start", reading.week), row.take("latest_start", reading.week)
    if first is not None and last is not None and last < first:
        errors.add(f"{path}.latest_start", f"{last.monday} is before earliest_start {first.monday}")
    stand_in = Week.containing(_ANY_DAY)
    weight = row.take("weight", reading.quantity(), 1)
    experiment = Experiment(
        key=row.take("key", reading.key) or "",
        tier=row.take("tier", reading.key) or "",
        team=row.take("team", reading.text) or "",
        model_development=bool(row.take("model_development", reading.boolean)),
        earliest_start=first or stand_in,
        latest_start=last or stand_in,
        options=_read_experiment_options(row),
        preemptible=bool(row.take("preemptible", reading.boolean, False)),
        divisible=bool(row.take("divisible", reading.boolean, False)),
        weight=1 if weight is None else weight,
        pinned=row.take("pinned", reading.or_null(_read_pin), None),
    )
    row.close()
    return experiment if row.is_object else None


def _read_experiment_options(row: ObjectReader) -> tuple[ExperimentOption, ...]:
    """Either `pools`, `accelerators` and `weeks` of the experiment itself, or its `options`, never both."""
    if not row.has("options"):
        return (_read_size(row, row.take("pools", reading.list_of(reading.key)) or ()),)
    for name in ("pools", "accelerators", "weeks"):
        if row.has(name):
            row.take(name, lambda *_: None)
            row.errors.add(f"{row.path}.{name}", "is given beside options; give one or the other")
    options = []
    for path, item in row.take("options", reading.items) or []:
        option = ObjectReader(value=item, path=path, errors=row.errors)
        options.append(_read_size(option, (option.take("pool", reading.key) or "",)))
        option.close()
    return tuple(options)


def _read_size(row: ObjectReader, pools: tuple[str, ...]) -> ExperimentOption:
    return ExperimentOption(
        pools=pools,
        accelerators=row.take("accelerators", reading.whole()) or 0,
        weeks=row.take("weeks", reading.whole(at_least=1, at_most=10_000)) or 1,
    )


def _read_pin(value: Any, path: str, errors: Errors) -> Pin | None:
    row = ObjectReader(value=value, path=path, errors=errors)
    pool, start = row.take("pool", reading.key), row.take("start", reading.week)
    domain = row.take("domain", reading.or_null(reading.key))
    promised = bool(row.take("promised", reading.boolean, False))
    row.close()
    return Pin(pool, domain, start, promised) if pool is not None and start is not None else None


def _read_placement(value: Any, path: str, errors: Errors) -> Placement | None:
    row = ObjectReader(value=value, path=path, errors=errors)
    start = row.take("start", reading.week)
    placement = Placement(
        key=row.take("key", reading.key) or "",
        pool=row.take("pool", reading.key) or "",
        domain=row.take("domain", reading.or_null(reading.key), None),
        start=start or Week.containing(_ANY_DAY),
        weeks=row.take("weeks", reading.whole(at_least=1, at_most=10_000)) or 1,
        accelerators=row.take("accelerators", reading.whole()) or 0,
    )
    row.close()
    return placement


# Stands where a date could not be read; the file is refused before anyone looks at it.
_ANY_DAY = Week.parse("2026-W01").monday
