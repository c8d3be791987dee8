"""Codes → the words people read: flags, shapes, purposes, reasons, states. Pure, and the only place that spells them.

A code that is not listed reads as itself with spaces, so that a new one shows on the page instead of breaking it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from capacity.lib.figures import counted, thousands, week
from capacity.lib.horizon import Week
from capacity.review import request_words
from capacity.review.cards import SENTENCES as MISSING_ON_CARD

WORDS: Mapping[str, Mapping[str, str]] = {
    "shape": {
        "pay_as_you_go": "Pay as you go",
        "committed_spend": "Committed spend",
        "flat_fee": "Flat fee",
        "provisioned_throughput": "Provisioned throughput",
        "dedicated_accelerators": "Dedicated accelerators",
        "batch": "Batch",
        "seats": "Seats",
        "token_bundles": "Token bundles",
        "priority": "Priority",
        "take_or_pay": "Take or pay",
        "minimum_overage": "Minimum and overage",
        "outcome": "Priced by outcome",
    },
    "scenario": {
        "committed": "Committed",
        "p10": "P10 of use",
        "p50": "Expected (P50)",
        "p90": "P90 of use and every renewal",
        "heavy": "Heavy, all at once",
        "worst": "Worst, each alone",
    },
    "measure": {
        "margin": "Margin, renewals drawn",
        "in_term_margin": "Margin in term",
        "revenue": "Revenue, renewals drawn",
        "reserved_cost": "Reserved cost, renewals drawn",
        "shortfall": "Accelerators missing",
    },
    "flags": {
        "unsized": "unsized: no throughput profile",
        "unknown_price": "a price is missing",
        "uncapped": "use is not capped",
        "burndown_mismatch": "its units burn down otherwise than its load",
        "pinned_past_retirement": "pinned to a model past its retirement",
        "no_pool_in_region": "no pool in its regions",
    },
    "missing": MISSING_ON_CARD,
    "purpose": {
        "serving": "Serving customers",
        "product": "Own products",
        "internal": "Internal efficiency",
        "no_choice": "No product choice",
        "pretrain": "Pre-training",
        "research": "Research",
        "evals": "Evaluation and safety",
    },
    "model_tier": {"frontier": "Frontier", "mid": "Mid", "small": "Small"},
    "latency_class": {
        "interactive": "Interactive",
        "standard": "Standard",
        "batch": "Batch, within 24 h",
        "offline": "Offline",
    },
    "smaller_tier_tested": {"no": "not tested", "pass": "passed", "fail": "failed"},
    "source_type": {"owned": "Owned", "leased": "Leased", "cloud": "Cloud", "partner": "Partner's"},
    "basis": {"multiple": "Multiple of expected use", "worst": "Worst reasonable use"},
    # Why a contract has no break-even multiple m*.
    "break_even_reason": {
        "revenue_follows_use": "More use is paid for: there is no break-even use.",
        "fee_below_promise": "The fee does not pay for what is promised, whatever is used.",
        "fee_below_one_replica": "The fee does not pay for one replica and its spare.",
        "limit_holds": "Its rate limits keep its need within the fee: there is no break-even use.",
        "unsized": "Its need is not known, so there is no break-even use to tell.",
        "unknown_cost": "The rate of what serves it is not known, so there is no break-even use to tell.",
    },
    "metric": {"uptime": "Uptime", "latency": "Latency target met"},
    "rate_basis": {"owned": "Owned", "leased": "Lease", "on_demand": "On demand"},
    "reason": {
        "exceeds_any_pool": "Larger than any pool",
        "no_domain_large_enough": "Larger than any network domain",
        "window_closed": "Its latest start has passed",
        "beyond_horizon": "Would end after the horizon",
        "floor_reserved": "Kept by the floor",
        "blocked_by_running": "Running work or a promised start",
        "blocked_by_commitment": "Committed serving",
        "blocked_by_forecast": "Forecast serving",
        "blocked_by_hold": "A hold for a quote",
        "blocked_by_higher_class": "A higher priority",
        "blocked_by_same_class": "The same priority",
        "capacity_ends": "Accelerators leave too early",
        "late_delivery": "Accelerators arrive later",
        "region": "No pool in its regions",
        "type_profile_missing": "No pool of its types",
    },
    "state": {
        "queued": "Queued",
        "running": "Running",
        "done": "Done",
        "reused": "Unchanged",
        "superseded": "Superseded",
        "failed": "Failed",
        "dead": "Given up",
        # Of contracts.
        "what_if": "What-if",
        "notice": "Notice given",
    },
    "remedy": {
        "do_nothing": "Do nothing",
        "waiver": "Waive the floor",
        "burst": "Buy burst",
        "demote": "Demote forecast serving",
        "more_supply": "Order accelerators",
        "call": "Call the customer",
    },
    "termination": {
        "optimal": "every tier proven best",
        "gap": "stopped within the gap asked for",
        "limit": "stopped at its limit of search, with the gaps shown",
    },
    "code": {
        "late": "Late lot",
        "unsized_workload": "Unsized workload",
        "unsized_contract": "Unsized contract",
        "unknown_cost": "Unknown cost",
        "unknown_price": "Unknown price",
        "floor_above_supply": "Floor above supply",
        "pinned_does_not_fit": "Running work does not fit",
        "runs_past_its_end": "Runs past its end",
        "promise_not_kept": "Promised start cannot be kept",
        "blocks_higher_class": "In the way of a higher class",
        "maintenance_exceeds_supply": "More maintenance than supply",
        "pool_without_domain": "Pool without network domain",
    },
}
_SAME_WORDS = {"stated_purpose": "purpose"}
_DEMAND_PREFIXES = ("w.", "c.", "h.")
# A week in a stored sentence, with the word before it that a Monday does not follow.
_WEEK = re.compile(r"(\bin )?\b(\d{4}-W\d{2})\b")


def word(column: str, value: str) -> str:
    """The words of one code of a column; codes of other columns are names already and stay."""
    words = WORDS.get(_SAME_WORDS.get(column, column))
    if words is None:
        return value
    return words.get(value) or value.replace("_", " ").capitalize()


def part(column: str, value: Any, *, year: int | None = None) -> str:
    """One item of a list column: a code, or a blocker or smallest change as stored, its key already relabelled.

    year: the one the reader is in.
    """
    if not isinstance(value, Mapping):
        return word(column, str(value))
    label = demand_label(str(value.get("label", "")))
    if column == "unlocks":
        return unlock_words(value, label)
    if column in ("blockers", "displaces"):
        return f"{label} {thousands(value['accelerators'])}"
    return change_words(value, label, year=year)


def with_mondays(text: str, *, year: int | None = None) -> str:
    """A stored sentence with its weeks as the product writes them: "in 2026-W50" is "in the week of 7 Dec"."""
    return _WEEK.sub(lambda found: (found[1] or "") + _monday(found, year), text)


def _monday(found: re.Match[str], year: int | None) -> str:
    try:
        monday = week(Week.parse(found[2]), year=year)
    except ValueError:
        return found[2]
    return f"the week of {monday}" if found[1] else monday


def unlock_words(unlock: Mapping[str, Any], label: str) -> str:
    """What a node more would do for one demand or request: "C-7 8", "Scaling study 128, with it for 2 weeks"."""
    text = f"{label} {thousands(unlock['accelerators'])}"
    if not unlock.get("is_request"):
        return text
    weeks = unlock["weeks"]
    return f"{text} placed" + (f", with it for {counted(weeks, 'week')}" if weeks > 1 else "")


def change_words(change: Mapping[str, Any], label: str, *, year: int | None = None) -> str:
    """A smallest change in words: "Start on 7 Dec", "Serve 8 accelerators less of this demand: C-7"."""
    pool = str(change.get("pool_name") or change.get("pool") or "")
    text = request_words.change_words(change, pool, year=year)
    return f"{text}: {label}" if label else text


def demand_label(label: str) -> str:
    """A blocker's label without the prefix that tells demands apart in the plan (`w.` own products)."""
    return label[2:] if label.startswith(_DEMAND_PREFIXES) else label
