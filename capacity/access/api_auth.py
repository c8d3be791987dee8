"""How a program says who it is: `Authorization: Bearer …`; and how many requests a token may send.

Signed-in people use the API by their session, with the CSRF check on writes; a token needs none, since no browser
sends it by itself. Every refusal reads the same, so that it tells nothing about what tokens there are.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework import authentication, exceptions, throttling
from rest_framework.request import Request

from capacity.access.models import ApiToken, User
from capacity.access.tokens import find_token

REFUSED = "The token is not valid: it is mistyped, expired or revoked, or its owner's account is disabled."


class TokenAuthentication(authentication.BaseAuthentication):
    """A person's token, in the Authorization header and nowhere else (addresses end up in logs)."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        found = find_token(secret=secret.strip(), now=timezone.now())
        if found is None:
            raise exceptions.AuthenticationFailed(REFUSED, code="bad_token")
        token, owner = found
        return owner, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Capacity Review"'


class TokenRate(throttling.SimpleRateThrottle):
    """So many requests a minute for each token (settings: API_TOKEN_RATE); people in a browser are not counted.

    Each web process counts for itself, unless the cache is a shared one.
    """

    scope = "token"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return f"api-rate-{request.auth.pk}" if isinstance(request.auth, ApiToken) else None
