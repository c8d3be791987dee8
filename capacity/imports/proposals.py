"""Writes that a second person has to approve: proposed, then approved and applied, returned, or withdrawn.

The writer of rows (batches.py) hands over what a table says needs a checker. Nobody approves what he proposed, two
approvers make one write, and what was changed since it was proposed is not written over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from capacity.access.audit import record_event
from capacity.access.models import User
from capacity.access.visibility import Viewer
from capacity.imports import rules
from capacity.imports.batches import Findings, take_turn, write_sheets
from capacity.imports.cells import CellError, Value
from capacity.imports.changes import Actor, Cells, Key, RowChange
from capacity.imports.described import singular_of
from capacity.imports.edits import remove_row, sheet_of
from capacity.imports.models import Proposal
from capacity.imports.record_words import may_view
from capacity.imports.records import column_paths, has_key, hidden_columns, owner_path, scope_of
from capacity.imports.rows import cell_text
from capacity.imports.tables import Table, tables
from capacity.imports.tabular import Issue

_KEYS_AT_ONCE = 100
OWN = "Nobody approves what he proposed himself."


class NotDecided(Exception):
    """Why the proposal was not decided, a sentence each; nothing was written but, when it is out of date, that."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


def propose(
    *,
    rows: Mapping[str, Sequence[Cells]],
    removed: Mapping[str, Sequence[Key]],
    reason: str,
    actor: Actor,
    changes: Sequence[RowChange],
) -> int:
    """Keep a write until somebody else approves it; its id. The same write proposed twice is one proposal."""
    if actor.user is None:
        raise ValueError("only a person proposes; the command line writes at once")
    real = [change for change in changes if change.kind in {"added", "changed", "removed"}]
    kept = {
        "rows": _rows_that_differ(rows, real),
        "removed": {name: [list(key) for key in removed[name]] for name in removed},
    }
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
    names = sorted({change.table for change in real})
    known = tables()
    try:
        with transaction.atomic():
            made = Proposal.objects.create(
                source=actor.source,
                reason=reason,
                note=actor.note,
                tables=names,
                owners=sorted({change.owner for change in real if owner_path(known[change.table])}),
                changes=[_kept_change(change) for change in real],
                digest=digest,
                proposed_by=actor.user,
                **kept,
            )
    except IntegrityError:
        return Proposal.objects.get(proposed_by=actor.user, digest=digest, state="waiting").pk
    _record(actor, "data.proposed", made)
    return made.pk


def approve(*, proposal_id: int, actor: Actor, note: str = "") -> Proposal:
    """Apply the proposal, with both names in the history. Raises NotDecided, Proposal.DoesNotExist."""
    late: list[str] = []
    with transaction.atomic():
        proposal = _locked(proposal_id)
        _refuse_decision(proposal, actor)
        take_turn(proposal.tables)
        late = out_of_date(proposal)
        if late:
            _close(proposal, "stale", None, " ".join(late))
        else:
            proposal.batch_id = _apply(proposal, actor)
            _close(proposal, "approved", actor.user, note)
            _record(actor, "data.approved", proposal)
    if late:
        raise NotDecided(*late)
    return proposal


def return_(*, proposal_id: int, actor: Actor, note: str) -> Proposal:
    """Send the proposal back with a reason; nothing is written. Raises NotDecided, Proposal.DoesNotExist."""
    if not note.strip():
        raise NotDecided("Say why it goes back, so that it can be mended.")
    with transaction.atomic():
        proposal = _locked(proposal_id)
        _refuse_decision(proposal, actor)
        _close(proposal, "returned", actor.user, note.strip())
        _record(actor, "data.returned", proposal)
    return proposal


def withdraw(*, proposal_id: int, actor: Actor) -> Proposal:
    """Take one's own proposal back. Raises NotDecided, Proposal.DoesNotExist."""
    with transaction.atomic():
        proposal = _locked(proposal_id)
        if proposal.proposed_by != actor.user:
            raise NotDecided("Only whoever proposed it withdraws it.")
        _close(proposal, "withdrawn", actor.user, "")
        _record(actor, "data.withdrawn", proposal)
    return proposal


# --- reading ------------------------------------------------------------------------------------------------------


def visible_proposals(*, viewer: Viewer, user: User) -> QuerySet[Proposal]:
    """One's own, and those of rows the viewer may know of, newest first."""
    scopes = {name: scope_of(table, viewer) for name, table in tables().items() if may_view(table, viewer)}
    whole = [name for name, scope in scopes.items() if scope.is_all]
    own = [name for name, scope in scopes.items() if scope.owners]
    names = sorted({owner for scope in scopes.values() for owner in scope.owners})
    seen = Q(proposed_by=user) | Q(tables__contained_by=whole)
    if own:
        seen |= Q(tables__contained_by=[*whole, *own], owners__contained_by=names)
    return Proposal.objects.filter(seen).select_related("proposed_by", "decided_by").order_by("-id")


def waiting_for(*, viewer: Viewer, user: User) -> QuerySet[Proposal]:
    """Those that wait for somebody like this viewer: of tables he may change, and not his own."""
    writable = [name for name, table in tables().items() if not rules.table_refusal(table, viewer)]
    waiting = visible_proposals(viewer=viewer, user=user).filter(state="waiting", tables__contained_by=writable)
    return waiting.exclude(proposed_by=user)


def why_not_decide(proposal: Proposal, *, viewer: Viewer, user: User) -> str:
    """Why this person may neither approve nor return it, or ""."""
    if proposal.proposed_by_id == user.pk:
        return OWN
    known = tables()
    for change in proposal.changes:
        table = known[change["table"]]
        refused = rules.table_refusal(table, viewer)
        before, after = _values(table, change["before"]), _values(table, change["after"])
        refused = refused or rules.refusal(table, viewer, before, after)
        named = set(change["columns"]) or set(change["after"] or change["before"] or {})
        if not refused and hidden_columns(table, viewer, owner=change["owner"]) & {*named, *table.key}:
            refused = "Your role does not see all of what is proposed, so it cannot approve it."
        if refused:
            return refused
    return ""


def out_of_date(proposal: Proposal) -> list[str]:
    """What happened since to the rows of a proposal, a sentence a row. One query for each hundred rows of a table."""
    known = tables()
    found: list[str] = []
    for name in proposal.tables:
        changes = [change for change in proposal.changes if change["table"] == name]
        now = _versions(known[name], [tuple(change["key"]) for change in changes])
        found.extend(filter(None, (_moved(known[name], change, now) for change in changes)))
    return found


# --- inside -------------------------------------------------------------------------------------------------------


def _locked(proposal_id: int) -> Proposal:
    proposal = Proposal.objects.select_for_update().get(pk=proposal_id)
    if proposal.state != "waiting":
        who = f" by {proposal.decided_by}" if proposal.decided_by else ""
        raise NotDecided(f"It has been decided already{who}: {proposal.get_state_display().lower()}.")
    return proposal


def _refuse_decision(proposal: Proposal, actor: Actor) -> None:
    if actor.user is None or actor.viewer is None:
        raise NotDecided("A person approves, not a program.")
    refused = why_not_decide(proposal, viewer=actor.viewer, user=actor.user)
    if refused:
        raise NotDecided(refused)


def _apply(proposal: Proposal, actor: Actor) -> int:
    """Write what was proposed, in the proposer's name and checked by the approver. The batch's id."""
    writer = Actor(
        user=proposal.proposed_by,
        viewer=actor.viewer,
        source=proposal.source,
        note=proposal.note,
        request=actor.request,
        checker=actor.user,
    )
    known = tables()
    batch_id: int | None = None
    if proposal.rows:
        sheets = {name: [sheet_of(known[name], rows)] for name, rows in proposal.rows.items()}
        findings = Findings(issues=[issue for found in sheets.values() for sheet in found for issue in sheet.issues])
        write_sheets(sheets=sheets, findings=findings, actor=writer, kind="edit", keep_empty=True)
        _raise_if(findings.issues if findings.has_errors else ())
        batch_id = findings.batch_id
    for name, keys in proposal.removed.items():
        for key in keys:
            outcome = remove_row(table=known[name], key=key, actor=writer)
            _raise_if(outcome.errors)
            batch_id = batch_id or outcome.batch_id
    if batch_id is None:
        raise NotDecided("There is nothing left to write.")
    return batch_id


def _raise_if(issues: Iterable[Issue]) -> None:
    reasons = [issue.message for issue in issues]
    if reasons:
        raise NotDecided(*reasons)


def _close(proposal: Proposal, state: str, by: User | None, note: str) -> None:
    proposal.state = state
    proposal.decided_by = by
    proposal.decided_at = timezone.now()
    proposal.decision_note = note
    proposal.save(update_fields=["state", "decided_by", "decided_at", "decision_note", "batch"])


def _versions(table: Table, keys: Sequence[Key]) -> dict[Key, int]:
    """Key → row_version of the rows that are there now."""
    paths = column_paths(table)
    names = [paths[name] for name in table.key]
    empty = [table.column(name).when_empty for name in table.key]
    found: dict[Key, int] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        wanted = Q(pk__in=())
        for key in keys[start : start + _KEYS_AT_ONCE]:
            wanted |= has_key(table, key)
        for *values, version in table.model._default_manager.filter(wanted).values_list(*names, "row_version"):
            cells = (cell_text(rest if value is None else value) for value, rest in zip(values, empty, strict=True))
            found[tuple(cells)] = version
    return found


def _moved(table: Table, change: Mapping[str, Any], now: Mapping[Key, int]) -> str:
    key = tuple(change["key"])
    what = f"The {singular_of(table)} {', '.join(key)}"
    if change["kind"] == "added":
        return f"{what} has been added by somebody else since." if key in now else ""
    if key not in now:
        return f"{what} has been removed since."
    proposed_on = change["row_version"] - (change["kind"] == "changed")
    return "" if now[key] == proposed_on else f"{what} has been changed by somebody else since."


def _rows_that_differ(rows: Mapping[str, Sequence[Cells]], changes: Sequence[RowChange]) -> dict[str, list[Cells]]:
    """Rows of a file that are as the database has them are left out: they must not be put back over a later change."""
    known = tables()
    wanted = {(change.table, change.key) for change in changes}
    found = {
        name: [cells for cells in some if (name, tuple(cells.get(part, "") for part in known[name].key)) in wanted]
        for name, some in rows.items()
    }
    kept = {
        (name, tuple(cells.get(part, "") for part in known[name].key)) for name, some in found.items() for cells in some
    }
    lost = {(change.table, change.key) for change in changes if change.kind != "removed"} - kept
    if lost and rows:
        raise ValueError(f"the proposal would lose rows: {sorted(lost)[:3]}")
    return {name: some for name, some in found.items() if some}


def _kept_change(change: RowChange) -> dict[str, Any]:
    return {
        "table": change.table,
        "key": list(change.key),
        "kind": change.kind,
        "before": change.before,
        "after": change.after,
        "columns": list(change.columns),
        "row_version": change.row_version,
        "owner": change.owner,
    }


def _values(table: Table, cells: Cells | None) -> dict[str, Value] | None:
    """Kept cells as typed values; a cell that can no longer be read is not known."""
    if cells is None:
        return None
    values: dict[str, Value] = {}
    for name, text in cells.items():
        try:
            values[name] = table.column(name).parse(text) if text else None
        except (CellError, StopIteration):
            values[name] = None
    return values


def _record(actor: Actor, action: str, proposal: Proposal) -> None:
    detail = {"tables": proposal.tables, "rows": len(proposal.changes)}
    record_event(
        action=action, subject=f"proposal {proposal.pk}", detail=detail, user=actor.user, request=actor.request
    )
