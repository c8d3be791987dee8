"""A solved plan → each workload card as it was planned: its facts, what its tokens cost, and what forecasts say. Pure.

What a card takes of classes and pools is `map_use_rows`, what it costs above the next model tier `card_premium`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.imports.rows import decimal_text
from capacity.lib.horizon import Week
from capacity.lib.money import round_usd, to_decimal
from capacity.review.card_premium import CardCosts
from capacity.review.cards import missing_on_card
from capacity.review.map_use_rows import MAP_WEEKS, Use
from capacity.review.plan_rows import PlanRows
from workloads.demand import forecast_step, weekly_traffic
from workloads.domain.classes import TrafficLoad
from workloads.domain.forecasts import forecast_by_week, planned_source
from workloads.domain.map_use import forecast_gap
from workloads.domain.premium import WeekTokens
from workloads.domain.serving import Traffic

Row = dict[str, Any]
DAYS_PER_WEEK = 7
MICRO_USD = Decimal("0.000001")
SHARE_STEP = Decimal("0.0001")
# The card's columns that are told as they are, in the order of the card.
CARD_FACTS = (
    "owner_role",
    "purpose",
    "quality_required",
    "customer_value",
    "route",
    "default_setting",
    "quota_tokens_per_minute",
    "context_limit_tokens",
    "regions",
    "is_always_on",
    "tier_justification",
    "justification_evidence",
    "eval_delta",
    "justification_approver",
    "justification_expires_date",
    "review_by_date",
    "smaller_tier_tested",
    "smaller_tier_tested_date",
    "smaller_tier_evidence",
    "calls_per_task",
    "tokens_per_call",
    "cache_hit_share",
    "peak_factor",
    "forecast_source",
    "forecast_date",
)


def workload_card_rows(rows: PlanRows, uses: Sequence[Use]) -> list[Row]:
    """One row a workload card, in key order. uses: the same plan's map_use_rows.uses_of."""
    costs = CardCosts(rows, uses)
    return [_card_row(rows, costs, card) for card in sorted(rows.tables["workloads"], key=lambda row: row["key"])]


def _card_row(rows: PlanRows, costs: CardCosts, card: Row) -> Row:
    tokens, unknown = tokens_this_week(rows, card["key"])
    missing = missing_on_card(card=card, models=rows.models, as_of=rows.plan.inputs.as_of)
    own = costs.own(card["key"])
    return {
        "workload_key": card["key"],
        "facts": {
            **{name: _plain(card[name]) for name in CARD_FACTS},
            "tokens_per_task": _tokens_per_task(card),
            "missing": missing,
            "contracts_of_unknown_use": unknown,
        },
        "token_costs": {
            each.basis: {
                "input_usd": f"{round_usd(each.input_uncached_usd, step=MICRO_USD):f}",
                "cached_usd": f"{round_usd(each.input_cached_usd, step=MICRO_USD):f}",
                "output_usd": f"{round_usd(each.output_usd, step=MICRO_USD):f}",
            }
            for each in own
        },
        "premium": costs.premium(card, tokens_by_class(rows, card["key"])),
        "forecasts": forecast_rows(rows, card),
        "tokens_per_week": None if tokens is None else round(tokens.total),
        "complete": not missing,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, list | tuple) else value


def _tokens_per_task(card: Row) -> str | None:
    """What one task of an agent takes: its calls × tokens a call."""
    if card["calls_per_task"] is None or card["tokens_per_call"] is None:
        return None
    return decimal_text(card["calls_per_task"] * card["tokens_per_call"])


def tokens_this_week(rows: PlanRows, workload: str) -> tuple[WeekTokens | None, int]:
    """(tokens expected of the run's first week, contracts in force whose use is not known and left out).

    Expected use at P50 of the workload's contracts and of its own traffic; what is held for deals is not used. None
    where no use is known at all.
    """
    found = [tokens for _, tokens in _parts(rows, workload) if tokens is not None]
    unknown = sum(tokens is None for _, tokens in _parts(rows, workload))
    return (sum(found, WeekTokens()) if found else None), unknown


def tokens_by_class(rows: PlanRows, workload: str) -> dict[str, WeekTokens]:
    """The same tokens by the serving class that takes them; "" for those of no class (not sized, or accelerators of one's
    own)."""
    class_of = {member.key: serving.key for serving in rows.plan.classes for member in serving.members}
    found: dict[str, WeekTokens] = {}
    for demand, tokens in _parts(rows, workload):
        if tokens is not None:
            key = class_of.get(demand, "")
            found[key] = found.get(key, WeekTokens()) + tokens
    return found


def _parts(rows: PlanRows, workload: str) -> list[tuple[str, WeekTokens | None]]:
    """(demand, its tokens of the run's first week) of the workload's contracts and of its own; None: not known."""
    found: list[tuple[str, WeekTokens | None]] = []
    for contract in rows.plan.contracts:
        if contract.workload is None or contract.workload["key"] != workload or not contract.days[0]:
            continue
        traffic = contract.traffic[0] if contract.traffic else None
        share = Fraction(contract.days[0], DAYS_PER_WEEK)
        tokens = None if traffic is None else WeekTokens.of(traffic, share_of_week=share)
        found.append((contract.demand_key, tokens))
    own = _own_traffic(rows, workload)
    if own is not None:
        found.append((own[0], WeekTokens.of(own[1])))
    return found


def _own_traffic(rows: PlanRows, workload: str) -> tuple[str, Traffic] | None:
    """(demand, first week) of the load a card has of its own; None without one, and where no profile sizes it."""
    for serving in rows.plan.classes:
        for member in serving.members:
            if member.workload_key == workload and not member.contract_key and isinstance(member.source, TrafficLoad):
                traffic = member.source.traffic[0]
                return None if traffic is None else (member.key, traffic)
    return None


# --- forecasts ----------------------------------------------------------------------------------------------------


def forecast_rows(rows: PlanRows, card: Row) -> list[Row]:
    """Each source's forecast over the map's weeks, tokens a second in and out together, and the card's own figure.

    weeks: [P10, P50, P90] or None before its first step; gap_share: its P50 against the planned one's, over the weeks
    that both tell, less one. The card's own figure has no source's name.
    """
    steps: dict[str, list[Row]] = {}
    for each in rows.tables.get("forecasts", ()):
        if each["workload"] == card["key"]:
            steps.setdefault(each["source"], []).append(each)
    named = planned_source(sources=set(steps), named=card["forecast_source"])
    weeks = {source: _weeks_of_source(rows, card, found) for source, found in sorted(steps.items())}
    own = _weeks_of_card(rows, card)
    if own is not None:
        weeks[""] = own
    planned = weeks.get(named if named is not None else "")
    vintages = {source: max(each["vintage_date"] for each in found) for source, found in steps.items()}
    return [
        {
            "source": source,
            "vintage": _plain(vintages.get(source) or card["forecast_date"]),
            "weeks": [None if band is None else [_whole(end) for end in band] for band in found],
            "is_planned": found is planned,
            "gap_share": None if planned is None or found is planned else _gap(planned, found),
        }
        for source, found in weeks.items()
    ]


Bands = list[tuple[Fraction, Fraction, Fraction] | None]


def _map_weeks(rows: PlanRows) -> list[Week]:
    return rows.weeks[:MAP_WEEKS]


def _weeks_of_source(rows: PlanRows, card: Row, found: Sequence[Mapping[str, Any]]) -> Bands:
    bands = forecast_by_week(steps=[forecast_step(each, card) for each in found], horizon=rows.horizon)
    return [
        None if each is None else (each[0].p10 + each[1].p10, each[0].p50 + each[1].p50, each[0].p90 + each[1].p90)
        for each in bands[: len(_map_weeks(rows))]
    ]


def _weeks_of_card(rows: PlanRows, card: Row) -> Bands | None:
    """The card's own tokens with its band; None where it names none."""
    traffic = weekly_traffic(
        row=card,
        latency_class=card["latency_class"],
        policy=rows.plan.policy,
        horizon=rows.horizon,
        starts=date.min,
        ends=None,
        measured=card["forecast_date"] or rows.plan.inputs.as_of,
    )
    if traffic is None:
        return None
    low, high = (
        Fraction(card[name]) if card[name] is not None else Fraction(1) for name in ("p10_multiple", "p90_multiple")
    )
    found: Bands = []
    for week in traffic[: len(_map_weeks(rows))]:
        tokens = Fraction(0) if week is None else week.input_tokens_per_second + week.output_tokens_per_second
        found.append(None if week is None else (tokens * low, tokens, tokens * high))
    return found


def _whole(value: Fraction) -> int:
    return round(value)


def _gap(planned: Bands, other: Bands) -> str | None:
    both = [(one[1], two[1]) for one, two in zip(planned, other, strict=True) if one is not None and two is not None]
    gap = forecast_gap(
        planned=sum((one for one, _ in both), Fraction(0)), other=sum((two for _, two in both), Fraction(0))
    )
    return None if gap is None else f"{round_usd(to_decimal(gap), step=SHARE_STEP):f}"
