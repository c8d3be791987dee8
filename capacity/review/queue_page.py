"""The requests page in parts: queue, moves with their causes, what yields, teams. Rows of a run in, context out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from capacity.access.visibility import RESTRICTED, ContractLabel, Viewer
from capacity.allocation.models import Run, RunDocument
from capacity.lib.figures import Absent, counted, points, thousands
from capacity.review.changes_shown import visible_changes
from capacity.review.request_page import standing_of
from capacity.review.tables import Row
from capacity.review.words import with_mondays
from workloads.models import RunMove

CHECKPOINT_UNKNOWN = Absent(
    "not known", "unknown", "The request does not say how often it saves a checkpoint: its team can add that."
)
MOST_MOVES = 12
_CLASS_WORDS = {"preemptible": "preemptible"}
_PARTS = {
    "class": "class",
    "fair share": "share",
    "weeks waited": "waited",
    "informs a decision": "decision",
    "customer outcome": "outcome",
    "measure named": "measure",
    "override": "override",
}
_ALARMS = {"unplaced": "Waits too long", "below_half": "Below its share"}
NO_NAMES: Mapping[str, str] = {}
# A place in a stored line: its pool's key, and its first week.
_PLACE = re.compile(r"(\S+) from (\d{4}-W\d{2})")
_ORDER = {"lost": 0, "moved": 1, "placed": 2, "ended": 3}


def queue_list_rows(rows: Sequence[Row], names: Mapping[str, str] = NO_NAMES) -> list[Row]:
    """The rows of the queue with the columns that are made for reading. names: of pools by key."""
    return [
        {
            **row,
            "standing": standing_of(state="approved", is_placed=bool(row["start_week"]))[1],
            "class_words": _class_words(row),
            "criteria": _criteria(row["parts"]),
            "ahead_words": _ahead(row["ahead"]),
            "pool_name": _named(row["pool_key"], names),
        }
        for row in rows
    ]


def _named(key: Any, names: Mapping[str, str]) -> Any:
    return names.get(key, key) if isinstance(key, str) else key


def _class_words(row: Row) -> str:
    return f"{row['priority']}, preemptible" if row["tier"] == "preemptible" else str(row["priority"])


def _criteria(parts: Any) -> Any:
    """`class 400, share +8, waited 9, decision 10`: what gives points or takes some."""
    if not isinstance(parts, list):
        return parts
    told = [part for part in parts if part["points"] or part["name"] == "class"]
    return [f"{_PARTS.get(part['name'], part['name'])} {_points(part)}" for part in told]


def _points(part: Mapping[str, Any]) -> str:
    return thousands(part["points"], signed=part["name"] in ("fair share", "override"))


def _ahead(ahead: Any) -> Any:
    """`P0 3: 12,000` by class."""
    if not isinstance(ahead, list):
        return ahead
    if not ahead:
        return "nobody"
    return [
        f"{_CLASS_WORDS.get(each['class'], each['class'])} {each['requests']}: {thousands(each['accelerator_weeks'])}"
        for each in ahead
    ]


def yield_list_rows(rows: Sequence[Row], names: Mapping[str, str] = NO_NAMES) -> list[Row]:
    """The rows of the ledger; a loss that cannot be known says why. names: of pools by key."""
    return [
        {
            **row,
            "pool_name": _named(row["pool_key"], names),
            "lost_accelerator_days": CHECKPOINT_UNKNOWN
            if row["lost_accelerator_days"] is None
            else row["lost_accelerator_days"],
        }
        for row in rows
    ]


def team_lines(rows: Sequence[Row], viewer: Viewer) -> list[dict[str, Any]]:
    """Teams as the page shows them; is_own: the reader's. The scale of all bars is the largest share there is."""
    known = [float(value) for row in rows for value in (row["entitled_share"], row["used_share"]) if _is_known(value)]
    largest = max(known, default=0.0)
    return [
        {
            "name": row["team_name"],
            "is_own": bool(row["team_key"]) and row["team_key"] == viewer.team_key,
            "weight": _plain(row["weight"]) if row["team_key"] else "",
            "entitled": row["entitled_share"] if row["team_key"] else None,
            "used": row["used_share"],
            "hours": row["used_hours"],
            "deficit": points(row["deficit_share"], places=1) if _is_known(row["deficit_share"]) else None,
            "engine_weight": _plain(row["engine_weight"]) if row["team_key"] else "",
            "asked": row["requested_accelerator_weeks"],
            "placed": row["placed_accelerator_weeks"],
            "waiting": row["waiting_requests"],
            "longest": row["longest_wait_weeks"],
            "alarm": _ALARMS.get(str(row["alarm"]), ""),
            "sentence": row["sentence"],
            "largest": largest,
        }
        for row in rows
    ]


def _is_known(value: Any) -> bool:
    return value is not None and not isinstance(value, Absent)


def _plain(value: Any) -> Any:
    return f"{float(value):g}" if _is_known(value) else value


def alarm_sentence(rows: Sequence[Row]) -> str:
    """`2 teams are starved: Alignment, Systems.`, or nothing."""
    names = [str(row["team_name"]) for row in rows if row["alarm"] and row["alarm"] is not RESTRICTED]
    if not names:
        return ""
    return f"{counted(len(names), 'team is', 'teams are')} starved: {', '.join(names)}."


def known_weeks_sentence(rows: Sequence[Row]) -> str:
    """Over which weeks hours are counted, in words."""
    weeks = max((row["hours_known_weeks"] for row in rows if isinstance(row["hours_known_weeks"], int)), default=0)
    if not weeks:
        return "No hours of jobs are recorded in the last 13 weeks: no deficit is known, and every weight is 1."
    return f"Hours of jobs in the last 13 weeks, of which {counted(weeks, 'week has', 'weeks have')} any."


def changes_of(run: Run) -> dict[str, Any]:
    """What the run stored of the changes since the last frozen review. One query."""
    found = RunDocument.objects.filter(run_id=run.pk).values_list("changes", flat=True).first()
    return found or {}


def moved_lines(
    changes: Mapping[str, Any], viewer: Viewer, *, names: Mapping[str, str] = NO_NAMES, year: int | None = None
) -> dict[str, Any]:
    """Every request that stands elsewhere: {against, moves: [{key, name, verb, kind, before, after, cause}], left_out}.

    The reader's own team first, then what lost its place. Only so many; left_out: how many more there are.
    names: of pools by key; year: the one the reader is in.
    """
    lines = sorted(
        _placement_lines(changes),
        key=lambda line: (line["owner"] != viewer.team_key, _ORDER.get(line["kind"], 9), line["key"]),
    )
    return {
        "against": _against(changes),
        "run": (changes.get("against") or {}).get("run"),
        "moves": [_in_words(line, names, year) for line in _shown(viewer, changes, lines[:MOST_MOVES])],
        "left_out": max(0, len(lines) - MOST_MOVES),
    }


def _in_words(line: dict[str, Any], names: Mapping[str, str], year: int | None) -> dict[str, Any]:
    """A line with pools by name and weeks by their Monday."""

    def place(found: re.Match[str]) -> str:
        return f"{names.get(found[1], found[1])} from {found[2]}"

    written = {
        name: with_mondays(_PLACE.sub(place, line[name]), year=year)
        for name in ("before", "after", "cause")
        if isinstance(line[name], str)
    }
    return line | written


def moved_by_plans(
    moves: Sequence[RunMove],
    viewer: Viewer,
    labels: Sequence[ContractLabel],
    *,
    names: Mapping[str, str] = NO_NAMES,
    year: int | None = None,
) -> dict[str, Any]:
    """moved_lines of plans before any frozen review: of one plan's moves against the one before it."""
    lines = [move.line for move in moves]
    contracts = [asdict(label) for label in labels]
    found = moved_lines({"lines": lines, "contracts": contracts}, viewer, names=names, year=year)
    if not moves:
        return found | {"by": ""}
    run = moves[0].against_run
    return found | {"run": run, "by": f"by plan {moves[0].run_id}, against plan {run}"}


def plan_before_words(moved: Mapping[str, Any]) -> str:
    """What a Gantt's outlines are from: "In the review frozen for 2026-W47", "In plan 7"."""
    return f"In the review frozen for {moved['against']}" if moved["against"] else f"In plan {moved['run']}"


def _placement_lines(changes: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [line for line in changes.get("lines", []) if line["group"] == "placements"]


def _against(changes: Mapping[str, Any]) -> str:
    return str((changes.get("against") or {}).get("week", ""))


def _shown(viewer: Viewer, changes: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each line as the reader may read it; what they may not know of is left out."""
    found = []
    for line in lines:
        groups = visible_changes(viewer, {"lines": [line], "contracts": changes.get("contracts", [])})
        for shown in groups[0]["lines"] if groups else ():
            place = shown["fields"][0] if shown["fields"] else {"before": "", "after": ""}
            found.append(
                {
                    "key": line["key"][0] if line["key"] else "",
                    "name": shown["subject"].removeprefix("Request "),
                    "verb": shown["verb"],
                    "kind": shown["kind"],
                    "before": place["before"],
                    "after": place["after"],
                    "cause": shown["cause"],
                    "is_own": bool(viewer.team_key) and line["owner"] == viewer.team_key,
                }
            )
    return found
