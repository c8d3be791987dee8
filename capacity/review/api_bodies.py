"""Bodies of the API's small commands: named texts and numbers, and the reply that is given once per Idempotency-Key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from capacity.access.api_errors import refusal
from capacity.access.idempotency import Answer, answered_once
from capacity.access.models import User
from capacity.access.viewer import viewer_of


def answered(request: Request, do: Callable[[], Answer]) -> Response:
    """The reply of `do`, or the one kept under the request's Idempotency-Key. Raises ApiRefusal."""
    answer = answered_once(
        key=request.headers.get("Idempotency-Key", ""),
        owner=cast(User, request.user),
        viewer=viewer_of(request),
        request={"method": request.method, "path": request.path, "body": request.data},
        now=timezone.now(),
        do=do,
    )
    return Response(answer.body, status=answer.status, headers=dict(answer.headers))


def fields_of_body(request: Request, names: Sequence[str]) -> dict[str, str]:
    """The body's fields as text, "" where left out. Raises ApiRefusal for what is none of them."""
    if not isinstance(request.data, Mapping):
        what = f"with {', '.join(names)}" if names else "without any field"
        raise refusal(400, "bad_body", f"Send an object {what}.")
    for name, value in request.data.items():
        if name not in names:
            raise refusal(400, "unknown_field", f'There is no field "{name}".', field=str(name))
        if isinstance(value, Mapping | list):
            raise refusal(400, "bad_value", "Give a text or a number.", field=str(name))
    return {name: "" if request.data.get(name) is None else str(request.data[name]) for name in names}
