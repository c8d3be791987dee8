"""Asking a what-if: which run, the changes checked against its document, and changes made of what a page offers.

What belongs here: what pages and API share on the way in. Checking a row is input_edits; the life of the question is
allocation's (what_ifs.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.allocation.models import PLAN_SCOPE, CurrentRun, RunDocument, RunPoolWeek, RunUnplaced, WhatIf
from capacity.allocation.what_ifs import ask_what_if
from capacity.imports.rows import Row, cell_text, key_of_text
from capacity.imports.tables import Table
from capacity.lib.figures import thousands, week
from capacity.lib.horizon import Week
from capacity.review.documents import typed_rows
from capacity.review.input_edits import ASK_ABOUT_ALL, CHANGED, REMOVED, apply_changes, askable_tables
from capacity.review.what_if import WhatIfRefused, latest_run_id, run_inputs
from capacity.review.words import part

Change = dict[str, Any]


class NoRun(Exception):
    """There is no plan to ask about."""


def asked_run_id(text: str = "") -> int:
    """The run named, or the current plan's. Raises NoRun."""
    if text:
        if not text.isascii() or not text.isdigit() or not RunDocument.objects.filter(run_id=int(text)).exists():
            raise NoRun(f'There is no run "{text}" with a plan.')
        return latest_run_id(int(text))
    found = CurrentRun.objects.filter(scope=PLAN_SCOPE).values_list("run_id", flat=True).first()
    if found is None:
        raise NoRun("There is no plan yet to ask about.")
    return int(found)


def ask(*, run_id: int, changes: Sequence[Mapping[str, Any]], viewer: Viewer, user: User, now: datetime) -> WhatIf:
    """Check the changes against the run's own inputs, by what the viewer may see and keep, and queue the question.

    Raises ChangesRefused, WhatIfRefused and TooManyWaiting.
    """
    _, rows = apply_changes(inputs=run_inputs(run_id), changes=changes, viewer=viewer)
    plain = [_plain(change) for change in changes]
    return ask_what_if(run_id=run_id, user=user, changes=plain, changed_rows=[row.as_json() for row in rows], now=now)


def _plain(change: Mapping[str, Any]) -> Change:
    """The change as it is kept: texts only, as a file would write them."""
    key = change.get("key")
    if isinstance(key, Mapping):
        key = {str(name): cell_text(value) for name, value in key.items()}
    elif isinstance(key, list | tuple):
        key = [cell_text(part) for part in key]
    values = change.get("values") or {}
    return {
        "table": str(change["table"]),
        "key": key,
        "op": str(change["op"]),
        "values": {str(name): cell_text(value) for name, value in values.items()},
    }


# --- the smallest changes of a request without a place ---------------------------------------------------------------


def smallest_change_as_changes(*, run_id: int, experiment_key: str, number: int) -> list[Change]:
    """The changes of the inputs that a stored smallest change stands for. Raises WhatIfRefused."""
    stored = RunUnplaced.objects.filter(run_id=run_id, experiment_key=experiment_key).first()
    if stored is None or not 0 <= number < len(stored.smallest_changes):
        raise WhatIfRefused(code="no_such_change", sentence=f"The run names no such change for {experiment_key}.")
    change = stored.smallest_changes[number]
    if change["change"] == "more_supply":
        return [_new_lot(run_id, change)]
    values = _request_values(change)
    if values is None:
        sentence = "That change is of a demand, not of a row: ask about its contract or forecast."
        raise WhatIfRefused(code="not_a_row", sentence=sentence)
    return [{"table": "experiments", "key": [experiment_key], "op": CHANGED, "values": values}]


def can_be_tried(change: Mapping[str, Any]) -> bool:
    """Whether the smallest change is one of rows: less serving is not, it has many ways."""
    return change.get("change") == "more_supply" or _request_values(change) is not None


def tries_of(viewer: Viewer, row: Row, *, run_id: int | None, year: int | None = None) -> dict[str, Any]:
    """The smallest changes of a visible request without a place that the viewer may try, for its last cell."""
    changes = row["smallest_changes"]
    askable = askable_tables(viewer)
    if not isinstance(changes, list) or not _is_theirs(viewer, row):
        return {"tries": []}
    tries = [
        {"number": number, "words": part("smallest_changes", change, year=year), "short": _short_words(change, year)}
        for number, change in enumerate(changes)
        if can_be_tried(change) and ("lots" if change["change"] == "more_supply" else "experiments") in askable
    ]
    return {"tries": tries, "try_key": row["experiment_key"], "try_run": run_id}


def _short_words(change: Mapping[str, Any], year: int | None) -> str:
    """A smallest change on a button beside its words."""
    count = thousands(change.get("accelerators") or 0)
    return {
        "fewer_accelerators": count,
        "later_start": week(Week.parse(change["start"]), year=year) if change.get("start") else "",
        "shorter": f"{change.get('weeks')} weeks",
        "other_pool": str(change.get("pool_name") or change.get("pool")),
        "preemptible": "preemptible",
        "more_supply": f"+{count}",
    }[change["change"]]


def _is_theirs(viewer: Viewer, row: Row) -> bool:
    return bool(viewer.roles & ASK_ABOUT_ALL) or viewer.owns(Role.RESEARCH, row["team_key"])


def _request_values(change: Mapping[str, Any]) -> Row | None:
    match change.get("change"):
        case "fewer_accelerators":
            return {"accelerators": change["accelerators"], "accelerators_least": ""}
        case "later_start":
            return {"latest_start_date": Week.parse(change["start"]).monday}
        case "shorter":
            return {"weeks": change["weeks"]}
        case "other_pool":
            return {"pool_keys": [change["pool"]]}
        case "preemptible":
            return {"preemptible": True}
    return None


def _new_lot(run_id: int, change: Mapping[str, Any]) -> Change:
    """An accepted lot in the pool, of the supplier and cost of the pool's largest, large enough after failures.

    installed = ⌈asked × installed ÷ allocatable of the pool in that week, to whole nodes⌉.
    """
    lots = [row for row in run_table(run_id, "lots") if row["pool"] == change["pool"]]
    start = Week.parse(change["from"])
    week = RunPoolWeek.objects.filter(run_id=run_id, pool_key=change["pool"], week=start.key).first()
    pool = next(row for row in run_table(run_id, "pools") if row["key"] == change["pool"])
    if not lots:
        raise WhatIfRefused(code="no_lot", sentence=f"No lot in {change['pool']} to take the cost of a new one from.")
    like = max(lots, key=lambda row: (row["accelerators"], row["key"]))
    share = Decimal(week.installed) / week.allocatable if week is not None and week.allocatable else Decimal("1.1")
    node = pool["node_size"]
    installed = -(-int(change["accelerators"] * share + 1) // node) * node
    end = start.plus(change.get("weeks") or 1).monday
    keys = {row["key"] for row in lots}
    key = next(f"what-if-{number}" for number in range(1, 100) if f"what-if-{number}" not in keys)
    same = ("pool", "domain", "supplier", "source_type", "cost_rate_key", "control_grade")
    dates = dict.fromkeys(("ordered_date", "p50_date", "p90_date", "accepted_date"), start.monday)
    values = {"key": key, "accelerators": installed, "state": "accepted", "ends_date": end, **dates}
    return {"table": "lots", "key": [key], "op": "added", "values": {**{name: like[name] for name in same}, **values}}


# --- the form of one row ---------------------------------------------------------------------------------------------

# The columns a what-if is mostly about; the others stand below them, folded.
FIRST_COLUMNS = {
    "contracts": (
        *("state", "starts_date", "ends_date", "input_tokens_per_second", "output_tokens_per_second"),
        *("peak_factor", "seats", "renewal_probability"),
    ),
    "lots": ("state", "accelerators", "p50_date", "p90_date", "accepted_date", "ends_date"),
    "experiments": (
        *("accelerators", "weeks", "earliest_start_date", "latest_start_date", "experiment_priority"),
        *("pool_keys", "preemptible", "is_model_development"),
    ),
    "policy_floors": ("share", "accelerators", "lendable"),
    "outages": ("starts_date", "ends_date", "accelerators"),
}
MOST_SHIFT_WEEKS = 156


@dataclass(frozen=True, kw_only=True)
class AskedRow:
    """A row of the run that somebody asks about: its table, key and cells."""

    table: Table
    key: tuple[str, ...]
    row: Row


def run_table(run_id: int, name: str) -> list[Row]:
    """The rows of one input table as the run read them. One query."""
    found = RunDocument.objects.filter(run_id=run_id).values_list(f"inputs__tables__{name}", flat=True).first()
    return typed_rows(name, found or [])


def asked_row(*, run_id: int, viewer: Viewer, table_name: str, key_text: str) -> AskedRow | None:
    """The row, if the run has it and the viewer may ask about its table."""
    table = askable_tables(viewer).get(table_name)
    if table is None:
        return None
    wanted = key_of_text(key_text)
    names = {"version": "contract_version"} if table_name in ("price_lines", "commit_steps", "sla_lines") else {}
    for row in run_table(run_id, table_name):
        if tuple(cell_text(row.get(names.get(name, name))) for name in table.key) == wanted:
            cells = {column.name: row.get(names.get(column.name, column.name)) for column in table.columns}
            return AskedRow(table=table, key=wanted, row=cells)
    return None


def changes_of_form(asked: AskedRow, *, op: str, cells: Mapping[str, str], shift_weeks: int) -> list[Change]:
    """What the form says differs from the row; shifted dates where it asks for that. Empty where nothing does."""
    base = {"table": asked.table.name, "key": list(asked.key)}
    if op == REMOVED:
        return [{**base, "op": REMOVED}]
    values = {
        name: text.strip()
        for name, text in cells.items()
        if name not in asked.table.key and text.strip() != cell_text(asked.row.get(name))
    }
    for name in date_columns(asked.table) if shift_weeks else ():
        text = values.get(name, cell_text(asked.row.get(name)))
        if text and name not in asked.table.key:
            values[name] = _shifted(text, shift_weeks)
    return [{**base, "op": CHANGED, "values": values}] if values else []


# Days of the future that move together; days on which something was measured or ordered stay.
SHIFTED_COLUMNS = (
    *("starts_date", "ends_date", "pin_ends_date", "p50_date", "p90_date", "accepted_date"),
    *("earliest_start_date", "latest_start_date"),
)


def date_columns(table: Table) -> list[str]:
    """Columns of days that a shift moves."""
    return [column.name for column in table.columns if column.name in SHIFTED_COLUMNS]


def _shifted(text: str, weeks: int) -> str:
    try:
        return (datetime.fromisoformat(text) + timedelta(weeks=weeks)).date().isoformat()
    except (ValueError, OverflowError):
        return text
