"""Reads of policy and of what meetings decided."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import Exists, OuterRef, Q, QuerySet

from capacity.access.models import User
from capacity.decisions.models import Action, Decision, FloorWaiver, PolicyFloor, PolicySet
from capacity.imports.rows import Row, table_rows

DECISION_STATES = [("open", "Open"), ("due", "Due for review-back"), ("closed", "Judged"), ("superseded", "Superseded")]
ACTION_STATES = [("open", "Open"), ("overdue", "Overdue"), ("done", "Done"), ("dropped", "Dropped")]


def input_rows() -> dict[str, list[Row]]:
    """The policy tables as a run reads them."""
    return {
        "policy_sets": table_rows(PolicySet, keys=["version"]),
        "policy_floors": table_rows(PolicyFloor, keys=["policy", "key"], foreign={"policy": "policy__version"}),
        "floor_waivers": _waiver_rows(),
    }


def waivers_in_force() -> QuerySet[FloorWaiver]:
    """The waivers whose decision is recorded as a floor waiver and not superseded (methods: Floor waivers)."""
    granted = Decision.objects.filter(number=OuterRef("decision_number"), kind="floor_waiver", superseded_by=None)
    return FloorWaiver.objects.filter(Exists(granted))


def _waiver_rows() -> list[Row]:
    """The waivers as rows; `is_decided` says whether the decision they name grants them."""
    rows = table_rows(FloorWaiver, keys=["key"], foreign={"policy": "floor__policy__version", "floor": "floor__key"})
    decided = set(waivers_in_force().values_list("key", flat=True)) if rows else set()
    return [{**row, "is_decided": row["key"] in decided} for row in rows]


def decisions() -> QuerySet[Decision]:
    """Decisions, newest first, with their verdict, options, actions and what superseded them. Four queries in all."""
    return (
        Decision.objects.select_related("verdict", "verdict__recorded_by", "supersedes", "recorded_by")
        .prefetch_related("options", "actions", "superseded_by")
        .order_by("-number")
    )


def decisions_in_state(state: str, *, today: Any) -> Q:
    """The condition of a state of DECISION_STATES; "" is any. Superseded comes before judged."""
    is_alive = Q(superseded_by=None)
    return {
        "open": is_alive & Q(verdict=None),
        "due": is_alive & Q(verdict=None, review_back_date__lte=today),
        "closed": is_alive & Q(verdict__isnull=False),
        "superseded": Q(superseded_by__isnull=False),
    }.get(state, Q())


def actions() -> QuerySet[Action]:
    """Actions, newest first, each with its decision (whose kind decides who reads its words)."""
    return Action.objects.select_related("decision", "created_by").order_by("-number")


def actions_in_state(state: str, *, today: Any) -> Q:
    """The condition of a state of ACTION_STATES; "" is any."""
    if state == "overdue":
        return Q(status="open", due_date__lt=today)
    return Q(status=state) if state else Q()


def decisions_before_review(*, week: str, since: str | None) -> QuerySet[Decision]:
    """All that a review speaks of, by number: decisions of earlier reviews without a verdict or judged on this review
    or the one before (`since`), and its own. `is_superseded` on each. One query.
    """
    newer = Decision.objects.filter(supersedes=OuterRef("pk"))
    earlier = Q(review_week__lt=week) & (
        Q(verdict=None, is_superseded=False) | Q(verdict__review_week__in=[week, *([since] if since else [])])
    )
    return (
        Decision.objects.annotate(is_superseded=Exists(newer))
        .filter(earlier | Q(review_week=week))
        .select_related("verdict")
        .order_by("number")
    )


def actions_before_review(*, week: str, closed_since: datetime | None) -> QuerySet[Action]:
    """All that a review speaks of, by number: actions of earlier reviews that are open or were closed after the moment
    (None: none of the closed), and its own. One query.
    """
    wanted = Q(status="open")
    if closed_since is not None:
        wanted |= Q(closed_at__gt=closed_since)
    return (
        Action.objects.select_related("decision")
        .filter((Q(review_week__lt=week) & wanted) | Q(review_week=week))
        .order_by("number")
    )


def decisions_of_week(week: str) -> QuerySet[Decision]:
    """What was decided on a review, in the order it was recorded. One query."""
    return Decision.objects.filter(review_week=week).order_by("number")


def actions_of_week(week: str) -> QuerySet[Action]:
    """What was asked for on a review, in the order it was recorded, each with its decision. One query."""
    return Action.objects.select_related("decision").filter(review_week=week).order_by("number")


def last_change_of_action(number: int) -> tuple[str, datetime] | None:
    """Who changed an action last, and when, from its row history; None when it was never changed."""
    events = apps.get_model("decisions", "ActionEvent")._default_manager
    event = events.filter(number=number).select_related("pgh_context").order_by("-pgh_id").first()
    if event is None:
        return None
    who = (event.pgh_context.metadata if event.pgh_context else {}).get("user")
    username = User.objects.filter(pk=who).values_list("username", flat=True).first() if who else None
    return username or "", event.pgh_created_at


def policy_versions() -> list[dict[str, Any]]:
    """Every version of the policy, the latest start first, each with its `floors` and their `waivers`. Three queries."""
    waivers: dict[int, list[dict[str, Any]]] = {}
    for waiver in waivers_in_force().order_by("starts_date", "key").values():
        waivers.setdefault(waiver["floor_id"], []).append({**waiver})
    floors: dict[int, list[dict[str, Any]]] = {}
    for floor in PolicyFloor.objects.order_by("key").values():
        floors.setdefault(floor["policy_id"], []).append({**floor, "waivers": waivers.get(floor["id"], [])})
    rows = PolicySet.objects.order_by("-effective_date", "-version").values()
    return [{**row, "floors": floors.get(row["id"], [])} for row in rows]
