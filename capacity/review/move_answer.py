"""What a what-if of a move says beside its answer: saved on paper, freed, its margin (methods: Cheaper serving).

What belongs here: two prepared plans and an answer → JSON, in the worker; and that JSON as its reader may see it. Nothing
is solved here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.access.visibility import Viewer, see
from capacity.lib.horizon import Week
from capacity.lib.money import round_usd, to_decimal
from capacity.lib.units import exact
from capacity.review.compute import PreparedPlan
from capacity.review.plan_serving import mean_rate
from workloads.domain.classes import ServingClass
from workloads.domain.moves import MOVE_WEEKS, ClassSide, Saving, payback_weeks, saving_of

Document = dict[str, Any]
H100E_STEP = Decimal("0.1")
WEEKS_STEP = Decimal("0.1")


def move_answer(*, before: PreparedPlan, after: PreparedPlan, answer: Mapping[str, Any]) -> Document:
    """{weeks, changed, classes, released, by_type, h100e, paper_usd, released_usd, revenue_usd, lost_usd, margin_usd}.

    classes: keys of those that differ, so that what came of it is read of the same ones. released: whole accelerators by
    week; dollars a week on average over these weeks, None where not known. margin =
    revenue more + accelerators released − dollars lost more.
    """
    weeks = min(MOVE_WEEKS, len(before.inputs.horizon))
    saving = saving_of(before=class_sides(before, weeks), after=class_sides(after, weeks), weeks=weeks)
    revenue = _revenue_more(before, after, weeks)
    lost = _lost_more(answer, list(before.inputs.horizon)[:weeks])
    parts = (saving.released_usd, revenue, lost)
    margin = None if None in parts else saving.released_usd + revenue - lost  # type: ignore[operator]
    return {
        "weeks": weeks,
        "changed": len(saving.changed),
        "classes": list(saving.changed),
        "released": list(saving.by_week),
        "released_always": saving.released_always,
        "by_type": {kind: list(amounts) for kind, amounts in saving.by_type.items()},
        "h100e": _h100e(saving, before, weeks),
        "paper_usd": _cents(saving.paper_usd),
        "released_usd": _cents(saving.released_usd),
        "revenue_usd": _cents(revenue),
        "lost_usd": _cents(lost),
        "margin_usd": _cents(margin),
    }


def class_sides(plan: PreparedPlan, weeks: int, classes: Iterable[ServingClass] | None = None) -> list[ClassSide]:
    """The plan's serving classes, or these, over its first weeks, at the mean rate of their reference type's pools."""
    kinds = {row["key"]: row["accelerator_type"] for row in plan.inputs.tables["pools"]}
    return [_side(plan, serving, kinds, weeks) for serving in (plan.classes if classes is None else classes)]


def _side(plan: PreparedPlan, serving: ServingClass, kinds: Mapping[str, str], weeks: int) -> ClassSide:
    pools = [option.pool_key for option in serving.options if kinds[option.pool_key] == serving.reference_type]
    first = list(plan.inputs.horizon)[:weeks]
    return ClassSide(
        key=serving.key,
        accelerator_type=serving.reference_type,
        replica_accelerators=serving.reference.replica_accelerators,
        loads=tuple(week.total.load_average for week in serving.weeks[:weeks]),
        accelerators=tuple(week.total.accelerators for week in serving.weeks[:weeks]),
        rates=tuple(mean_rate([plan.rates[pool, week] for pool in pools]) for week in first),
    )


def _h100e(saving: Saving, plan: PreparedPlan, weeks: int) -> str:
    """What is released, as H100s, a week on average."""
    factors = {row["key"]: exact(row["h100e_factor"]) for row in plan.inputs.tables["accelerator_types"]}
    total = sum((sum(amounts) * factors[kind] for kind, amounts in saving.by_type.items()), Fraction(0))
    return f"{round_usd(to_decimal(total / weeks), step=H100E_STEP):f}"


def _revenue_more(before: PreparedPlan, after: PreparedPlan, weeks: int) -> Decimal | None:
    """Mean revenue a week after less before; None where a contract whose use changes has none that is known."""
    total = Fraction(0)
    traffic = {each.demand_key: each.traffic for each in (*before.contracts, *before.deals)}
    for each in (*after.contracts, *after.deals):
        key = each.demand_key
        if each.is_deal:
            continue
        was, now = before.revenue.get(key, ()), after.revenue.get(key, ())
        if was == now and (each.traffic == traffic.get(key) or None not in was[:weeks]):
            continue
        for index, (one, two) in enumerate(zip(was[:weeks], now[:weeks], strict=True)):
            if one is not None and two is not None:
                total += exact(two) - exact(one)
            elif each.days[index]:
                return None
    return to_decimal(total / weeks)


def _lost_more(answer: Mapping[str, Any], horizon: Sequence[Week]) -> Decimal:
    """Mean dollars a week lost by short customers and spent on burst, after less before, in these weeks."""
    first = {week.monday.isoformat() for week in horizon}
    rows = [row for row in answer["weeks"] if row["week"] in first]
    more = sum((Decimal(repr(row["usd_after"])) - Decimal(repr(row["usd_before"])) for row in rows), Decimal(0))
    return to_decimal(exact(more) / len(horizon))


def _cents(value: Decimal | None) -> str | None:
    return None if value is None else f"{round_usd(value):f}"


# --- as its reader may see it --------------------------------------------------------------------------------------


def visible_move(viewer: Viewer, told: Mapping[str, Any] | None, *, one_off_usd: Decimal | None) -> Document | None:
    """The savings as the viewer may read them, with the payback of a one-off cost; None where nothing was told."""
    if told is None:
        return None
    released_usd = _decimal(told["released_usd"])
    payback = None if one_off_usd is None else payback_weeks(one_off_usd=one_off_usd, saving_usd_per_week=released_usd)
    return {
        "weeks": told["weeks"],
        **{name: see(viewer, "move", "released", told[name]) for name in ("released", "released_always", "by_type")},
        "h100e": see(viewer, "move", "released", Decimal(told["h100e"])),
        "paper_usd": see(viewer, "move", "paper_usd", _decimal(told["paper_usd"])),
        "released_usd": see(viewer, "move", "released_usd", released_usd),
        "margin_usd": see(viewer, "move", "margin_usd", _decimal(told["margin_usd"])),
        "payback_weeks": see(
            viewer,
            "move",
            "payback_weeks",
            None if payback is None else round_usd(to_decimal(payback), step=WEEKS_STEP),
        ),
    }


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
