"""What the page of money says: its verdict, what is left out, the chances. Pure.

Made of rows as their reader sees them: bands stay bands, and what is hidden is left out of a sentence, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from capacity.access.bands import Banded
from capacity.lib.figures import EM_DASH, MINUS, Absent, counted, share, thousands, usd
from capacity.review.contract_terms import FROM_BEFORE
from capacity.review.envelope_rows import Step
from capacity.review.listing import cell_text
from capacity.review.words import word
from contracts.domain.scenarios import P10, P50, P90, WORST

Row = dict[str, Any]
LARGEST = 5


def money_verdict(
    *, steps: Sequence[Step], span: str, totals: Mapping[str, Row], unknown_pools: int = 0, has_contracts: bool = False
) -> tuple[str, str]:
    """Where the dollars go, then what contracts earn between P10 and P90 and what they may lose.

    unknown_pools: pools of unknown cost, which the steps leave out. has_contracts: whether the plan has any, which a run
    from before scenarios has without totals.
    """
    if not steps:
        first = "What accelerators cost is not known: no pool has a cost rate."
    else:
        total = sum((step.usd for step in steps), Decimal(0))
        of = {step.line: step.share for step in steps}
        reliability = of["serving_headroom"] + of["serving_spare"]
        first = (
            f"Accelerators cost {without_unknown(usd(total), unknown_pools, span)}: "
            f"{share(of['serving_consumed'])} is consumed by serving, "
            f"{share(reliability)} is headroom and spares, {share(of['learning'])} learning, {share(of['idle'])} idle."
        )
    if P50 not in totals:
        return first, FROM_BEFORE if has_contracts else "No contract is in force in this plan."
    expected = totals[P50]
    text = f"Contracts earn a margin of {money_text(expected['margin_usd'])} ({share_text(expected['margin_share'])}) at P50"
    text += " with each renewal at its chance"
    text += (
        f", {money_text(totals[P10]['margin_usd'])} at P10 and {money_text(totals[P90]['margin_usd'])} at P90 of use and "
        "every renewal; "
    )
    text += f"loss exposure at worst use {money_text(totals[WORST]['loss_exposure_usd'])}."
    return first, text


def without_unknown(total: str, unknown_pools: int, span: str = "") -> str:
    """A sum over pools in words: at least so much, where the cost of some of them is not known."""
    if not unknown_pools:
        return f"{total} {span}".strip()
    return f"at least {total} {span}".strip() + f", without {counted(unknown_pools, 'pool')} of unknown cost"


def money_text(value: Any) -> str:
    return str(cell_text("", "usd", value))


def share_text(value: Any) -> str:
    return str(cell_text("", "share", value))


def with_missing(row: Row) -> Row:
    """The row with what its sums leave out, in words."""
    parts = [
        counted(row[name], words, words)
        for name, words in (
            ("unsized", "unsized"),
            ("unpriced", "of unknown price"),
            ("unknown_cost", "of unknown cost"),
        )
        if row[name]
    ]
    low, high = row["reserved_low_usd"], row["reserved_high_usd"]
    if row["unknown_cost"] and isinstance(low, Decimal) and isinstance(high, Decimal):
        parts.append(f"with them the reserved cost is {usd(low)} to {usd(high)}")
    return {**row, "left_out_words": ", ".join(parts)}


def left_out_note(total: Row) -> str:
    """Which contracts the totals of a scenario leave out; "" where none."""
    words = with_names(total)["left_out_words"]
    return f"Left out of the sums at P50, and not taken as zero: {words}." if words else ""


def with_names(total: Row) -> Row:
    """with_missing, and the keys of the contracts that are left out."""
    row = with_missing(total)
    if not isinstance(total["left_out"], list) or not total["left_out"]:
        return row
    names = ", ".join(total["left_out"][:LARGEST]) + (" and more" if len(total["left_out"]) > LARGEST else "")
    return {**row, "left_out_words": f"{row['left_out_words']} ({names})"}


def chance_rows_shown(rows: Sequence[Row], links: Mapping[str, str]) -> list[Row]:
    """The measures as the page writes them; of single pools after the total."""
    shown = []
    for row in rows:
        is_money = row["unit"] == "USD"
        kind = "usd" if is_money else "thousands"
        shown.append(
            {
                "label": row["part_name"] if row["part_key"] else word("measure", row["measure"]),
                "is_part": bool(row["part_key"]),
                "unit": "USD" if is_money else "accelerator-weeks",
                "cells": [_chance_cell(row[name], kind, is_money) for name in ("p10", "p50", "p90", "mean")],
                "url": "" if row["part_key"] else links.get(row["measure"], ""),
                "probability": _likely(row["probability"]),
            }
        )
    return shown


def _chance_cell(value: Any, kind: str, is_money: bool) -> Any:
    if isinstance(value, Banded) and is_money:
        # A band of a plain number: the unit stands beside it.
        return value
    return cell_text("", kind, value)


def _likely(value: Any) -> Any:
    if value is None:
        return EM_DASH
    if isinstance(value, Absent):
        return value
    return "under 0.1%" if 0 < value < Decimal("0.001") else share(value)


def chance_note(rows: Sequence[Row]) -> str:
    """How the draws were made, in one sentence."""
    if not rows:
        return ""
    first = rows[0]
    common = share(first["market_share"], places=0)
    text = (
        f"{thousands(first['draws'])} draws with seed {first['seed']}: each contract's use varies between its P10 and P90, "
        f"{common} of it with the market, the rest its own; what ends is renewed as often as its probability says. "
        "A shortfall counts what serving asks above what it holds and, where it misses none at P50, what is idle and not "
        "the floor's."
    )
    if first["left_out"]:
        text += f" {counted(first['left_out'], 'contract')} whose money is not known earn and cost nothing here."
    return text.replace("-", MINUS) if text.startswith("-") else text
