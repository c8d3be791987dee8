"""Requests for accelerators as people make and move them: one place where each is checked, written and recorded.

What may happen is the pure table (workloads/domain/request_workflow.py); the row itself is a stored input and goes
through the one writer of rows. Whether there is room is told beside it (capacity/review/request_answer.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction

from capacity.access.audit import record_event
from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports.batches import take_turn
from capacity.imports.cells import CellError, text
from capacity.imports.edits import Actor, RowsOutcome, apply_rows
from capacity.imports.limits import KEY
from capacity.imports.rows import as_json
from capacity.imports.tables import tables
from capacity.lib.canonical import content_hash
from workloads.domain.request_form import extension_window, next_key
from workloads.domain.request_workflow import BEFORE_APPROVAL, BEGINNING, BY_MOVE, FINAL, PLANNED, refusal
from workloads.models import Experiment, RequestMove

SOURCE = "requests"
LONGEST_FORM_KEY = 80
_VERBS = {"change": "changes", "extension": "extends"}
REPLACED = "Replaced by {key}, which was approved."
# What a request asks for; the rest is about it.
_NOT_TERMS = frozenset(
    {"id", "state", "row_version", "provenance", "submitted_at", "submitted_by", "submission_key", "submission_hash"}
    | {"pool_id", "domain_key", "started_date"}
)


@dataclass(frozen=True, slots=True)
class RequestError:
    """field: the column of the form, "" for the whole of it."""

    field: str
    message: str


class RequestRefused(Exception):
    """Nothing was written. errors: why, all of it. code: what kind of refusal."""

    def __init__(self, *errors: RequestError, code: str = "bad_request") -> None:
        super().__init__(" ".join(error.message for error in errors))
        self.errors = errors
        self.code = code


@dataclass(frozen=True, kw_only=True, slots=True)
class Mover:
    """Who makes or moves a request, and through which door."""

    user: User
    viewer: Viewer
    source: str = SOURCE
    request: Any = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Replaced:
    """The request that a new one changes or extends. kind: change or extension."""

    kind: str
    key: str


def make_request(
    *,
    cells: Mapping[str, str],
    form_key: str,
    mover: Mover,
    now: datetime,
    submits: bool,
    replaces: Replaced | None = None,
    answer: Mapping[str, Any] | None = None,
) -> tuple[Experiment, bool]:
    """(the request, whether it is new): a draft, or submitted at once. The same person's same form makes it once.

    cells: columns of the experiments table but key and state. answer: what the asker was told, kept with the move.
    Raises RequestRefused; with the code `sent_before` for a form that was sent before and said something else.
    """
    whole_key, sent = _submission_key(mover.user, form_key), _sent_hash(cells, submits, replaces)
    with transaction.atomic():
        # Writers of inputs queue here, so that two sends of one form cannot both find it new.
        take_turn(["experiments"])
        found = Experiment.objects.select_related("team").filter(submission_key=whole_key).first()
        if found is not None:
            _refuse_another(found, sent)
            return found, False
        before = None if replaces is None else _replaceable(replaces, mover)
        key = next_key(list(Experiment.objects.filter(key__startswith="R-").values_list("key", flat=True)))
        mine = {
            **cells,
            "key": key,
            "state": "draft",
            "submitted_by": mover.user.get_username(),
            "submitted_at": now.isoformat(),
        }
        _apply(mine, mover, as_viewer=True)
        Experiment.objects.filter(key=key).update(
            submission_key=whole_key,
            submission_hash=sent,
            replaces=before,
            request_kind="new" if replaces is None else replaces.kind,
        )
        request = _found(key, lock=True)
        _refuse_loose(request, now.date())
        _record(request, BEGINNING, "draft", "", mover, now, None)
        if submits:
            _move(request, "submitted", "", mover, now, answer, {})
            request.refresh_from_db()
    return request, True


def move_request(
    *,
    key: str,
    target: str,
    reason: str,
    mover: Mover,
    now: datetime,
    row_version: int | None = None,
    place: Mapping[str, str] | None = None,
    answer: Mapping[str, Any] | None = None,
) -> RequestMove:
    """The recorded move. place: pool, domain_key and started_date of a run that begins.

    row_version: that of the request as the person read it. A change that is approved withdraws what it replaces.
    Raises Experiment.DoesNotExist and RequestRefused.
    """
    try:
        text()(reason)
    except CellError as error:
        raise RequestRefused(RequestError("reason", error.message), code="bad_value") from None
    with transaction.atomic():
        take_turn(["experiments"])
        request = _found(key, lock=True)
        if row_version is not None and request.row_version != row_version:
            message = "Somebody changed this request since you opened it. Look at it again."
            raise RequestRefused(RequestError("", message), code="moved_on")
        _refuse(request, target, reason, mover)
        if target in ("submitted", "approved"):
            _refuse_second(request)
            request = _starting_with_its_run(request, mover, now.date())
            _refuse_loose(request, now.date())
        where = _place_of(request, target, place or {})
        move = _move(request, target, reason.strip(), mover, now, answer, where)
        if target == "approved" and request.request_kind == "change" and request.replaces is not None:
            _withdraw_replaced(request, mover, now)
    return move


def possible_moves(
    request: Experiment, *, viewer: Viewer, user: User, submitter: int | None
) -> list[tuple[str, str, bool]]:
    """(target, verb, needs a reason) of what this person may do next; what only misses a reason is among it."""
    return [
        (move.target, move.verb, move.needs_reason)
        for (source, _), move in BY_MOVE.items()
        if source == request.state
        and not (move.target in ("submitted", "approved") and base_ended(request))
        and not refusal(
            source=source,
            target=move.target,
            roles=viewer.roles,
            is_own=viewer.owns(Role.RESEARCH, request.team.key),
            is_maker=user.pk == submitter,
            reason="-",
        )
    ]


def submitter_of(request: Experiment) -> int | None:
    """Who submitted it last; None where it was entered as submitted."""
    return request.moves.filter(to_state="submitted").order_by("-id").values_list("by_id", flat=True).first()


def terms_hash(request: Experiment) -> str:
    """Of everything the request asks for, and of nothing that is only about it."""
    row = Experiment.objects.filter(pk=request.pk).values().get()
    return content_hash(as_json({name: value for name, value in row.items() if name not in _NOT_TERMS}))


# --- inside -------------------------------------------------------------------------------------------------------


def form_key_of(text: str) -> str:
    """A key of any length as the key of a form: a long one by its hash, so that two never become one by their beginning."""
    return text if len(text) <= LONGEST_FORM_KEY else hashlib.sha256(text.encode()).hexdigest()


def _sent_hash(cells: Mapping[str, str], submits: bool, replaces: Replaced | None) -> str:
    """Of what a form says, whatever order its cells come in; an empty cell is as none."""
    said = {name: value for name, value in cells.items() if value}
    return content_hash({"cells": said, "submits": submits, "replaces": None if replaces is None else asdict(replaces)})


def _refuse_another(found: Experiment, sent: str) -> None:
    """A form is the same one only while it says the same. Requests from before that was kept are taken as they are."""
    if found.submission_hash not in ("", sent):
        message = (
            f"This form was sent before, and is {found.key}. What it says now is something else: nothing was kept."
        )
        raise RequestRefused(RequestError("", message), code="sent_before")


def _submission_key(user: User, form_key: str) -> str:
    if not form_key or len(form_key) > LONGEST_FORM_KEY or not form_key.isascii() or not form_key.isprintable():
        message = f"The form has lost its number (1 to {LONGEST_FORM_KEY} plain characters): open it again."
        raise RequestRefused(RequestError("", message), code="bad_form_key")
    return f"{user.pk}:{form_key}"


def _replaceable(replaced: Replaced, mover: Mover) -> Experiment:
    rows = Experiment.objects.select_related("team")
    found = rows.filter(key=replaced.key).first() if re.match(KEY, replaced.key) else None
    is_theirs = found is not None and (
        Role.CHAIR in mover.viewer.roles or mover.viewer.owns(Role.RESEARCH, found.team.key)
    )
    if found is None or not is_theirs:
        raise RequestRefused(RequestError("", "You keep no such request that could change."))
    if found.state in FINAL or (replaced.kind == "extension" and found.state != "running"):
        what = "extended" if replaced.kind == "extension" else "changed"
        message = f"{found.key} is {found.get_state_display().lower()}: it cannot be {what}. Make a new request."
        raise RequestRefused(RequestError("", message))
    return found


def _refuse(request: Experiment, target: str, reason: str, mover: Mover) -> None:
    found = refusal(
        source=request.state,
        target=target,
        roles=mover.viewer.roles,
        is_own=mover.viewer.owns(Role.RESEARCH, request.team.key),
        is_maker=mover.user.pk == submitter_of(request),
        reason=reason,
    )
    if found:
        is_reason = found.startswith("Say why")
        code = "reason_missing" if is_reason else "not_allowed"
        raise RequestRefused(RequestError("reason" if is_reason else "", found), code=code)


def _place_of(request: Experiment, target: str, place: Mapping[str, str]) -> dict[str, str]:
    """The cells that a run's beginning adds. Raises RequestRefused where they are not said."""
    if target != "running":
        return {}
    missing = [name for name in ("pool", "started_date") if not place.get(name, "").strip()]
    if missing:
        raise RequestRefused(
            *(RequestError(name, "Say in which pool it runs, and since which day.") for name in missing),
            code="bad_value",
        )
    return {name: place.get(name, "").strip() for name in ("pool", "domain_key", "started_date")}


def _move(
    request: Experiment,
    target: str,
    reason: str,
    mover: Mover,
    now: datetime,
    answer: Mapping[str, Any] | None,
    cells: Mapping[str, str],
) -> RequestMove:
    """Record the move, and write the state through the one writer of rows."""
    made = _record(request, request.state, target, reason, mover, now, answer)
    more = {"submitted_at": now.isoformat()} if target == "submitted" else {}
    note = f"{request.state} → {target}" + (f": {reason}" if reason else "")
    _apply({"key": request.key, "state": target, **cells, **more}, mover, note=note)
    return made


def _record(
    request: Experiment,
    source: str,
    target: str,
    reason: str,
    mover: Mover,
    now: datetime,
    answer: Mapping[str, Any] | None,
) -> RequestMove:
    made = RequestMove.objects.create(
        experiment=request,
        from_state=source,
        to_state=target,
        at=now,
        by=mover.user,
        reason=reason,
        terms_hash=terms_hash(request),
        answer=None if answer is None else dict(answer),
    )
    record_event(
        user=mover.user,
        request=mover.request,
        action=f"request.{target}",
        subject=request.key,
        detail={"from": source},
    )
    return made


def base_ended(request: Experiment) -> str:
    """That what it changes or extends has ended, so that it can no longer be approved, in a sentence; or ""."""
    before = request.replaces
    if before is None or request.state not in BEFORE_APPROVAL or before.state not in FINAL:
        return ""
    verb, state = _VERBS[request.request_kind], before.get_state_display().lower()
    return (
        f"{before.key}, which it {verb}, is {state} already. "
        "It can no longer be approved: deny or withdraw it, or have it asked as a new request."
    )


def _refuse_second(request: Experiment) -> None:
    """What was replaced already, or has ended, is neither changed nor extended: approved twice it would be granted twice."""
    before, ended = request.replaces, base_ended(request)
    if before is None:
        return
    if ended:
        raise RequestRefused(RequestError("", ended), code="not_allowed")
    others = Experiment.objects.filter(replaces=before, request_kind=request.request_kind, state__in=PLANNED)
    other = others.exclude(pk=request.pk).order_by("key").first()
    if other is not None:
        message = f"{other.key} {_VERBS[request.request_kind]} {before.key} already. Deny this one, or change that one."
        raise RequestRefused(RequestError("", message), code="not_allowed")


def window_of_its_run(request: Experiment, today: date) -> tuple[date, date] | None:
    """When an extension starts; None for what is none, or extends nothing that runs."""
    run = request.replaces
    if request.request_kind != "extension" or run is None or run.started_date is None or run.state != "running":
        return None
    return extension_window(started=run.started_date, weeks=run.weeks, today=today)


def _starting_with_its_run(request: Experiment, mover: Mover, today: date) -> Experiment:
    """An extension whose start passed while it waited starts now: its run holds the place until then."""
    window = window_of_its_run(request, today)
    if window is None or request.earliest_start_date >= window[0]:
        return request
    cells = {"earliest_start_date": window[0].isoformat(), "latest_start_date": window[1].isoformat()}
    note = f"Its start passed while it waited; {request.replaces.key} runs on."  # type: ignore[union-attr]
    _apply({"key": request.key, **cells}, mover, note=note)
    return _found(request.key, lock=True)


def _refuse_loose(request: Experiment, today: date) -> None:
    """An extension is the same run going on: in its pool, from its end. Raises RequestRefused for any other place."""
    window, run = window_of_its_run(request, today), request.replaces
    if window is None or run is None or run.pool is None:
        return
    errors = []
    if request.pool_keys != [run.pool.key]:
        message = f"An extension stays where {run.key} runs: choose only the pool {run.pool.name} ({run.pool.key})."
        errors.append(RequestError("pool_keys", message))
    if (request.earliest_start_date, request.latest_start_date) != window:
        days = " to ".join(dict.fromkeys(each.isoformat() for each in window))
        message = f"An extension starts when {run.key} ends, or now where it is past its end: {days}."
        errors.append(RequestError("earliest_start_date", message))
    if errors:
        raise RequestRefused(*errors)


def _withdraw_replaced(request: Experiment, mover: Mover, now: datetime) -> None:
    before = _found(request.replaces.key, lock=True)  # type: ignore[union-attr]
    reason = REPLACED.format(key=request.key)
    _refuse(before, "withdrawn", reason, mover)
    _move(before, "withdrawn", reason, mover, now, None, {})


def _apply(cells: Mapping[str, str], mover: Mover, *, note: str = "", as_viewer: bool = False) -> None:
    """Through the one writer of rows. A new row is asked of its writer; who may move one was asked here."""
    actor = Actor(
        user=mover.user,
        source=mover.source,
        viewer=mover.viewer if as_viewer else None,
        note=note,
        request=mover.request,
    )
    outcome: RowsOutcome = apply_rows(table=tables()["experiments"], rows=[dict(cells)], actor=actor)
    if outcome.errors:
        raise RequestRefused(*(RequestError(issue.column or "", issue.message) for issue in outcome.errors))


def _found(key: str, *, lock: bool = False) -> Experiment:
    rows = Experiment.objects.select_related("team", "replaces", "replaces__pool")
    return (rows.select_for_update(of=("self",)) if lock else rows).get(key=key)
