"""People and forms of requests for tests: ada and bea ask for team-1, cyd for another team, dan and eve are chairs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from tests.factories import make_user
from workloads.models import Experiment, RequestMove
from workloads.request_moves import Mover, make_request, move_request

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
CELLS = {
    "name": "Longer contexts",
    "team": "team-1",
    "experiment_priority": "P2",
    "purpose": "research",
    "is_model_development": "false",
    "accelerators": "16",
    "weeks": "2",
    "earliest_start_date": "2026-11-30",
    "latest_start_date": "2027-01-25",
    "accelerator_types": "h100",
    "hypothesis": "Twice the context halves the errors",
}
_PEOPLE = {
    "ada": (Role.RESEARCH, "team-1"),
    "bea": (Role.RESEARCH, "team-1"),
    "cyd": (Role.RESEARCH, "another"),
    "dan": (Role.CHAIR, ""),
    "eve": (Role.CHAIR, ""),
    "fin": (Role.FINANCE, ""),
}


def mover(name: str) -> Mover:
    """The person by name, made when first asked for."""
    role, team = _PEOPLE[name]
    user = User.objects.filter(username=name).first() or make_user(role, username=name, team_key=team)
    return Mover(user=user, viewer=Viewer(username=name, roles=frozenset({role}), team_key=team))


def made(by: str = "ada", *, form_key: str = "form-1", submits: bool = True, **cells: str) -> Experiment:
    request, _ = make_request(
        cells={**CELLS, **cells},
        form_key=form_key,
        mover=mover(by),
        now=NOW,
        submits=submits,
        answer={"sentence": "Fits."},
    )
    return request


def moved(by: str, key: str, target: str, *, reason: str = "so it is", **more: Any) -> RequestMove:
    return move_request(key=key, target=target, reason=reason, mover=mover(by), now=NOW, **more)


def state_of(key: str) -> str:
    return str(Experiment.objects.values_list("state", flat=True).get(key=key))
