"""Signing in, the audit log for auditors, people and their roles for administrators. None shows any figure."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from capacity.access import selectors
from capacity.access.forms import AuditFilterForm, RoleChangeForm, SignInForm
from capacity.access.models import User
from capacity.access.permissions import landing_route
from capacity.access.roles import ROLE_NAMES, Role
from capacity.access.services import RoleChangeRefused, grant_role, revoke_role
from capacity.access.viewer import requires, viewer_of
from capacity.access.visibility import WHAT_ROLE_SEES


class SignIn(LoginView):
    """Signing in leads to the page that was asked for, else to the role's own page.

    The bare address asks for nothing in particular.
    """

    authentication_form = SignInForm

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        asked = str(super().get_redirect_url())
        return "" if asked == "/" else asked

    def get_default_redirect_url(self) -> str:
        return reverse(landing_route(viewer_of(self.request).roles))


@requires("audit.view")
@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    """The audit log, newest first."""
    form = AuditFilterForm(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    page = selectors.audit_page(
        action=asked.get("action", ""), username=asked.get("username", ""), before=asked.get("before")
    )
    return render(request, "access/audit.html", {"page": page, "asked": asked})


@requires("users.manage")
@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Everybody with an account and the roles they hold."""
    roles = [(role.value, ROLE_NAMES[role], WHAT_ROLE_SEES[role]) for role in Role]
    return render(request, "access/people.html", {"people": selectors.people(), "roles": roles})


@requires("users.manage")
@require_POST
def change_role(request: HttpRequest, username: str) -> HttpResponse:
    """Grants or revokes one role of one person, then shows the list again."""
    person = get_object_or_404(User, username=username)
    form = RoleChangeForm(request.POST)
    if not form.is_valid():
        return HttpResponse("Name a role and grant or revoke.", status=400, content_type="text/plain")
    role = Role(form.cleaned_data["role"])
    change = grant_role if form.cleaned_data["change"] == "grant" else revoke_role
    try:
        change(by=cast(User, request.user), person=person, role=role, request=request)
    except RoleChangeRefused as refused:
        messages.error(request, str(refused))
    else:
        done = "granted to" if change is grant_role else "revoked from"
        messages.success(request, f"{ROLE_NAMES[role]} is {done} {person.username}.")
    return redirect("people")
