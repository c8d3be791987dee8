"""Pool-weeks with their envelopes → where the money of accelerators goes, by pool and in all, over some weeks. Pure.

Every row of cents makes its total, and the rows make the total of all (methods: Envelope). A pool of which a rate is
missing in any of the weeks has an unknown envelope: it is listed and joins no sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from capacity.lib.figures import UNKNOWN_COST
from capacity.lib.money import exact_context, round_parts

Row = dict[str, Any]
# (line, its words, who answers for it).
LINES = (
    ("serving_consumed", "Serving, consumed", "Serving"),
    ("serving_headroom", "Serving, headroom", "Serving"),
    ("serving_spare", "Serving, spares", "Serving"),
    ("learning", "Learning", "Research"),
    ("internal", "Internal tools", "Product"),
    ("no_choice", "No product choice", "Product"),
    ("idle", "Idle", "Capacity"),
    ("fragment", "Fragment", "Capacity"),
    ("maintenance", "Maintenance", "Infrastructure"),
    ("burst", "Burst bought", "Capacity"),
)
NAMES = tuple(line for line, _, _ in LINES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One line of the waterfall: what it costs, its share of the total, where it starts."""

    line: str
    label: str
    owner: str
    usd: Decimal
    share: Decimal
    start: Decimal


def envelope_by_pool(*, weeks: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> list[Row]:
    """One row a pool in the order of names: its lines in USD to the cent, and envelope_usd, their sum.

    weeks: (pool_key, envelope_parts: line → USD, None where a rate is missing).
    """
    sums: dict[str, dict[str, Decimal] | None] = {}
    with localcontext(exact_context()):
        for week in weeks:
            key, parts = week["pool_key"], week["envelope_parts"]
            had = sums.setdefault(key, dict.fromkeys(NAMES, Decimal(0)))
            if had is None or parts is None:
                sums[key] = None
                continue
            for line in NAMES:
                had[line] += Decimal(parts.get(line, "0"))
    known = {f"{key} {line}": usd for key, lines in sums.items() if lines for line, usd in lines.items()}
    # All cells are rounded together, so that the table's own total is the exact one.
    cents = round_parts(known)
    return [_row(key, name, sums[key], cents) for key, name in names.items() if key in sums]


def _row(key: str, name: str, lines: Mapping[str, Decimal] | None, cents: Mapping[str, Decimal]) -> Row:
    if lines is None:
        return {"pool_key": key, "name": name, **dict.fromkeys((*NAMES, "envelope_usd"), UNKNOWN_COST)}
    shown = {line: cents[f"{key} {line}"] for line in NAMES}
    return {"pool_key": key, "name": name, **shown, "envelope_usd": sum(shown.values(), Decimal(0))}


def waterfall(rows: Sequence[Row]) -> list[Step]:
    """The lines of all pools whose envelope is known, one after the other up to the total; [] where none is known."""
    known = [row for row in rows if isinstance(row["envelope_usd"], Decimal)]
    total = sum((row["envelope_usd"] for row in known), Decimal(0))
    if not total:
        return []
    steps, start = [], Decimal(0)
    for line, label, owner in LINES:
        usd = sum((row[line] for row in known), Decimal(0))
        if usd or line != "burst":
            steps.append(Step(line=line, label=label, owner=owner, usd=usd, share=usd / total, start=start))
        start += usd
    return steps
