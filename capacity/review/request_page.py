"""One request on its page: what it asks for, where it stands, its moves with what was told then, what may be done next.

The row and its moves are read from the tables as they are, its place from the run shown: who approved what is a record,
not a result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import OuterRef, Subquery
from django.urls import reverse

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.visibility import RESTRICTED, ContractLabel, Viewer, redact, see_row
from capacity.imports.limits import KEY
from capacity.inventory.models import AcceleratorType, Pool
from capacity.lib.figures import NOTHING, UNKNOWN_COST, compact, counted, day, thousands, usd, week
from capacity.lib.horizon import Week
from capacity.review.request_answer import visible_request_answer
from capacity.review.request_running import running_pill, running_words
from capacity.review.request_words import HELD_CAUTION, ahead_words, change_sentence, place_words, start_words
from capacity.review.tables import Row
from capacity.review.words import part, with_mondays
from workloads.domain.request_workflow import FINAL, PLANNED, STATE_NAMES
from workloads.models import Experiment, RequestMove
from workloads.request_moves import base_ended, possible_moves, terms_hash

_PILLS = {
    "submitted": "decide",
    "approved": "good",
    "scheduled": "good",
    "running": "good",
    "returned": "warn",
    "denied": "bad",
    "done": "done",
    "withdrawn": "done",
}
_WAITS = {
    "draft": "A draft asks for nothing yet: submit it.",
    "submitted": "It waits for the chair; the plan does not count with it yet.",
    "returned": "It was returned: rework it and submit it again.",
    "done": "It is done.",
    "denied": "It was denied. What it said and why stays here.",
    "withdrawn": "It was withdrawn. What it said and why stays here.",
}
WAITING = ("draft", "submitted", "returned")
MOST_WAITING = 40
# Work in parts may lie in many places; the first say where it begins.
MOST_PLACES = 4
_KINDS = {"change": "changes", "extension": "extends"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What somebody tried and why it was not done, with what they typed."""

    sentence: str
    field: str = ""
    typed: Mapping[str, str] | None = None


def standing_of(*, state: str, is_placed: bool) -> tuple[str, str]:
    """(pill, words) of a request: approved is scheduled once the plan shown has a place for it."""
    if state == "approved":
        return (_PILLS["scheduled"], "Scheduled") if is_placed else ("warn", "Approved, no place yet")
    return _PILLS.get(state, "plain"), STATE_NAMES[state]


def known_request(key: str) -> Experiment | None:
    """The request with its team and what it replaces. One query; none where the text cannot be a key."""
    if not re.match(KEY, key):
        return None
    rows = Experiment.objects.select_related("team", "replaces", "pool")
    return rows.filter(key=key).first()


def names_of(request: Experiment, placed: Sequence[Row]) -> dict[str, str]:
    """Accelerator types and pools by key: those that it names and lies in. Two queries."""
    pools = {*request.pool_keys, *(row["pool_key"] for row in placed)}
    types = AcceleratorType.objects.filter(key__in=request.accelerator_types).values_list("key", "name")
    return {**dict(types), **dict(Pool.objects.filter(key__in=pools).values_list("key", "name"))}


def moves_of(request: Experiment) -> list[RequestMove]:
    """Its moves, newest first. One query."""
    return list(request.moves.select_related("by").order_by("-id"))


def submitter(moves: Sequence[RequestMove]) -> int | None:
    """Who submitted it last."""
    return next((move.by_id for move in moves if move.to_state == "submitted"), None)


def not_yet_planned(*, now: datetime) -> list[dict[str, Any]]:
    """Requests that wait for somebody before the plan counts with them, the oldest first. One query."""
    told = RequestMove.objects.filter(experiment=OuterRef("pk"), answer__isnull=False).order_by("-id")
    waiting = Experiment.objects.filter(state__in=WAITING).order_by("submitted_at", "key").select_related("team")
    found = []
    for request in waiting.annotate(told=Subquery(told.values("answer__sentence")[:1]))[:MOST_WAITING]:
        pill, words = standing_of(state=request.state, is_placed=False)
        found.append(
            {
                "key": request.key,
                "name": request.name,
                "team": request.team.name,
                "pill": pill,
                "state": words,
                "priority": request.experiment_priority,
                "asks": f"{thousands(request.accelerators)} for {counted(request.weeks, 'week')}",
                "since": day(request.submitted_at, year=now.year),
                "told": request.told or "",
            }
        )
    return found


def page_context(
    *,
    viewer: Viewer,
    user: User,
    request: Experiment,
    moves: Sequence[RequestMove],
    placed: Sequence[Row],
    unplaced: Sequence[Row],
    live: Mapping[str, Any] | None,
    now: datetime,
    problem: Problem | None = None,
    moved: Mapping[str, Any] | None = None,
    names: Mapping[str, str] | None = None,
    labels: Sequence[ContractLabel] = (),
    promised: str = "",
) -> dict[str, Any]:
    """Everything requests/request.html shows. live: what the plan says now, where it is not in it.

    labels: of every contract, because a typed reason may name one.

    promised: who promised its start, in words. moved: request_moved's; names: of pools and accelerator types by key.
    """
    names = names or {}
    pill, words = standing_of(state=request.state, is_placed=bool(placed))
    if request.state == "running":
        pill = running_pill(placed, unplaced)
    makes = possible_moves(request, viewer=viewer, user=user, submitter=submitter(moves))
    is_theirs = Role.CHAIR in viewer.roles or viewer.owns(Role.RESEARCH, request.team.key)
    return {
        "request_key": request.key,
        "name": request.name,
        "pill": pill,
        "state": words,
        "verdict": (
            f"{words}.",
            f"{_waits(request, placed, unplaced, now.date(), promised)} "
            f"{_last_word(viewer, request, moves, now, labels)}".strip(),
        ),
        "is_final": request.state in FINAL,
        "asks": _asks(viewer, request, now.year, names),
        "why": _why(request),
        "places": [_place(row, now.year, names) for row in placed],
        "unplaced": [_unplaced(row, now.year) for row in unplaced],
        "live": None if live is None else answer_context(viewer, live, year=now.year),
        "history": [_move(viewer, move, now, labels) for move in moves],
        "terms_changed": _terms_changed(request, moves),
        "replaces": _replaces(request),
        "orphaned": _orphaned(request),
        "row_version": request.row_version,
        "moves": [each for each in makes if each[0] != "running"],
        "may_start": _start(request, placed, now.date()) if any(each[0] == "running" for each in makes) else None,
        "is_theirs": is_theirs,
        "may_reword": is_theirs and request.state in ("draft", "returned"),
        "may_change": is_theirs and request.state in ("submitted", "approved", "running"),
        "may_extend": is_theirs and request.state == "running",
        "may_solve": is_theirs and request.state not in PLANNED | FINAL,
        "moved": moved,
        "problem": problem,
        "move_url": reverse("request-move", args=[request.key]),
        "is_approver_missing": _is_own_approval(request, viewer, user, moves),
    }


def answer_context(viewer: Viewer, document: Mapping[str, Any], *, year: int) -> dict[str, Any]:
    """The answer as requests/_answer.html shows it to this reader. year: the one the reader is in."""
    shown = visible_request_answer(viewer, document)
    pills = {"fits": ("good", "Has room"), "displaces": ("warn", "Displaces"), "part": ("warn", "In part")}
    kind, word = pills.get(str(shown["code"]), ("bad", "No room"))
    changes = [
        {"word": change["word"], "text": str(change["text"]), "sentence": change_sentence(change, year=year)}
        for change in shown["changes"]
    ]
    return {
        "run": document["run"],
        "pill": (kind, word),
        **_verdict(str(shown["sentence"])),
        "caution": HELD_CAUTION,
        "ahead": ahead_words(shown),
        "starts": start_words(shown["placed"], year=year),
        "places": [place_words(row) for row in shown["placed"][:MOST_PLACES]],
        "cost": _cost(shown),
        "accelerator_weeks": thousands(shown["accelerator_weeks"]),
        "changes": [change for change in changes if change["word"]],
        "others": [change for change in changes if not change["word"]],
        "displaces": [
            {**row, "size": counted(row["accelerator_weeks"], "accelerator-week")} for row in shown["displaces"]
        ],
    }


def _verdict(sentence: str) -> dict[str, str]:
    """The sentence with what matters apart from why it is so."""
    head, because, why = sentence.partition(", because ")
    return {"sentence": head + "." if because else sentence, "why": f"Because {why}" if because else ""}


def _cost(shown: Mapping[str, Any]) -> Any:
    cost = shown["cost_usd"]
    if cost is RESTRICTED:
        return RESTRICTED
    if cost is None:
        return UNKNOWN_COST
    return usd(cost) if shown["cost_basis"] == "placed" else f"from {usd(cost)}"


def operation_words(counted_by: Mapping[str, Decimal | None]) -> list[tuple[str, str]]:
    """Both counts of operations, those that are known."""
    names = {"time": "by accelerators × time", "tokens": "by 6 · parameters · tokens"}
    return [(names[mode], f"{float(value):.2e}") for mode, value in counted_by.items() if value is not None]


# --- parts --------------------------------------------------------------------------------------------------------


def _waits(request: Experiment, placed: Sequence[Row], unplaced: Sequence[Row], today: date, promised: str = "") -> str:
    if request.state == "running":
        return running_words(request, placed, unplaced, today=today)
    if request.state != "approved":
        return _WAITS[request.state]
    if placed:
        kept = f", promised by {promised}: the plan keeps that start" if promised else ""
        return f"The plan has a place for it{kept}."
    return str(_unplaced(unplaced[0], today.year)["sentence"]) if unplaced else "The next plan looks for a place."


def _last_word(
    viewer: Viewer, request: Experiment, moves: Sequence[RequestMove], now: datetime, labels: Sequence[ContractLabel]
) -> str:
    """Who returned, denied or withdrew it, and why."""
    if not moves or request.state not in ("returned", "denied", "withdrawn") or moves[0].to_state != request.state:
        return ""
    last = _move(viewer, moves[0], now, labels)
    if not isinstance(last["reason"], str) or not last["reason"]:
        return ""
    return f"{last['by']}: {last['reason']}"


def _asks(viewer: Viewer, request: Experiment, year: int, names: Mapping[str, str]) -> list[tuple[str, Any]]:
    size = counted(request.accelerators, "accelerator")
    least = f", {thousands(request.accelerators_least)} at least" if request.accelerators_least else ""
    facts = {
        "team": request.team.name,
        "experiment_priority": request.experiment_priority + (", preemptible" if request.preemptible else ""),
        "accelerators": f"{size} for {counted(request.weeks, 'week')}{least}",
        "earliest_start_date": f"{day(request.earliest_start_date, year=year)} to {day(request.latest_start_date, year=year)}",
        "accelerator_types": ", ".join(names.get(key, key) for key in request.accelerator_types) or NOTHING,
        "pool_keys": ", ".join(names.get(key, key) for key in request.pool_keys) or "any of those types",
        "purpose": request.get_purpose_display() + (", develops a model" if request.is_model_development else ""),
        "estimated_flop": NOTHING if request.estimated_flop is None else compact(request.estimated_flop),
    }
    words = {
        "team": "Team",
        "experiment_priority": "Class",
        "accelerators": "Asks for",
        "earliest_start_date": "Starts",
        "accelerator_types": "Types",
        "pool_keys": "Pools",
        "purpose": "Purpose",
        "estimated_flop": "Operations",
    }
    shown = see_row(viewer, "input_experiments", facts, owner=request.team.key)
    if request.estimated_flop is not None and shown["estimated_flop"] is not RESTRICTED:
        shown["estimated_flop"] = f"{float(request.estimated_flop):.2e}"
    return [(words[name], value) for name, value in shown.items()]


def _why(request: Experiment) -> list[tuple[str, Any]]:
    said = (
        ("Why", request.hypothesis),
        ("Decision it informs", request.informs_decision),
        ("Intended outcome", request.customer_outcome),
        ("Measured by", request.intended_metric),
    )
    return [(term, text or NOTHING) for term, text in said]


def _place(row: Row, year: int, names: Mapping[str, str]) -> dict[str, Any]:
    start = Week.parse(row["start_week"])
    return {
        "pool": row["pool_key"],
        "name": names.get(row["pool_key"], row["pool_key"]),
        "domain": row["domain_key"],
        "start": week(start, year=year),
        "weeks": counted(row["weeks"], "week"),
        "accelerators": thousands(row["accelerators"]),
        "cost": row["cost_usd"] if not isinstance(row["cost_usd"], Decimal) else usd(row["cost_usd"]),
    }


def _unplaced(row: Row, year: int) -> dict[str, Any]:
    changes, sentence = row["smallest_changes"], row["sentence"]
    texts = [part("smallest_changes", change, year=year) for change in changes] if isinstance(changes, list) else []
    return {"sentence": with_mondays(sentence, year=year) if isinstance(sentence, str) else sentence, "changes": texts}


def _move(viewer: Viewer, move: RequestMove, now: datetime, labels: Sequence[ContractLabel]) -> dict[str, Any]:
    facts = {
        "at": f"{day(move.at, year=now.year)} {move.at:%H:%M}",
        "from_state": STATE_NAMES.get(move.from_state, "New"),
        "to_state": STATE_NAMES[move.to_state],
        "by": str(move.by),
        "reason": redact(viewer, move.reason, contracts=labels),
        "answer": None if move.answer is None else move.answer.get("sentence", ""),
    }
    shown = see_row(viewer, "request_move", facts)
    return {**shown, "words": f"{shown['from_state']} → {shown['to_state']}"}


def _terms_changed(request: Experiment, moves: Sequence[RequestMove]) -> bool:
    """Whether it asks for something else than what was approved."""
    if request.state not in PLANNED:
        return False
    approved = next((move for move in moves if move.to_state == "approved"), None)
    return approved is not None and approved.terms_hash != terms_hash(request)


def _replaces(request: Experiment) -> dict[str, str] | None:
    if request.replaces is None:
        return None
    before, consequence = request.replaces, ""
    if request.request_kind == "change" and request.state not in FINAL | PLANNED and before.state not in FINAL:
        runs = ", which runs now" if before.state == "running" else ""
        consequence = f"When it is approved, {before.key}{runs} is withdrawn and its place is free."
    return {"verb": _KINDS[request.request_kind], "key": before.key, "name": before.name, "consequence": consequence}


def _orphaned(request: Experiment) -> str:
    """What the end of the request that it changes or extends means for it, in a sentence; or ""."""
    run = request.replaces
    if (
        run is not None
        and request.request_kind == "extension"
        and request.state in PLANNED
        and run.state == "withdrawn"
    ):
        return f"{run.key}, which it extends, was stopped. The plan still counts with this one: withdraw it if it ends too."
    return base_ended(request)


def _start(request: Experiment, placed: Sequence[Row], today: date) -> dict[str, str]:
    """What the form of a run's beginning is filled with: the plan's place, today."""
    first = placed[0] if placed else {}
    return {
        "pool": str(first.get("pool_key", "") or ""),
        "domain_key": str(first.get("domain_key", "") or ""),
        "started_date": today.isoformat(),
    }


def _is_own_approval(request: Experiment, viewer: Viewer, user: User, moves: Sequence[RequestMove]) -> bool:
    """Whether only another chair may approve it, so that the page says why the button is missing."""
    return request.state == "submitted" and Role.CHAIR in viewer.roles and submitter(moves) == user.pk
