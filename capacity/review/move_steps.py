"""A move's steps: proposed, asked about, accepted by a decision, done or dropped. Each is one transaction.

What belongs here: who may do which step, and what must be there for it. Rows are written through the one writer; the
what-if is the ordinary one, with the asker's own rights.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from capacity.access.audit import record_event
from capacity.access.models import User
from capacity.access.permissions import may, may_update_action
from capacity.access.visibility import Viewer
from capacity.allocation.models import WhatIf
from capacity.decisions.drafts import DO_NOTHING, DecisionDraft, OptionDraft
from capacity.decisions.models import Decision
from capacity.decisions.services import DecisionRefused, NotPermitted, record_decision
from capacity.imports.edits import Actor, apply_rows
from capacity.imports.rows import cell_text
from capacity.imports.tables import tables
from capacity.review.move_changes import Change, MoveRefused, Terms, changes_of_move
from capacity.review.quote_asking import run_room
from capacity.review.what_if import WhatIfRefused
from capacity.review.what_if_asking import ask
from workloads.domain.moves import KINDS
from workloads.models import WorkloadMove

FINISHED = frozenset({"done", "dropped"})
GATE_MISSING = "Without a passed quality gate: {reason}"


class MoveStepRefused(Exception):
    """Nothing was done. errors: (field, sentence) pairs. conflict: somebody else changed the move meanwhile."""

    def __init__(self, *errors: tuple[str, str], conflict: bool = False) -> None:
        self.errors = list(errors)
        self.conflict = conflict
        super().__init__(" ".join(sentence for _, sentence in errors))


@dataclass(frozen=True, kw_only=True, slots=True)
class Stepper:
    """Who does it, with what rights, and the request it came by."""

    user: User
    viewer: Viewer
    now: datetime
    request: Any = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Acceptance:
    """What a decision that accepts a move says beyond the move itself. effect_target: in the metric's kept unit."""

    week: str
    reason: str
    gate_reason: str
    risk: str
    who_loses: str
    decider_role: str
    owner_role: str
    due_date: date
    effect_metric: str
    effect_target: Decimal
    review_back_date: date


def terms_of(move: WorkloadMove) -> Terms:
    return Terms(workload=move.workload.key, kind=move.kind, to_key=move.to_key, amount=move.amount)


def found_move(key: str, *, lock: bool = False) -> WorkloadMove:
    """Raises WorkloadMove.DoesNotExist."""
    rows = WorkloadMove.objects.select_related("workload")
    return (rows.select_for_update(of=("self",)) if lock else rows).get(key=key)


def propose_move(*, cells: Mapping[str, str], by: Stepper) -> WorkloadMove:
    """A new move with these cells, by the rules of its table. Raises MoveStepRefused."""
    if not may(by.viewer.roles, "moves.propose"):
        raise NotPermitted
    key = cells.get("key", "").strip()
    with transaction.atomic():
        if WorkloadMove.objects.filter(key=key).exists():
            raise MoveStepRefused(("key", f'There is a move "{key}" already: give this one another key.'))
        _write({**cells, "key": key, "state": "proposed"}, by, note="proposed", is_checked=True)
        return found_move(key)


def ask_move(*, key: str, row_version: int, run_id: int, by: Stepper) -> WhatIf:
    """Put the move's changes to the run as an ordinary what-if, and keep which one it is.

    Raises NotPermitted, MoveStepRefused, MoveRefused, and what asking raises (ChangesRefused, WhatIfRefused,
    TooManyWaiting).
    """
    if not may(by.viewer.roles, "moves.propose"):
        raise NotPermitted
    with transaction.atomic():
        move = _locked(key, row_version)
        if move.state not in ("proposed", "asked"):
            raise MoveStepRefused(("", f"It is {move.get_state_display().lower()}: it is not asked about any more."))
        changes = changes_of_move(terms=terms_of(move), inputs=run_room(run_id).inputs.tables)
        asked = ask(run_id=run_id, changes=changes, viewer=by.viewer, user=by.user, now=by.now)
        WorkloadMove.objects.filter(pk=move.pk).update(what_if_uuid=asked.uuid)
        _write({"key": key, "state": "asked"}, by, note=f"asked of run {run_id}")
        return asked


def accept_move(
    *,
    key: str,
    row_version: int,
    acceptance: Acceptance,
    idempotency_key: str,
    open_weeks: Collection[str],
    by: Stepper,
) -> Decision:
    """Record the decision that accepts the move, and keep with the move what its what-if promised. The same form sent
    twice is one decision. Raises NotPermitted, MoveStepRefused, WorkloadMove.DoesNotExist.
    """
    if not may(by.viewer.roles, "decision.record"):
        raise NotPermitted
    with transaction.atomic():
        move = found_move(key, lock=True)
        done_before = Decision.objects.filter(idempotency_key=f"{by.user.pk}:{idempotency_key}").first()
        if done_before is not None and move.decision_number == done_before.number:
            return done_before
        if move.row_version != row_version:
            raise _changed_meanwhile()
        question = answered(move)
        _check_acceptance(move, acceptance)
        assert question.full is not None
        told = question.full["move"]
        try:
            decision = record_decision(
                draft=draft_of(move, acceptance, told),
                user=by.user,
                roles=by.viewer.roles,
                now=by.now,
                open_weeks=open_weeks,
                run_id=question.run_id,
                idempotency_key=idempotency_key,
                request=by.request,
            )
        except DecisionRefused as refused:
            raise MoveStepRefused(*refused.errors) from refused
        WorkloadMove.objects.filter(pk=move.pk).update(promised_run_id=question.run_id)
        cells = {
            "key": key,
            "state": "accepted",
            "decision_number": str(decision.number),
            "owner_role": acceptance.owner_role,
            "due_date": acceptance.due_date.isoformat(),
            "promised_accelerators": str(told["released_always"]),
            "promised_usd_per_week": told["released_usd"] or "",
        }
        _write(cells, by, note=f"accepted by D-{decision.number}")
        record_event(
            user=by.user,
            request=by.request,
            action="move.accepted",
            subject=f"move {key}",
            detail={"decision": decision.number, "what_if": str(question.uuid)},
        )
        return decision


def end_move(*, key: str, row_version: int, target: str, by: Stepper) -> WorkloadMove:
    """Done, for whoever carries it out, or dropped. Raises NotPermitted, MoveStepRefused, WorkloadMove.DoesNotExist."""
    with transaction.atomic():
        move = _locked(key, row_version)
        if target not in targets_of(move, by.viewer.roles):
            if move.state in FINISHED or target not in FINISHED or (target == "done" and move.state != "accepted"):
                raise MoveStepRefused(("", f"It is {move.get_state_display().lower()}: it cannot become {target}."))
            raise NotPermitted
        _write({"key": key, "state": target}, by, note=target)
        record_event(user=by.user, request=by.request, action=f"move.{target}", subject=f"move {key}")
        return found_move(key)


def targets_of(move: WorkloadMove, roles: Iterable[Any]) -> list[str]:
    """How somebody may end the move now: those who propose drop what is not accepted, those who decide what is."""
    held = list(roles)
    if move.state in ("proposed", "asked"):
        return ["dropped"] if may(held, "moves.propose") else []
    if move.state != "accepted":
        return []
    found = ["done"] if may_update_action(held, owner_role=move.owner_role) else []
    return [*found, "dropped"] if may(held, "decision.record") else found


# --- what an acceptance stands on ------------------------------------------------------------------------------------


def what_if_of(move: WorkloadMove) -> WhatIf | None:
    """The question that was asked of the move last. One query."""
    return WhatIf.objects.filter(uuid=move.what_if_uuid).first() if isinstance(move.what_if_uuid, UUID) else None


def answered(move: WorkloadMove) -> WhatIf:
    """The move's what-if, answered and still of the move as it is. Raises MoveStepRefused."""
    if move.state != "asked":
        raise MoveStepRefused(
            ("", f"It is {move.get_state_display().lower()}: only a move that was asked is accepted.")
        )
    question = what_if_of(move)
    if question is None or question.state != "done" or question.full is None:
        raise MoveStepRefused(("", "Its what-if is not answered yet: what it releases is not known."))
    stale = stale_reason(move, question)
    if stale:
        raise MoveStepRefused(("", stale))
    return question


def stale_reason(move: WorkloadMove, question: WhatIf) -> str:
    """Why an answer no longer speaks of the move; "" where it does."""
    if question.full is not None and "move" not in question.full:
        return "Its what-if was asked before it was the move's: ask again."
    try:
        changes = changes_of_move(terms=terms_of(move), inputs=run_room(question.run_id).inputs.tables)
    except WhatIfRefused as refused:
        return f"{refused.sentence} Then ask again."
    except MoveRefused as refused:
        return str(refused)
    return "" if _same(changes, question.changes) else "The move was changed since it was asked: ask again."


def _same(changes: list[Change], asked: Iterable[Mapping[str, Any]]) -> bool:
    def plain(change: Mapping[str, Any]) -> tuple[Any, ...]:
        values = {name: cell_text(value) for name, value in (change.get("values") or {}).items()}
        return (
            change["table"],
            tuple(cell_text(part) for part in change["key"]),
            change["op"],
            tuple(sorted(values.items())),
        )

    return [plain(change) for change in changes] == [plain(change) for change in asked]


def _check_acceptance(move: WorkloadMove, acceptance: Acceptance) -> None:
    errors = []
    if needs_gate(move) and not acceptance.gate_reason.strip():
        errors.append(("gate_reason", "Its quality gate is not passed: say why it is accepted all the same."))
    for field, words in (
        ("risk", "what could go wrong, or that nothing can"),
        ("who_loses", "who loses by it, or nobody"),
    ):
        if not getattr(acceptance, field).strip():
            errors.append((field, f"Say {words}."))
    if errors:
        raise MoveStepRefused(*errors)


def needs_gate(move: WorkloadMove) -> bool:
    """Whether it is accepted only with a reason why its quality gate is not passed."""
    return move.quality_gate != "pass"


def draft_of(move: WorkloadMove, said: Acceptance, told: Mapping[str, Any]) -> DecisionDraft:
    """The decision that accepts the move: to do nothing or to move, with what the what-if released and its cost."""
    kind = KINDS[move.kind]
    reason = said.reason.strip()
    if needs_gate(move):
        reason += "\n" + GATE_MISSING.format(reason=said.gate_reason.strip())
    usd = told["released_usd"]
    return DecisionDraft(
        week=said.week,
        kind=kind.decision,
        question=f"Do we carry out the move {move.key}, {kind.name.lower()}: {move.title}?",
        options=(
            OptionDraft(
                name=DO_NOTHING,
                accelerators=0,
                cost_usd=Decimal(0),
                risk="It goes on as it is",
                who_loses="Nobody",
            ),
            OptionDraft(
                name=move.title,
                accelerators=-int(told["released_always"]),
                cost_usd=None if usd is None else -Decimal(usd),
                risk=said.risk.strip(),
                who_loses=said.who_loses.strip(),
            ),
        ),
        chosen=1,
        reason=reason,
        decider_role=said.decider_role,
        owner_role=said.owner_role,
        effect_metric=said.effect_metric,
        effect_direction="at_most",
        effect_target=said.effect_target,
        effect_by_date=min(said.due_date, said.review_back_date),
        review_back_date=said.review_back_date,
    )


# --- writing ---------------------------------------------------------------------------------------------------------


def _locked(key: str, row_version: int) -> WorkloadMove:
    move = found_move(key, lock=True)
    if move.row_version != row_version:
        raise _changed_meanwhile()
    return move


def _changed_meanwhile() -> MoveStepRefused:
    return MoveStepRefused(("", "Somebody else changed the move since you opened it: look at it again."), conflict=True)


def _write(cells: Mapping[str, str], by: Stepper, *, note: str, is_checked: bool = False) -> None:
    """Through the one writer of rows. A new move is asked of its writer; who may move one on was asked here."""
    actor = Actor(user=by.user, source="form", viewer=by.viewer if is_checked else None, note=note, request=by.request)
    outcome = apply_rows(table=tables()["workload_moves"], rows=[dict(cells)], actor=actor)
    if outcome.errors:
        raise MoveStepRefused(*((issue.column or "", issue.message) for issue in outcome.errors))
