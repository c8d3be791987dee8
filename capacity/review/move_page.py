"""The lists of moves and waste, and one move, as one viewer may see them.

What belongs here: rows → what templates show. Steps are move_steps', the arithmetic workloads/domain/moves.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.urls import reverse

from capacity.access.visibility import RESTRICTED, Viewer, see
from capacity.allocation.models import WhatIf
from capacity.inventory.models import AcceleratorType
from capacity.lib import figures
from capacity.lib.figures import Absent
from capacity.lib.horizon import Week
from capacity.review.move_answer import visible_move
from capacity.review.move_realised import NO_RUN, realised_of, realised_of_all
from capacity.review.move_steps import stale_reason
from capacity.review.tables import Row
from workloads.domain.moves import FACTOR, KINDS, MODEL, SHARE, TYPE
from workloads.models import ModelVersion, WorkloadMove

STATE_PILLS = {"proposed": "plain", "asked": "decide", "accepted": "good", "done": "done", "dropped": "plain"}
GATE_PILLS = {"no": ("decide", "Not tested"), "pass": ("good", "Passed"), "fail": ("bad", "Failed")}
NOT_ASKED = Absent("not asked", "plain", "Ask a what-if on the move's page: until then what comes free is not known.")
NOT_ANSWERED = Absent("being solved", "plain", "Its what-if is not answered yet.")
NEVER = Absent("never", "plain", "It releases no whole accelerator, so its one-off cost never comes back.")
NO_ONE_OFF = Absent("not known", "unknown", "What it costs once is not known.")
NO_RATE = Absent("not known", "unknown", "A cost rate, a bill or the throughput of another model is missing.")
WASTE_KINDS = {
    "low_utilisation": "Low use",
    "low_cache": "Low cache hits",
    "smaller_passed": "Smaller model passed",
    "retired_pin": "Retired model",
    "throttled_while_idle": "Throttled while idle",
    "queued_while_idle": "Queued while idle",
}
# Work that waits although there is room: the reverse of waste.
REVERSE = frozenset({"throttled_while_idle", "queued_while_idle"})


def kind_name(code: str) -> str:
    return KINDS[code].name if code in KINDS else code


def target_names(keys: Iterable[str]) -> dict[str, str]:
    """Key → name of the models and accelerator types that moves go to. One query."""
    wanted = sorted({key for key in keys if key})
    if not wanted:
        return {}
    models = ModelVersion.objects.filter(key__in=wanted).values_list("key", "name")
    return dict(models.union(AcceleratorType.objects.filter(key__in=wanted).values_list("key", "name")))


def what_words(kind: str, to: str, amount: Decimal | None) -> str:
    """What the move names: "80.0%", "1.6×", "to Small 1, 40.0%". to: the name of the model or type."""
    asks = KINDS[kind].asks if kind in KINDS else ()
    words = []
    if to and (MODEL in asks or TYPE in asks):
        words.append(f"to {to}")
    if amount is not None and SHARE in asks:
        words.append(figures.share(amount))
    if amount is not None and FACTOR in asks:
        words.append(figures.ratio(amount))
    return ", ".join(words)


# --- rows of the lists -----------------------------------------------------------------------------------------------


def told_of(question: WhatIf | None) -> Mapping[str, Any] | None:
    return question.full.get("move") if question is not None and question.full is not None else None


def move_rows(viewer: Viewer, moves: Iterable[WorkloadMove], *, year: int) -> list[Row]:
    """One row a move, those still to decide first. One query for all answers, one for names."""
    found = list(moves)
    uuids = [move.what_if_uuid for move in found if move.what_if_uuid is not None]
    asked = {row["uuid"]: row for row in WhatIf.objects.filter(uuid__in=uuids).values("uuid", "state", "full__move")}
    told: dict[UUID | None, Any] = {uuid: row["full__move"] for uuid, row in asked.items()}
    order = {"asked": 0, "proposed": 1, "accepted": 2, "done": 3, "dropped": 4}
    names = target_names(move.to_key for move in found)
    states: dict[UUID | None, str] = {uuid: row["state"] for uuid, row in asked.items()}
    rows = [
        _move_row(viewer, move, told.get(move.what_if_uuid), year, names)
        | {"answer": states.get(move.what_if_uuid, "")}
        for move in found
    ]
    return sorted(rows, key=lambda row: (order[row["state_code"]], row["key"]))


def moves_of_workload(key: str, *, year: int) -> list[Row]:
    """The moves of one workload for its card: what, where it stands, by when. What each saves stands on its page. Two queries."""
    found = list(WorkloadMove.objects.filter(workload__key=key).order_by("key"))
    names = target_names(move.to_key for move in found)
    return [
        {
            "title": move.title,
            "url": reverse("move", args=[move.key]),
            "what": what_words(move.kind, names.get(move.to_key, move.to_key), move.amount),
            "state": move.get_state_display(),
            "state_kind": STATE_PILLS[move.state],
            "due": figures.day(move.due_date, year=year) if move.due_date else "",
        }
        for move in found
    ]


def _move_row(
    viewer: Viewer, move: WorkloadMove, told: Mapping[str, Any] | None, year: int, names: Mapping[str, str]
) -> Row:
    gate, gate_words = GATE_PILLS[move.quality_gate]
    return {
        "key": move.key,
        "title": move.title,
        "url": reverse("move", args=[move.key]),
        "workload_key": move.workload.key,
        "workload": move.workload.name,
        "workload_url": reverse("workload", args=[move.workload.key]),
        "kind": kind_name(move.kind),
        "what": what_words(move.kind, names.get(move.to_key, move.to_key), move.amount),
        "state_code": move.state,
        "state": move.get_state_display(),
        "state_kind": STATE_PILLS[move.state],
        "gate_pill": gate,
        "gate": gate_words,
        "owner": move.get_owner_role_display() if move.owner_role else "",
        "due": figures.day(move.due_date, year=year) if move.due_date else "",
        "decision_number": move.decision_number,
        **savings(viewer, move, told),
    }


def savings(viewer: Viewer, move: WorkloadMove, told: Mapping[str, Any] | None) -> Row:
    """Paper beside released, margin and payback, each a value or why there is none; of a move brought in, its promise."""
    if told is None and move.promised_accelerators is not None:
        promised = move.promised_usd_per_week
        return {
            "paper_usd": NO_RUN,
            "released": see(viewer, "move", "promised_accelerators", move.promised_accelerators),
            "released_usd": _or(see(viewer, "move", "promised_usd_per_week", promised), NO_RATE),
            "margin_usd": NO_RUN,
            "payback_weeks": NO_RUN,
            "payback_value": NO_RUN,
            "by_type": [],
            "h100e": NO_RUN,
        }
    seen = visible_move(viewer, told, one_off_usd=move.one_off_usd)
    if seen is None:
        absent = NOT_ANSWERED if move.state == "asked" else NOT_ASKED
        names = ("paper_usd", "released", "released_usd", "margin_usd", "payback_weeks", "payback_value", "h100e")
        return {**dict.fromkeys(names, absent), "by_type": []}
    return {
        "paper_usd": _or(seen["paper_usd"], NO_RATE),
        "released": seen["released_always"],
        "released_usd": _or(seen["released_usd"], NO_RATE),
        "margin_usd": _or(seen["margin_usd"], NO_RATE),
        "payback_weeks": _payback(move, seen),
        "payback_value": seen["payback_weeks"],
        "h100e": seen["h100e"],
        "by_type": [] if seen["by_type"] is RESTRICTED else _by_type(seen["by_type"]),
    }


def _payback(move: WorkloadMove, seen: Mapping[str, Any]) -> str | Absent:
    value = seen["payback_weeks"]
    if isinstance(value, Absent):
        return value
    return _no_payback(move, seen) if value is None else figures.thousands(value, places=1)


def _no_payback(move: WorkloadMove, seen: Mapping[str, Any]) -> Absent:
    if move.one_off_usd is None:
        return NO_ONE_OFF
    return NO_RATE if seen["released_usd"] is None else NEVER


def _by_type(by_type: Mapping[str, Sequence[int]]) -> list[Row]:
    return [
        {"kind": kind, "least": min(amounts), "most": max(amounts), "first": amounts[0]}
        for kind, amounts in sorted(by_type.items())
        if amounts
    ]


def _or(value: Any, absent: Absent) -> Any:
    return absent if value is None else value


def totals_of(viewer: Viewer, rows: Sequence[Row], moves: Iterable[WorkloadMove], *, current_id: int | None) -> Row:
    """What is promised by moves accepted and not done, apart what those done promised, and what came of those of which
    that is told beside what the same ones promised."""
    found = list(moves)
    waiting = [move for move in found if move.state == "accepted"]
    done = [move for move in found if move.state == "done"]
    came = realised_of_all(done, current_id=current_id, with_cost=False)
    known = {key: each.accelerators for key, each in came.items() if isinstance(each.accelerators, int)}
    told = [move for move in done if move.key in known]
    return {
        "accepted": len(waiting),
        **_promises(viewer, "promised_accepted", waiting),
        "done": len(done),
        **_promises(viewer, "promised_done", done),
        "told": len(told),
        **_promises(viewer, "promised_told", told),
        "realised": see(viewer, "move", "realised_accelerators", sum(known.values())) if known else NO_RUN,
        "open": sum(row["state_code"] in ("proposed", "asked") for row in rows),
    }


def _promises(viewer: Viewer, name: str, moves: Sequence[WorkloadMove]) -> Row:
    """Accelerators and dollars a week that these promised, as far as it is known."""
    accelerators = [move.promised_accelerators for move in moves if move.promised_accelerators is not None]
    usd = [move.promised_usd_per_week for move in moves if move.promised_usd_per_week is not None]
    return {
        name: see(viewer, "move", "promised_accelerators", sum(accelerators)) if accelerators else NOT_ASKED,
        f"{name}_usd": see(viewer, "move", "promised_usd_per_week", sum(usd, Decimal(0))) if usd else NO_RATE,
    }


# --- one move --------------------------------------------------------------------------------------------------------


def move_context(
    viewer: Viewer, move: WorkloadMove, *, question: WhatIf | None, current_id: int | None, now: datetime
) -> Row:
    """Everything workloads/move.html shows of the move itself. Realised is read where there is a run to read."""
    kind = KINDS[move.kind]
    told = told_of(question)
    names = target_names([move.to_key, *(told["by_type"] if told is not None else ())])
    row = _move_row(viewer, move, told, now.year, names)
    row["by_type"] = [{**each, "kind": names.get(each["kind"], each["kind"])} for each in row["by_type"]]
    is_open = question is not None and question.state in ("queued", "running")
    is_answered = move.state == "asked" and question is not None and question.state == "done"
    came = realised_of(move, current_id=current_id)
    return {
        "move": row,
        "row_version": move.row_version,
        "says": kind.says,
        "is_quality": kind.is_quality,
        "facts": _facts(viewer, move, row, now.year),
        "gate_facts": [
            ("Tested on", figures.day(move.gate_date, year=now.year) if move.gate_date else figures.EM_DASH),
            ("Evidence", move.gate_evidence or figures.EM_DASH),
            ("Must agree", move.get_must_agree_role_display() if move.must_agree_role else figures.EM_DASH),
        ],
        "is_open": is_open,
        "progress": round(float(question.progress_share) * 100) if is_open and question is not None else 0,
        "is_answered": is_answered,
        "failed": question.error if question is not None and question.state == "failed" else "",
        "stale": stale_reason(move, question) if is_answered and question is not None else "",
        "run_id": question.run_id if question is not None else None,
        "promised": see(viewer, "move", "promised_accelerators", _or(move.promised_accelerators, NOT_ASKED)),
        "promised_usd": see(viewer, "move", "promised_usd_per_week", _or(move.promised_usd_per_week, NO_RATE)),
        "is_decided": move.state in ("accepted", "done"),
        "realised": see(viewer, "move", "realised_accelerators", came.accelerators),
        "realised_usd": see(viewer, "move", "realised_usd", came.usd),
        "tokens_share": came.tokens_share
        if isinstance(came.tokens_share, Absent)
        else figures.share(came.tokens_share),
        "promised_run": move.promised_run_id,
        "realised_run": came.run_id,
        "realised_weeks": came.weeks,
        "realised_from": figures.week(Week.parse(came.first_week), year=now.year) if came.first_week else "",
        "promised_then": None
        if came.promised == move.promised_accelerators or not came.weeks
        else see(viewer, "move", "promised_accelerators", came.promised),
    }


def _facts(viewer: Viewer, move: WorkloadMove, row: Row, year: int) -> list[tuple[str, Any]]:
    one_off = NO_ONE_OFF if move.one_off_usd is None else figures.usd(move.one_off_usd)
    return [
        ("Kind", row["kind"]),
        ("What", row["what"] or figures.EM_DASH),
        ("One-off cost", see(viewer, "move", "one_off_usd", one_off)),
        ("Owner", row["owner"] or figures.EM_DASH),
        ("Due", row["due"] or figures.EM_DASH),
    ]


# --- the review's section ------------------------------------------------------------------------------------------

MOST_IN_REVIEW = 3


def efficiency_context(viewer: Viewer, *, waste: Sequence[Row], suggested: Sequence[Row]) -> Row | None:
    """The run's first findings and suggested moves, the same live and frozen. None for whoever reads none of it."""
    if see(viewer, "waste", "kind", "") is RESTRICTED:
        return None
    return {
        "suggested": [
            {**row, "kind_name": kind_name(row["kind"]), "usd": _or(row["paper_usd_per_week"], NO_RATE)}
            for row in suggested[:MOST_IN_REVIEW]
        ],
        "waste": [
            {**row, "kind_name": WASTE_KINDS.get(row["kind"], row["kind"]), "usd": _or(row["usd_per_week"], NO_RATE)}
            for row in waste[:MOST_IN_REVIEW]
        ],
        "waste_left": max(0, len(waste) - MOST_IN_REVIEW),
    }
