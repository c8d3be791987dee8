"""From a request to a Viewer, and the gates before pages and API views. Each denial leaves an audit row.

Roles are read from the database in each request, once: a role revoked in mid-session is gone at the next request.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from capacity.access.audit import record_event
from capacity.access.models import ApiToken, RoleGrant, TokenScope
from capacity.access.permissions import may, roles_for
from capacity.access.roles import Role
from capacity.access.visibility import Viewer

View = Callable[..., HttpResponseBase]


def viewer_of(request: HttpRequest | Request) -> Viewer:
    """Who is asking, with their open roles. They come with the account (AccountBackend) and are asked for where they
    do not, as for somebody who signed in by this very request; nobody has roles before they sign in.
    """
    plain: Any = getattr(request, "_request", request)
    cached = getattr(plain, "_viewer", None)
    if isinstance(cached, Viewer) and cached.username == plain.user.get_username():
        return cached
    user = plain.user
    if not user.is_authenticated or not user.is_active:
        return Viewer()
    viewer = viewer_of_user(user)
    plain._viewer = viewer
    return viewer


def viewer_of_user(user: Any) -> Viewer:
    """An account with its open roles, also where nobody is asking just now. One query where they did not come with it."""
    held = getattr(user, "open_roles", None)
    if held is None:
        held = RoleGrant.objects.filter(user=user, revoked_at=None).values_list("role", flat=True)
    return Viewer(username=user.get_username(), roles=frozenset(Role(role) for role in held), team_key=user.team_key)


def require_roles(*roles: Role) -> Callable[[View], View]:
    """The view is for holders of any of the roles; for others 403 and an audit row."""
    allowed = frozenset(roles)

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if viewer_of(request).roles.isdisjoint(allowed):
                deny(request, needs=" or ".join(sorted(allowed)))
            return view(request, *args, **kwargs)

        guarded.allowed_roles = allowed  # type: ignore[attr-defined]
        return guarded

    return decorate


def requires(action: str) -> Callable[[View], View]:
    """The view is for the roles that may do the action (capacity.access.permissions); KeyError for an unknown one."""
    return require_roles(*roles_for(action))


def requires_by_method(**actions: str) -> Callable[[View], View]:
    """Different actions for different methods: `requires_by_method(GET="review.view", POST="decision.record")`.

    HEAD goes with GET; a method not named needs the roles of the first one named (the view itself then answers 405).
    """
    first = next(iter(actions.values()))
    allowed = {method: roles_for(action) for method, action in actions.items()}

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            method = "GET" if request.method == "HEAD" else str(request.method)
            if viewer_of(request).roles.isdisjoint(allowed.get(method, roles_for(first))):
                deny(request, needs=actions.get(method, first))
            return view(request, *args, **kwargs)

        guarded.allowed_roles = frozenset().union(*allowed.values())  # type: ignore[attr-defined]
        return guarded

    return decorate


def Permits(action: str) -> type[BasePermission]:
    """A DRF permission class for the action: `permission_classes = [Permits("run.view")]`."""
    return PermitsByMethod(GET=action)


def PermitsByMethod(**actions: str) -> type[BasePermission]:
    """A DRF permission class with an action for each method; HEAD and OPTIONS go with GET, unnamed ones with the first.

    A token has to reach the view too: its scopes by the method, its limits by the view's `resource` and `area` (a view
    without them, as the schema, is for any token).
    """
    first = next(iter(actions.values()))
    by_method = {method: roles_for(action) for method, action in actions.items()}
    others = roles_for(first)

    class Permitted(BasePermission):
        allowed_roles = frozenset().union(*by_method.values())

        def has_permission(self, request: Request, view: APIView) -> bool:
            method = "GET" if request.method in ("HEAD", "OPTIONS") else str(request.method)
            if not by_method.get(method, others).isdisjoint(viewer_of(request).roles):
                return _token_reaches(self, request, view)
            if request.user.is_authenticated:
                record_denial(request, needs=actions.get(method, first))
            return False

    return Permitted


def _token_reaches(gate: BasePermission, request: Request, view: APIView) -> bool:
    """Whether the request's token, if it came with one, is for this method and resource; sets the gate's sentence."""
    token = request.auth
    if not isinstance(token, ApiToken):
        return True
    is_read = request.method in SAFE_METHODS
    scope = TokenScope.READ if is_read else TokenScope.WRITE
    names = [str(name) for name in (getattr(view, "resource", ""), getattr(view, "area", "")) if name]
    if token.may(scope) and (not names or token.reaches(*names)):
        return True
    record_denial(request, needs=f"a token that may {scope} here")
    gate.code = "token_scope"  # type: ignore[attr-defined]
    gate.message = f"This token may not {scope} here: its scopes or limits leave it out."  # type: ignore[attr-defined]
    return False


def may_do(request: HttpRequest, action: str) -> bool:
    """For templates' context: whether to offer the button at all."""
    return may(viewer_of(request).roles, action)


def own_or_404(viewer: Viewer, *, owner: str, full: frozenset[Role]) -> None:
    """Another's object answers as a missing one: Http404 unless the viewer holds a role of `full` or owns the row."""
    if viewer.roles.isdisjoint(full) and not any(viewer.owns(role, owner) for role in (Role.SALES, Role.RESEARCH)):
        raise Http404


def deny(request: HttpRequest, *, needs: str) -> None:
    """Always raises PermissionDenied (the 403 page), after the audit row."""
    record_denial(request, needs=needs)
    raise PermissionDenied


def record_denial(request: HttpRequest | Request, *, needs: str) -> None:
    """The audit row of a refused request."""
    record_event(request=request, action="denied", subject=f"{request.method} {request.path}", detail={"needs": needs})
