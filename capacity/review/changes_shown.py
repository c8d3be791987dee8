"""A stored changes document → what one viewer may read: groups of lines, each one sentence. Pure.

A value the viewer may not see reads "restricted"; a line of which nothing may be known is left out, and its group says
that something is. Contracts are put in the viewer's own words, in free text too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from capacity.access.visibility import RESTRICTED, ContractLabel, Viewer, label_of_contract, redact, see
from capacity.lib import figures
from capacity.lib.figures import NOTHING, Absent
from capacity.review.change_specs import GROUPS
from capacity.review.outcome_changes import OUTCOME_GROUPS

# Reading order: what was changed, then what it did.
TITLES = {**GROUPS, **OUTCOME_GROUPS}
ARROW = "\N{RIGHTWARDS ARROW}"
HIDDEN_NOTE = "Some changes here are restricted to other roles."
_VERBS = {
    "added": "new",
    "removed": "gone",
    "changed": "changed",
    "moved": "moved",
    "placed": "placed",
    "lost": "lost its place",
    "ended": "no longer asked for",
}


def visible_changes(
    viewer: Viewer, changes: Mapping[str, Any], labels: Sequence[ContractLabel] = ()
) -> list[dict[str, Any]]:
    """Groups in reading order: {key, title, lines: [{kind, verb, subject, fields, cause, sentence}], hidden}.

    fields: [{label, before, after}] with written values or Absent. hidden: "" or the note that something is kept back.
    labels: contracts to put in the viewer's words besides those the document names itself.
    """
    lines = changes.get("lines", [])
    known = [*labels, *(ContractLabel(**names) for names in changes.get("contracts", []))]
    groups: dict[str, dict[str, Any]] = {}
    for line in lines:
        group = groups.setdefault(
            line["group"], {"key": line["group"], "title": TITLES[line["group"]], "lines": [], "hidden": ""}
        )
        shown = _visible_line(viewer, line, known)
        if shown is None:
            group["hidden"] = HIDDEN_NOTE
        else:
            group["lines"].append(shown)
    return [groups[key] for key in TITLES if key in groups]


def _visible_line(viewer: Viewer, line: Mapping[str, Any], labels: Sequence[ContractLabel]) -> dict[str, Any] | None:
    """The line as the viewer may read it; None when they may not know of it, or nothing in it is theirs to see."""
    resource, name = line["gate"]
    # Truth is seen in full or not at all: a band of a yes is no answer.
    if see(viewer, resource, name, True, owner=line["owner"]) is RESTRICTED and not _is_banded(viewer, line):
        return None
    fields = [_visible_field(viewer, line, each, labels) for each in line["fields"]]
    shown = [each for each in fields if each is not None and not _is_all_restricted(each)]
    if line["fields"] and not shown:
        return None
    # What is restricted inside a line that is shown is said, so that nobody takes the line for the whole change.
    kept = [each for each in fields if each is not None]
    subject = _subject(viewer, line, labels)
    verb = _VERBS[line["kind"]]
    cause = redact(viewer, str(line.get("cause", "")), contracts=labels)
    return {
        "kind": line["kind"],
        "verb": verb,
        "subject": subject,
        "fields": kept,
        "cause": cause,
        "sentence": _sentence(subject, verb, kept, cause, is_figure=line["group"] == "headline"),
    }


def _is_banded(viewer: Viewer, line: Mapping[str, Any]) -> bool:
    resource, name = line["gate"]
    return see(viewer, resource, name, Decimal(1), owner=line["owner"]) is not RESTRICTED


def _is_all_restricted(field: Mapping[str, Any]) -> bool:
    return field["before"] is RESTRICTED and field["after"] is RESTRICTED


def _visible_field(
    viewer: Viewer, line: Mapping[str, Any], field: Mapping[str, Any], labels: Sequence[ContractLabel]
) -> dict[str, Any] | None:
    """The field with both values written; None when a band hides that anything moved."""
    before, after = (
        _written(
            viewer,
            field,
            see(viewer, field["resource"], field["field"], _typed(field, which), owner=line["owner"]),
            labels,
        )
        for which in ("before", "after")
    )
    is_hidden = before is RESTRICTED or after is RESTRICTED
    if line["kind"] == "added":
        before = NOTHING
    if line["kind"] == "removed":
        after = NOTHING
    if is_hidden:
        before = after = RESTRICTED
    elif str(before) == str(after):
        return None
    return {"label": field["label"], "before": before, "after": after}


def _typed(field: Mapping[str, Any], which: str) -> Any:
    value = field[which]
    if value is None or field["kind"] not in {"number", "whole", "usd", "share"}:
        return value
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return value


def _written(viewer: Viewer, field: Mapping[str, Any], value: Any, labels: Sequence[ContractLabel]) -> str | Absent:
    if value is None or value == "" or value == []:
        return NOTHING
    if isinstance(value, Absent):
        return value
    kind = field["kind"]
    if kind == "share" and isinstance(value, Decimal):
        return figures.share(value)
    if kind == "usd" and isinstance(value, Decimal):
        return figures.usd(value)
    if kind == "whole" and isinstance(value, Decimal):
        return figures.thousands(value)
    if kind == "number" and isinstance(value, Decimal):
        # Inputs are written as they were typed: 0.65 to 0.7 must not both read 1.
        text = f"{value.normalize():,f}"
        return f"{text} {field['unit']}" if field.get("unit") else text
    if kind == "day":
        day = date.fromisoformat(str(value))
        return figures.day(day, year=0)
    if kind == "flag":
        return "yes" if value else "no"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return redact(viewer, text, contracts=labels)


def _subject(viewer: Viewer, line: Mapping[str, Any], labels: Sequence[ContractLabel]) -> str:
    contract = line.get("contract")
    words = [line["noun"]]
    if contract:
        words.append(label_of_contract(viewer, name=contract["name"], alias=contract["alias"], owner=contract["owner"]))
    words.append(redact(viewer, line["subject"], contracts=labels))
    return " ".join(word for word in words if word)


def _sentence(subject: str, verb: str, fields: Sequence[Mapping[str, Any]], cause: str, *, is_figure: bool) -> str:
    """`Lot lot-7 changed: accelerators 512 → 1,024, P50 date 4 Jan 2027 → 18 Jan 2027.`"""
    parts = ", ".join(_change_text(field, is_named=not is_figure) for field in fields)
    head = subject if is_figure else f"{subject} {verb}"
    text = f"{head}: {parts}" if parts else head
    return f"{text}. Cause: {cause}." if cause else f"{text}."


def _change_text(field: Mapping[str, Any], *, is_named: bool) -> str:
    label = f"{_lower_first(field['label'])} " if is_named else ""
    if field["before"] is RESTRICTED:
        return f"{label}{RESTRICTED}"
    if field["before"] is NOTHING:
        return f"{label}{field['after']}"
    return f"{label}{field['before']} {ARROW} {field['after']}"


def _lower_first(label: str) -> str:
    # P50, USD and H100e keep their capitals.
    return label if label[:2].isupper() or label[1:2].isdigit() else label[:1].lower() + label[1:]
