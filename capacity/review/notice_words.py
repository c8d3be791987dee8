"""What a notice says, in the words of the one who reads it. Pure but for the viewer's sight.

Every value passes the one visibility table for this viewer, and texts that people typed lose the names of contracts
that the viewer may not know. One sentence or two, no line breaks: it is shown in the product and mailed as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from capacity.access.visibility import ContractLabel, Viewer, label_of_contract, redact, see, see_row
from capacity.lib.figures import counted, day, thousands, week
from capacity.lib.horizon import Week

_DECIDED = {"approved": "is approved", "returned": "is returned", "denied": "is denied", "withdrawn": "was stopped"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a plan has a request: its first week ("" for no place), and the pools of that week, by name and by key."""

    run: int
    start: str
    pools: tuple[str, ...] = ()
    pool_keys: tuple[str, ...] = ()
    accelerators: int = 0
    weeks: int = 0
    # The plan's own sentence on why there is no place.
    why: str = ""


def decided(
    viewer: Viewer, *, request: Mapping[str, Any], move: Mapping[str, Any], labels: Sequence[ContractLabel]
) -> str:
    """“Longer contexts” (R-0001) is returned by dan: say what it is for."""
    shown = see_row(viewer, "request_move", {name: move[name] for name in ("to_state", "by", "reason")})
    did = _DECIDED.get(str(shown["to_state"]), f"is {shown['to_state']}")
    why = f": {shown['reason']}" if shown["reason"] else "."
    return redact(viewer, f"{_name(viewer, request)} {did} by {shown['by']}{why}", contracts=labels)


def moved(
    viewer: Viewer,
    *,
    request: Mapping[str, Any],
    before: Place,
    after: Place,
    cause: str,
    today: date,
    labels: Sequence[ContractLabel],
) -> str:
    """“Longer contexts” (R-0001) now starts in the week of 18 Jan, 2 weeks later than told before (4 Jan)."""
    was, now = (_start(viewer, place) for place in (before, after))
    name, year = _name(viewer, request), today.year
    if now is None:
        why = see(viewer, "unplaced", "sentence", after.why) if after.why else ""
        told = f"{name} has no place in the plan any more"
        told += f", where it was to start in the week of {week(was, year=year)}" if was is not None else ""
        text = f"{told}. {why}".strip()
    elif was is None:
        text = (
            f"{name} has a place in the plan: it starts in the week of {week(now, year=year)}{_where(viewer, after)}."
        )
    elif was == now:
        text = (
            f"{name} now has its place{_where(viewer, after)}, no longer{_where(viewer, before)} as told before; it "
            f"starts in the same week of {week(now, year=year)}."
        )
    else:
        gap = was.weeks_until(now)
        later = f"{counted(abs(gap), 'week')} {'later' if gap > 0 else 'earlier'}"
        text = (
            f"{name} now starts in the week of {week(now, year=year)}{_where(viewer, after)}, {later} than told before "
            f"({week(was, year=year)})."
        )
    return redact(viewer, f"{text} {cause}".strip(), contracts=labels)


def starting(
    viewer: Viewer, *, request: Mapping[str, Any], place: Place, today: date, labels: Sequence[ContractLabel]
) -> str:
    """“Longer contexts” (R-0001) is about to start: 64 accelerators for 6 weeks from 7 Dec in H100 US East."""
    shown = see_row(viewer, "placement", {"accelerators": place.accelerators, "weeks": place.weeks})
    size = f"{thousands(shown['accelerators'])} accelerators for {counted(shown['weeks'], 'week')}"
    begins = _start(viewer, place)
    when = "" if begins is None else f" from {week(begins, year=today.year)}"
    is_this_week = begins is not None and begins.monday <= today
    soon = "is to start this week" if is_this_week else "is about to start"
    text = f"{_name(viewer, request)} {soon}: {size}{when}{_where(viewer, place)}."
    return redact(viewer, text, contracts=labels)


def justification(
    viewer: Viewer, *, card: Mapping[str, Any], is_owned: bool, today: date, labels: Sequence[ContractLabel]
) -> str:  # fmt: skip
    """The reason for a frontier model on Frontier chat API ends on 4 Dec, in 12 days."""
    shown = see_row(viewer, "input_workloads", {name: card[name] for name in _CARD})
    ends = shown["justification_expires_date"]
    owner = f" Owner: {shown['owner_role']}." if shown["owner_role"] else " Nobody owns the card."
    if shown["owner_role"] and not is_owned:
        owner = f" Owner: {shown['owner_role']}, which names no person or role here: write one on the card."
    if ends < today:
        text = (
            f"The reason for a frontier model on {shown['name']} ended on {day(ends, year=today.year)}: until it is "
            "renewed its use counts as no product choice."
        )
    else:
        text = (
            f"The reason for a frontier model on {shown['name']} ends {_on(ends, today)}: renew it with its evidence, or "
            "move to a smaller model."
        )
    return redact(viewer, text + owner, contracts=labels)


_CARD = ("name", "owner_role", "justification_expires_date")


def hold(viewer: Viewer, *, row: Mapping[str, Any], label: ContractLabel, today: date) -> str:
    """The hold for Acme expansion (acme_more, version 1) ends on 29 Nov, in 6 days."""
    name = label_of_contract(viewer, name=label.name, alias=label.alias, owner=label.owner)
    which = f"{name} ({label.key}, version {row['version']})" if name == label.name else name
    ends = see(viewer, "deal", "expires_date", row["expires_date"], owner=label.owner)
    return (
        f"The hold for {which} ends {_on(ends, today)}: what it keeps is then free for others. Sign the deal before, or "
        "ask for a new hold."
    )


def forecast(
    viewer: Viewer, *, card: Mapping[str, Any], gap: Mapping[str, Any], today: date, labels: Sequence[ContractLabel]
) -> str:
    """Assistant API is planned with the forecast of sales, last made on 1 Oct: older than 5 weeks. Bring a new one."""
    name = see(viewer, "input_workloads", "name", card["name"])
    source = see(viewer, "input_forecasts", "source", gap["source"]) if gap["source"] else ""
    vintage = see(viewer, "input_forecasts", "vintage_date", gap["vintage"])
    made = "" if vintage is None else day(vintage, year=today.year)
    told = {
        "absent": f"{name} is to be planned with the forecast of {source}, and there is none of it.",
        "ambiguous": f"{name} has forecasts of several sources ({source}), and its card names none of them to plan with.",
        "beyond": f"{name} is planned with the forecast of {source} of {made}, which says nothing of the weeks planned.",
        "old": f"{name} is planned with the forecast of {source}, last made on {made}: more than 5 weeks ago.",
        "old_own": f"{name} is planned with its card’s own tokens of {made}: more than 5 weeks ago.",
        "undated": f"{name} is planned with its card’s own tokens, which have no date.",
    }[str(gap["code"])]
    return redact(viewer, f"{told} {_REMEDY[str(gap['code'])]}", contracts=labels)


_REMEDY = {
    "absent": "Bring one, or name another source on the card.",
    "ambiguous": "Name one.",
    "beyond": "Bring a new one.",
    "old": "Bring a new one.",
    "old_own": "Look at them again.",
    "undated": "Look at them again and write down the day.",
}


# --- parts --------------------------------------------------------------------------------------------------------


def _name(viewer: Viewer, request: Mapping[str, Any]) -> str:
    shown = see_row(viewer, "input_experiments", {"name": request["name"], "key": request["key"]})
    return f"“{shown['name']}” ({shown['key']})"


def _start(viewer: Viewer, place: Place) -> Week | None:
    start = see(viewer, "placement", "start_week", place.start)
    return Week.parse(start) if isinstance(start, str) and start else None


def _where(viewer: Viewer, place: Place) -> str:
    """The one pool's name; of several their number."""
    if len(place.pools) != 1:
        return f" in {len(place.pools)} pools" if place.pools else ""
    return f" in {see(viewer, 'placement', 'pool_key', place.pools[0])}"


def _on(ends: date, today: date) -> str:
    left = (ends - today).days
    return "today" if left == 0 else f"on {day(ends, year=today.year)}, in {counted(left, 'day')}"
