"""What keeps a contract's lines out when they are imported, asked of a quote's rows: steps, caps, price lists, tiers.

Pure: rows in, a field and a sentence out. The same checks of rows in tables are contracts/input_checks.py's; a quote is
judged as if it were signed, so what is an error there is one here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from capacity.lib.units import SECONDS_PER_MINUTE, SECONDS_PER_MONTH, exact

Row = Mapping[str, Any]
Found = Iterator[tuple[str, str]]


def quote_errors(*, contract: Row, prices: Sequence[Row], steps: Sequence[Row]) -> Found:
    """(field, sentence) of everything wrong. Fields count the lines in the order given: `commit_steps.0.starts_date`."""
    yield from _steps_outside(contract, steps)
    yield from _caps_below(contract, steps)
    yield from _overlaps(prices)
    yield from _tiers(prices)


def _steps_outside(contract: Row, steps: Sequence[Row]) -> Found:
    starts, ends = contract["starts_date"], contract["ends_date"]
    for position, step in enumerate(steps):
        if not starts <= step["starts_date"] < ends:
            said = f"The step starts on {step['starts_date']}, outside the term {starts} to {ends}."
            yield f"commit_steps.{position}.starts_date", said


def _caps_below(contract: Row, steps: Sequence[Row]) -> Found:
    """A rate limit that does not let the customer take what is committed."""
    sides = [contract["rate_limit_input_tokens_per_minute"], contract["rate_limit_output_tokens_per_minute"]]
    limits: dict[Any, tuple[Any, Any]] = {
        "input_bundles": (sides[0], contract["unit_tokens_per_minute"]),
        "output_bundles": (sides[1], contract["unit_output_tokens_per_minute"]),
        "throughput_units": (sides[0], contract["unit_tokens_per_minute"]),
        "tokens_month": (None if None in sides else sum(sides), exact(SECONDS_PER_MINUTE) / exact(SECONDS_PER_MONTH)),
    }
    for position, step in enumerate(steps):
        most, size = limits.get(step["kind"], (None, None))
        if most is None or size is None:
            continue
        committed = exact(step["quantity"]) * exact(size)
        if most < committed:
            yield (
                f"commit_steps.{position}.quantity",
                f"The rate limit lets {float(most):,.0f} tokens a minute through, the commitment of {step['kind']} from "
                f"{step['starts_date']} is {float(committed):,.0f}.",
            )


def _overlaps(prices: Sequence[Row]) -> Found:
    """Two lists of one kind that hold on one day. Lines of one kind and start are one list in tiers."""
    ends: dict[str, tuple[date, date | None]] = {}
    order = sorted(
        range(len(prices)), key=lambda n: (prices[n]["kind"], prices[n]["starts_date"], prices[n]["tier_from"])
    )
    for position in order:
        line = prices[position]
        starts, until = ends.get(line["kind"], (line["starts_date"], line["starts_date"]))
        if line["starts_date"] != starts and (until is None or until > line["starts_date"]):
            yield (
                f"price_lines.{position}.starts_date",
                f"The {line['kind']} prices of {starts} and {line['starts_date']} both hold on {line['starts_date']}: "
                "the same use has two prices. End the one as the other starts.",
            )
        latest = None if until is None or line["ends_date"] is None else max(until, line["ends_date"])
        ends[line["kind"]] = (line["starts_date"], latest)


def _tiers(prices: Sequence[Row]) -> Found:
    groups: dict[tuple[str, date], list[tuple[int, Row]]] = {}
    for position, line in enumerate(prices):
        groups.setdefault((line["kind"], line["starts_date"]), []).append((position, line))
    for (kind, starts), lines in groups.items():
        if len({(line["tier_mode"], line["ends_date"]) for _, line in lines}) > 1:
            yield (
                f"price_lines.{lines[-1][0]}.tier_mode",
                f"The tiers of the {kind} price of {starts} differ in their mode or end. Give all of them the same.",
            )
