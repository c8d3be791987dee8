"""The lists of moves and waste, and one move, as one viewer may see them.

What belongs here: rows → what templates show. Steps are move_steps', the arithmetic workloads/domain/moves.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, Sum
from django.urls import reverse

from capacity.access.visibility import RESTRICTED, Viewer, see
from capacity.allocation.models import WhatIf
from capacity.lib import figures
from capacity.lib.figures import Absent
from capacity.review.move_answer import visible_move
from capacity.review.move_steps import stale_reason
from capacity.review.tables import Row
from workloads.domain.moves import FACTOR, KINDS, MODEL, SHARE, TYPE
from workloads.models import RunWorkloadCard, RunWorkloadUse, WorkloadMove

STATE_PILLS = {"proposed": "plain", "asked": "decide", "accepted": "good", "done": "done", "dropped": "plain"}
GATE_PILLS = {"no": ("decide", "Not tested"), "pass": ("good", "Passed"), "fail": ("bad", "Failed")}
NOT_ASKED = Absent("not asked", "plain", "Ask a what-if on the move's page: until then what comes free is not known.")
NOT_ANSWERED = Absent("being solved", "plain", "Its what-if is not answered yet.")
NEVER = Absent("never", "plain", "It releases no whole accelerator, so its one-off cost never comes back.")
NO_ONE_OFF = Absent("not known", "unknown", "What it costs once is not known.")
NO_RATE = Absent("not known", "unknown", "A cost rate, a bill or the throughput of another model is missing.")
NOT_DONE = Absent("not done yet", "plain", "What came of it is told once it is done.")
NO_RUN = Absent("n/a", "unknown", "It was brought in without the run that it was promised against.")
NO_ROWS = Absent("n/a", "unknown", "The run of its promise is from before workloads were told by pool and week.")
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


def what_words(kind: str, to_key: str, amount: Decimal | None) -> str:
    """What the move names: "80.0%", "1.6×", "to small-1, 40.0%"."""
    asks = KINDS[kind].asks if kind in KINDS else ()
    words = []
    if to_key and (MODEL in asks or TYPE in asks):
        words.append(f"to {to_key}")
    if amount is not None and SHARE in asks:
        words.append(figures.share(amount))
    if amount is not None and FACTOR in asks:
        words.append(figures.ratio(amount))
    return ", ".join(words)


# --- promised and realised -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Realised:
    """What a workload takes less now than in the run of the promise; Absent with the reason where that is not told.

    tokens_share: how much its tokens a week grew since, as a fraction; the difference is not corrected for it.
    """

    accelerators: int | Absent
    usd: Decimal | Absent
    tokens_share: Decimal | Absent


def realised_of(move: WorkloadMove, *, current_id: int | None) -> Realised:
    """realised_of_all of one move."""
    return realised_of_all([move], current_id=current_id)[move.key]


def realised_of_all(moves: Iterable[WorkloadMove], *, current_id: int | None) -> dict[str, Realised]:
    """Move → the difference of two stored runs, each in its first week, and nothing else. At most three queries."""
    found = list(moves)
    done = [move for move in found if move.state == "done" and move.promised_run_id is not None]
    ids = {move.promised_run_id for move in done if move.promised_run_id is not None}
    uses = _first_weeks(ids | {current_id}) if done and current_id is not None else {}
    return {move.key: _realised(move, current_id, uses) for move in found}


# Run → workload → (accelerators, dollars, tokens) of its first week.
_Uses = Mapping[int, Mapping[str, tuple[int, Decimal | None, int | None]]]


def _realised(move: WorkloadMove, current_id: int | None, uses: _Uses) -> Realised:
    promised_id = move.promised_run_id
    if move.state != "done":
        return Realised(accelerators=NOT_DONE, usd=NOT_DONE, tokens_share=NOT_DONE)
    if promised_id is None or current_id is None:
        return Realised(accelerators=NO_RUN, usd=NO_RUN, tokens_share=NO_RUN)
    if not uses.get(promised_id) or not uses.get(current_id):
        return Realised(accelerators=NO_ROWS, usd=NO_ROWS, tokens_share=NO_ROWS)
    # Taking nothing is told by the other rows of the run.
    was, now = (uses[pk].get(move.workload.key, (0, Decimal(0), None)) for pk in (promised_id, current_id))
    before, after = was[2], now[2]
    return Realised(
        accelerators=was[0] - now[0],
        usd=NO_RATE if was[1] is None or now[1] is None else was[1] - now[1],
        tokens_share=NO_ROWS if not before or after is None else Decimal(after) / before - 1,
    )


def _first_weeks(ids: Collection[int]) -> dict[int, dict[str, tuple[int, Decimal | None, int | None]]]:
    tokens = {
        (row["run_id"], row["workload_key"]): row["tokens_per_week"]
        for row in RunWorkloadCard.objects.filter(run_id__in=ids).values("run_id", "workload_key", "tokens_per_week")
    }
    rows = (
        RunWorkloadUse.objects.filter(run_id__in=ids, week=F("run__first_week"))
        .values("run_id", "workload_key")
        .annotate(held=Sum("accelerators"), cost=Sum("usd"), unknown=Count("pk", filter=Q(usd__isnull=True)))
    )
    found: dict[int, dict[str, tuple[int, Decimal | None, int | None]]] = {}
    for row in rows:
        place = (row["run_id"], row["workload_key"])
        cost = None if row["unknown"] else row["cost"]
        found.setdefault(place[0], {})[place[1]] = (row["held"], cost, tokens.get(place))
    return found


# --- rows of the lists -----------------------------------------------------------------------------------------------


def told_of(question: WhatIf | None) -> Mapping[str, Any] | None:
    return question.full.get("move") if question is not None and question.full is not None else None


def move_rows(viewer: Viewer, moves: Iterable[WorkloadMove], *, year: int) -> list[Row]:
    """One row a move, those still to decide first. One query for all answers."""
    found = list(moves)
    uuids = [move.what_if_uuid for move in found if move.what_if_uuid is not None]
    told: dict[UUID | None, Any] = {
        row["uuid"]: row["full__move"]
        for row in WhatIf.objects.filter(uuid__in=uuids, full__isnull=False).values("uuid", "full__move")
    }
    order = {"asked": 0, "proposed": 1, "accepted": 2, "done": 3, "dropped": 4}
    rows = [_move_row(viewer, move, told.get(move.what_if_uuid), year) for move in found]
    return sorted(rows, key=lambda row: (order[row["state_code"]], row["key"]))


def moves_of_workload(key: str, *, year: int) -> list[Row]:
    """The moves of one workload for its card: what, where it stands, by when. What each saves stands on its page. One query."""
    return [
        {
            "title": move.title,
            "url": reverse("move", args=[move.key]),
            "what": what_words(move.kind, move.to_key, move.amount),
            "state": move.get_state_display(),
            "state_kind": STATE_PILLS[move.state],
            "due": figures.day(move.due_date, year=year) if move.due_date else "",
        }
        for move in WorkloadMove.objects.filter(workload__key=key).order_by("key")
    ]


def _move_row(viewer: Viewer, move: WorkloadMove, told: Mapping[str, Any] | None, year: int) -> Row:
    gate, gate_words = GATE_PILLS[move.quality_gate]
    return {
        "key": move.key,
        "title": move.title,
        "url": reverse("move", args=[move.key]),
        "workload_key": move.workload.key,
        "workload": move.workload.name,
        "workload_url": reverse("workload", args=[move.workload.key]),
        "kind": kind_name(move.kind),
        "what": what_words(move.kind, move.to_key, move.amount),
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
            "by_type": [],
            "h100e": NO_RUN,
        }
    seen = visible_move(viewer, told, one_off_usd=move.one_off_usd)
    if seen is None:
        absent = NOT_ANSWERED if move.state == "asked" else NOT_ASKED
        names = ("paper_usd", "released", "released_usd", "margin_usd", "payback_weeks", "h100e")
        return {**dict.fromkeys(names, absent), "by_type": []}
    return {
        "paper_usd": _or(seen["paper_usd"], NO_RATE),
        "released": seen["released_always"],
        "released_usd": _or(seen["released_usd"], NO_RATE),
        "margin_usd": _or(seen["margin_usd"], NO_RATE),
        "payback_weeks": _payback(move, seen),
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
    """What accepted and done moves promised, and what came of those done, as far as either is known and may be read."""
    decided = [move for move in moves if move.state in ("accepted", "done")]
    promised = [move.promised_accelerators for move in decided if move.promised_accelerators is not None]
    usd = [move.promised_usd_per_week for move in decided if move.promised_usd_per_week is not None]
    done = [move for move in decided if move.state == "done"]
    came = [each.accelerators for each in realised_of_all(done, current_id=current_id).values()]
    known = [amount for amount in came if isinstance(amount, int)]
    return {
        "decided": len(decided),
        "promised": see(viewer, "move", "promised_accelerators", sum(promised)) if promised else NOT_ASKED,
        "promised_usd": see(viewer, "move", "promised_usd_per_week", sum(usd, Decimal(0))) if usd else NO_RATE,
        "done": len(came),
        "realised": see(viewer, "move", "realised_accelerators", sum(known)) if known else NO_RUN,
        "told": len(known),
        "open": sum(row["state_code"] in ("proposed", "asked") for row in rows),
    }


# --- one move --------------------------------------------------------------------------------------------------------


def move_context(
    viewer: Viewer, move: WorkloadMove, *, question: WhatIf | None, current_id: int | None, now: datetime
) -> Row:
    """Everything workloads/move.html shows of the move itself. Realised is read where there is a run to read."""
    kind = KINDS[move.kind]
    told = told_of(question)
    row = _move_row(viewer, move, told, now.year)
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
        "current_run": current_id,
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
