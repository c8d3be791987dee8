"""Quotes by the API: ask one, list them, one with its full answer; the same checks, calls and sight as the pages.

A quote is sent as the page keeps it (methods: Quotes): the columns of a contract and its lines. The quick answer comes
with the reply; the full one is there when the quote's state is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capacity.access.api_errors import ApiRefusal, FieldError, refusal
from capacity.access.idempotency import Answer, answered_once
from capacity.access.models import User
from capacity.access.viewer import PermitsByMethod, viewer_of
from capacity.access.visibility import RESTRICTED, Viewer
from capacity.allocation.models import WHAT_IF_STATES
from capacity.allocation.what_ifs import TooManyWaiting
from capacity.imports.api_fields import VisibleDecimal, VisibleFlag, VisibleInteger, VisibleText, api_value
from capacity.imports.api_json import StrictJSONParser
from capacity.imports.api_serializers import Page
from capacity.imports.api_tables import page_of, paged, refusals
from capacity.lib.figures import Absent
from capacity.review.api_what_ifs import WhatIfAnswer
from capacity.review.quote_asking import ask_quote, quick_answer
from capacity.review.quote_reading import QuoteRefused, read_quote
from capacity.review.quote_rows import (
    SEES_ALL,
    named_after_quote,
    owned_by_maker,
    visible_payload,
    visible_quote_answer,
)
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


class QuoteLine(serializers.Serializer):
    """A line: the columns of its table but contract and version."""

    kind = serializers.CharField(required=False, help_text="Of prices and commitments.")
    price = serializers.CharField(required=False)
    quantity = serializers.CharField(required=False, help_text="Of commitments.")
    starts_date = serializers.DateField(required=False)
    ends_date = serializers.DateField(required=False)
    tier_from = serializers.CharField(required=False)
    tier_mode = serializers.CharField(required=False)
    included_quantity = serializers.CharField(required=False)
    metric = serializers.CharField(required=False, help_text="Of service levels: uptime or latency.")
    below_share = serializers.CharField(required=False)
    credit_share = serializers.CharField(required=False)
    chance = serializers.CharField(required=False, help_text="Of service levels: that a month ends in the tier.")
    make_good_usd = serializers.CharField(required=False)
    region = serializers.CharField(required=False)


class AskedQuote(serializers.Serializer):
    """A quote: the columns of `contracts`, `price_lines`, `commit_steps` and `sla_lines`, as those tables name them."""

    name = serializers.CharField(required=False, max_length=160)
    target_margin_share = serializers.CharField(
        required=False, allow_blank=True, help_text="A share below 1, or percent (60%); without it the policy's."
    )
    contract = serializers.DictField(
        child=serializers.CharField(), help_text="Column → value; no key, version or state. No customer: a new one."
    )
    price_lines = QuoteLine(many=True, required=False, help_text="Without a date: from the start.")
    commit_steps = QuoteLine(many=True, required=False)
    sla_lines = QuoteLine(many=True, required=False)
    run = serializers.IntegerField(required=False, help_text="A run's id; without it the current plan.")


class QuoteCaseRow(serializers.Serializer):
    """A month's facts summed over the planned weeks of the term, alone. Null: hidden, or not known."""

    accelerators = VisibleInteger()
    revenue_usd = VisibleDecimal()
    reserved_cost_usd = VisibleDecimal()
    consumed_cost_usd = VisibleDecimal()
    margin_usd = VisibleDecimal()
    margin_share = VisibleDecimal()


class QuoteFloorRow(serializers.Serializer):
    """The lowest price for the target margin, in the contract's currency, of the line that earns most.

    moves: "one" where it is all that is billed; "all" or "commitments" where all prices, or they and the money
    commitments, must be × factor: lines says what each becomes.
    """

    kind = serializers.CharField(allow_blank=True)
    asked = VisibleDecimal()
    price = VisibleDecimal()
    reason = VisibleText()
    currency = serializers.CharField()
    moves = serializers.CharField(allow_blank=True)
    factor = VisibleDecimal()
    lines = serializers.ListField(child=serializers.DictField())


class QuoteFlagRow(serializers.Serializer):
    """What a person must look at."""

    code = serializers.CharField()
    sentence = serializers.CharField()


class QuoteTermsRow(serializers.Serializer):
    """What the terms say: weeks of the plan, and of the whole term; committed, expected and heavy use."""

    weeks = serializers.IntegerField()
    term_weeks = serializers.IntegerField()
    committed = QuoteCaseRow()
    expected = QuoteCaseRow()
    heavy = QuoteCaseRow()
    heavy_multiple = VisibleDecimal()
    break_even_multiple = VisibleDecimal()
    expected_credits_usd = VisibleDecimal()
    make_good_usd = VisibleDecimal()
    loss_exposure_usd = VisibleDecimal()
    target_share = VisibleDecimal()
    floor = QuoteFloorRow()
    flags = QuoteFlagRow(many=True)


class QuoteWeekRow(serializers.Serializer):
    """Accelerators asked and short in a week."""

    week = serializers.CharField()
    need = VisibleDecimal()
    short = VisibleInteger()


class QuoteOfferRow(serializers.Serializer):
    """An offer that fits, the nearest first. payload: sent again, it is the offer as a quote."""

    number = serializers.IntegerField()
    kind = serializers.CharField()
    says = serializers.DictField()
    is_least = serializers.BooleanField(help_text="One step more of its kind does not fit.")
    accelerators = VisibleInteger()
    revenue_usd_per_week = VisibleDecimal()
    terms = QuoteTermsRow()
    payload = serializers.JSONField(help_text="Columns hidden from the reader are null.")


class QuoteAnswer(serializers.Serializer):
    """An answer of the terms and, in a full one, of the engine. verdict: as the page says it."""

    verdict = serializers.CharField()
    is_quick = serializers.BooleanField()
    fits = VisibleFlag()
    unsized = VisibleText()
    earliest = VisibleText()
    earliest_weeks = serializers.IntegerField(allow_null=True, help_text="Of the term, planned from that start.")
    earliest_stopped = VisibleText(help_text="The last start looked at, where later ones were left out.")
    short = serializers.JSONField(help_text="The first run of short weeks, the most, and how many in all; or null.")
    weeks = QuoteWeekRow(many=True)
    pools = serializers.ListField(child=serializers.CharField())
    work = serializers.DictField(
        child=serializers.CharField(),
        help_text="Pool: what one accelerator there does, in those the need is counted in.",
    )
    terms = QuoteTermsRow(allow_null=True)
    cost = serializers.JSONField(
        help_text="Alone, average and marginal, USD over the planned weeks; null in a quick one."
    )
    headline = serializers.JSONField(help_text="All promises together, before and after; null in a quick one.")
    offers = QuoteOfferRow(many=True)
    restricted = serializers.ListField(child=serializers.CharField(), help_text="Paths hidden from the reader's role.")


class QuoteRow(serializers.Serializer):
    """A quote as it was asked, and how far its full answer is. is_stale: the plan has moved on since."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    name = serializers.CharField()
    run = serializers.IntegerField()
    is_stale = serializers.BooleanField()
    state = serializers.ChoiceField(choices=[state for state, _ in WHAT_IF_STATES])
    stage = serializers.CharField(allow_blank=True)
    progress = serializers.DecimalField(max_digits=5, decimal_places=4)
    made_by = serializers.CharField()
    made_at = serializers.DateTimeField()
    target_margin_share = serializers.CharField(allow_null=True)
    contract = serializers.CharField(allow_blank=True, help_text="The deal made of it.")
    error = serializers.CharField(allow_blank=True)


class QuoteDetail(QuoteRow):
    """A quote with what was offered and its full answer; null until it is there."""

    payload = serializers.JSONField()
    full = QuoteAnswer(allow_null=True)
    changes = WhatIfAnswer(allow_null=True, help_text="What its rows change in the plan: who loses, who gains.")


class AskedQuoteRow(QuoteRow):
    """A quote just asked, with its quick answer."""

    quick = QuoteAnswer()


class QuotePage(Page):
    """A page of quotes, newest first."""

    results = QuoteRow(many=True)


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
        found, current = _readable(request), _current()
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
        row = _readable(request).filter(number=number).first()
        if row is None:
            raise Http404
        owner, full = row.made_by.get_username(), row.what_if.full
        is_typed = row.target_margin_share is not None
        document = (full or {}).get("quote")
        changes = named_after_quote(visible_answer(viewer, owned_by_maker(full, owner=owner)))
        return Response(
            {
                **_line(request, viewer, row, _current()),
                "payload": in_json(visible_payload(viewer, row.payload, owner=owner)),
                "full": None if document is None else _answer(viewer, document, owner, is_typed=is_typed),
                "changes": None if changes is None else WhatIfAnswer(changes).data,
            }
        )


def _readable(request: Request) -> QuerySet[Quote]:
    found = Quote.objects.select_related("made_by", "what_if").defer("what_if__quick").order_by("-pk")
    return found if viewer_of(request).roles & SEES_ALL else found.filter(made_by=cast(User, request.user))


def _current() -> int | None:
    try:
        return asked_run_id()
    except NoRun:
        return None


def _ask(request: Request) -> Answer:
    viewer, user = viewer_of(request), cast(User, request.user)
    data = request.data
    run = data.get("run") if isinstance(data, Mapping) else None
    if run is not None and not isinstance(run, str):
        raise refusal(400, "bad_run", "Give the run as its number.", field="run")
    sent = {name: value for name, value in data.items() if name != "run"} if isinstance(data, Mapping) else data
    try:
        run_id = asked_run_id(run or "")
        quote = read_quote(sent)
        quick = quick_answer(run_id=run_id, quote=quote, viewer=viewer)
        made = ask_quote(run_id=run_id, quote=quote, viewer=viewer, user=user, now=timezone.now())
    except NoRun as error:
        raise refusal(404, "no_run", str(error), field="run") from None
    except QuoteRefused as refused:
        errors = [FieldError(code="bad_quote", message=each.message, field=each.field) for each in refused.errors]
        raise ApiRefusal(status=400, errors=errors) from None
    except WhatIfRefused as refused:
        raise refusal(409, refused.code, refused.sentence) from None
    except TooManyWaiting:
        message = "You have as many unanswered questions as may wait at once. Wait for one of them."
        raise refusal(409, "too_many_waiting", message) from None
    line = _line(request, viewer, made, _current())
    body = {**line, "quick": _answer(viewer, quick, user.get_username(), is_typed=quote.target_share is not None)}
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
