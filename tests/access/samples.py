"""One object of each kind that a route names, for the permission matrix. A route with a parameter needs a line here.

SAMPLES: the route as the resolver writes it → the parameters that reach an existing object. `build_world` makes those
objects. MISSING: a route → parameters of an object that is not there, where the converter's default will not do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capacity.access.models import User

SAMPLES: dict[str, dict[str, Any]] = {
    "people/<str:username>/roles/": {"username": "somebody"},
}
MISSING: dict[str, dict[str, Any]] = {}
# Routes that anybody may open, each with the reason; every other view must say who may use it.
OPEN_ROUTES: Mapping[str, str] = {
    "sign-in/": "nobody is signed in yet",
    "sign-out/": "ends the session of whoever asks",
    "": "sends everybody on to their own first page",
    "healthz": "says whether the parts are up, no data",
}


def build_world() -> None:
    """The objects the samples name, as few as will do. Runs once for the whole matrix."""
    User.objects.create_user("somebody", password=None)
