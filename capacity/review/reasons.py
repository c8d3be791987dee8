"""Reason codes → sentences someone can act on. Pure. Used for requests without a place and for what a plan assumed.

A sentence names contracts by demand key; whoever shows it passes it through the visibility policy first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from capacity.allocation.domain.solution import Issue, PlacementWarning, SmallestChange, Unplaced
from capacity.imports.rows import decimal_text
from capacity.lib.figures import counted, thousands

Row = Mapping[str, Any]

_REASON = {
    "exceeds_any_pool": "No pool it may use is that large",
    "no_domain_large_enough": "No network domain it may use is that large, and a gang must lie in one",
    "window_closed": "Its latest start has passed",
    "beyond_horizon": "It would end after the horizon",
    "floor_reserved": "The accelerators left are kept by a floor, for model development or for a team",
    "blocked_by_running": "Work that already runs holds the accelerators",
    "blocked_by_commitment": "Committed serving holds the accelerators",
    "blocked_by_forecast": "Forecast serving holds the accelerators",
    "blocked_by_hold": "A hold for a quote keeps the accelerators",
    "blocked_by_higher_class": "Requests of a higher priority hold the accelerators",
    "blocked_by_same_class": "Requests of the same priority that use the accelerators better hold them",
    "capacity_ends": "Accelerators leave before it could end",
    "late_delivery": "The accelerators it needs arrive later",
    "region": "No pool in its regions may be used",
    "type_profile_missing": "No pool has an accelerator type it accepts",
}


def reason_sentence(unplaced: Unplaced, why: str = "") -> str:
    """Why, when, how many: "Committed serving holds the accelerators: 124 of 128 are free in 2026-W50, short by 4.".

    why: in the place of the reason's own words, where more is known.
    """
    text = why or _REASON.get(unplaced.reason, unplaced.reason.replace("_", " "))
    if unplaced.needed is not None and unplaced.free is not None:
        text += f": {thousands(unplaced.free)} of {thousands(unplaced.needed)} accelerators are free"
        if unplaced.week is not None:
            text += f" in {unplaced.week.key}"
        if unplaced.short_by:
            text += f", short by {thousands(unplaced.short_by)}"
    elif unplaced.week is not None:
        text += f" (week {unplaced.week.key})"
    return text + "."


def recalled(sentence: str) -> str:
    """The reason of a request that runs and keeps no week: it is not waiting, it has to stop."""
    return f"It runs and is recalled. {sentence}"


def without_pools(*, request: Row, pools: Iterable[Row]) -> tuple[str, str]:
    """(reason code, sentence) of a request that no pool may take: none has its types, or those that have are ruled out."""
    kinds = ", ".join(request["accelerator_types"])
    of_type = [pool["key"] for pool in pools if pool["accelerator_type"] in request["accelerator_types"]]
    if not of_type:
        return "type_profile_missing", f"No pool has an accelerator type it accepts ({kinds})."
    named = [key for key in of_type if not request["pool_keys"] or key in request["pool_keys"]]
    if not named:
        return "region", f"None of the pools it names has an accelerator type it accepts ({kinds})."
    least = decimal_text(request["least_gbit_per_second"])
    return "region", f"No pool it may use is known to have links of {least} Gbit/s in every network domain."


def warning_issue(warning: PlacementWarning) -> dict[str, str]:
    """A placement in the way of a higher class as a stored row."""
    return {
        "code": "blocks_higher_class",
        "subject": warning.key,
        "sentence": (
            f"{warning.key} holds {thousands(warning.accelerators)} accelerators in {warning.pool} and cannot be "
            f"preempted: from {warning.week.key}, with what is delivered by then, {warning.blocks} of a higher class "
            "would fit but for it. Make it preemptible, or place it so that it ends before."
        ),
    }


def change_row(change: SmallestChange, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A smallest change as stored: its parts and its words. names: of pools by key, kept beside the key."""
    row: dict[str, Any] = {"change": change.change, "text": _change_text(change)}
    for name in ("accelerators", "weeks", "pool", "key"):
        value = getattr(change, name)
        if value is not None:
            row[name] = value
    if change.pool is not None and names and change.pool in names:
        row["pool_name"] = names[change.pool]
    if change.start is not None:
        row["start"] = change.start.key
    if change.from_ is not None:
        row["from"] = change.from_.key
    return row


def _change_text(change: SmallestChange) -> str:
    """The words without any contract's key: the key stands in its own field, which the visibility policy rewrites."""
    count = "" if change.accelerators is None else thousands(change.accelerators)
    match change.change:
        case "fewer_accelerators":
            return f"Ask for {count} accelerators"
        case "later_start":
            return f"Start in {change.start.key if change.start else 'a later week'}"
        case "shorter":
            return f"Run for {counted(change.weeks or 0, 'week')}" + (f" with {count} accelerators" if count else "")
        case "other_pool":
            return f"Accept pool {change.pool}" + (f" with {count} accelerators" if count else "")
        case "preemptible":
            return "Make it preemptible"
        case "more_supply":
            weeks = f" for {change.weeks} weeks" if change.weeks else ""
            return (
                f"Add {count} accelerators to {change.pool} from {change.from_.key if change.from_ else 'now'}{weeks}"
            )
        case "smaller_serving":
            return f"Serve {count} accelerators less of this demand"
        case "earlier_delivery":
            weeks = counted(change.weeks or 0, "week")
            due = change.from_.key if change.from_ else "a later week"
            return f"Have the {count} accelerators due in {change.pool} in {due} {weeks} earlier"
    return change.change.replace("_", " ")


def engine_issue(issue: Issue) -> dict[str, str]:
    """An issue of the engine as a stored row."""
    week = issue.week.key if issue.week else "some week"
    if issue.code == "floor_above_supply":
        sentence = (
            f"The floor {issue.floor} asks for {thousands(issue.accelerators or 0)} accelerators in {week} but its pools "
            f"have {thousands(issue.supply or 0)}: the floor is all of them, and everything else there is short."
        )
        return {"code": issue.code, "subject": f"{issue.floor} {week}", "sentence": sentence}
    if issue.code == "pinned_does_not_fit":
        sentence = (
            f"{issue.key} runs in {issue.pool} with {thousands(issue.accelerators or 0)} accelerators, but {week} has only "
            f"{thousands(issue.supply or 0)} left there: check the lot dates and what is marked as running."
        )
        return {"code": issue.code, "subject": f"{issue.key} {week}", "sentence": sentence}
    return {"code": issue.code, "subject": issue.key or issue.pool or "", "sentence": issue.code.replace("_", " ")}
