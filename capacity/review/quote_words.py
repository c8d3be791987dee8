"""A quote in words: its verdict, its offers, its prices' units, and the figure of its weeks. Visible values in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from capacity.access.bands import Banded
from capacity.lib import figures
from capacity.lib.figures import RESTRICTED, Absent
from capacity.lib.horizon import Week
from contracts.models import CONTRACT_STATES, PRICE_KINDS, SHAPES

Row = Mapping[str, Any]
PRICE_UNITS = {
    "uncached_input": "per million uncached input tokens",
    "cached_input": "per million cached input tokens",
    "output": "per million output tokens",
    "cache_write": "per million tokens written to the cache",
    "unit_hour": "per unit-hour",
    "fee_month": "a month",
    "accelerator_hour": "per accelerator-hour",
    "seat_month": "per seat and month",
    "input_bundle_day": "per input bundle and day",
    "output_bundle_day": "per output bundle and day",
    "outcome": "per outcome",
    "batch_input": "per million batch input tokens",
    "batch_output": "per million batch output tokens",
    "overage_tokens": "per million tokens",
}
SHAPE_NAMES, PRICE_NAMES, STATE_NAMES = dict(SHAPES), dict(PRICE_KINDS), dict(CONTRACT_STATES)


def verdict(answer: Row, *, year: int) -> tuple[str, str]:
    """(the verdict, what else to know) of a quick or full answer."""
    if answer["is_unsized"]:
        said = answer["unsized"]
        return "Cannot be sized.", said if isinstance(said, str) else ""
    if answer["fits"] is RESTRICTED:
        return "restricted", ""
    floor = floor_words(answer)
    if answer["fits"]:
        start = answer["weeks"][0]["week"] if answer["weeks"] else ""
        from_week = answer["earliest"] or start
        lead = "Looks as if it fits" if answer["is_quick"] else f"Fits from {_monday(from_week, year)}"
        more = (
            ""
            if answer["is_quick"] or from_week == start
            else f"It asks to begin in the week of {_monday(start, year)}. "
        )
        return f"{lead}; {floor}" if floor else f"{lead}.", more + _planned(answer)
    if answer["short"] is None or isinstance(answer["short"], Absent):
        return "Does not fit: no pool can serve it.", ""
    short = answer["short"]
    lead = "Looks short" if answer["is_quick"] else "Does not fit"
    most = short["most"]
    size = f"{most if isinstance(most, Absent) else figures.thousands(most)} short from {_monday(short['week'], year)}"
    weeks = figures.counted(short["weeks"], "week")
    more = f"{short['in_all']} weeks short in all. " if short["in_all"] != short["weeks"] else ""
    if short.get("held_only"):
        more += "It would take what is held for other deals. "
    if not answer["is_quick"]:
        more += _earliest(answer, year=year)
    return f"{lead}: {size} for {weeks}.", more + (f"{floor[0].upper()}{floor[1:]} " if floor else "")


def _earliest(answer: Row, *, year: int) -> str:
    """The earliest start, how much of its term is planned from there, and where the search stopped."""
    terms, stopped = answer["terms"], answer["earliest_stopped"]
    if answer["earliest"]:
        planned, weeks = answer["earliest_weeks"], terms["term_weeks"] if terms else 0
        partly = f", with {planned} of {weeks} weeks planned" if planned and planned < weeks else ""
        return f"The earliest start that fits is {_monday(answer['earliest'], year)}{partly}. "
    if stopped:
        return f"No start up to {_monday(stopped, year)} fits; later ones were not looked at. "
    return "No start in the planned weeks fits. "


def planned_words(terms: Row) -> str:
    """ "91 of 104 weeks are planned"; "" where all are."""
    weeks, of = terms["weeks"], terms["term_weeks"]
    return f"{weeks} of {of} weeks are planned" if weeks < of else ""


def _planned(answer: Row) -> str:
    terms = answer["terms"]
    if terms is None or terms["weeks"] >= terms["term_weeks"]:
        return ""
    return f"{terms['weeks']} of its {terms['term_weeks']} weeks are planned; the others were not looked at."


def floor_words(answer: Row) -> str:
    """ "lowest price for the target margin $2.31 per accelerator-hour"; "" for whoever may not read prices."""
    terms = answer["terms"]
    if terms is None:
        return ""
    price = terms["floor"]["price"]
    if not isinstance(price, Decimal):
        return ""
    return f"lowest price for {target_words(terms)}: {least_words(terms['floor'])}."


# What moves → its words, where a single price does not carry the bill.
TOGETHER = {"all": "all prices", "commitments": "all prices and commitments"}


def least_words(floor: Row) -> str:
    """ "$2.31 per accelerator-hour", or "all prices and commitments × 1.38"; of a hidden one that it is."""
    what = TOGETHER.get(floor["moves"])
    if what is None or isinstance(floor["factor"], Absent):
        return price_words(floor["price"], floor["kind"], floor["currency"])
    places = next(place for place in (2, 3, 4) if floor["factor"] == round(floor["factor"], place) or place == 4)
    return f"{what} {figures.TIMES} {floor['factor']:,.{places}f}"


def target_words(terms: Row) -> str:
    target = terms["target_share"]
    return "the target margin" if isinstance(target, Absent) else f"a margin of {figures.share(target)}"


def price_words(price: Any, kind: str, currency: str = "USD") -> str:
    """ "$2.31 per accelerator-hour"; of another currency "EUR 2.31 per accelerator-hour"."""
    if isinstance(price, Absent):
        return str(price)
    return f"{money_words(price, currency)} {PRICE_UNITS.get(kind, '')}".strip()


def money_words(amount: Decimal, currency: str) -> str:
    places = 2 if amount == amount.quantize(Decimal("0.01")) else 4
    return f"{'$' if currency == 'USD' else currency + ' '}{amount:,.{places}f}"


def typed_money(text: Any, currency: str) -> Any:
    """A price as somebody typed it: as money where it is a number, as it stands where it is none or hidden."""
    try:
        return money_words(Decimal(text), currency)
    except (TypeError, ValueError, ArithmeticError):
        return text


def typed_day(text: Any, *, year: int) -> str:
    """A day as somebody typed it: in words where it is one."""
    try:
        return figures.day(date.fromisoformat(str(text)), year=year)
    except ValueError:
        return str(text)


def _monday(week: str, year: int) -> str:
    """A stored week by its Monday; "" where there is none."""
    return figures.day(Week.parse(week).monday, year=year) if week else ""


def first_week_words(week: Any, *, year: int) -> Any:
    """The first week something is short by its Monday, "none" where nothing is; an absence as it is."""
    return _monday(week, year) or "none" if isinstance(week, str) else week or "none"


def offer_words(offer: Row, *, year: int) -> str:
    """What is different about the offer, in one sentence."""
    says = offer["says"]
    match offer["kind"]:
        case "later":
            return (
                f"Begin {figures.counted(says['weeks'], 'week')} later, in the week of {_monday(says['week'], year)}."
            )
        case "smaller" if says["noun"] == "%":
            return f"{says['part']}% of the volume."
        case "smaller":
            return f"{figures.thousands(says['part'])} of {figures.thousands(says['of'])} {says['noun']}."
        case "region":
            return f"Serve it in {says['name']} only."
        case "latency":
            return f"Serve it at {says['name']} latency."
        case "hardware":
            return f"The same on {says['name']} accelerators."
        case "capped":
            limit = figures.ratio(Decimal(says["hundredths"]) / 100, places=2)
            return (
                f"Cap its peak at {limit} expected use, in place of {figures.ratio(Decimal(says['peak']), places=2)}."
            )
        case "ramp":
            size = f"{says['part']}%" if says["noun"] == "%" else f"{figures.thousands(says['part'])} {says['noun']}"
            return f"Begin with {size}, all of it from {_monday(says['week'], year)}."
    return str(offer["kind"])


def column_words(name: str, text: Any) -> Any:
    if name == "shape" and isinstance(text, str):
        return SHAPE_NAMES.get(text, text)
    return text


def weeks_figure(*, weeks: Sequence[Row], supply: Mapping[str, tuple[int, Decimal, int]]) -> dict[str, Any] | None:
    """Supply, the plan's use and what is promised in the pools that may serve it, with the quote on top, hatched.

    supply: week → (allocatable, promised before the quote, in use by the plan).
    """
    shown = [key for key in sorted(supply) if supply[key][0]]
    if not shown:
        return None
    asked = {row["week"]: row["need"] for row in weeks if isinstance(row["need"], Decimal)}
    short = {row["week"]: _upper(row["short"]) for row in weeks}
    x = [Week.parse(key).monday.isoformat() for key in shown]
    x.append(Week.parse(shown[-1]).plus(1).monday.isoformat())
    firm = [round(supply[key][1]) for key in shown]
    quoted = [round(supply[key][1] + asked.get(key, Decimal(0))) for key in shown]
    sizes = [supply[key][0] for key in shown]
    missing = [max(least, top - short.get(key, 0)) for key, least, top in zip(shown, firm, quoted, strict=True)]

    def trace(name: str, values: list[int], role: str, **more: Any) -> dict[str, Any]:
        line = {"type": "scatter", "mode": "lines", "x": x, "y": [*values, values[-1]], "name": name}
        return {**line, "meta": {"role": role}, "hovertemplate": "%{y:,}", **more}

    top = max([*quoted, *sizes], default=1) * 1.08 or 1
    labels = [
        _label(f"{name} <b>{figures.compact(value)}</b>", place, role)
        for name, value, role, place in _apart(
            [
                ("Supply", sizes[-1], "supply"),
                ("In use by the plan", supply[shown[-1]][2], "limit"),
                ("Promised before", firm[-1], "firm"),
                ("With the quote", quoted[-1], "accent"),
            ],
            gap=top * 0.07,
        )
    ]
    return {
        "data": [
            trace("Promised before", firm, "firm"),
            trace("With the quote", quoted, "hold", fill="tonexty"),
            trace("Served", missing, "base", hoverinfo="skip", hovertemplate=None),
            trace("Short", quoted, "short", fill="tonexty", hoverinfo="skip", hovertemplate=None),
            trace("In use by the plan", [supply[key][2] for key in shown], "limit"),
            trace("Allocatable supply", sizes, "supply"),
        ],
        "layout": {
            "annotations": labels,
            "xaxis": {"type": "date", "range": [x[0], x[-1]], "tickformat": "%b %y", "nticks": 8},
            "yaxis": {"range": [0, top], "tickformat": "~s"},
        },
    }


def _upper(short: Any) -> int:
    """What is drawn as short: the upper end of what is told in steps."""
    return int(short.high) if isinstance(short, Banded) else short if isinstance(short, int) else 0


def _apart(items: list[tuple[str, int, str]], *, gap: float) -> list[tuple[str, int, str, float]]:
    """Labels at least a line apart, in their order."""
    placed: list[tuple[str, int, str, float]] = []
    for name, value, role in sorted(items, key=lambda item: item[1]):
        place = float(value) if not placed else max(float(value), placed[-1][3] + gap)
        placed.append((name, value, role, place))
    return placed


def _label(text: str, place: float, role: str) -> dict[str, Any]:
    base = {"x": 1.012, "xref": "paper", "xanchor": "left", "yanchor": "middle", "align": "left", "showarrow": False}
    return {**base, "y": round(place), "text": f"■ {text}", "name": f"role:{role}"}


def term_words(start: str, end: str, *, year: int) -> str:
    try:
        return figures.day_range(date.fromisoformat(start), date.fromisoformat(end), year=year)
    except ValueError:
        return ""
