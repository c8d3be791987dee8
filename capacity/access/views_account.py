"""The first account of an empty installation, and one's own password. Neither shows any figure."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from capacity.access.accounts import change_own_password
from capacity.access.first_person import (
    AlreadyTaken,
    TooManyWrongCodes,
    WrongCode,
    check_setup_code,
    create_first_person,
    nobody_can_sign_in,
)
from capacity.access.forms import FirstPersonForm, OwnPasswordForm
from capacity.access.models import User
from capacity.access.permissions import landing_route, may
from capacity.access.roles import ROLE_NAMES, Role
from capacity.access.viewer import viewer_of
from capacity.access.visibility import WHAT_ROLE_SEES

_BACKEND = "capacity.access.backends.AccountBackend"


@login_not_required
@sensitive_post_parameters("password", "again", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def welcome(request: HttpRequest) -> HttpResponse:
    """Makes the first administrator. 404 as soon as somebody has an account."""
    if not nobody_can_sign_in():
        raise Http404
    form = FirstPersonForm(request.POST or None, initial={"code": request.GET.get("code", "")[:80]})
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            return _begin(request, form)
        except AlreadyTaken:
            messages.error(request, "Somebody else has just made the first account. Ask them for one.")
            return redirect("login")
        except TooManyWrongCodes:
            form.add_error("code", "Too many wrong codes from here. Try again in a quarter of an hour.")
            status = 429
        except WrongCode:
            form.add_error("code", "This is not the setup code of this installation.")
        except ValidationError as refused:
            form.add_error(None, refused.messages)
    roles = [(ROLE_NAMES[role], WHAT_ROLE_SEES[role]) for role in Role]
    return render(request, "access/welcome.html", {"form": form, "roles": roles}, status=status)


def _begin(request: HttpRequest, form: FirstPersonForm) -> HttpResponse:
    asked = form.cleaned_data
    check_setup_code(asked["code"], request=request)
    person = create_first_person(
        username=asked["username"],
        password=asked["password"],
        display_name=asked["display_name"],
        team_key=asked["team_key"],
        roles=[Role(role) for role in asked["roles"]],
        request=request,
    )
    login(request, person, backend=_BACKEND)
    roles = viewer_of(request).roles
    return redirect("start" if may(roles, "start.view") else landing_route(roles))


@sensitive_post_parameters("present", "password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def own_password(request: HttpRequest) -> HttpResponse:
    """Everybody's own password. Whoever signed in with a one-time password sees nothing else before."""
    person = cast(User, request.user)
    is_forced = person.one_time_password_at is not None
    form = OwnPasswordForm(request.POST or None, person=person)
    if request.method == "POST" and form.is_valid():
        change_own_password(person=person, password=form.cleaned_data["password"], request=request)
        update_session_auth_hash(request, person)
        messages.success(request, "Your password is changed. Other places where you were signed in are signed out.")
        return redirect(reverse(landing_route(viewer_of(request).roles)))
    return render(request, "access/own_password.html", {"form": form, "is_forced": is_forced})
