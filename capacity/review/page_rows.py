"""Rows of the review page's tables: workloads, promises, exposure, lots, shortages and requests without a place.

What belongs here: order, words and addresses of rows that were read. Headline figures are `headline`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse

from capacity.lib.figures import RESTRICTED, UNKNOWN_COST, UNSIZED, Absent, points, share, thousands, usd
from capacity.lib.figures import week as week_words
from capacity.lib.horizon import Week
from capacity.review.headline import figure_url, is_number
from capacity.review.map_sums import LATENCIES, TIERS
from capacity.review.page_reading import SHOWN_WEEKS, RunRows
from capacity.review.shortage_rows import shortages
from capacity.review.tables import Row
from capacity.review.words import part, with_mondays, word

RANKING_ROWS = 6
SHORTAGE_ROWS = 4


def workload_groups(rows: RunRows) -> list[Row]:
    """The map in its fixed order, a group a model tier with its sums: tier, then latency class and name."""
    found = []
    for tier in TIERS:
        mine = [row for row in rows.workloads if row["model_tier"] == tier]
        mine.sort(key=lambda row: (LATENCIES.index(row["latency_class"]), row["name"]))
        if mine:
            found.append(
                {
                    "tier": word("model_tier", tier),
                    "rows": [_workload(rows, row) for row in mine],
                    **_sums(mine),
                }
            )
    return found


def _workload(rows: RunRows, row: Row) -> Row:
    key = row["workload_key"]
    return {
        **row,
        "url": reverse("workload", args=[key]),
        "tier_text": word("model_tier", row["model_tier"]),
        "purpose_text": word("purpose", row["purpose"]),
        "missing_text": _listed("missing", row["missing"]),
        "accelerators_text": _sized(row, "accelerators_now", thousands),
        "usd_text": _sized(row, "usd_per_week", usd),
        "accelerators_url": figure_url(rows.run.pk, f"workload:{key}:accelerators_now"),
        "usd_url": figure_url(rows.run.pk, f"workload:{key}:usd_per_week"),
    }


def _listed(column: str, codes: Any) -> Any:
    """Codes in words; what is hidden passes through."""
    return "; ".join(word(column, code) for code in codes) if isinstance(codes, list) else codes


def _sized(row: Row, name: str, write: Any) -> Any:
    value = row[name]
    if value is None:
        return UNSIZED if not row["is_sized"] else UNKNOWN_COST
    return value if isinstance(value, Absent) else write(value)


def workload_totals(rows: RunRows) -> Row:
    """The sums of all cards, how many are incomplete, and what frontier models take, beside the last frozen review."""
    return {
        **_sums(rows.workloads),
        "incomplete": incomplete(rows.workloads),
        "frontier": _frontier_sentence(rows),
    }


def _sums(cards: Sequence[Row]) -> Row:
    sized = [row for row in cards if is_number(row["accelerators_now"])]
    costs = [row["usd_per_week"] for row in cards if row["is_sized"]]
    total_usd: Any = RESTRICTED if any(isinstance(cost, Absent) for cost in costs) else UNKNOWN_COST
    if all(is_number(cost) for cost in costs):
        total_usd = usd(sum(costs))
    return {
        "accelerators": thousands(sum(row["accelerators_now"] for row in sized)),
        "usd": total_usd,
        "unsized": len(cards) - len(sized),
    }


def incomplete(cards: Sequence[Row]) -> str:
    """How many cards lack something, in words; "" where none does."""
    count = sum(bool(row["missing"]) for row in cards if isinstance(row["missing"], list))
    return f"{thousands(count)} of {thousands(len(cards))} cards are incomplete." if count else ""


def _frontier_sentence(rows: RunRows) -> str:
    """Frontier models' share of tokens and cost, as far as the reader sees it, and its change since the last review."""
    parts = [
        f"{text} of {name}"
        for name, key in (("tokens", "share:frontier_tokens"), ("cost", "share:frontier_usd"))
        if (text := _share_with_change(rows, key))
    ]
    return f"Frontier models take {' and '.join(parts)}." if parts else ""


def _share_with_change(rows: RunRows, key: str) -> str:
    now = rows.figures.get(key)
    if now is None or not is_number(now["value"]):
        return ""
    before = (rows.previous or {}).get(key)
    text = share(now["value"])
    if before is None or not is_number(before["value"]):
        return text
    return f"{text} ({points(now['value'] - before['value'])} since the last review)"


def promise_rows(rows: RunRows, *, year: int) -> list[Row]:
    """Contracts by how badly their promise is covered; unsized ones last, never left out."""
    found = []
    for row in rows.exposure:
        coverage = row["coverage_share"]
        found.append(
            {
                **row,
                "url": _contract_url(row),
                "coverage_text": share(coverage) if is_number(coverage) else coverage,
                "coverage_url": _row_figure(rows, row, "coverage_share"),
                "planned_url": _row_figure(rows, row, "planned_accelerators"),
                "first_short_text": _week_text(row["first_short_week"], year=year),
                # Red speaks of the column's 13 weeks; a later shortage stands in the column beside it.
                "is_short": is_number(coverage) and coverage < 1,
                "is_best_effort": row["committed_accelerators"] == 0,
                "rank": (row["committed_accelerators"] == 0, coverage if is_number(coverage) else 2),
            }
        )
    found.sort(key=lambda r: (r["rank"], not r["is_short"], _text(r["first_short_week"]) or "9", str(r["label"])))
    return found[:RANKING_ROWS]


def _week_text(value: Any, *, year: int) -> Any:
    """A stored week by its Monday, as every other table of the page writes it; an absence as it is."""
    return week_words(Week.parse(value), year=year) if isinstance(value, str) and value else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _contract_url(row: Row) -> str:
    key = row["contract_key"]
    return reverse("contract", args=[key]) if isinstance(key, str) else ""


def _row_figure(rows: RunRows, row: Row, column: str) -> str:
    key = row["contract_key"]
    return figure_url(rows.run.pk, f"exposure:{key}:{column}") if isinstance(key, str) else ""


def exposure_rows(rows: RunRows) -> list[Row]:
    """Worst loss exposure first, then thinnest margin at worst use; contracts whose money is hidden are left to the list.

    Who reads one band of each reads them by it: the thinnest margin at expected use first.
    """
    shown = [row for row in rows.exposure if row["margin_share"] is not RESTRICTED]

    def order(row: Row) -> tuple[Any, ...]:
        loss, margin = row["loss_exposure_usd"], row["worst_margin_share"]
        margin = row["margin_share"] if margin is RESTRICTED else margin
        return (-_bound(loss), _bound(margin, missing=1.0), str(row["label"]))

    found = []
    for row in sorted(shown, key=order)[:RANKING_ROWS]:
        found.append(
            {
                **row,
                "url": _contract_url(row),
                "flags_text": _listed("flags", row["flags"]),
                **{
                    f"{name}_url": _row_figure(rows, row, name)
                    for name in (
                        "revenue_usd",
                        "reserved_cost_usd",
                        "margin_usd",
                        "worst_margin_usd",
                        "loss_exposure_usd",
                    )
                },
            }
        )
    return found


def _bound(value: Any, *, missing: float = -1.0) -> float:
    """A number to sort by: the value, or a band's lower bound; what is not known sorts after."""
    low = getattr(value, "low", None)
    if low is not None:
        return float(low)
    return float(value) if is_number(value) else missing


def largest(rows: Sequence[Row], name: str) -> float:
    return max((float(row[name]) for row in rows if is_number(row[name])), default=0.0)


def lot_rows(rows: RunRows, names: Mapping[str, str]) -> list[Row]:
    return [
        {**row, "pool_name": names.get(row["pool_key"], row["pool_key"]), "monday": Week.parse(row["week"])}
        for row in rows.lots
        if not rows.run.first_week or Week.parse(rows.run.first_week).weeks_until(Week.parse(row["week"])) < SHOWN_WEEKS
    ]


def short_context(rows: RunRows, names: Mapping[str, str], week: Week) -> Row:
    """Who is short within the year, the first of them in full. None where the reader may not know who."""
    if rows.remedies == [] and not rows.tiers:
        return {"shortages": None}
    ahead = [row for row in rows.remedies if week.weeks_until(Week.parse(row["first_week"])) < SHOWN_WEEKS]
    found = shortages(ahead, names=names, year=week.monday.year)
    for row in found:
        row["url"] = _contract_url(row) if row["contract_key"] else ""
    return {"shortages": found[:SHORTAGE_ROWS], "shortages_left_out": max(0, len(found) - SHORTAGE_ROWS)}


def _alternatives(changes: Any, year: int | None) -> list[str]:
    """The smallest changes as parts of one sentence: the first begins it."""
    found = [part("smallest_changes", change, year=year) for change in changes[:3]] if isinstance(changes, list) else []
    return [text if place == 0 else text[:1].lower() + text[1:] for place, text in enumerate(found)]


def unplaced_rows(rows: RunRows, *, year: int | None = None) -> list[Row]:
    return [
        {
            **row,
            "changes": _alternatives(row["smallest_changes"], year),
            "sentence": with_mondays(row["sentence"], year=year)
            if isinstance(row["sentence"], str)
            else row["sentence"],
            "url": figure_url(rows.run.pk, f"request:{row['experiment_key']}:short_by")
            if row["short_by"] is not None
            else "",
        }
        for row in rows.unplaced
    ]
