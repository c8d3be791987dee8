"""A small world in which things happen that people are told of: plans with a place for a request, cards, holds."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from capacity.access.models import Notification, RoleGrant, User
from capacity.allocation.models import Run, RunPlacement, RunUnplaced
from capacity.review.notices import raise_notices
from tests.factories import make_run
from tests.workloads.requests import NOW
from workloads.models import ModelVersion, Workload


def raised(now: datetime = NOW, **more: Any) -> int:
    return raise_notices(now=now, **{"with_mail": False, **more})


def told(username: str, kind: str, subject: str = "") -> list[str]:
    """The sentences the person has of the kind, oldest first."""
    rows = Notification.objects.filter(user__username=username, kind=kind).order_by("pk")
    return list((rows.filter(subject_key=subject) if subject else rows).values_list("sentence", flat=True))


def plan(start: str, *, key: str = "R-0001", pool: str = "h100_use1", why: str = "") -> Run:
    """The plan shown has the request from this week on, or without a place (start "")."""
    run = make_run()
    row: dict[str, Any] = {"run": run, "experiment_key": key, "name": "Longer contexts", "team_key": "team-1"}
    row |= {"team_name": "Team 1", "priority": "P2", "accelerators": 16, "weeks": 2}
    if start:
        RunPlacement.objects.create(**row, purpose="research", is_running=False, pool_key=pool, start_week=start)
    else:
        RunUnplaced.objects.create(**row, reason="capacity", sentence=why)
    return run


def card(key: str = "chat", *, tier: str = "frontier", **fields: Any) -> Workload:
    model, _ = ModelVersion.objects.get_or_create(key=f"a-{tier}", defaults={"name": tier, "model_tier": tier})
    values = {"name": key.title(), "purpose": "serving", "model_version": model, "latency_class": "interactive"}
    return Workload.objects.create(key=key, **{**values, **fields})


def justified(key: str, ends: date, **fields: Any) -> Workload:
    return card(key, tier_justification="It alone reasons", justification_expires_date=ends, **fields)


def revoke(user: User) -> None:
    RoleGrant.objects.filter(user=user, revoked_at=None).update(revoked_at=NOW)
