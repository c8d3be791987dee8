"""What-ifs in words: what was asked, what each answer says, and the rows of its tables as pages and files show them.

Takes visible rows (what_if_rows) and writes text; nothing here decides who sees what.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from capacity.access.bands import Banded
from capacity.imports.described import column_label, singular_of
from capacity.imports.tables import tables
from capacity.lib import figures
from capacity.lib.figures import EM_DASH, RESTRICTED, Absent
from capacity.review.compute import HOLDS
from capacity.review.words import word

Row = dict[str, Any]
LOST, PLACED, MOVED = "lost", "placed", "moved"
_CAUSES = {
    "removed": "its request is gone",
    "request_changed": "its request changed",
    "added": "a new request",
    "recalled": "recalled for {key}",
    "taken_by": "{key} lies there now",
    "room_left_by": "{key} left that place",
}
_MOST_NAMED = 3
_LEAST_USD = Decimal("0.005")


def change_sentence(change: Row) -> str:
    """ "Lot H100-3: accelerators 1,024 → 512." """
    table = tables().get(change["table"])
    what = singular_of(table) if table else change["title"]
    named = zip(table.key if table else (), change["key"], strict=False)
    name = " ".join(f"v{part}" if column == "version" else str(part) for column, part in named)
    name = name or "of a restricted row"
    head = f"{what[:1].upper()}{what[1:]} {name}".strip()
    if change["op"] == "removed":
        return f"{head}: removed."
    columns = [column for column in change["columns"] if change["op"] == "changed" or column["after"] not in ("", None)]
    parts = [_column_words(column, is_new=change["op"] == "added") for column in columns[:8]]
    more = f", and {len(columns) - 8} more columns" if len(columns) > 8 else ""
    return f"{head}{' added' if change['op'] == 'added' else ''}: {', '.join(parts)}{more}."


def _column_words(column: Row, *, is_new: bool) -> str:
    label = column_label(column["name"])
    label = label[:1].lower() + label[1:]
    after = str(column["after"]) if isinstance(column["after"], Absent) else column["after"] or EM_DASH
    if is_new:
        return f"{label} {after}"
    before = str(column["before"]) if isinstance(column["before"], Absent) else column["before"] or EM_DASH
    return f"{label} {before} → {after}"


def answer_verdict(answer: Row) -> tuple[str, str]:
    """What it comes to, and what happens to experiments."""
    return _money_words(answer), _experiment_words(answer)


def _money_words(answer: Row) -> str:
    usd = answer["usd_difference"]
    if isinstance(usd, Absent) and usd is not RESTRICTED:
        return f"Dollars lost and burst bought change by {usd}."
    if isinstance(usd, Decimal):
        if not usd:
            return "Serving loses and buys no more and no less."
        words = "more" if usd > 0 else "less"
        return f"{figures.usd(abs(usd))} {words} is lost or spent on burst over the horizon{_of_holds(answer)}."
    low, high = _promised_short(answer)
    if not low and not high:
        return "No capacity shortfall that you see changes."
    if low == high:
        return f"{figures.thousands(abs(low))} accelerator-weeks {'more' if low > 0 else 'less'} are short."
    if low < 0 < high:
        return "Some capacity shortfalls that you see grow, others shrink."
    most = figures.thousands(max(-low, high))
    return f"Up to {most} accelerator-weeks {'more' if high > 0 else 'less'} are short."


def _promised_short(answer: Row) -> tuple[Decimal, Decimal]:
    """The bounds of what is short more, of all demands that are no holds; equal where each is known."""
    low = high = Decimal(0)
    for row in answer["demands"]:
        value = row["short_difference"]
        if is_hold(row) or not isinstance(value, Decimal | Banded):
            continue
        low += value.low if isinstance(value, Banded) else value
        high += value.high if isinstance(value, Banded) else value
    return low, high


def _of_holds(answer: Row) -> str:
    """How much of it is of deals that are only held, for their probability: no promise to anybody."""
    held = next((row["difference"] for row in answer["tiers"] if row["tier"] == HOLDS), None)
    if not isinstance(held, Decimal) or abs(held) < _LEAST_USD:
        return ""
    return f" ({figures.usd(abs(held))} {'more' if held > 0 else 'less'} of it by deals that are held and not signed)"


def is_hold(demand: Row) -> bool:
    """Whether what a demand misses is only held for a deal."""
    return bool(demand["tier"] == HOLDS)


def _experiment_words(answer: Row) -> str:
    parts = []
    for change, words in ((PLACED, "get a place"), (LOST, "lose theirs"), (MOVED, "move")):
        keys = [row["experiment_key"] for row in answer["placements"] if row["change"] == change]
        if keys:
            named = ", ".join(keys[:_MOST_NAMED]) + (
                f" and {len(keys) - _MOST_NAMED} more" if len(keys) > _MOST_NAMED else ""
            )
            verb = (
                words
                if len(keys) > 1
                else {"get a place": "gets a place", "lose theirs": "loses its place"}.get(words, "moves")
            )
            parts.append(f"{named} {verb}")
    if answer["not_placed"]:
        parts.append(f"{', '.join(row['experiment_key'] for row in answer['not_placed'])} still has no place")
    if answer["placements_hidden"]:
        return ""
    return "; ".join(parts) + "." if parts else "No experiment moves."


def cause_words(cause: Mapping[str, Any] | None) -> str:
    """Why a placement changed: "h100-use1 has no room in 2026-W50: short by 4"."""
    if cause is None:
        return ""
    known = _CAUSES.get(cause["code"])
    if known is not None:
        return known.format(key=cause["key"])
    short = f": short by {figures.thousands(cause['accelerators'])}" if cause.get("accelerators") else ""
    week = f" in {cause['week']}" if cause.get("week") else ""
    if cause["code"] == "no_room":
        return f"{cause['pool'] or 'no pool'} has no room{week}{short}" if cause["pool"] else "no room in any pool"
    if cause["code"] == "floor":
        return f"the floor {cause['key']} needs the room{week}{short}"
    return word("reason", cause["code"]).lower() + week + short


def place_words(places: Iterable[Row]) -> str:
    """Where and when: "h100-use1 a, 2026-W50 for 4 weeks, 256"; divisible work by its pools."""
    rows = list(places)
    if not rows:
        return EM_DASH
    if len(rows) > 1:
        pools = sorted({row["pool_key"] for row in rows})
        weeks = sum(row["weeks"] * row["accelerators"] for row in rows)
        return f"{', '.join(pools)}: {figures.thousands(weeks)} accelerator-weeks"
    row = rows[0]
    domain = f" {row['domain_key']}" if row["domain_key"] else ""
    weeks = f"{row['weeks']} week{'s' if row['weeks'] != 1 else ''}"
    return f"{row['pool_key']}{domain}, {row['start_week']} for {weeks}, {figures.thousands(row['accelerators'])}"


def page_answer(answer: Row) -> Row:
    """The answer with the rows of its page: winners and losers first, pools and tiers that differ, words of each."""
    demands = sorted(
        ({**row, "is_hold": is_hold(row)} for row in answer["demands"]),
        key=lambda row: (-abs(_size(row["usd_difference"])), -abs(_size(row["short_difference"])), str(row["label"])),
    )
    verdict, besides = answer_verdict(answer)
    solved = answer["weeks_solved"]
    return {
        **answer,
        "verdict": verdict,
        "besides": besides,
        "losers": [row for row in demands if _direction(row) > 0],
        "gainers": [row for row in demands if _direction(row) < 0],
        "same": sum(_direction(row) == 0 for row in demands),
        "hidden_words": _hidden_words(answer["demands_hidden"]),
        "solved_weeks": figures.counted(solved, "week") if isinstance(solved, int) else "",
        "tiers": [{**row, "name": tier_words(row["tier"])} for row in answer["tiers"]],
        "placements": [
            {
                **row,
                "from": place_words(row["before"]),
                "to": place_words(row["after"]),
                "why": cause_words(row["cause"]),
                "pill": {PLACED: "good", LOST: "bad"}.get(row["change"], "plain"),
                "word": row["change"].capitalize(),
            }
            for row in answer["placements"]
        ],
        "not_placed": [{**row, "why": cause_words(row["cause"])} for row in answer["not_placed"]],
        "pools": [row for row in answer["pools"] if _differs(row, "idle", "burst", "burst_usd")],
        "weeks": [row for row in answer["weeks"] if _differs(row, "short", "usd")],
        "prices": [row for row in answer["prices"] if str(row["before"]) != str(row["after"])],
    }


def _hidden_words(hidden: Any) -> str:
    if isinstance(hidden, Absent):
        return "What others lose or gain is restricted for your role."
    return f"{hidden} restricted for your role." if hidden else ""


def tier_words(tier: Any) -> Any:
    return tier if isinstance(tier, Absent) or len(tier) <= 2 else tier.replace("_", " ").capitalize()


def _size(value: Any) -> Decimal:
    """The number, or the bound of its band that is nearer to zero."""
    if isinstance(value, Banded):
        return max(value.low, min(Decimal(0), value.high))
    return value if isinstance(value, Decimal) else Decimal(0)


def _direction(row: Row) -> int:
    """1: it loses, −1: it gains; by dollars where they are known and seen, else by accelerators."""
    return _sign(row["usd_difference"]) or _sign(row["short_difference"])


def _sign(value: Any) -> int:
    """1 of what is above zero, −1 below it, 0 of what may be either."""
    low, high = (value.low, value.high) if isinstance(value, Banded) else (value, value)
    if not isinstance(low, Decimal):
        return 0
    return int(low >= 0 and high > 0) - int(high <= 0 and low < 0)


def _differs(row: Row, *names: str) -> bool:
    return any(_size(row[f"{name}_difference"]) for name in names)


def file_rows(answer: Row) -> Iterator[list[str]]:
    """Every difference as a line: answer, what, whose, measure, unit, before, after."""
    kind = answer["kind"]

    def line(what: str, whose: Any, measure: str, unit: str, before: Any, after: Any) -> list[str]:
        return [kind, what, _text(whose), measure, unit, _text(before), _text(after)]

    yield line("total", "", "lost and burst", "USD", answer["usd_before"], answer["usd_after"])
    for row in answer["tiers"]:
        yield line("tier", row["tier"], "value", row["unit"], row["before"], row["after"])
    for row in answer["demands"]:
        what = "hold" if is_hold(row) else "demand"
        yield line(what, row["label"], "short", "accelerator-weeks", row["short_before"], row["short_after"])
        yield line(what, row["label"], "lost", "USD", row["usd_before"], row["usd_after"])
    for row in answer["placements"]:
        yield line("experiment", row["experiment_key"], row["change"], "", place_words(row["before"]), row["to"])
    for row in answer["pools"]:
        for name, unit in (("idle", "accelerator-weeks"), ("burst", "accelerator-weeks"), ("burst_usd", "USD")):
            yield line("pool", row["pool_key"], name, unit, row[f"{name}_before"], row[f"{name}_after"])
    for row in answer["weeks"]:
        yield line("week", row["week"], "short", "accelerators", row["short_before"], row["short_after"])
        yield line("week", row["week"], "lost and burst", "USD", row["usd_before"], row["usd_after"])
    for row in answer["prices"]:
        whose = f"{row['pool_key']} {row['week']}"
        yield line("price", whose, "scarcity", "USD per accelerator-week", row["before"], row["after"])


FILE_HEAD = ("answer", "what", "whose", "measure", "unit", "before", "after")


def _text(value: Any) -> str:
    return "" if value is None else str(value)
