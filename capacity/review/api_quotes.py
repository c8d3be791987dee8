"""Quotes by the API: ask one, list them, one with its full answer; the same checks, calls and sight as the pages.

A quote is sent as the page keeps it (methods: Quotes): the columns of a contract and its lines. The quick answer comes
with the reply; the full one is there when the quote's state is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capacity.access.api_errors import ApiRefusal, FieldError, refusal
from capacity.access.idempotency import Answer, answered_once
from capacity.access.models import User
from capacity.access.viewer import PermitsByMethod, viewer_of
from capacity.access.visibility import RESTRICTED, Viewer
from capacity.allocation.what_ifs import TooManyWaiting
from capacity.imports.api_fields import api_value
from capacity.imports.api_json import StrictJSONParser
from capacity.imports.api_tables import page_of, paged, refusals
from capacity.lib.figures import Absent
from capacity.review.api_quote_fields import AskedQuote, AskedQuoteRow, QuoteDetail, QuotePage
from capacity.review.api_what_ifs import WhatIfAnswer
from capacity.review.quote_asking import ask_quote, quick_answer
from capacity.review.quote_moves import TOO_MANY, current_run, readable_quotes
from capacity.review.quote_reading import QuoteRefused, ReadQuote, read_quote
from capacity.review.quote_rows import named_after_quote, owned_by_maker, visible_payload, visible_quote_answer
from capacity.review.quote_words import verdict
from capacity.review.what_if import WhatIfRefused
from capacity.review.what_if_asking import NoRun, asked_run_id
from capacity.review.what_if_rows import visible_answer, visible_error
from contracts.models import Quote

AREA = "Contracts"
RETRY_SECONDS = 5
_EXAMPLE = {
    "name": "64 H200 for a year",
    "target_margin_share": "0.6",
    "contract": {
        "shape": "dedicated_accelerators",
        "accelerator_type": "h200",
        "starts_date": "2027-01-04",
        "ends_date": "2028-01-03",
    },
    "price_lines": [{"kind": "accelerator_hour", "price": "4.00"}],
    "commit_steps": [{"kind": "accelerators", "quantity": "64"}],
}


class Quotes(APIView):
    """Quotes the reader may see, and asking one."""

    permission_classes = (PermitsByMethod(GET="quotes.view", POST="quotes.ask"),)
    parser_classes = (StrictJSONParser,)
    resource = "quotes"
    area = AREA

    @extend_schema(
        operation_id="quotes_list",
        summary="Quotes",
        parameters=[OpenApiParameter("page", int, description="From 1."), OpenApiParameter("page_size", int)],
        responses={200: QuotePage, **refusals(400, 403)},
        tags=[AREA],
    )
    def get(self, request: Request) -> Response:
        page, size = page_of(request)
        found, current = quotes_for(request), current_run()
        viewer = viewer_of(request)
        lines = [
            _line(request, viewer, row, current)
            for row in found.defer("what_if__full")[(page - 1) * size : page * size]
        ]
        return paged(request, page=page, size=size, count=found.count(), results=lines)

    @extend_schema(
        operation_id="quotes_create",
        summary="Ask what a contract would take, earn and displace before it is signed",
        request=AskedQuote,
        responses={202: AskedQuoteRow, **refusals(400, 403, 404, 409)},
        examples=[OpenApiExample("Dedicated accelerators", value=_EXAMPLE, request_only=True)],
        tags=[AREA],
    )
    def post(self, request: Request) -> Response:
        answer = answered_once(
            key=request.headers.get("Idempotency-Key", ""),
            owner=cast(User, request.user),
            viewer=viewer_of(request),
            request={"method": request.method, "path": request.path, "body": request.data},
            now=timezone.now(),
            do=lambda: _ask(request),
        )
        return Response(answer.body, status=answer.status, headers=dict(answer.headers))


class OneQuote(APIView):
    """One quote with its full answer."""

    permission_classes = (PermitsByMethod(GET="quotes.view"),)
    resource = "quotes"
    area = AREA

    @extend_schema(
        operation_id="quotes_retrieve",
        summary="One quote with its full answer",
        responses={200: QuoteDetail, **refusals(403, 404)},
        tags=[AREA],
    )
    def get(self, request: Request, number: UUID) -> Response:
        viewer = viewer_of(request)
        row = quotes_for(request).filter(number=number).first()
        if row is None:
            raise Http404
        owner, full = row.made_by.get_username(), row.what_if.full
        is_typed = row.target_margin_share is not None
        document = (full or {}).get("quote")
        changes = named_after_quote(visible_answer(viewer, owned_by_maker(full, owner=owner)))
        return Response(
            {
                **_line(request, viewer, row, current_run()),
                "payload": in_json(visible_payload(viewer, row.payload, owner=owner)),
                "full": None if document is None else _answer(viewer, document, owner, is_typed=is_typed),
                "changes": None if changes is None else WhatIfAnswer(changes).data,
            }
        )


def quotes_for(request: Request) -> QuerySet[Quote]:
    """The quotes the sender may read, newest first."""
    return readable_quotes(viewer=viewer_of(request), user=cast(User, request.user))


def _ask(request: Request) -> Answer:
    viewer, user = viewer_of(request), cast(User, request.user)
    data = request.data
    run = data.get("run") if isinstance(data, Mapping) else None
    if run is not None and not isinstance(run, str):
        raise refusal(400, "bad_run", "Give the run as its number.", field="run")
    sent = {name: value for name, value in data.items() if name != "run"} if isinstance(data, Mapping) else data
    with refusals_of_asking():
        run_id = asked_run_id(run or "")
        quote = read_quote(sent)
        made = ask_quote(run_id=run_id, quote=quote, viewer=viewer, user=user, now=timezone.now())
        return asked_answer(request, made)


@contextmanager
def refusals_of_asking() -> Iterator[None]:
    """What refuses a question, in the words of the API."""
    try:
        yield
    except NoRun as error:
        raise refusal(404, "no_run", str(error), field="run") from None
    except QuoteRefused as refused:
        errors = [FieldError(code="bad_quote", message=each.message, field=each.field) for each in refused.errors]
        raise ApiRefusal(status=400, errors=errors) from None
    except WhatIfRefused as refused:
        raise refusal(409, refused.code, refused.sentence) from None
    except TooManyWaiting:
        raise refusal(409, "too_many_waiting", TOO_MANY) from None


def asked_answer(request: Request, made: Quote) -> Answer:
    """What a quote that was just asked answers: its line, with the quick answer. Raises what asking raises."""
    viewer, is_typed = viewer_of(request), made.target_margin_share is not None
    asked = ReadQuote(payload=made.payload, target_share=made.target_margin_share)
    quick = quick_answer(run_id=made.what_if.run_id, quote=asked, viewer=viewer)
    line = _line(request, viewer, made, current_run())
    body = {**line, "quick": _answer(viewer, quick, made.made_by.get_username(), is_typed=is_typed)}
    return Answer(status=202, body=body, headers={"Location": line["url"], "Retry-After": str(RETRY_SECONDS)})


def _line(request: Request, viewer: Viewer, row: Quote, current: int | None) -> dict[str, Any]:
    what_if = row.what_if
    return {
        "id": str(row.number),
        "url": request.build_absolute_uri(f"/api/v1/quotes/{row.number}/"),
        "name": row.name,
        "run": what_if.run_id,
        "is_stale": current is not None and what_if.run_id != current,
        "state": what_if.state,
        "stage": what_if.stage,
        "progress": f"{what_if.progress_share:.4f}",
        "made_by": row.made_by.get_username(),
        "made_at": row.made_at.isoformat(),
        "target_margin_share": None if row.target_margin_share is None else f"{row.target_margin_share.normalize():f}",
        "contract": row.contract_key,
        "error": visible_error(viewer, what_if.error) if what_if.state == "failed" else "",
    }


def _answer(viewer: Viewer, document: Mapping[str, Any], owner: str, *, is_typed: bool) -> dict[str, Any]:
    shown = visible_quote_answer(viewer, document, owner=owner, is_typed_target=is_typed)
    said, more = verdict(shown, year=timezone.now().year)
    hidden = sorted(hidden_paths(shown))
    kept = {name: value for name, value in shown.items() if name != "is_unsized"}
    return {"verdict": f"{said} {more}".strip(), **in_json(kept), "restricted": hidden}


def in_json(value: Any) -> Any:
    """Visible values, nested, in JSON terms."""
    if isinstance(value, Absent):
        return api_value(value)
    if isinstance(value, Mapping):
        return {str(name): in_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [in_json(each) for each in value]
    return api_value(value)


def hidden_paths(value: Any, path: str = "") -> set[str]:
    """Where a value is hidden from the reader: `terms.floor.price`; of lists without the position."""
    if value is RESTRICTED:
        return {path}
    if isinstance(value, Mapping):
        return {found for name, each in value.items() for found in hidden_paths(each, f"{path}.{name}".lstrip("."))}
    if isinstance(value, list | tuple):
        return {found for each in value for found in hidden_paths(each, path)}
    return set()
