"""Requests for accelerators by the API: the plan's answer at once, submitting exactly once, and moving a request on.

The same calls as the pages. A body names columns of the table of experiment requests. A new request comes with an
`Idempotency-Key`: sent again under it, it is the same request for good; another body under it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capacity.access.api_errors import ApiRefusal, FieldError, refusal
from capacity.access.idempotency import LONGEST_KEY, Answer
from capacity.access.models import User
from capacity.access.viewer import PermitsByMethod, viewer_of
from capacity.access.visibility import ContractLabel, Viewer, redact
from capacity.imports.api_json import StrictJSONParser
from capacity.imports.api_tables import refusals
from capacity.review.api_bodies import answered, fields_of_body
from capacity.review.api_quotes import in_json
from capacity.review.quote_asking import run_room
from capacity.review.quote_moves import current_run
from capacity.review.request_answer import answer_now, request_answer, visible_request_answer
from capacity.review.request_form import COLUMNS, Cells, sent_cells, whole_cells
from capacity.review.request_page import known_request, moves_of
from capacity.review.tables import contract_labels
from capacity.review.what_if import WhatIfRefused
from capacity.review.what_if_asking import NoRun, asked_run_id
from workloads.domain.request_workflow import KINDS, STATES
from workloads.models import Experiment, RequestMove
from workloads.request_moves import Mover, Replaced, RequestRefused, form_key_of, make_request, move_request

AREA = "Research"
_ABOUT = ("submit", "kind", "replaces")
_STATUS = {"not_allowed": 403, "moved_on": 409}
KEY_HEADER = "Idempotency-Key"
_KEY = OpenApiParameter(
    KEY_HEADER,
    str,
    OpenApiParameter.HEADER,
    required=True,
    description=f"1 to {LONGEST_KEY} plain characters of your own making, one for each request that you mean to make. "
    "Send it again with every retry: however often and however late, it is one request. 400 without it, 422 where it "
    "came with another body.",
)
_EXAMPLE = {
    "name": "Longer contexts",
    "experiment_priority": "P1",
    "purpose": "research",
    "is_model_development": True,
    "accelerators": 512,
    "weeks": 6,
    "earliest_start_date": "2027-01-04",
    "latest_start_date": "2027-02-22",
    "accelerator_types": ["h100", "h200"],
    "hypothesis": "Twice the context halves the errors",
}


class AskedRequest(serializers.Serializer):
    """A request: columns of the experiment requests, texts, numbers or lists as in that table."""

    name = serializers.CharField()
    team = serializers.CharField(required=False, help_text="The chair says for whom; research asks for its own team.")
    experiment_priority = serializers.CharField()
    purpose = serializers.CharField()
    is_model_development = serializers.BooleanField()
    accelerators = serializers.IntegerField()
    weeks = serializers.IntegerField()
    earliest_start_date = serializers.DateField(help_text="It starts on the Monday on or after it.")
    latest_start_date = serializers.DateField(help_text="It starts on the Monday on or before it.")
    accelerator_types = serializers.ListField(child=serializers.CharField())
    pool_keys = serializers.ListField(child=serializers.CharField(), required=False)
    preemptible = serializers.BooleanField(required=False)
    divisible = serializers.BooleanField(required=False)
    hypothesis = serializers.CharField(required=False)
    informs_decision = serializers.CharField(required=False)
    customer_outcome = serializers.CharField(required=False)
    intended_metric = serializers.CharField(required=False)
    accelerators_least = serializers.IntegerField(required=False)
    least_gbit_per_second = serializers.DecimalField(max_digits=10, decimal_places=3, required=False)
    checkpoint_hours = serializers.DecimalField(max_digits=8, decimal_places=3, required=False)
    parameters = serializers.IntegerField(required=False)
    training_tokens = serializers.IntegerField(required=False)


class MadeRequest(AskedRequest):
    """The same, with what becomes of it."""

    submit = serializers.BooleanField(required=False, help_text="False keeps a draft. Default true.")
    kind = serializers.ChoiceField(choices=KINDS, required=False)
    replaces = serializers.CharField(required=False, help_text="The request that it changes or extends.")


class RequestRow(serializers.Serializer):
    """A request as it is now."""

    key = serializers.CharField()
    state = serializers.CharField()
    row_version = serializers.IntegerField()
    url = serializers.CharField()
    answer = serializers.JSONField(allow_null=True, help_text="What the plan said when it was sent.")


class RequestAnswerRow(serializers.Serializer):
    """What the plan says, everything else held; nothing is kept. code: fits, displaces, part or no_place."""

    run = serializers.IntegerField()
    code = serializers.CharField()
    sentence = serializers.CharField()
    more = serializers.CharField()
    accelerator_weeks = serializers.IntegerField()
    placed = serializers.JSONField()
    displaces = serializers.JSONField()
    no_place = serializers.JSONField(allow_null=True)
    changes = serializers.JSONField()
    ahead = serializers.JSONField()
    cost_usd = serializers.CharField(allow_null=True)
    cost_basis = serializers.CharField()


class AskedRequestMove(serializers.Serializer):
    """A move of a request. pool, domain_key and started_date go with a run that begins."""

    request = serializers.CharField()
    to = serializers.ChoiceField(choices=STATES)
    reason = serializers.CharField(required=False, allow_blank=True)
    row_version = serializers.IntegerField(required=False, help_text="The request's, as you read it.")
    pool = serializers.CharField(required=False, allow_blank=True)
    domain_key = serializers.CharField(required=False, allow_blank=True)
    started_date = serializers.DateField(required=False)


class RequestMoveRow(serializers.Serializer):
    """A recorded move. `from_state` empty: its first."""

    request = serializers.CharField()
    from_state = serializers.CharField(allow_blank=True)
    to_state = serializers.CharField()
    at = serializers.DateTimeField()
    by = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    answer = serializers.CharField(
        allow_blank=True, help_text="What the plan said when it was submitted, in a sentence."
    )


class Requests(APIView):
    """Asking for accelerators."""

    permission_classes = (PermitsByMethod(POST="requests.submit"),)
    parser_classes = (StrictJSONParser,)
    resource = "experiments"
    area = AREA

    @extend_schema(
        operation_id="requests_create",
        summary="Ask for accelerators: keep a draft, or submit it with the plan's answer",
        parameters=[_KEY],
        request=MadeRequest,
        responses={200: RequestRow, 201: RequestRow, **refusals(400, 403, 404, 409, 422)},
        examples=[OpenApiExample("512 for six weeks", value=_EXAMPLE, request_only=True)],
        tags=[AREA],
    )
    def post(self, request: Request) -> Response:
        body, key = _body(request, (*COLUMNS, *_ABOUT)), _needed_key(request)
        return answered(request, lambda: _made(request, body, key))


class RequestAnswers(APIView):
    """The plan's answer to a request that is not kept."""

    permission_classes = (PermitsByMethod(POST="requests.submit"),)
    parser_classes = (StrictJSONParser,)
    resource = "experiments"
    area = AREA

    @extend_schema(
        operation_id="request_answers_create",
        summary="Ask the plan whether a request fits, where, and what would fit if not",
        request=AskedRequest,
        responses={200: RequestAnswerRow, **refusals(400, 403, 404, 409, 422)},
        examples=[OpenApiExample("512 for six weeks", value=_EXAMPLE, request_only=True)],
        tags=[AREA],
    )
    def post(self, request: Request) -> Response:
        body = _body(request, COLUMNS)
        viewer = viewer_of(request)
        run_id, cells = _whole(request, {**body, "name": body.get("name") or "-"})
        document = _refusing(lambda: request_answer(run_id=run_id, cells=cells))
        return Response(in_json(visible_request_answer(viewer, document)))


class RequestMoves(APIView):
    """Moving a request on."""

    permission_classes = (PermitsByMethod(POST="requests.submit"),)
    parser_classes = (StrictJSONParser,)
    resource = "experiments"
    area = AREA

    @extend_schema(
        operation_id="request_moves_create",
        summary="Move a request on",
        request=AskedRequestMove,
        responses={201: RequestMoveRow, **refusals(400, 403, 404, 409, 422)},
        tags=[AREA],
    )
    def post(self, request: Request) -> Response:
        names = ("request", "to", "reason", "row_version", "pool", "domain_key", "started_date")
        asked = fields_of_body(request, names)
        return answered(request, lambda: _moved(request, asked))


class MovesOfRequest(APIView):
    """The moves of one request, newest first."""

    permission_classes = (PermitsByMethod(GET="requests.view"),)
    resource = "experiments"
    area = AREA

    @extend_schema(
        operation_id="request_moves_retrieve",
        summary="Moves of a request",
        responses={200: RequestMoveRow(many=True), **refusals(403, 404)},
        tags=[AREA],
    )
    def get(self, request: Request, key: str) -> Response:
        found = known_request(key)
        if found is None:
            raise Http404
        labels = _labels()
        return Response([_move_row(viewer_of(request), found, move, labels) for move in moves_of(found)])


# --- the calls ----------------------------------------------------------------------------------------------------


def _needed_key(request: Request) -> str:
    """Of the sender, who alone knows whether a send is a retry. Raises ApiRefusal without one."""
    key = request.headers.get(KEY_HEADER, "")
    if not key.strip():
        message = f"Send the header {KEY_HEADER} with a key of your own, the same again with each retry: then it is made once."
        raise refusal(400, "idempotency_key_needed", message, field=KEY_HEADER)
    return key


def _made(request: Request, body: Mapping[str, Any], key: str) -> Answer:
    replaces = _replaced(body)
    run_id, cells = _whole(request, body)
    changed = replaces.key if replaces is not None and replaces.kind == "change" else ""
    document = _refusing(lambda: request_answer(run_id=run_id, cells=cells, instead_of=changed))
    made, is_new = _refusing(
        lambda: make_request(
            cells=cells,
            form_key=form_key_of(key),
            mover=_mover(request),
            now=timezone.now(),
            submits=body.get("submit", True) is not False,
            replaces=replaces,
            answer=document,
        )
    )
    shown = in_json(visible_request_answer(viewer_of(request), document)) if is_new else None
    return Answer(
        status=201 if is_new else 200,
        body={**_row(request, made), "answer": shown},
        headers={"Location": _url(request, made)},
    )


def _moved(request: Request, asked: Mapping[str, str]) -> Answer:
    found = known_request(asked["request"])
    if found is None:
        raise refusal(404, "no_request", "There is no such request.", field="request")
    read = asked["row_version"]
    if read and not (read.isascii() and read.isdigit() and len(read) < 10):
        raise refusal(400, "bad_value", "Give a whole number.", field="row_version")
    made = _refusing(
        lambda: move_request(
            key=asked["request"],
            target=asked["to"],
            reason=asked["reason"],
            mover=_mover(request),
            now=timezone.now(),
            row_version=int(read) if read else None,
            place=asked,
            answer=answer_now(found) if asked["to"] == "submitted" else None,
        )
    )
    return Answer(status=201, body=_move_row(viewer_of(request), made.experiment, made, _labels()))


def _refusing(do: Any) -> Any:
    """What `do` gives, its refusals in the API's words."""
    try:
        return do()
    except RequestRefused as refused:
        if refused.code == "sent_before":
            raise refusal(422, "idempotency_key_reused", str(refused), field=KEY_HEADER) from None
        errors = [FieldError(code=refused.code, message=each.message, field=each.field) for each in refused.errors]
        raise ApiRefusal(status=_STATUS.get(refused.code, 422), errors=errors) from None
    except WhatIfRefused as refused:
        raise refusal(409, refused.code, refused.sentence) from None


# --- bodies and rows ----------------------------------------------------------------------------------------------


def _body(request: Request, names: tuple[str, ...]) -> dict[str, Any]:
    """The body's fields. Raises ApiRefusal for what is none of them."""
    if not isinstance(request.data, Mapping):
        raise refusal(400, "bad_body", "Send an object with the columns of a request.")
    for name, value in request.data.items():
        if name not in names:
            raise refusal(400, "unknown_field", f'There is no field "{name}".', field=str(name))
        if isinstance(value, Mapping) or (isinstance(value, list) and name not in ("accelerator_types", "pool_keys")):
            raise refusal(400, "bad_value", "Give a text, a number, or true or false.", field=str(name))
    return dict(request.data)


def _whole(request: Request, body: Mapping[str, Any]) -> tuple[int, Cells]:
    """(the run to ask, the cells). Raises ApiRefusal."""
    try:
        run_id = asked_run_id()
        inputs = run_room(run_id).inputs
    except NoRun as error:
        raise refusal(404, "no_run", str(error)) from None
    except WhatIfRefused as refused:
        raise refusal(409, refused.code, refused.sentence) from None
    cells, wrong = whole_cells(sent_cells(body, viewer_of(request)), inputs=inputs)
    if wrong:
        errors = [FieldError(code="bad_request", message=each.message, field=each.field) for each in wrong]
        raise ApiRefusal(status=422, errors=errors)
    return run_id, cells


def _replaced(body: Mapping[str, Any]) -> Replaced | None:
    kind, key = body.get("kind") or "new", str(body.get("replaces") or "")
    if kind == "new" and not key:
        return None
    if kind not in ("change", "extension") or not key:
        message = "A change or an extension names the request it is of; a new request names none."
        raise refusal(422, "bad_request", message, field="replaces" if kind != "new" else "kind")
    return Replaced(kind=str(kind), key=key)


def _mover(request: Request) -> Mover:
    return Mover(user=cast(User, request.user), viewer=viewer_of(request), source="requests, api", request=request)


def _url(request: Request, made: Experiment) -> str:
    return request.build_absolute_uri(f"/api/v1/experiments/{made.key}/")


def _row(request: Request, made: Experiment) -> dict[str, Any]:
    return {"key": made.key, "state": made.state, "row_version": made.row_version, "url": _url(request, made)}


def _labels() -> list[ContractLabel]:
    """Of every contract of the plan shown: a typed reason may name one."""
    run = current_run()
    return [] if run is None else contract_labels(run)


def _move_row(viewer: Viewer, found: Experiment, move: RequestMove, labels: Sequence[ContractLabel]) -> dict[str, Any]:
    row = {name: getattr(move, name) for name in ("from_state", "to_state", "at")}
    row["reason"] = redact(viewer, move.reason, contracts=labels)
    row["answer"] = (move.answer or {}).get("sentence", "")
    return dict(RequestMoveRow({**row, "request": found.key, "by": move.by.get_username()}).data)
