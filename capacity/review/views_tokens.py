"""The page where people keep their own tokens: make one (its secret is shown once), see their use, revoke."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from capacity.access.forms_tokens import NewTokenForm
from capacity.access.models import TokenScope, User
from capacity.access.tokens import TokenRefused, create_token, revoke_token, tokens_of
from capacity.access.viewer import requires, viewer_of
from capacity.review.api_catalogue import limits_for


@requires("tokens.own")
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """The person's tokens and the form of a new one. The answer to the form is the only place of its secret."""
    limits = limits_for(viewer_of(request))
    form = NewTokenForm(request.POST if request.method == "POST" else None, limits=limits)
    secret = ""
    if form.is_bound and form.is_valid():
        try:
            _, secret = create_token(
                owner=cast(User, request.user),
                name=form.cleaned_data["name"],
                scopes=[TokenScope(form.cleaned_data["scope"])],
                only=form.cleaned_data["only"],
                days=form.cleaned_data["days"],
                now=timezone.now(),
                request=request,
            )
        except TokenRefused as refused:
            form.add_error(None, str(refused))
        else:
            form = NewTokenForm(limits=limits)
    owned = tokens_of(owner=cast(User, request.user))
    now = timezone.now()
    context = {
        "form": form,
        "secret": secret,
        "live": [token for token in owned if token.revoked_at is None and token.expires_at > now],
        "ended": [token for token in owned if token.revoked_at is not None or token.expires_at <= now],
    }
    return render(request, "access/tokens.html", context, status=400 if form.errors else 200)


@requires("tokens.own")
@require_POST
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Ends one of the person's own tokens; another's answers as a missing one."""
    token = revoke_token(owner=cast(User, request.user), token_id=token_id, now=timezone.now(), request=request)
    if token is None:
        raise Http404
    messages.success(request, f"The token “{token.name}” opens nothing from now on.")
    return redirect("tokens")
