"""A request's instant answer in words: the verdict first, then why, then what would fit. Pure.

Weeks are written by their Monday, with the year where it is not the reader's. Serving is told as one sum: no
sentence here can name a customer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from capacity.allocation.domain import ask_request
from capacity.lib.figures import counted, thousands, week
from capacity.lib.horizon import Week

Document = Mapping[str, Any]
HELD_CAUTION = "Everything else is held as the plan has it; the next plan decides."
MOST_NAMED = 3
_NO_PLACE = {
    ask_request.NO_POOL: "Does not fit: no pool it may use has one of its accelerator types and is fast enough.",
    ask_request.WINDOW_CLOSED: "Does not fit: its latest start has passed.",
    ask_request.BEYOND_HORIZON: "Does not fit: it would end after the weeks that are planned.",
}


def sentence(document: Document, *, year: int | None = None) -> str:
    """The verdict: where and when, or by how much it does not fit, when, and why. year: the reader's."""
    if document["code"] == "no_place":
        return _refused(document["no_place"], year)
    first = min(document["placed"], key=lambda row: (row["start"], row["pool"]))
    where = f"from {_monday(first['start'], year)} in {_places(document['placed'])}"
    besides = _displaced(document["displaces"])
    if document["code"] == "part":
        got = sum(row["accelerators"] * row["weeks"] for row in document["placed"])
        asked = counted(document["accelerator_weeks"], "accelerator-week")
        return f"Fits in part {where}: {thousands(got)} of {asked} have room{f'. It {besides}' if besides else ''}."
    return f"Fits {where}, and {besides}." if besides else f"Fits {where}; nothing is moved."


def _displaced(moved: Sequence[Document]) -> str:
    if not moved:
        return ""
    names = _listed([f"{row['name']} ({row['key']}, {row['tier']})" for row in moved])
    return f"takes the place of {counted(len(moved), 'request')} of a lower class: {names}"


def _places(placed: Sequence[Document]) -> str:
    names = list(dict.fromkeys(str(row["pool_name"]) for row in placed))
    return names[0] if len(names) == 1 else f"{names[0]} and {counted(len(names) - 1, 'more pool')}"


def _refused(found: Document, year: int | None) -> str:
    if found["code"] in _NO_PLACE:
        return _NO_PLACE[found["code"]]
    start = f"Does not fit, short by {thousands(found['short_by'])} in the week of {_monday(found['week'], year)}"
    place = found["pool_name"] + (f", domain {found['domain']}" if found["domain"] else "")
    if found["code"] == ask_request.TOO_LARGE:
        return f"{start}, because no network domain it may use is that large: {place} has {thousands(found['supply'])}."
    return f"{start}, because {_because(found, place)}."


def _because(found: Document, place: str) -> str:
    """Who has what of the tightest place, the largest first."""
    parts = [_holder(row) for row in found["holders"][:MOST_NAMED]]
    rest = found["holders"][MOST_NAMED:]
    if rest:
        parts.append(f"{thousands(sum(row['accelerators'] for row in rest))} with {counted(len(rest), 'other')}")
    there = f"of {thousands(found['supply'])} in {place}"
    if not parts:
        return f"there are only {thousands(found['supply'])} in {place} then"
    return f"{there}, {_listed(parts, most=len(parts))}; {thousands(found['free'])} are left"


def _holder(row: Document) -> str:
    size = thousands(row["accelerators"])
    if row["kind"] == ask_request.SERVING:
        return f"{size} are with serving"
    if row["kind"] == ask_request.FLOOR:
        return f"{size} are kept by the floor {row['name']}"
    promised = f", promised by {row['promised']}" if row.get("promised") else ""
    return f"{size} are with {row['name']} ({row['key']}{promised})"


def ahead_words(document: Document) -> list[str]:
    """What the plan already has in its pools and weeks, class by class."""
    return [
        f"{counted(row['requests'], row['tier'] + ' request')} of {counted(row['accelerator_weeks'], 'accelerator-week')}"
        for row in document["ahead"]
    ]


def more_words(document: Document) -> str:
    """Who is ahead of it, by class and size, and that nothing was solved."""
    ahead = ahead_words(document)
    there = f"In its pools and weeks the plan already has {_listed(ahead, most=len(ahead))}. " if ahead else ""
    return f"{there}{HELD_CAUTION}"


def change_words(change: Document, pool_name: str, *, year: int | None = None) -> str:
    """A smallest change by names and Mondays. Parts as reasons.change_row keeps them."""
    size = "" if change.get("accelerators") is None else thousands(change["accelerators"])
    weeks = "" if change.get("weeks") is None else f" for {counted(change['weeks'], 'week')}"
    match change["change"]:
        case "fewer_accelerators":
            return f"Ask for {size} accelerators"
        case "later_start":
            return f"Start on {_monday(change['start'], year)}"
        case "shorter":
            return f"Run{weeks or ' for fewer weeks'}" + (f" with {size} accelerators" if size else "")
        case "preemptible":
            return "Make it preemptible"
        case "other_pool":
            return f"Accept {pool_name}" + (f" with {size} accelerators" if size else "")
        case "more_supply":
            start = f" from {_monday(change['from'], year)}" if change.get("from") else ""
            return f"Add {size} accelerators to {pool_name}{start}{weeks}"
        case "earlier_delivery":
            due = _monday(change["from"], year) if change.get("from") else "a later week"
            sooner = counted(change.get("weeks") or 0, "week")
            return f"Have the {size} accelerators due in {pool_name} on {due} {sooner} earlier"
        case "smaller_serving" if not change.get("text"):
            return f"Serve {size} accelerators less of this demand"
    return str(change.get("text") or str(change["change"]).replace("_", " "))


def change_sentence(change: Document, *, year: int | None = None) -> str:
    """A smallest change in words, with the place that it then has."""
    text = str(change["text"])
    if not change.get("fits_from"):
        return text
    moved = change.get("displaces") or 0
    besides = f", and takes the place of {counted(moved, 'request')} of a lower class" if moved else ""
    start = "" if change["change"] == "later_start" else f" from {_monday(change['fits_from'], year)}"
    return f"{text}: fits{start} in {change['fits_in']}{besides}"


def _listed(names: Sequence[str], *, most: int = MOST_NAMED) -> str:
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def place_words(row: Document) -> str:
    """One part of where it would lie: "512 in H100 Prairie, domain h100-b"."""
    domain = f", domain {row['domain']}" if row.get("domain") else ""
    return f"{thousands(row['accelerators'])} in {row['pool_name']}{domain}"


def start_words(placed: Sequence[Document], *, year: int | None = None) -> str:
    """The Monday on which its first part starts, and for how long each part runs; "" without a place."""
    if not placed:
        return ""
    first = min(placed, key=lambda row: (row["start"], row["pool"]))
    weeks = f" for {counted(first['weeks'], 'week')}" if len(placed) == 1 else f", {len(placed)} parts"
    return f"{_monday(first['start'], year)}{weeks}"


def _monday(key: str, year: int | None) -> str:
    return week(Week.parse(key), year=year)
