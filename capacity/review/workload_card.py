"""One workload card in sections: what it needs, costs and is worth; its reason, tests, forecasts and places. Pure.

Visible rows in, words out; a hidden value stays an Absent. Of a run from before cards were kept there is only the map's
row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from capacity.lib.figures import NOTHING, RESTRICTED, UNKNOWN_COST, Absent, counted, day, share, thousands, usd
from capacity.lib.units import TOKENS_PER_MILLION
from capacity.review.cards import LONGEST_JUSTIFICATION
from capacity.review.listing import Cell
from capacity.review.tables import Row
from capacity.review.words import word

SOON = timedelta(days=14)
Fact = tuple[str, Any]
_NO_PREMIUM = {
    "is_small": "there is no lower tier",
    "no_profile": "no lower model is measured at its latency in its regions",
    "not_sized": "the plan gives it nothing this week",
    "unknown_cost": "a rate is not known",
    "no_tokens": "its tokens are not known",
}
PREMIUM = "Premium over the next tier"
_BASES = ("fully loaded", "at target utilisation", "consumed")


def card_context(*, row: Row, card: Row | None, as_of: date, year: int, links: Mapping[str, str] | None = None) -> Row:
    """row: the map's row; card: its card of the run, None where the run has none. links: column → its figure's address."""
    missing = [word("missing", code) for code in row["missing"]] if isinstance(row["missing"], list) else []
    context: Row = {"missing": missing, "has_card": card is not None}
    if card is None:
        return context
    facts = card["facts"]
    return context | {
        "quality": facts["quality_required"] or NOTHING,
        "value": facts["customer_value"] or NOTHING,
        "cost": _linked(_cost_facts(row, card), {"This week": "usd_per_week"}, links or {}),
        "unit_costs": _unit_costs(card["token_costs"]),
        "now": _now_facts(facts, year),
        "reason": _linked(_reason_facts(facts, card["premium"], year), {PREMIUM: "premium_usd"}, links or {}),
        "reason_pill": justification_pill(row, facts, as_of),
        "test": _test_facts(row, facts, year),
        "agent": _agent_facts(facts),
        "forecasts": [_forecast(each, year) for each in card["forecasts"]],
    }


def _linked(facts: Sequence[Fact], figures: Mapping[str, str], links: Mapping[str, str]) -> list[tuple[str, Cell]]:
    """Facts as cells; those that a figure explains lead to it."""
    return [
        (label, Cell(text=text, is_number=label in figures, href=links.get(figures.get(label, ""), "")))
        for label, text in facts
    ]


def workload_verdict(row: Row, missing: Sequence[str]) -> tuple[str, str]:
    """What it takes and costs, and whether anybody chose it."""
    if row["is_sized"] is False:
        text = "Its need is not known: no throughput profile covers it."
    else:
        text = f"Takes {thousands(row['accelerators_now'])} accelerators this week"
        cost = row["usd_per_week"]
        text += f" for {usd(cost)}." if isinstance(cost, Decimal) else "."
    if missing:
        return text, f"It counts as no product choice: {', '.join(missing)}."
    return text, f"Counts as {word('purpose', row['purpose']).lower()}; its card is complete."


def justification_pill(row: Row, facts: Mapping[str, Any], as_of: date) -> tuple[str, str] | None:
    """(kind, words) of how long its frontier justification holds; None of a model that needs none."""
    if row["is_frontier_explained"] is None:
        return None
    expires = _date(facts["justification_expires_date"])
    if expires is None:
        return "bad", "no date"
    if expires < as_of:
        return "bad", "expired"
    if expires > as_of + LONGEST_JUSTIFICATION:
        return "bad", "holds for more than 13 weeks"
    left = (expires - as_of).days
    return ("warn" if expires - as_of <= SOON else "good"), f"{counted(left, 'day')} left"


def _cost_facts(row: Row, card: Row) -> list[Fact]:
    cost, tokens = row["usd_per_week"], card["tokens_per_week"]
    unknown = card["facts"]["contracts_of_unknown_use"]
    text = tokens if isinstance(tokens, Absent) else NOTHING if tokens is None else _millions(tokens)
    facts = [
        ("This week", cost if isinstance(cost, Absent) else UNKNOWN_COST if cost is None else f"{usd(cost)} a week"),
        ("Tokens, expected", text),
    ]
    if unknown:
        facts.append(("Left out of the tokens", f"{counted(unknown, 'contract')} of unknown use"))
    return facts


def _millions(tokens: int) -> str:
    return f"{thousands(Decimal(tokens) / TOKENS_PER_MILLION)} M a week"


def _unit_costs(costs: Any) -> list[Row] | Absent:
    """$ per million tokens by basis; the absence where hidden."""
    if isinstance(costs, Absent):
        return costs
    return [
        {
            "basis": basis,
            **{name: usd(Decimal(costs[basis][name])) for name in ("input_usd", "cached_usd", "output_usd")},
        }
        for basis in _BASES
        if basis in costs
    ]


def _now_facts(facts: Mapping[str, Any], year: int) -> list[Fact]:
    quota, limit = facts["quota_tokens_per_minute"], facts["context_limit_tokens"]
    return [
        ("Route", facts["route"] or NOTHING),
        ("Default", facts["default_setting"] or NOTHING),
        ("Quota", NOTHING if quota is None else f"{thousands(quota)} tokens a minute"),
        ("Context limit", NOTHING if limit is None else f"{thousands(limit)} tokens"),
        ("Regions", ", ".join(facts["regions"]) or "any"),
        ("Owner", facts["owner_role"] or NOTHING),
        ("Review by", _day(facts["review_by_date"], year)),
    ]


def _reason_facts(facts: Mapping[str, Any], premium: Any, year: int) -> list[Fact]:
    delta = facts["eval_delta"]
    return [
        ("Reason", facts["tier_justification"] or NOTHING),
        ("Evidence", facts["justification_evidence"] or NOTHING),
        ("Evaluation, against the smaller", NOTHING if delta is None else _signed(delta)),
        (PREMIUM, premium_words(premium)),
        ("Approved by", facts["justification_approver"] or NOTHING),
        ("Holds until", _day(facts["justification_expires_date"], year)),
    ]


def premium_words(premium: Any) -> str | Absent:
    """`$6.72k a week over Mid-M (mid)`, or why there is none."""
    if isinstance(premium, Absent):
        return premium
    if premium["reason"]:
        return Absent("n/a", "na", f"{_NO_PREMIUM[premium['reason']].capitalize()}.")
    amount = usd(Decimal(premium["usd_per_week"]), signed=True)
    tier = word("model_tier", premium["next_tier"]).lower()
    return f"{amount} a week over {premium['next_model']} ({tier}, {premium['next_type']}), fully loaded"


def _test_facts(row: Row, facts: Mapping[str, Any], year: int) -> list[Fact]:
    return [
        ("Smaller tier", word("smaller_tier_tested", facts["smaller_tier_tested"])),
        ("Tested", _day(facts["smaller_tier_tested_date"], year)),
        ("Evidence", facts["smaller_tier_evidence"] or NOTHING),
    ]


def _agent_facts(facts: Mapping[str, Any]) -> list[Fact]:
    """An agent's multiplier: what one task takes. Empty of a workload that is no agent."""
    if facts["calls_per_task"] is None and facts["tokens_per_call"] is None:
        return []
    names = (
        ("Calls a task", "calls_per_task"),
        ("Tokens a call", "tokens_per_call"),
        ("Tokens a task", "tokens_per_task"),
    )
    return [(label, NOTHING if facts[name] is None else _number(facts[name])) for label, name in names]


def _forecast(each: Mapping[str, Any], year: int) -> Row:
    known = [band for band in each["weeks"] if band is not None]
    now, last = (known[0], known[-1]) if known else (None, None)
    return {
        "source": each["source"] or "The card's own",
        "vintage": _day(each["vintage"], year),
        "now": NOTHING if now is None else thousands(now[1]),
        "band": NOTHING if now is None else f"{thousands(now[0])}–{thousands(now[2])}",
        "last": NOTHING if last is None else thousands(last[1]),
        "is_planned": each["is_planned"],
        "gap": NOTHING if each["gap_share"] is None else _signed_share(Decimal(each["gap_share"])),
    }


def use_rows(uses: Sequence[Row], names: Mapping[str, str], first_week: str) -> list[Row]:
    """Where it is served: one row a pool, class and tier, this week and on average over the weeks of the map."""
    weeks = {row["week"] for row in uses}
    found: dict[tuple[str, str, str], Row] = {}
    for row in uses:
        if row["pool_key"] is RESTRICTED:
            return []
        place = (row["pool_key"], row["serving_class"], row["tier"])
        mine = found.setdefault(
            place,
            {
                "pool_key": place[0],
                "pool_name": names.get(place[0], place[0]),
                "serving_class": place[1],
                "tier": place[2],
                "accelerators": 0,
                "accelerators_mean": Decimal(0),
                "usd": Decimal(0),
            },
        )
        mine["accelerators_mean"] += Decimal(row["accelerators"]) / max(1, len(weeks))
        if row["week"] == first_week:
            mine["accelerators"] += row["accelerators"]
            # One row a place and week: what is hidden, banded or not known stays so.
            mine["usd"] = UNKNOWN_COST if row["usd"] is None else row["usd"]
    return sorted(found.values(), key=lambda row: (-row["accelerators"], row["pool_name"], row["serving_class"]))


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _day(text: str | None, year: int) -> str | Absent:
    return NOTHING if text is None else day(date.fromisoformat(text), year=year)


def _number(text: str) -> str:
    value = Decimal(text)
    return thousands(value, places=0 if value == value.to_integral_value() else 1)


def _signed(text: str) -> str:
    value = Decimal(text)
    return thousands(value, places=0 if value == value.to_integral_value() else 1, signed=True)


def _signed_share(value: Decimal) -> str:
    return ("+" if value > 0 else "") + share(value)
