"""How good a plan is, in words a head of compute reads at once: what each tier reached and what is at best possible.

Pure: visible rows of the tiers table in. A bound is a proof: no plan does better, given the tiers above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from capacity.lib.figures import RESTRICTED, Absent, share, thousands, usd
from capacity.review.tables import Row

# Below this the gap is rounding of sums.
PROVEN = 1e-6
USD = "usd"
MOST_NAMED = 3


def tier_words(row: Row) -> str:
    """One tier: "Nothing is lost: proven best.", "5,120 placed, of at most 5,300: within 3.4%."."""
    if not isinstance(row["unit"], str) or not row["unit"]:
        return "Nothing asks for this tier."
    is_usd = row["unit"] == USD
    reached = _amount(row["value"], is_usd)
    if not reached:
        return _proof(row) + "."
    if is_usd:
        text = "Nothing is lost" if row["value"] == 0 else f"{reached} lost by unmet work or spent on burst"
        text += _unmet(row)
        return f"{text}: {_proof(row)}" + (
            f"; at least {_amount(row['bound'], True)} is lost." if _is_open(row) else "."
        )
    text = f"{reached} accelerator-weeks placed, weighted"
    return f"{text}: {_proof(row)}" + (f"; at most {_amount(row['bound'], False)} could be." if _is_open(row) else ".")


def _amount(value: Any, is_usd: bool) -> str:
    if value is RESTRICTED:
        return ""
    if isinstance(value, Absent):
        return f"{value.word} dollars" if is_usd else value.word
    return usd(value) if is_usd else thousands(round(value))


def _unmet(row: Row) -> str:
    unmet = row["unmet_accelerators"]
    if unmet is None or isinstance(unmet, Absent) or not unmet:
        return ""
    return f", and {thousands(round(unmet))} accelerator-weeks unmet whose loss nobody knows"


def _is_open(row: Row) -> bool:
    return row["gap_relative"] > PROVEN


def _proof(row: Row) -> str:
    return f"within {share(row['gap_relative'])} of what is possible" if _is_open(row) else "proven best"


def plan_quality(rows: Sequence[Row]) -> str:
    """The whole plan in a line: "every tier is proven best", or the tiers that are not, the furthest first."""
    known = [row for row in rows if not isinstance(row["gap_relative"], Absent) and row["unit"]]
    if not known:
        return ""
    still = sorted((row for row in known if _is_open(row)), key=lambda row: (-row["gap_relative"], row["position"]))
    if not still:
        return "every tier is proven best"
    named = [f"{row['tier']} within {share(row['gap_relative'])}" for row in still[:MOST_NAMED]]
    rest = len(still) - len(named)
    text = ", ".join(named) + (f" and {rest} more" if rest else "")
    return f"{len(known) - len(still)} of {len(known)} tiers proven best, {text} of what is possible"
