"""What is done with a quote by the API: taking an offer, asking again of the current plan, making a deal of it.

The same calls as the pages', once for each `Idempotency-Key`; a quote the sender may not read is missing.
"""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capacity.access.api_errors import ApiRefusal, FieldError, refusal
from capacity.access.idempotency import Answer
from capacity.access.models import User
from capacity.access.viewer import PermitsByMethod, viewer_of
from capacity.imports.api_json import StrictJSONParser
from capacity.imports.api_tables import refusals
from capacity.review.api_bodies import answered, fields_of_body
from capacity.review.api_quote_fields import AskedDeal, AskedOffer, AskedQuoteRow, DealRow
from capacity.review.api_quotes import AREA, asked_answer, quotes_for, refusals_of_asking
from capacity.review.quote_moves import ask_again, take_offer
from contracts.models import Contract, Quote
from contracts.quote_deals import DealRefused, make_deal, suggested_key


class _Move(APIView):
    """Something done with one quote of those the sender may read."""

    permission_classes = (PermitsByMethod(POST="quotes.ask"),)
    parser_classes = (StrictJSONParser,)
    resource = "quotes"
    area = AREA


class TakeOffer(_Move):
    """Taking one of the offers."""

    @extend_schema(
        operation_id="quotes_adopt",
        summary="Take an offer: another version of the quote, asked of the same run",
        request=AskedOffer,
        responses={202: AskedQuoteRow, **refusals(400, 403, 404, 409, 422)},
        tags=[AREA],
    )
    def post(self, request: Request, number: UUID) -> Response:
        found, text = _found(request, number), fields_of_body(request, ("offer",))["offer"]
        if not (text.isascii() and text.isdigit() and len(text) < 4):
            raise refusal(400, "bad_value", "Give the offer's number.", field="offer")
        return answered(request, lambda: _taken(request, found, int(text)))


class AskAgain(_Move):
    """Asking the same of the current plan."""

    @extend_schema(
        operation_id="quotes_again",
        summary="Ask the same of the current plan",
        request=None,
        responses={202: AskedQuoteRow, **refusals(400, 403, 404, 409, 422)},
        tags=[AREA],
    )
    def post(self, request: Request, number: UUID) -> Response:
        found = _found(request, number)
        fields_of_body(request, ())
        return answered(request, lambda: _asked_again(request, found))


class MakeDeal(_Move):
    """Making a quote a draft contract; a token limited to quotes does not write contracts."""

    resource = "contracts"

    @extend_schema(
        operation_id="quotes_deal",
        summary="Make the quote a draft contract, once; its moves and holds are the workflow's",
        request=AskedDeal,
        responses={200: DealRow, 201: DealRow, **refusals(400, 403, 404, 409, 422)},
        tags=[AREA],
    )
    def post(self, request: Request, number: UUID) -> Response:
        found, asked = _found(request, number), fields_of_body(request, ("key", "customer"))
        return answered(request, lambda: _made(request, found, asked))


def _found(request: Request, number: UUID) -> Quote:
    found = quotes_for(request).filter(number=number).first()
    if found is None:
        raise Http404
    return found


def _taken(request: Request, found: Quote, offer: int) -> Answer:
    with refusals_of_asking():
        return asked_answer(request, take_offer(quote=found, number=offer, **_asker(request)))


def _asked_again(request: Request, found: Quote) -> Answer:
    with refusals_of_asking():
        return asked_answer(request, ask_again(quote=found, **_asker(request)))


def _asker(request: Request) -> dict[str, Any]:
    return {"viewer": viewer_of(request), "user": cast(User, request.user), "now": timezone.now()}


def _made(request: Request, found: Quote, asked: dict[str, str]) -> Answer:
    key, customer = asked["key"] or suggested_key(found), asked["customer"]
    was_there = bool(found.contract_key)
    try:
        key, version = make_deal(
            quote_id=found.pk,
            key=key,
            customer=customer,
            user=cast(User, request.user),
            viewer=viewer_of(request),
            request=request,
        )
    except DealRefused as refused:
        errors = [FieldError(code="bad_deal", message=each.message, field=each.field) for each in refused.errors]
        raise ApiRefusal(status=422, errors=errors) from None
    state = Contract.objects.filter(key=key, version=version).values_list("state", flat=True).first()
    url = request.build_absolute_uri(f"/api/v1/contracts/{key}~{version}/")
    body = {"quote": str(found.number), "contract": key, "version": version, "state": state or "", "url": url}
    return Answer(status=200 if was_there else 201, body=body, headers={"Location": url})
