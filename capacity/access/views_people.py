"""People for administrators: add one, change name or team, a new one-time password, close or reopen an account.

A one-time password is shown once, on the answer to the request that made it, and kept nowhere.
"""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from capacity.access.accounts import (
    ONE_TIME_PASSWORD_LASTS,
    AccountChangeRefused,
    add_person,
    change_details,
    issue_password,
    set_active,
)
from capacity.access.forms import DetailsForm, NewPersonForm
from capacity.access.models import User
from capacity.access.roles import ROLE_NAMES, Role
from capacity.access.services import PersonRefused
from capacity.access.viewer import requires
from capacity.access.visibility import WHAT_ROLE_SEES


@requires("users.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def new_person(request: HttpRequest) -> HttpResponse:
    """The form of a new account; after it, the account's one-time password."""
    form = NewPersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        try:
            person, password = add_person(
                by=cast(User, request.user),
                username=asked["username"],
                display_name=asked["display_name"],
                roles=[Role(role) for role in asked["roles"]],
                team_key=asked["team_key"],
                request=request,
            )
        except PersonRefused as refused:
            form.add_error(None, str(refused))
        else:
            return _password_shown(request, person, password, is_new=True)
    roles = [(ROLE_NAMES[role], WHAT_ROLE_SEES[role]) for role in Role]
    return render(request, "access/person_new.html", {"form": form, "roles": roles})


@requires("users.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def person(request: HttpRequest, username: str) -> HttpResponse:
    """One person: the name shown and the team, and what else can be done with the account."""
    found = get_object_or_404(User, username=username)
    form = DetailsForm(request.POST or None, initial={"display_name": found.display_name, "team_key": found.team_key})
    if request.method == "POST" and form.is_valid():
        try:
            change_details(by=cast(User, request.user), person=found, **form.cleaned_data, request=request)
        except AccountChangeRefused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, f"{found.username} is saved.")
            return redirect("people")
    held = found.role_grants.filter(revoked_at=None).values_list("role", flat=True)
    context = {"person": found, "form": form, "roles": [ROLE_NAMES[Role(role)] for role in held]}
    return render(request, "access/person.html", context)


@requires("users.manage")
@require_POST
def new_password(request: HttpRequest, username: str) -> HttpResponse:
    """A new one-time password for a person who lost theirs."""
    found = get_object_or_404(User, username=username)
    try:
        password = issue_password(by=cast(User, request.user), person=found, request=request)
    except AccountChangeRefused as refused:
        messages.error(request, str(refused))
        return redirect("people-person", username)
    return _password_shown(request, found, password, is_new=False)


@requires("users.manage")
@require_POST
def change_state(request: HttpRequest, username: str) -> HttpResponse:
    """Close an account, or open it again. A closed one is out at its next request; nothing of theirs is deleted."""
    found = get_object_or_404(User, username=username)
    wanted = request.POST.get("state")
    if wanted not in ("active", "closed"):
        return HttpResponse("Say active or closed.", status=400, content_type="text/plain")
    try:
        set_active(by=cast(User, request.user), person=found, is_active=wanted == "active", request=request)
    except AccountChangeRefused as refused:
        messages.error(request, str(refused))
    else:
        words = "can sign in again" if wanted == "active" else "can no longer sign in"
        messages.success(request, f"{found.username} {words}.")
    return redirect("people")


def _password_shown(request: HttpRequest, person: User, password: str, *, is_new: bool) -> HttpResponse:
    context = {"person": person, "password": password, "is_new": is_new, "days": ONE_TIME_PASSWORD_LASTS.days}
    return render(request, "access/password_shown.html", context)
