"""What the parts of a problem file say about each other: keys used once, tiers, pools and classes that exist.

What belongs here: references and agreements between rows that were each read well. Rows that could not be read
come as None and are passed over, so that one mistake is told once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from capacity.allocation.domain.problem import Experiment, Floor, Pool, ServingDemand
from capacity.allocation.domain.reading import Errors, report_repeated

Rows = list[tuple[str, Any]]


def report_bad_references(
    *,
    tiers: tuple[str, ...] | None,
    pools: Rows,
    floors: Rows,
    serving: Rows,
    experiments: Rows,
    with_options: frozenset[str],
    errors: Errors,
) -> None:
    """Records every broken reference. Rows are (path, value or None) in file order.

    with_options: paths of the experiments written with `options` instead of `pools`.
    """
    report_repeated([(f"$.tiers[{i}]", tier) for i, tier in enumerate(tiers or ())], errors, "tier")
    report_repeated(_keys(pools), errors)
    report_repeated(_keys(floors), errors)
    report_repeated([*_keys(serving), *_keys(experiments)], errors)
    # A pool that could not be read is still there: references to it are not a second error.
    by_key = None if any(pool is None for _, pool in pools) else {pool.key: pool for _, pool in pools}
    for path, floor in floors:
        _check_floor(floor, path, by_key, errors)
    _check_tiers(tiers, pools, serving, experiments, errors)
    for path, demand in serving:
        _check_demand(demand, path, by_key, errors)
    _check_classes(serving, errors)
    for path, experiment in experiments:
        if experiment is not None:
            _check_option_pools(experiment, path, by_key, path in with_options, errors)
            _check_pin(experiment, f"{path}.pinned", by_key, errors)


def _keys(rows: Rows) -> Iterable[tuple[str, str | None]]:
    return ((f"{path}.key", row.key or None) for path, row in rows if row is not None)


def _check_pool_exists(name: str, path: str, by_key: dict[str, Pool] | None, errors: Errors) -> None:
    if by_key is not None and name and name not in by_key:
        errors.add(path, f"there is no pool {name}")


def _check_floor(floor: Floor, path: str, by_key: dict[str, Pool] | None, errors: Errors) -> None:
    for position, name in enumerate(floor.pools):
        _check_pool_exists(name, f"{path}.pools[{position}]", by_key, errors)
    report_repeated([(f"{path}.pools[{i}]", name) for i, name in enumerate(floor.pools)], errors, "pool")


def _check_tiers(tiers: tuple[str, ...] | None, pools: Rows, serving: Rows, experiments: Rows, errors: Errors) -> None:
    if tiers is None:
        return
    of_serving = {demand.tier for _, demand in serving}
    of_experiments = {experiment.tier for _, experiment in experiments if experiment is not None}
    for path, row in [*serving, *experiments]:
        if row is not None and row.tier and row.tier not in tiers:
            errors.add(f"{path}.tier", f"there is no tier {row.tier} in tiers")
    for position, tier in enumerate(tiers):
        if tier in of_serving and tier in of_experiments:
            errors.add(f"$.tiers[{position}]", f"the tier {tier} holds both serving and experiments")
    for path, pool in pools:
        names = pool.burst.tiers if pool is not None and pool.burst is not None and pool.burst.tiers else ()
        for position, tier in enumerate(names):
            if tier not in tiers:
                errors.add(f"{path}.burst.tiers[{position}]", f"there is no tier {tier} in tiers")
            elif tier in of_experiments:
                errors.add(f"{path}.burst.tiers[{position}]", f"the tier {tier} holds experiments, not serving")
        report_repeated([(f"{path}.burst.tiers[{i}]", tier) for i, tier in enumerate(names)], errors, "tier")


def _check_demand(demand: ServingDemand, path: str, by_key: dict[str, Pool] | None, errors: Errors) -> None:
    pools = [(f"{path}.options[{i}].pool", option.pool or None) for i, option in enumerate(demand.options)]
    for at, name in pools:
        _check_pool_exists(name or "", at, by_key, errors)
    report_repeated(pools, errors, "pool")


def _check_classes(serving: Rows, errors: Errors) -> None:
    first: dict[str, tuple[str, ServingDemand]] = {}
    for path, demand in serving:
        if not demand.class_:
            continue
        peer_path, peer = first.setdefault(demand.class_, (path, demand))
        if set(demand.options) != set(peer.options):
            errors.add(f"{path}.options", f"differ from those of {peer_path}, which is of the same class {peer.class_}")
        if demand.max_pools != peer.max_pools:
            errors.add(f"{path}.max_pools", f"differs from {peer_path}, which is of the same class {peer.class_}")


def _check_option_pools(
    experiment: Experiment, path: str, by_key: dict[str, Pool] | None, with_options: bool, errors: Errors
) -> None:
    for position, option in enumerate(experiment.options):
        for i, name in enumerate(option.pools):
            at = f"{path}.options[{position}].pool" if with_options else f"{path}.pools[{i}]"
            _check_pool_exists(name, at, by_key, errors)
        report_repeated([(f"{path}.pools[{i}]", name) for i, name in enumerate(option.pools)], errors, "pool")


def _check_pin(experiment: Experiment, path: str, by_key: dict[str, Pool] | None, errors: Errors) -> None:
    pin = experiment.pinned
    if pin is None or by_key is None:
        return
    pool = by_key.get(pin.pool)
    if pool is None:
        errors.add(f"{path}.pool", f"there is no pool {pin.pool}")
        return
    matching = sum(pin.pool in option.pools for option in experiment.options)
    if matching != 1:
        what = "is not a pool of the experiment" if matching == 0 else "is the pool of several options, not of one"
        errors.add(f"{path}.pool", f"{pin.pool} {what}")
    names = {domain.key for domain in pool.domains}
    if pin.domain is None and names:
        errors.add(f"{path}.domain", f"is null, but the pool {pin.pool} has domains")
    elif pin.domain is not None and pin.domain not in names:
        errors.add(f"{path}.domain", f"the pool {pin.pool} has no domain {pin.domain}")
