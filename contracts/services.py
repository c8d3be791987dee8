"""Moves of a contract through its workflow: one place where each is checked, written and recorded.

What may happen is the pure table (contracts/domain/workflow.py); the state itself is a stored input and goes through
the one writer of rows. Each move is one transaction; holds end with the pipeline (contracts/holding.py).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet

from capacity.access.audit import record_event
from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.decisions.drafts import REVIEW_BACK_DAYS, DecisionDraft, OptionDraft
from capacity.decisions.models import Decision
from capacity.decisions.services import DecisionRefused, record_decision
from capacity.imports.batches import take_turn
from capacity.imports.cells import CellError, text
from capacity.imports.edits import Actor, apply_rows
from capacity.imports.models import ImportChange
from capacity.imports.rows import as_json, key_text
from capacity.imports.tables import tables
from capacity.lib.canonical import content_hash
from contracts.domain.workflow import BY_MOVE, MAY_HOLD, due_moves, refusal
from contracts.holding import (
    HoldCheck,
    HoldRefused,
    Planned,
    asked_in_sight,
    end_hold,
    expire_holds,
    lock_holds,
    require_room,
)
from contracts.models import Contract, ContractTransition, UsageProfile
from contracts.quote_authors import authors_of_quotes
from contracts.write_rules import says_use

logger = logging.getLogger(__name__)

SOURCE = "workflow"
# What says how a contract is worded; a write of one of these makes somebody a maker of it.
_TERMS = ("contracts", "price_lines", "commit_steps", "sla_lines")
_NOT_TERMS = {"id", "state", "row_version", "provenance", "source_ref", "contract_id"}
PROMISES_KEPT = "H1"
_ALL = Decimal(1)


class MoveRefused(Exception):
    """Nothing was written. code, sentence: why. field: what to mend in a form, "" for nothing of it."""

    def __init__(self, sentence: str, *, code: str = "not_allowed", field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.field = field


@dataclass(frozen=True, kw_only=True, slots=True)
class Meeting:
    """What a signature's decision is recorded on: the reviews that take decisions, the run they look at, and the check
    that keeps what is held for others."""

    open_weeks: Collection[str]
    run_id: int | None
    check: HoldCheck


@dataclass(frozen=True, kw_only=True, slots=True)
class Mover:
    """Who moves a contract, and through which door."""

    user: User
    viewer: Viewer
    source: str = SOURCE
    request: Any = None


def move_contract(
    *,
    key: str,
    version: int,
    target: str,
    reason: str,
    mover: Mover,
    now: datetime,
    meeting: Meeting,
    row_version: int | None = None,
) -> ContractTransition:
    """The recorded move. row_version: that of the contract as the person read it.

    Raises Contract.DoesNotExist, MoveRefused, holding.NoRoom.
    """
    try:
        text()(reason)
    except CellError as error:
        raise MoveRefused(error.message, code="bad_value", field="reason") from None
    change = Planned(contract=key, version=version, signs=True)
    with asked_in_sight(change=change, user=mover.user, request=mover.request), transaction.atomic():
        decision = None
        if target == "signed":
            # The order of locks is the same everywhere: holds, numbers of decisions, inputs, contract.
            lock_holds()
            asked = _found(key, version)
            _refuse(asked, target, reason, mover, row_version)
            decision = _sign(asked, mover, meeting, now)
            require_room(check=meeting.check, change=change, as_of=now.date(), viewer=mover.viewer)
        take_turn(["contracts"])
        contract = _found(key, version, lock=True)
        _refuse(contract, target, reason, mover, row_version)
        if decision is not None:
            _approval_of(contract)
        move = _write(contract, target, reason.strip(), mover.user, now, decision, mover.source)
        record_event(
            user=mover.user,
            request=mover.request,
            action=f"contract.{target}",
            subject=f"{key} v{version}",
            detail={"from": move.from_state},
        )
    return move


def keep_up_with_clock(*, now: datetime) -> tuple[int, int]:
    """Holds that are over, then contracts that begin or end; how many of each. Late or twice, it does nothing more."""
    return expire_holds(now=now), len(move_by_clock(now=now))


def move_by_clock(*, now: datetime) -> list[ContractTransition]:
    """Begins what starts and ends what is over by now. Doing it twice, or late, does nothing more."""
    today, made = now.date(), []
    waiting = Contract.objects.filter(state__in=["signed", "active", "notice"]).order_by("key", "version")
    for key, version, state, starts, ends in waiting.values_list("key", "version", "state", "starts_date", "ends_date"):
        if due_moves(state=state, starts=starts, ends=ends, today=today):
            try:
                made.extend(_by_clock(key, version, now))
            except (MoveRefused, HoldRefused, DatabaseError) as error:
                # One contract that cannot move must not keep the others from theirs.
                logger.error("Contract %s v%s is due and cannot move: %s", key, version, error)
    return made


def possible_moves(
    contract: Contract, *, viewer: Viewer, makers: Collection[int], user: User
) -> list[tuple[str, str, bool]]:
    """(target, verb, needs a reason) of what this person may do next; what only misses a reason is among it."""
    return [
        (move.target, move.verb, move.needs_reason)
        for (source, _), move in BY_MOVE.items()
        if source == contract.state
        and not refusal(
            source=source,
            target=move.target,
            roles=viewer.roles,
            is_own=viewer.owns(Role.SALES, _owner(contract)),
            is_maker=user.pk in makers,
            reason="-",
        )
    ]


def makers_of(contract: Contract) -> set[int]:
    """Who worded the contract or the quote it was made of, or submitted it last: none of them approves it.

    Three queries, five with a usage profile.

    What a change says decides, never what it is called: a source is typed by whoever imports.
    """
    whole = key_text((contract.key, str(contract.version)))
    wrote = ImportChange.objects.filter(
        Q(key=whole) | Q(key__startswith=f"{whole}~"), table__in=_TERMS, batch__imported_by__isnull=False
    )
    changes = wrote.values_list("batch__imported_by", "before", "after")
    found = {by for by, before, after in changes if _is_wording(before or {}, after or {})}
    found |= _sizers_of(contract)
    found |= authors_of_quotes(contract_key=contract.key, contract_version=contract.version)
    submitted = (
        contract.transitions.filter(to_state="submitted").order_by("-id").values_list("by_id", flat=True).first()
    )
    return found | ({submitted} if submitted else set())


def _sizers_of(contract: Contract) -> set[int]:
    """Who wrote the use that the contract takes from its usage profile."""
    if contract.usage_profile is None:
        return set()
    wrote = ImportChange.objects.filter(
        key=key_text((contract.usage_profile.key,)), table="usage_profiles", batch__imported_by__isnull=False
    )
    changes = wrote.values_list("batch__imported_by", "before", "after")
    return {by for by, before, after in changes if says_use(before or {}) != says_use(after or {})}


def _is_wording(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Something other than the state differs."""
    return any(before.get(name) != after.get(name) for name in {*before, *after} - {"state"})


def terms_hash(contract: Contract) -> str:
    """Of everything the contract says, the use it takes from its profile too, and of nothing that is only about it."""
    said = {
        "contract": _said(Contract.objects.filter(pk=contract.pk)),
        "prices": _said(contract.price_lines.all()),
        "commitments": _said(contract.commit_steps.all()),
        "sla": _said(contract.sla_lines.all()),
    }
    profiles = UsageProfile.objects.filter(contracts=contract).values()
    if profiles:
        said["use"] = [content_hash(as_json(says_use({**row}))) for row in profiles]
    return content_hash(said)


def _said(rows: QuerySet[Any]) -> list[str]:
    return sorted(
        content_hash(as_json({name: value for name, value in row.items() if name not in _NOT_TERMS}))
        for row in rows.values()
    )


# --- inside -------------------------------------------------------------------------------------------------------


def _owner(contract: Contract) -> str:
    return contract.owner.get_username() if contract.owner else ""


def _refuse(contract: Contract, target: str, reason: str, mover: Mover, row_version: int | None) -> None:
    if row_version is not None and contract.row_version != row_version:
        message = "Somebody changed this contract since you opened it. Look at it again."
        raise MoveRefused(message, code="moved_on")
    found = refusal(
        source=contract.state,
        target=target,
        roles=mover.viewer.roles,
        is_own=mover.viewer.owns(Role.SALES, _owner(contract)),
        is_maker=mover.user.pk in makers_of(contract),
        reason=reason,
    )
    if found:
        is_reason = found.startswith("Say why")
        raise MoveRefused(
            found, code="reason_missing" if is_reason else "not_allowed", field="reason" if is_reason else ""
        )


def _write(
    contract: Contract,
    target: str,
    reason: str,
    user: User | None,
    now: datetime,
    decision: Decision | None,
    source: str,
) -> ContractTransition:
    """Record the move, end a hold that it ends, and write the state through the one writer of rows."""
    move = ContractTransition.objects.create(
        contract=contract,
        from_state=contract.state,
        to_state=target,
        at=now,
        by=user,
        reason=reason,
        terms_hash=terms_hash(contract),
        decision=decision,
    )
    note = f"{contract.get_state_display().lower()} → {target.replace('_', '-')}" + (f": {reason}" if reason else "")
    if target not in MAY_HOLD:
        ends = "signed" if target == "signed" else "released"
        end_hold(contract=contract, state=ends, now=now, user=user, note=note, source=source)
    actor = Actor(user=user, source=source, note=note)
    if target == "signed":
        _apply(_superseded(contract), actor)
    _apply([{"key": contract.key, "version": str(contract.version), "state": target}], actor)
    return move


def _apply(rows: list[dict[str, str]], actor: Actor) -> None:
    """Through the one writer of rows. Who may make the move has been asked here, not of the row."""
    outcome = apply_rows(table=tables()["contracts"], rows=rows, actor=actor) if rows else None
    if outcome is not None and outcome.errors:
        raise MoveRefused(" ".join(issue.message for issue in outcome.errors), code="bad_terms")


def _superseded(contract: Contract) -> list[dict[str, str]]:
    """An amendment ends the version before it on the day it starts itself."""
    before = Contract.objects.filter(
        key=contract.key,
        state__in=["signed", "active", "notice"],
        starts_date__lt=contract.starts_date,
        ends_date__gt=contract.starts_date,
    ).exclude(pk=contract.pk)
    return [
        {"key": each.key, "version": str(each.version), "ends_date": contract.starts_date.isoformat()}
        for each in before
    ]


def _found(key: str, version: int, *, lock: bool = False) -> Contract:
    rows = Contract.objects.select_related("owner", "usage_profile")
    return (rows.select_for_update(of=("self",)) if lock else rows).get(key=key, version=version)


def _approval_of(contract: Contract) -> ContractTransition:
    """Finance's last word on it, given for what it says now. Raises MoveRefused."""
    approval = contract.transitions.filter(to_state="approved").order_by("-id").select_related("by").first()
    if approval is None:
        raise MoveRefused("Finance has not approved this contract.", code="not_approved")
    if approval.terms_hash != terms_hash(contract):
        message = "The terms are no longer those that finance approved. Return it, and have it approved again."
        raise MoveRefused(message, code="terms_changed")
    return approval


def _sign(contract: Contract, mover: Mover, meeting: Meeting, now: datetime) -> Decision:
    """The decision that the signature carries out: finance's, whoever records that it was signed. Raises MoveRefused."""
    approval = _approval_of(contract)
    assert approval.by is not None
    weeks = sorted(meeting.open_weeks)
    if not weeks:
        raise MoveRefused("There is no review yet that takes the decision: make a plan first.", code="no_review")
    try:
        return record_decision(
            draft=_decision(contract, approval, week=weeks[-1], today=now.date()),
            user=approval.by,
            roles=[Role.FINANCE],
            now=now,
            open_weeks=weeks,
            run_id=meeting.run_id,
            idempotency_key=f"signed {contract.pk} {approval.pk}",
            request=mover.request,
        )
    except DecisionRefused as refused:
        raise MoveRefused(str(refused), code="no_decision") from None


def _decision(contract: Contract, approval: ContractTransition, *, week: str, today: date) -> DecisionDraft:
    """Sign or do nothing; judged by the promises kept, soon after it begins and within a quarter."""
    last = today + timedelta(days=REVIEW_BACK_DAYS)
    by = min(max(contract.starts_date, today) + timedelta(weeks=4), last)
    name = f"{contract.key} v{contract.version} {contract.name}"
    sign = OptionDraft(
        name=f"Sign {name}"[:300],
        risk="Its need is owed from its start, whether the plan then has room for it or not.",
        who_loses="Whoever the next plan serves after it; the review's changes name them.",
    )
    nothing = OptionDraft(
        name="Do nothing", risk="The customer goes elsewhere, and what was held is free again.", who_loses="Sales."
    )
    return DecisionDraft(
        week=week,
        kind="contract",
        question=f"Do we sign {name}?"[:300],
        options=(nothing, sign),
        chosen=1,
        reason=approval.reason or "Finance approved its terms.",
        decider_role=Role.FINANCE.value,
        owner_role=Role.SALES.value,
        effect_metric=PROMISES_KEPT,
        effect_direction="at_least",
        effect_target=_ALL,
        effect_by_date=by,
        review_back_date=last,
        reversible=False,
    )


def _by_clock(key: str, version: int, now: datetime) -> list[ContractTransition]:
    with transaction.atomic():
        take_turn(["contracts"])
        contract = Contract.objects.select_for_update(of=("self",)).filter(key=key, version=version).first()
        if contract is None:
            return []
        made = []
        for target in due_moves(
            state=contract.state, starts=contract.starts_date, ends=contract.ends_date, today=now.date()
        ):
            made.append(_write(contract, target, "", None, now, None, SOURCE))
            contract.refresh_from_db()
        return made
