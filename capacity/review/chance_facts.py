"""What the draws of use are made of: each contract's curve and band, own products' bands, and who asks for which pool.

Pure. Contracts' curves are their scenarios' sums; needs are averaged over spans of weeks that are all short or all not
(methods: Chances of use).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from capacity.review.plan_rows import PlanRows
from contracts.domain.monte_carlo import OWED, RENEWAL, RENEWED_WHOLE, Draw, Knot, PoolSpan
from contracts.domain.scenarios import HEAVY, P10, P50, P90
from contracts.scenario_costing import ContractScenarios
from workloads.domain.classes import ServingClass, ServingLoad

# Weeks that are looked at together: needs of a month hardly differ, and a draw lasts the whole horizon.
MOST_SPAN_WEEKS = 4
# Heavy use this near to another scenario's is no point of a curve of its own: there all contracts are heavy at once, and
# a line through two points so close would run anywhere beyond them.
NEAR = Fraction(1, 5)


def draws_of(rows: PlanRows, found: Sequence[ContractScenarios]) -> list[Draw]:
    """Every contract, also those whose money is not known (they ask for accelerators), and every own product."""
    members = {load.key: (each, load) for each in rows.plan.classes for load in each.members}
    own = [_own_product(serving, load) for serving, load in members.values() if not load.contract_key]
    return [*(_contract(each) for each in found), *own]


def _contract(each: ContractScenarios) -> Draw:
    first = min(each.versions, key=lambda version: version.indexes[0])
    row, index = first.contract.row, first.indexes[0]
    cap = first.cap(index) if first.contract.traffic is not None else None
    worst = first.worst_multiple(index)
    # P50 comes first: where two scenarios have one multiple, the money of the first is kept.
    at = {P50: Fraction(1), P10: each.band.p10, P90: each.band.p90, HEAVY: worst}
    knots: dict[Fraction, Knot] = {}
    for scenario, multiple in at.items():
        money = _in_term(each, scenario)
        is_near = scenario == HEAVY and any(abs(multiple - other) < NEAR * other for other in knots)
        if money is not None and not is_near:
            knots.setdefault(multiple, _knot(multiple, money))
    is_known = _in_term(each, P50) is not None
    renewed = [
        _knot(at[scenario], (revenue, cost))
        for scenario, (revenue, cost) in each.renewed.items()
        if revenue is not None and cost is not None
    ]
    return Draw(
        key=each.key,
        p10=float(each.band.p10),
        p90=float(each.band.p90),
        cap=None if cap is None else float(cap),
        knots=tuple(knots[multiple] for multiple in sorted(knots)) if is_known else (),
        renewal_probability=float(row["renewal_probability"] or 0) if each.renewed else 0.0,
        renewed=tuple({knot.multiple: knot for knot in renewed}.values()) if is_known else (),
    )


def _in_term(each: ContractScenarios, scenario: str) -> tuple[Decimal, Decimal] | None:
    """(revenue, reserved cost) without what comes after the end; None where either is not known."""
    revenue, cost = each.total(scenario, "revenue_usd"), each.total(scenario, "reserved_usd")
    if revenue is None or cost is None:
        return None
    if scenario in each.renewed:
        more, spent = each.renewed[scenario]
        part = each.renewal_chance if scenario == P50 else Decimal(1)
        return None if more is None or spent is None else (revenue - more * part, cost - spent * part)
    return revenue, cost


def _knot(multiple: Fraction, money: tuple[Decimal, Decimal]) -> Knot:
    return Knot(multiple=float(multiple), revenue_usd=float(money[0]), cost_usd=float(money[1]))


def _own_product(serving: ServingClass, load: ServingLoad) -> Draw:
    """Its band over the horizon: Σ of average loads at either end ÷ Σ at P50."""
    sums = {"p10": Fraction(0), "p50": Fraction(0), "p90": Fraction(0)}
    for index in range(len(serving.weeks)):
        middle = load.source.loads(profile=serving.reference, index=index)
        if middle is None:
            continue
        sums["p50"] += middle[0]
        for end in ("p10", "p90"):
            pair = load.loads_at(end, at_p50=middle, profile=serving.reference, index=index)
            sums[end] += pair[0] if pair else 0
    if not sums["p50"]:
        return Draw(key=load.key)
    return Draw(
        key=load.key,
        p10=min(1.0, float(sums["p10"] / sums["p50"])),
        p90=max(1.0, float(sums["p90"] / sums["p50"])),
    )


# --- pools ------------------------------------------------------------------------------------------------------------


def pool_spans(rows: PlanRows, found: Sequence[ContractScenarios]) -> list[PoolSpan]:
    """Each pool over every span of weeks: what serving may take of it, and who asks for it at P50.

    Supply: what serving holds there and what is idle and not the floor's; experiments stay where they are. What is
    short at P50 asks too, and no draw moves it; in weeks in which a pool is short, what it has idle is none that could
    serve that, and no supply. Weeks that are short share no span with others, so that nobody's idle weeks make up for
    them.
    """
    asks = _asks(rows, found)
    weeks = {(row["pool_key"], row["week_index"]): row for row in rows.pool_week_rows}
    spans = []
    for pool in sorted(rows.pools):
        is_short = [bool(weeks[pool, index]["capacity_shortfall"]) for index in range(len(rows.weeks))]
        for indexes in _spans(is_short):
            loads: dict[str, float] = defaultdict(float)
            supply = fixed = 0.0
            for index in indexes:
                row = weeks[pool, index]
                held = asks.get((pool, index), {})
                for key, amount in held.items():
                    loads[key] += amount / len(indexes)
                serving = sum(
                    rows.allocated[key, pool, rows.weeks[index]]
                    for key in rows.classes_in.get((pool, rows.weeks[index]), ())
                )
                idle = 0 if is_short[index] else row["idle"] - row["idle_floor"]
                supply += (serving + idle) / len(indexes)
                fixed += float(row["capacity_shortfall"]) / len(indexes)
            spans.append(
                PoolSpan(pool=pool, weeks=len(indexes), supply=supply, fixed=fixed, loads=dict(sorted(loads.items())))
            )
    return spans


def _spans(is_short: Sequence[bool]) -> list[range]:
    """Weeks one after the other, at most so many, all of them short or none."""
    found: list[range] = []
    for index, short in enumerate(is_short):
        last = found[-1] if found else range(0)
        if len(last) in (0, MOST_SPAN_WEEKS) or is_short[last.start] != short:
            found.append(range(index, index + 1))
        else:
            found[-1] = range(last.start, index + 1)
    return found


def _asks(rows: PlanRows, found: Sequence[ContractScenarios]) -> dict[tuple[str, int], dict[str, float]]:
    """(pool, week index) → key of a draw → accelerators at P50; what no draw moves stands under its own key at 1.

    What is reserved whatever the use is such; who is owed the capacity asks for no less than expected.
    """
    owner = {
        version.demand_key: (OWED if version.contract.is_owed else "") + each.key
        for each in found
        for version in each.versions
        if version.follows_use
    }
    asks: dict[tuple[str, int], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for (class_key, pool, week), accelerators in rows.allocated.items():
        index = rows.horizon.index(week)
        for key, share in _shares(rows, class_key, index).items():
            asks[pool, index][owner.get(key, key)] += accelerators * share
    sizes = {pool.key: pool.allocatable for pool in rows.plan.problem.pools}
    for each in found:
        last = max(each.versions, key=lambda version: version.indexes[-1])
        key = (RENEWAL if last.follows_use else RENEWED_WHOLE) + each.key
        for index, work in each.renewed_accelerators.items():
            for pool, per_work in _places(rows, each.renewed_class, sizes, index).items():
                asks[pool, index][key] += work * per_work
    return asks


def _shares(rows: PlanRows, class_key: str, index: int) -> Mapping[str, float]:
    serving = rows.class_by_key.get(class_key)
    if serving is not None:
        return {key: float(share) for key, share in serving.weeks[index].shares.items()}
    keys = rows.demands_of_class[class_key]
    works = {key: float(rows.demands[key].work[index]) for key in keys}
    whole = sum(works.values())
    return {key: work / whole for key, work in works.items()} if whole else {}


def _places(rows: PlanRows, class_key: str, sizes: Mapping[str, Sequence[int]], index: int) -> dict[str, float]:
    """Pool → its accelerators for each one of the reference type that a class needs more: laid on the pools that may
    serve it in proportion to their size, as every need without a place is."""
    options = {
        option.pool: float(option.work_per_accelerator)
        for key in rows.demands_of_class.get(class_key, [])[:1]
        for option in rows.demands[key].options
    }
    weights = {pool: max(1, sizes[pool][index]) for pool in options}
    whole = sum(weights.values())
    return {pool: weights[pool] / whole / rate for pool, rate in options.items()}
