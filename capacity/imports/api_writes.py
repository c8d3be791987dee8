"""Writes of the API: add, change, remove and try out rows of one table, with versions and idempotency keys.

What may be written and what a row must be is edits.py's; here requests become its calls, and its outcomes answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request

from capacity.access.api_errors import ApiRefusal, FieldError, problem, refusal
from capacity.access.idempotency import Answer, answered_once
from capacity.access.models import User
from capacity.access.viewer import viewer_of
from capacity.imports.api_rows import even, read_rows, row_json, row_url
from capacity.imports.changes import Actor, RowsOutcome, StaleRow
from capacity.imports.edits import apply_rows, remove_row
from capacity.imports.records import Record, found_record, hidden_columns, key_from_url, scope_of
from capacity.imports.tables import Table
from capacity.imports.tabular import Issue

MOST_ROWS = 1000
LONGEST_NOTE = 500
_ETAG = re.compile(r'(?:W/)?"(\d{1,9})"')
# Outcomes of edits.py → status; every other issue is a value or a rule: 422.
_STATUS = {"not_allowed": 403, "already_there": 409, "in_use": 409}


def etag(row_version: int | None) -> dict[str, str]:
    """The header that carries a row's version; none for rows that have no version."""
    return {} if row_version is None else {"ETag": f'"{row_version}"'}


# --- adding -------------------------------------------------------------------------------------------------------


def add_rows(request: Request, table: Table) -> Answer:
    """POST of one row or a list of them: all are new, or nothing is written."""
    sent, is_list = _sent_rows(request)
    return _once(request, table, lambda: _add(request, table, sent, is_list))


def _add(request: Request, table: Table, sent: Sequence[Any], is_list: bool) -> Answer:
    rows = _cells(request, table, sent, is_list)
    # Version 0: the row must be new, also when somebody adds it in this moment.
    must_be_new = dict.fromkeys(range(len(rows)), 0)
    outcome = apply_rows(table=table, rows=even(rows), actor=_actor(request), expected=must_be_new)
    if outcome.errors:
        return _refused(outcome.issues, is_list)
    if outcome.proposal_id is not None:
        return _proposed(outcome)
    if not is_list:
        return _row_answer(request, table, outcome.changes[0].key, 201, outcome)
    lines = [
        {"url": row_url(table, change.key), "key": list(change.key), "row_version": change.row_version}
        for change in outcome.changes
    ]
    return Answer(
        status=201,
        body={"count": len(lines), "batch": outcome.batch_id, "results": lines, "warnings": _warnings(outcome, True)},
    )


def validate_rows(request: Request, table: Table) -> Answer:
    """What a write of these rows would do; nothing is written. Rows that are there count as changed."""
    sent, is_list = _sent_rows(request)
    rows = _cells(request, table, sent, is_list)
    outcome = apply_rows(table=table, rows=rows, actor=_actor(request), dry_run=True)
    changes = [
        {
            "row": _position(change.row, is_list),
            "kind": change.kind,
            "key": list(change.key),
            "columns": list(change.columns),
        }
        for change in outcome.changes
    ]
    errors = [asdict(_field_error(issue, is_list)) for issue in outcome.errors]
    body = {"valid": not errors, "changes": changes, "errors": errors, "warnings": _warnings(outcome, is_list)}
    return Answer(status=200, body=body)


# --- one row ------------------------------------------------------------------------------------------------------


def read_row(request: Request, table: Table, key: str) -> Answer:
    """GET of one row."""
    record = _record(request, table, key)
    return Answer(status=200, body=row_json(table, record), headers=etag(record.row_version))


def change_row(request: Request, table: Table, key: str, *, is_whole: bool) -> Answer:
    """PUT (is_whole: columns left out become empty) or PATCH of one row at the version its editor read."""
    record = _record(request, table, key)
    version = _wanted_version(request, is_needed=True)
    return _once(request, table, lambda: _change(request, table, record, version, is_whole))


def _change(request: Request, table: Table, record: Record, version: int | None, is_whole: bool) -> Answer:
    hidden = hidden_columns(table, viewer_of(request), owner=record.owner)
    rows, errors = read_rows(table, [request.data], hidden=hidden, is_list=False)
    cells = rows[0]
    for name, part in zip(table.key, record.key, strict=True):
        if cells.setdefault(name, part) != part:
            message = "The key never changes. Add a row with the new key and retire this one."
            errors.append(FieldError(code="key_never_changes", message=message, field=name))
    if errors:
        return Answer(status=400, body=problem(400, errors))
    if is_whole:
        for column in table.columns:
            if column.name not in hidden:
                cells.setdefault(column.name, "")
    try:
        outcome = apply_rows(
            table=table, rows=[cells], actor=_actor(request), expected={} if version is None else {0: version}
        )
    except StaleRow as stale:
        return _stale(request, table, record.key, stale)
    if outcome.errors:
        return _refused(outcome.issues, False)
    if outcome.proposal_id is not None:
        return _proposed(outcome)
    return _row_answer(request, table, record.key, 200, outcome)


def remove(request: Request, table: Table, key: str) -> Answer:
    """DELETE of one row, only while nothing refers to it."""
    record = _record(request, table, key)
    version = _wanted_version(request, is_needed=False)
    return _once(request, table, lambda: _remove(request, table, record, version))


def _remove(request: Request, table: Table, record: Record, version: int | None) -> Answer:
    try:
        outcome = remove_row(table=table, key=record.key, actor=_actor(request), expected_version=version)
    except StaleRow as stale:
        return _stale(request, table, record.key, stale)
    if outcome.errors:
        return _refused(outcome.issues, False, otherwise=409)
    if outcome.proposal_id is not None:
        return _proposed(outcome)
    return Answer(status=204)


# --- requests -----------------------------------------------------------------------------------------------------


def _record(request: Request, table: Table, key: str) -> Record:
    return found_record(table=table, viewer=viewer_of(request), key=key_from_url(key))


def _sent_rows(request: Request) -> tuple[list[Any], bool]:
    """The rows of the body, and whether they came as a list."""
    sent = request.data
    if isinstance(sent, Mapping):
        return [dict(sent)], False
    if not isinstance(sent, list):
        raise refusal(400, "not_an_object", "Send one row as an object, or a list of rows.")
    if not sent:
        raise refusal(400, "no_rows", "The list is empty. Send at least one row.")
    if len(sent) > MOST_ROWS:
        message = f"The list has {len(sent):,} rows; at most {MOST_ROWS:,} at once. Send parts, or a file to imports/."
        raise refusal(413, "too_many_rows", message)
    return sent, True


def _cells(request: Request, table: Table, sent: Sequence[Any], is_list: bool) -> list[dict[str, str]]:
    """The rows as cells. Null in a column of which the sender sees nothing says nothing. Raises ApiRefusal."""
    scope = scope_of(table, viewer_of(request))
    hidden = frozenset(column.name for column in table.columns if not scope.sees_any(column.name))
    rows, errors = read_rows(table, sent, hidden=hidden, is_list=is_list)
    if errors:
        raise ApiRefusal(status=400, errors=errors)
    return rows


def _actor(request: Request) -> Actor:
    note = request.query_params.get("note", "")
    if len(note) > LONGEST_NOTE or not note.isprintable():
        raise refusal(400, "bad_note", f"The note is one line of at most {LONGEST_NOTE} characters.", field="note")
    user = cast(User, request.user)
    return Actor(user=user, viewer=viewer_of(request), source="api", note=note, request=request)


def _wanted_version(request: Request, *, is_needed: bool) -> int | None:
    header = request.headers.get("If-Match", "").strip()
    found = _ETAG.fullmatch(header)
    if found:
        return int(found[1])
    if header and header != "*":
        raise refusal(400, "bad_if_match", 'If-Match holds the ETag of the row as you read it, such as "7".')
    if is_needed:
        raise refusal(428, "if_match_needed", "Send If-Match with the ETag of the row as you read it.")
    return None


def _once(request: Request, table: Table, do: Callable[[], Answer]) -> Answer:
    same = {
        "method": request.method,
        "path": request.path,
        "match": request.headers.get("If-Match", ""),
        "body": request.data,
    }
    return answered_once(
        key=request.headers.get("Idempotency-Key", ""),
        owner=cast(User, request.user),
        viewer=viewer_of(request),
        request=same,
        now=timezone.now(),
        do=do,
    )


# --- answers ------------------------------------------------------------------------------------------------------


def _row_answer(request: Request, table: Table, key: Sequence[str], status: int, outcome: RowsOutcome) -> Answer:
    """The row as its writer sees it now."""
    url = row_url(table, key)
    headers = {"Location": url} if status == 201 else {}
    try:
        record = found_record(table=table, viewer=viewer_of(request), key=key)
    except Http404:
        return Answer(status=status, body={"url": url, "warnings": _warnings(outcome, False)}, headers=headers)
    body = {**row_json(table, record), "warnings": _warnings(outcome, False)}
    return Answer(status=status, body=body, headers={**headers, **etag(record.row_version)})


def _proposed(outcome: RowsOutcome) -> Answer:
    url = f"/api/v1/proposals/{outcome.proposal_id}/"
    message = "Nothing is changed yet: a second person has to approve this."
    body = {"proposal": outcome.proposal_id, "url": url, "message": message}
    return Answer(status=202, body=body, headers={"Location": url})


def _stale(request: Request, table: Table, key: Sequence[str], stale: StaleRow) -> Answer:
    """412 with the row as it is now and what of it changed, as the editor may see both; 404 when it is gone."""
    record = found_record(table=table, viewer=viewer_of(request), key=key)
    hidden = hidden_columns(table, viewer_of(request), owner=record.owner)
    who = f" by {stale.by}" if stale.by else ""
    message = f"The row was changed{who} since you read it. Read it again and decide what to keep."
    more = {
        "current": row_json(table, record),
        "changed": [name for name in stale.columns if name not in hidden],
        "by": stale.by,
        "at": stale.at.isoformat() if stale.at else None,
    }
    body = problem(412, [FieldError(code="stale", message=message)], more)
    return Answer(status=412, body=body, headers=etag(record.row_version))


def _refused(issues: Sequence[Issue], is_list: bool, *, otherwise: int = 422) -> Answer:
    errors = [issue for issue in issues if issue.severity == "E"]
    statuses = {_STATUS.get(issue.code, otherwise) for issue in errors}
    status = next((one for one in (403, 409) if one in statuses), otherwise)
    return Answer(status=status, body=problem(status, [_field_error(issue, is_list) for issue in errors]))


def _field_error(issue: Issue, is_list: bool) -> FieldError:
    return FieldError(code=issue.code, message=issue.message, row=_position(issue.row, is_list), field=issue.column)


def _position(row: int | None, is_list: bool) -> int | None:
    """Rows of a list are counted from 0, as programs count them; edits.py counts from 1."""
    return row - 1 if is_list and row is not None else None


def _warnings(outcome: RowsOutcome, is_list: bool) -> list[dict[str, Any]]:
    return [asdict(_field_error(issue, is_list)) for issue in outcome.warnings]
