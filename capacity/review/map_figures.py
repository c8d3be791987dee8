"""Figures of the workload map: its sums beside the plan's own, and what frontier models take of tokens and dollars. Pure.

Keys: `total:workload_accelerators`, `total:workload_usd`, `share:frontier_tokens` and `share:frontier_usd`, each of the
latter for one purpose too (`share:frontier_usd:product`), `workload:KEY:premium_usd`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from capacity.review.figure_terms import figure, term
from capacity.review.map_sums import plan_usd
from capacity.review.metric_sums import Tables, known_sum, sum_of, this_week
from capacity.review.words import word
from workloads.domain.map_use import frontier_share

Row = dict[str, Any]
ANCHOR = "workload-map"
# With the workloads' own dollars it tells those of contracts without a card.
_ENVELOPE = ("pool_week", "envelope_usd")
_PURPOSES = ("serving", "product", "internal", "no_choice")


def map_figures(tables: Tables) -> list[Row]:
    """All of them, in a fixed order."""
    now = this_week(tables)
    week = now[0]["week"] if now else ""
    uses = [row for row in tables["workload_use"] if row["week"] == week]
    return [*_totals(tables, uses, now, week), *_shares(tables, uses)]


def premium_figures(tables: Tables) -> list[Row]:
    """What each card's tokens cost above the next lower model tier, where that is known."""
    names = {row["workload_key"]: row["name"] for row in tables["workloads"]}
    return [
        _premium(row, names[row["workload_key"]]) for row in tables["workload_cards"] if not row["premium"]["reason"]
    ]


def _premium(row: Row, name: str) -> Row:
    key, premium, sight = row["workload_key"], row["premium"], ("workload_card", "premium")
    next_name = f"{premium['next_model']} on {premium['next_type']}"
    tokens = ("workload_card", "tokens_per_week")
    return figure(
        key=f"workload:{key}:premium_usd",
        label=f"{name}: premium over the next tier",
        value=Decimal(premium["usd_per_week"]),
        unit="USD a week",
        formula="Σ kinds of tokens × (its own − the next tier's fully loaded cost per million)",
        terms=[
            term("The same tokens on its own model", Decimal(premium["usd_own"]), "USD", "fully loaded", sight),
            term(f"On {next_name}", Decimal(premium["usd_next"]), "USD", "fully loaded, same peaks and spares", sight),
            term("Tokens expected", row["tokens_per_week"], "tokens a week", "contracts at P50 and its own", tokens),
            term("Workload card", name, "", "workload card", ("workload", "name"), input_row=("workloads", key)),
        ],
        anchor=ANCHOR,
        basis="this week, fully loaded",
        sight=sight,
    )


def _totals(tables: Tables, uses: list[Row], now: list[Row], week: str) -> list[Row]:
    given = sum_of(row["accelerators"] for row in tables["allocations"] if row["week"] == week)
    no_card = [row for row in uses if not row["workload_key"]]
    return [
        figure(
            key="total:workload_accelerators",
            label="Workload map: accelerators this week",
            value=sum_of(row["accelerators"] for row in uses),
            unit="accelerators",
            formula="Σ over workloads, classes and pools of whole accelerators, those of no card among them",
            terms=[
                term("Of no card", sum_of(row["accelerators"] for row in no_card), "accelerators", "this run",
                     ("workload_use", "accelerators")),
                term("The plan's serving rows", given, "accelerators", "allocations", ("workload_use", "accelerators")),
            ],
            anchor=ANCHOR,
            basis="as allocated",
            sight=("workload_use", "accelerators"),
        ),
        figure(
            key="total:workload_usd",
            label="Workload map: cost this week",
            value=known_sum(row["usd"] for row in uses),
            absent="unknown cost",
            unit="USD a week",
            formula="Σ over workloads, classes and pools of cents, those of no card among them",
            terms=[
                term("Of no card", known_sum(row["usd"] for row in no_card), "USD", "this run", _ENVELOPE),
                term("The plan's serving lines and burst", plan_usd(now), "USD", "envelopes of the pools",
                     _ENVELOPE),
            ],
            anchor=ANCHOR,
            basis="as allocated, fully loaded",
            sight=_ENVELOPE,
        ),
    ]  # fmt: skip


def _shares(tables: Tables, uses: list[Row]) -> list[Row]:
    cards = {row["workload_key"]: row for row in tables["workloads"]}
    usd: dict[str, list[Decimal | None]] = {}
    for row in uses:
        usd.setdefault(row["workload_key"], []).append(row["usd"])
    spent = {key: known_sum(usd.get(key, ())) if card["is_sized"] else None for key, card in cards.items()}
    tokens = {row["workload_key"]: row["tokens_per_week"] for row in tables["workload_cards"]}
    found = []
    for purpose in ("", *_PURPOSES):
        chosen = {key: card for key, card in cards.items() if purpose in ("", card["purpose"])}
        if chosen:
            found += [
                _share("tokens", "tokens a week", chosen, tokens, purpose),
                _share("usd", "USD a week", chosen, spent, purpose),
            ]
    return found


def _share(
    what: str, unit: str, cards: Mapping[str, Row], amounts: Mapping[str, Decimal | int | None], purpose: str
) -> Row:
    """One share; what is not known is left out of both sides and counted."""
    known = {key: amount for key in cards if (amount := amounts.get(key)) is not None}
    frontier = [amount for key, amount in known.items() if cards[key]["model_tier"] == "frontier"]
    sight = ("workload_card", f"frontier_{what}")
    # A share tells of nobody; the tokens behind it may be one customer's.
    behind = ("workload_card", "tokens_per_week") if what == "tokens" else sight
    of_purpose = f", {word('purpose', purpose).lower()}" if purpose else ""
    return figure(
        key=f"share:frontier_{what}" + (f":{purpose}" if purpose else ""),
        label=f"Frontier share of {'cost' if what == 'usd' else what}{of_purpose}",
        value=frontier_share((cards[key]["model_tier"], amount) for key, amount in known.items()),
        absent="not known",
        unit="share",
        formula="Σ over workloads of frontier models ÷ Σ over all workloads",
        terms=[
            term("Frontier", sum_of(frontier), unit, "workload map", behind),
            term("All", sum_of(known.values()), unit, "workload map", behind),
            term("Workloads left out, not known", len(cards) - len(known), "workloads", "this run", sight),
        ],
        anchor=ANCHOR,
        basis="this week, expected use" if what == "tokens" else "this week, as allocated",
        sight=sight,
    )
