"""The workflow of a contract on its page: each version's state, its moves, its hold, and what the reader may do next.

Read from the tables as they are, not from a run: who approved what is a record, not a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Prefetch
from django.urls import reverse

from capacity.access.models import AuditEvent, User
from capacity.access.roles import Role
from capacity.access.visibility import Sight, Viewer, sight
from capacity.lib.figures import counted, day, day_range, share
from contracts.domain.workflow import BEFORE_FINANCE, IN_FORCE, MAY_HOLD, PIPELINE, STATE_NAMES
from contracts.holding import REFUSED, may_hold, refused_subject
from contracts.models import Contract, ContractTransition, Hold
from contracts.services import makers_of, possible_moves

_PILLS = {"submitted": "decide", "approved": "good", "returned": "warn", "notice": "warn", "withdrawn": "done"}
REFUSED_FOR = timedelta(weeks=13)
HOLD_WORDS = {"granted": "Held", "released": "Released", "expired": "Expired", "signed": "Signed"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What somebody tried on a version and why it was not done, with what they typed."""

    version: int
    form: str
    sentence: str
    field: str = ""
    typed: Mapping[str, str] | None = None


def known_versions(viewer: Viewer, key: str) -> list[Contract]:
    """The versions of a contract that the viewer may know of, the newest first. Five queries at most."""
    moves = ContractTransition.objects.select_related("by", "decision").order_by("-id")
    found = (
        Contract.objects.filter(key=key)
        .select_related("owner", "customer", "workload", "usage_profile")
        .prefetch_related(Prefetch("transitions", moves), Prefetch("holds", Hold.objects.order_by("-id")))
        .order_by("-version")
    )
    return [each for each in found if sight(viewer, "input_contracts", "key", owner=owner_of(each)) is Sight.FULL]


def owner_of(contract: Contract) -> str:
    return contract.owner.get_username() if contract.owner else ""


def version_cards(
    versions: list[Contract], *, viewer: Viewer, user: User, now: datetime, problem: Problem | None = None
) -> list[dict[str, Any]]:
    """What contracts/_workflow.html shows of each version."""
    refused = _asked_in_vain(versions, now)
    return [
        _card(each, viewer, user, now, problem if problem is not None and problem.version == each.version else None)
        | {"refused": refused.get(refused_subject(each.key, each.version), "")}
        for each in versions
    ]


def _asked_in_vain(versions: list[Contract], now: datetime) -> dict[str, str]:
    """Subject → how often it was asked in vain to hold or sign it of late, and by whom. One query where it may be."""
    names = [refused_subject(each.key, each.version) for each in versions if each.state in MAY_HOLD]
    if not names:
        return {}
    events = AuditEvent.objects.filter(action=REFUSED, subject__in=names, at__gte=now - REFUSED_FOR)
    found: dict[str, list[str]] = {}
    for subject, user in events.order_by("at").values_list("subject", "user__username"):
        found.setdefault(subject, []).append(user or "")
    return {
        subject: f"{counted(len(who), 'time')} without room in the last {REFUSED_FOR.days // 7} weeks, "
        f"by {', '.join(sorted(set(who)))}"
        for subject, who in found.items()
    }


def _card(contract: Contract, viewer: Viewer, user: User, now: datetime, problem: Problem | None) -> dict[str, Any]:
    # Only where a move asks for another person does it matter who worded the contract.
    makers = makers_of(contract) if contract.state == "submitted" else set()
    args = [contract.key, contract.version]
    hold = next((each for each in contract.holds.all() if each.state == "granted"), None)
    may = may_hold(contract, viewer)
    return {
        "version": contract.version,
        "state": STATE_NAMES[contract.state],
        "pill": _pill(contract.state),
        "term": day_range(contract.starts_date, contract.ends_date, year=now.year),
        "row_version": contract.row_version,
        "moves": possible_moves(contract, viewer=viewer, makers=makers, user=user),
        "waits": _waits(contract, user.pk in makers and Role.FINANCE in viewer.roles),
        "history": [_move(each, now) for each in contract.transitions.all()],
        "hold": None if hold is None else _hold(hold, now.date(), now.year),
        "past_holds": [_hold(each, now.date(), now.year) for each in contract.holds.all() if each.state != "granted"],
        "may_hold": may and contract.state in MAY_HOLD,
        "is_deal": contract.state in PIPELINE,
        "problem": problem,
        "move_url": reverse("contract-move", args=args),
        "hold_url": reverse("contract-hold", args=args),
        "release_url": reverse("contract-release", args=args),
    }


def _pill(state: str) -> str:
    return _PILLS.get(state, "good" if state in IN_FORCE else "plain")


def _waits(contract: Contract, is_maker: bool) -> str:
    """What the deal waits for, in a sentence; "" where nothing has to be said."""
    if contract.state == "submitted":
        return (
            "You worded or submitted it: another person of finance approves it."
            if is_maker
            else "It waits for finance."
        )
    if contract.state in BEFORE_FINANCE:
        return "Finance has approved it: it waits for the signature."
    if contract.state == "signed":
        return "It begins by itself on its first day."
    return "It ends by itself after its last day." if contract.state in IN_FORCE else ""


def _move(move: ContractTransition, now: datetime) -> dict[str, Any]:
    return {
        "at": f"{day(move.at, year=now.year)} {move.at:%H:%M}",
        "words": f"{STATE_NAMES[move.from_state]} → {STATE_NAMES[move.to_state]}",
        "by": str(move.by) if move.by else "the clock",
        "reason": move.reason,
        "decision": move.decision.number if move.decision else None,
    }


def _hold(hold: Hold, today: date, year: int) -> dict[str, Any]:
    is_over = hold.state == "granted" and hold.expires_date <= today
    left = (hold.expires_date - today).days
    return {
        "key": hold.key,
        "probability": share(hold.probability),
        "granted": day(hold.granted_date, year=year),
        "expires": day(hold.expires_date, year=year),
        "left": "" if hold.state != "granted" or is_over else f"{counted(left, 'day')} left",
        "state": "Expired" if is_over else HOLD_WORDS[hold.state],
        "is_over": is_over or hold.state != "granted",
        "ended": day(hold.ended_date, year=year) if hold.ended_date else "",
        "note": hold.note,
    }
