"""Moves to cheaper serving by the API: reading them with what they save, asking, accepting by a decision, ending.

The same calls as the pages, once for each `Idempotency-Key`. Proposing one is adding a row of `workload-moves`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, cast
from uuid import uuid4

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capacity.access.api_errors import ApiRefusal, FieldError, refusal
from capacity.access.idempotency import Answer
from capacity.access.models import User
from capacity.access.viewer import PermitsByMethod, viewer_of
from capacity.access.visibility import Viewer, see
from capacity.allocation.what_ifs import TooManyWaiting
from capacity.decisions.services import NotPermitted
from capacity.imports.api_json import StrictJSONParser
from capacity.imports.api_tables import refusals
from capacity.review.api_bodies import answered, fields_of_body
from capacity.review.api_quotes import in_json
from capacity.review.input_edits import ChangesRefused
from capacity.review.move_changes import MoveRefused
from capacity.review.move_forms import AcceptForm
from capacity.review.move_page import move_rows, told_of
from capacity.review.move_realised import realised_of
from capacity.review.move_steps import (
    MoveStepRefused,
    Stepper,
    accept_move,
    ask_move,
    end_move,
    found_move,
    stale_reason,
    what_if_of,
)
from capacity.review.quote_moves import current_run
from capacity.review.snapshots import open_weeks
from capacity.review.what_if import WhatIfRefused
from capacity.review.what_if_asking import NoRun, asked_run_id
from workloads.models import WorkloadMove

AREA = "Workloads"
_SAVED = ("paper_usd", "released", "released_usd", "margin_usd", "h100e")
_COLUMNS = (
    "title", "kind", "to_key", "amount", "state", "quality_gate", "gate_date", "must_agree_role", "owner_role",
    "due_date", "decision_number", "row_version",
)  # fmt: skip
_ACCEPTED = (
    "row_version", "week", "reason", "gate_reason", "risk", "who_loses", "decider_role", "owner_role", "due_date",
    "effect_metric", "effect_target", "review_back_date",
)  # fmt: skip
RETRY_SECONDS = 2


class ServingMoveRow(serializers.Serializer):
    """A move. Figures are null where they are not known or not yours to read.

    answer: of its what-if, "" before it is asked, else queued, running, done or failed. released: whole accelerators free
    in every week; promised: what that was when it was accepted.
    """

    key = serializers.CharField()
    title = serializers.CharField()
    workload = serializers.CharField()
    kind = serializers.CharField()
    to_key = serializers.CharField(allow_blank=True)
    amount = serializers.CharField(allow_null=True)
    state = serializers.CharField()
    quality_gate = serializers.CharField()
    gate_date = serializers.DateField(allow_null=True)
    must_agree_role = serializers.CharField(allow_blank=True)
    owner_role = serializers.CharField(allow_blank=True)
    due_date = serializers.DateField(allow_null=True)
    decision_number = serializers.IntegerField(allow_null=True)
    row_version = serializers.IntegerField()
    answer = serializers.CharField(allow_blank=True)
    one_off_usd = serializers.JSONField(allow_null=True)
    paper_usd = serializers.JSONField(allow_null=True)
    released = serializers.JSONField(allow_null=True)
    released_usd = serializers.JSONField(allow_null=True)
    margin_usd = serializers.JSONField(allow_null=True)
    payback_weeks = serializers.JSONField(allow_null=True)
    h100e = serializers.JSONField(allow_null=True)
    promised_accelerators = serializers.JSONField(allow_null=True)
    promised_usd_per_week = serializers.JSONField(allow_null=True)
    url = serializers.CharField()


class OneServingMoveRow(ServingMoveRow):
    """The same, with what failed or why its answer no longer speaks of it, and what came of it once it is done."""

    problem = serializers.CharField(allow_blank=True)
    realised_accelerators = serializers.JSONField(allow_null=True)
    realised_usd = serializers.JSONField(allow_null=True)


class AskedServingMove(serializers.Serializer):
    """row_version: the move's, as you read it."""

    row_version = serializers.IntegerField()


class AcceptedServingMove(AskedServingMove):
    """What the decision says beyond the move. gate_reason: where its quality gate is not passed."""

    week = serializers.CharField(help_text="An open review's, 2026-W48.")
    reason = serializers.CharField()
    gate_reason = serializers.CharField(required=False, allow_blank=True)
    risk = serializers.CharField()
    who_loses = serializers.CharField()
    decider_role = serializers.CharField()
    owner_role = serializers.CharField()
    due_date = serializers.DateField()
    effect_metric = serializers.CharField()
    effect_target = serializers.DecimalField(max_digits=20, decimal_places=4)
    review_back_date = serializers.DateField()


class EndedServingMove(AskedServingMove):
    """to: done or dropped."""

    to = serializers.ChoiceField(choices=("done", "dropped"))


class Moves(APIView):
    """All moves."""

    permission_classes = (PermitsByMethod(GET="workloads.view"),)
    resource = "moves"
    area = AREA

    @extend_schema(
        operation_id="moves_list",
        summary="Moves to cheaper serving, those still to decide first, with what each saves",
        responses={200: ServingMoveRow(many=True), **refusals(403)},
        tags=[AREA],
    )
    def get(self, request: Request) -> Response:
        found = list(WorkloadMove.objects.select_related("workload").order_by("key"))
        by_key = {move.key: move for move in found}
        rows = move_rows(viewer_of(request), found, year=timezone.now().year)
        return Response([_row(request, by_key[row["key"]], row) for row in rows])


class OneMove(APIView):
    """One move."""

    permission_classes = (PermitsByMethod(GET="workloads.view"),)
    resource = "moves"
    area = AREA

    @extend_schema(
        operation_id="moves_retrieve",
        summary="A move, the answer of its what-if, and what came of it",
        responses={200: OneServingMoveRow, **refusals(403, 404)},
        tags=[AREA],
    )
    def get(self, request: Request, key: str) -> Response:
        return Response(_whole_row(request, _found(key)))


class _Step(APIView):
    """Something done with one move."""

    parser_classes = (StrictJSONParser,)
    resource = "moves"
    area = AREA


class AskMove(_Step):
    """Asking what it releases."""

    permission_classes = (PermitsByMethod(POST="moves.propose"),)

    @extend_schema(
        operation_id="moves_ask",
        summary="Put the move to the current plan as a what-if; read the move until its answer is done",
        request=AskedServingMove,
        responses={202: OneServingMoveRow, **refusals(400, 403, 404, 409, 422)},
        tags=[AREA],
    )
    def post(self, request: Request, key: str) -> Response:
        _found(key)
        version = _version(fields_of_body(request, ("row_version",)))
        return answered(request, lambda: _asked(request, key, version))


class AcceptMove(_Step):
    """Accepting it."""

    permission_classes = (PermitsByMethod(POST="decision.record"),)

    @extend_schema(
        operation_id="moves_accept",
        summary="Record the decision that accepts the move, with what its what-if released as its promise",
        request=AcceptedServingMove,
        responses={201: OneServingMoveRow, **refusals(400, 403, 404, 409, 422)},
        tags=[AREA],
    )
    def post(self, request: Request, key: str) -> Response:
        _found(key)
        body = fields_of_body(request, _ACCEPTED)
        _version(body)
        return answered(request, lambda: _accepted(request, key, body))


class EndMove(_Step):
    """Saying that it is done, or dropping it."""

    permission_classes = (PermitsByMethod(POST="action.update"),)

    @extend_schema(
        operation_id="moves_end",
        summary="Say that the move is done, or drop it",
        request=EndedServingMove,
        responses={200: OneServingMoveRow, **refusals(400, 403, 404, 409, 422)},
        tags=[AREA],
    )
    def post(self, request: Request, key: str) -> Response:
        _found(key)
        body = fields_of_body(request, ("row_version", "to"))
        version = _version(body)
        return answered(request, lambda: _ended(request, key, version, body["to"]))


# --- the calls ----------------------------------------------------------------------------------------------------


def _asked(request: Request, key: str, version: int) -> Answer:
    with _refusing():
        ask_move(key=key, row_version=version, run_id=asked_run_id(""), by=_stepper(request))
    body = _whole_row(request, _found(key))
    return Answer(status=202, body=body, headers={"Location": body["url"], "Retry-After": str(RETRY_SECONDS)})


def _accepted(request: Request, key: str, body: dict[str, str]) -> Answer:
    weeks = list(open_weeks())
    sent = request.headers.get("Idempotency-Key", "") or uuid4().hex
    once = sha256(f"{key}:{sent}".encode()).hexdigest()[:40]
    form = AcceptForm({**body, "idempotency_key": once}, weeks=weeks)
    if not form.is_valid():
        errors = [
            FieldError(code="bad_acceptance", message=str(message), field=name)
            for name, messages in form.errors.items()
            for message in messages
        ]
        raise ApiRefusal(status=422, errors=errors)
    with _refusing():
        accept_move(
            key=key,
            row_version=form.cleaned_data["row_version"],
            acceptance=form.acceptance(),
            idempotency_key=once,
            open_weeks=weeks,
            by=_stepper(request),
        )
    return Answer(status=201, body=_whole_row(request, _found(key)))


def _ended(request: Request, key: str, version: int, target: str) -> Answer:
    with _refusing():
        end_move(key=key, row_version=version, target=target, by=_stepper(request))
    return Answer(status=200, body=_whole_row(request, _found(key)))


@contextmanager
def _refusing() -> Iterator[None]:
    """What refuses a step, in the words of the API."""
    try:
        yield
    except NotPermitted:
        raise refusal(403, "not_allowed", "That is for somebody else to do.") from None
    except MoveStepRefused as refused:
        errors = [FieldError(code="bad_step", message=message, field=field) for field, message in refused.errors]
        raise ApiRefusal(status=409 if refused.conflict else 422, errors=errors) from None
    except MoveRefused as refused:
        raise refusal(422, "bad_move", str(refused)) from None
    except ChangesRefused as refused:
        texts = sorted({error.message for error in refused.errors})
        errors = [FieldError(code="bad_change", message=text) for text in texts]
        raise ApiRefusal(status=422, errors=errors) from None
    except NoRun as error:
        raise refusal(404, "no_run", str(error)) from None
    except WhatIfRefused as refused:
        raise refusal(409, refused.code, refused.sentence) from None
    except TooManyWaiting:
        message = "You have as many unanswered what-ifs as may wait at once. Wait for one of them."
        raise refusal(409, "too_many_waiting", message) from None


# --- bodies and rows ----------------------------------------------------------------------------------------------


def _found(key: str) -> WorkloadMove:
    try:
        return found_move(key)
    except WorkloadMove.DoesNotExist:
        raise Http404 from None


def _stepper(request: Request) -> Stepper:
    return Stepper(user=cast(User, request.user), viewer=viewer_of(request), now=timezone.now(), request=request)


def _version(body: dict[str, str]) -> int:
    text = body["row_version"]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise refusal(
            400, "bad_value", "Give the move's row_version, a whole number, as you read it.", field="row_version"
        )
    return int(text)


def _row(request: Request, move: WorkloadMove, row: dict[str, Any], answer: str | None = None) -> dict[str, Any]:
    viewer = viewer_of(request)
    hidden = {
        "one_off_usd": see(viewer, "move", "one_off_usd", move.one_off_usd),
        "promised_accelerators": see(viewer, "move", "promised_accelerators", move.promised_accelerators),
        "promised_usd_per_week": see(viewer, "move", "promised_usd_per_week", move.promised_usd_per_week),
        **{name: row[name] for name in _SAVED},
        "payback_weeks": row["payback_value"],
    }
    state = answer if answer is not None else row["answer"]
    return cast(
        dict[str, Any],
        in_json(
            {
                "key": move.key,
                "workload": move.workload.key,
                **{name: getattr(move, name) for name in _COLUMNS},
                "answer": state,
                **hidden,
                "url": request.build_absolute_uri(f"/api/v1/moves/{move.key}/"),
            }
        ),
    )


def _whole_row(request: Request, move: WorkloadMove) -> dict[str, Any]:
    viewer, question = viewer_of(request), what_if_of(move)
    [row] = move_rows(viewer, [move], year=timezone.now().year)
    problem = ""
    if question is not None and question.state == "failed":
        problem = question.error
    elif question is not None and move.state == "asked" and told_of(question) is not None:
        problem = stale_reason(move, question)
    return {
        **_row(request, move, row, question.state if question is not None else ""),
        "problem": problem,
        **_realised(viewer, move),
    }


def _realised(viewer: Viewer, move: WorkloadMove) -> dict[str, Any]:
    came = realised_of(move, current_id=current_run())
    shown = {
        "realised_accelerators": see(viewer, "move", "realised_accelerators", came.accelerators),
        "realised_usd": see(viewer, "move", "realised_usd", came.usd),
    }
    return cast(dict[str, Any], in_json(shown))
