"""A solved plan → what each workload takes of every class, pool and week, to the accelerator and the cent. Pure.

Dollars are those of the pool's own envelope: what serving costs there, burst included, shared by the classes by
accelerators and inside a class by served work (methods: Workload map). So the map is the plan's serving by construction,
in all and by purpose.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.lib.horizon import Week
from capacity.lib.money import CENT, round_parts, round_usd, to_decimal
from capacity.lib.units import exact
from capacity.review.map_sums import serving_usd
from capacity.review.plan_rows import PlanRows
from workloads.domain.map_use import NO_CARD, split_use

Row = dict[str, Any]
MAP_WEEKS = 13


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """A workload's part of a class in a pool's week: whole accelerators and cents, and the same unrounded."""

    workload_key: str
    tier: str
    serving_class: str
    pool_key: str
    week: Week
    accelerators: int
    cents: int | None
    exact_accelerators: Fraction
    exact_usd: Fraction | None


def uses_of(rows: PlanRows) -> list[Use]:
    """Every part of the run's first 13 weeks, in key order. Each class's parts sum to what it holds, with its dollars."""
    found: list[Use] = []
    paid = {(row["pool_key"], row["week"]): serving_usd(row["envelope_parts"]) for row in rows.pool_week_rows}
    for week in rows.weeks[:MAP_WEEKS]:
        for pool in sorted(rows.pools):
            held = {
                class_key: rows.allocated[class_key, pool, week]
                for class_key in rows.classes_in.get((pool, week), ())
                if rows.allocated[class_key, pool, week]
            }
            found += _of_pool_week(rows, pool, week, held, paid.get((pool, week.key)))
    return found


def _of_pool_week(rows: PlanRows, pool: str, week: Week, held: Mapping[str, int], usd: Decimal | None) -> Iterable[Use]:
    accelerators = sum(held.values())
    if not accelerators:
        return
    shares = {class_key: _shares(rows, class_key, week) for class_key in held}
    paid: dict[_Part, Fraction] = {}
    if usd is not None:
        paid = {
            (class_key, *part): exact(usd) * held[class_key] * share / accelerators
            for class_key, of_class in shares.items()
            for part, share in of_class.items()
        }
    purposes = {part: name for class_key in held for part, name in _purposes(rows, class_key, week).items()}
    cents = _cents(paid, usd, purposes)
    for class_key in sorted(held):
        names = {f"{workload} {tier}": (workload, tier) for workload, tier in shares[class_key]}
        served = {name: shares[class_key][part] for name, part in names.items()}
        whole = split_use(accelerators=held[class_key], cents=None, served=served)
        for name, part in sorted(names.items()):
            yield Use(
                workload_key=part[0],
                tier=part[1],
                serving_class=class_key,
                pool_key=pool,
                week=week,
                accelerators=whole[name][0],
                cents=cents.get((class_key, *part)),
                exact_accelerators=served[name] * held[class_key],
                exact_usd=paid.get((class_key, *part)),
            )


# Class, workload and tier of a part.
_Part = tuple[str, str, str]


def _cents(paid: Mapping[_Part, Fraction], usd: Decimal | None, purposes: Mapping[_Part, str]) -> dict[_Part, int]:
    """Each part in cents. First the purposes share the pool's cents as its envelope does, then the parts of each share its.

    So what the map says of a purpose is what the envelope says of it, and not off by the cents of its parts.
    """
    if usd is None:
        return {}
    groups: dict[str, dict[str, _Part]] = defaultdict(dict)
    for part in sorted(paid):
        groups[purposes[part]][" ".join(part)] = part
    sums = {
        name: to_decimal(sum((paid[part] for part in parts.values()), Fraction(0))) for name, parts in groups.items()
    }
    found: dict[_Part, int] = {}
    for name, total in round_parts(sums, total=round_usd(usd)).items():
        of_group = {key: to_decimal(paid[part]) for key, part in groups[name].items()}
        found |= {groups[name][key]: int(part / CENT) for key, part in round_parts(of_group, total=total).items()}
    return found


def _purposes(rows: PlanRows, class_key: str, week: Week) -> dict[_Part, str]:
    """Part → the line of the envelope that pays it, of the three that serving has."""
    found = {(class_key, NO_CARD, ""): SERVING}
    for demand in rows.served_parts(class_key, week):
        purpose = rows.purpose_by_demand[demand]
        part = (class_key, rows.workload_of(demand) or NO_CARD, rows.demands[demand].tier)
        found[part] = purpose if purpose in _OWN_LINES else SERVING
    return found


SERVING, _OWN_LINES = "serving", ("internal", "no_choice")


def _shares(rows: PlanRows, class_key: str, week: Week) -> dict[tuple[str, str], Fraction]:
    """(workload, tier) → its share of what the class did this week; all of it is of no card where it served nobody."""
    found: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for demand, share in rows.served_parts(class_key, week).items():
        found[rows.workload_of(demand) or NO_CARD, rows.demands[demand].tier] += share
    return found or {(NO_CARD, ""): Fraction(1)}


def workload_use_rows(uses: Sequence[Use]) -> list[Row]:
    """The parts as they are stored; those of nothing at all are left out."""
    return [
        {
            "workload_key": use.workload_key,
            "serving_class": use.serving_class,
            "pool_key": use.pool_key,
            "week": use.week.key,
            "tier": use.tier,
            "accelerators": use.accelerators,
            "usd": None if use.cents is None else Decimal(use.cents) * CENT,
        }
        for use in uses
        if use.accelerators or use.cents or use.cents is None
    ]
