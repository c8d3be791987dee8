"""The workflow by the API: the moves of a contract and making one, holding accelerators for a deal and releasing them.

The same calls as the pages, with an `Idempotency-Key` like every write. Whoever may not know a contract gets 404.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capacity.access.api_errors import FieldError, problem, refusal
from capacity.access.idempotency import Answer
from capacity.access.models import User
from capacity.access.viewer import PermitsByMethod, viewer_of
from capacity.imports.api_json import StrictJSONParser
from capacity.imports.api_tables import page_of, paged, refusals
from capacity.review.api_bodies import answered, fields_of_body
from capacity.review.hold_check import room_for_holds
from capacity.review.views_contracts import meeting
from capacity.review.workflow_page import known_versions
from contracts.domain.workflow import STATES
from contracts.holding import HoldRefused, NoRoom, grant_hold, release_hold
from contracts.models import Contract, ContractTransition, Hold
from contracts.services import Mover, MoveRefused, move_contract

AREA = "Contracts"
_STATUS = {"not_allowed": 403, "reason_missing": 422, "bad_value": 422, "busy": 503}


class AskedMove(serializers.Serializer):
    """A move of a contract version."""

    contract = serializers.CharField()
    version = serializers.IntegerField(default=1)
    to = serializers.ChoiceField(choices=STATES)
    reason = serializers.CharField(required=False, allow_blank=True)
    row_version = serializers.IntegerField(required=False, help_text="The contract's, as you read it.")


class MoveRow(serializers.Serializer):
    """A recorded move. `by` null: the clock. `decision`: the number of the one that records a signature."""

    contract = serializers.CharField()
    version = serializers.IntegerField()
    from_state = serializers.CharField()
    to_state = serializers.CharField()
    at = serializers.DateTimeField()
    by = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    decision = serializers.IntegerField(allow_null=True)


class MovePage(serializers.Serializer):
    """A page of moves, newest first."""

    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = MoveRow(many=True)


class AskedHold(serializers.Serializer):
    """A hold for a deal."""

    contract = serializers.CharField()
    version = serializers.IntegerField(default=1)
    probability = serializers.DecimalField(max_digits=5, decimal_places=4, help_text="A share above 0 and at most 1.")
    expires_date = serializers.DateField(help_text="The first day on which it no longer holds.")
    note = serializers.CharField(required=False, allow_blank=True)


class AskedRelease(serializers.Serializer):
    """The release of what a deal holds."""

    contract = serializers.CharField()
    version = serializers.IntegerField(default=1)
    note = serializers.CharField(required=False, allow_blank=True)


class HoldRow(serializers.Serializer):
    """A hold as it is now."""

    key = serializers.CharField()
    contract = serializers.CharField()
    version = serializers.IntegerField()
    probability = serializers.DecimalField(max_digits=5, decimal_places=4)
    granted_date = serializers.DateField()
    expires_date = serializers.DateField()
    state = serializers.CharField()


class ContractMoves(APIView):
    """Moving a contract on."""

    permission_classes = (PermitsByMethod(POST="contracts.move"),)
    parser_classes = (StrictJSONParser,)
    resource = "contracts"
    area = AREA

    @extend_schema(
        operation_id="contract_moves_create",
        summary="Move a contract on",
        request=AskedMove,
        responses={201: MoveRow, **refusals(400, 403, 404, 409, 422)},
        tags=[AREA],
    )
    def post(self, request: Request) -> Response:
        asked = fields_of_body(request, ("contract", "version", "to", "reason", "row_version"))
        contract = _known(request, asked)
        return answered(request, lambda: _move(request, contract, asked))


class MovesOfContract(APIView):
    """The moves of one contract, newest first."""

    permission_classes = (PermitsByMethod(GET="contracts.view"),)
    resource = "contracts"
    area = AREA

    @extend_schema(
        operation_id="contract_moves_retrieve",
        summary="Moves of a contract",
        parameters=[
            OpenApiParameter("version", int, description="Only of this version."),
            OpenApiParameter("page", int, description="From 1."),
            OpenApiParameter("page_size", int),
        ],
        responses={200: MovePage, **refusals(400, 403, 404)},
        tags=[AREA],
    )
    def get(self, request: Request, contract: str) -> Response:
        page, size = page_of(request)
        version = request.query_params.get("version", "")
        known = [each for each in known_versions(viewer_of(request), contract) if version in ("", str(each.version))]
        if not known:
            raise Http404
        moves = sorted((move for each in known for move in each.transitions.all()), key=lambda move: -move.pk)
        of = {each.pk: each for each in known}
        lines = [_move_row(move, of[move.contract_id]) for move in moves[(page - 1) * size : page * size]]
        return paged(request, page=page, size=size, count=len(moves), results=lines)


class ContractHolds(APIView):
    """Accelerators kept for a deal that is not signed."""

    permission_classes = (PermitsByMethod(POST="contracts.move"),)
    parser_classes = (StrictJSONParser,)
    resource = "holds"
    area = AREA

    @extend_schema(
        operation_id="contract_holds_create",
        summary="Hold accelerators for a deal, where there is room for them in every pool and week",
        request=AskedHold,
        responses={201: HoldRow, **refusals(400, 403, 404, 409, 422)},
        tags=[AREA],
    )
    def post(self, request: Request) -> Response:
        asked = fields_of_body(request, ("contract", "version", "probability", "expires_date", "note"))
        contract = _known(request, asked)
        return answered(request, lambda: _grant(request, contract, asked))


class ReleaseContractHold(APIView):
    """Giving back what is held for a deal."""

    permission_classes = (PermitsByMethod(POST="contracts.move"),)
    parser_classes = (StrictJSONParser,)
    resource = "holds"
    area = AREA

    @extend_schema(
        operation_id="contract_holds_release",
        summary="Release what a deal holds",
        request=AskedRelease,
        responses={200: HoldRow, **refusals(400, 403, 404, 409)},
        tags=[AREA],
    )
    def post(self, request: Request) -> Response:
        asked = fields_of_body(request, ("contract", "version", "note"))
        contract = _known(request, asked)
        return answered(request, lambda: _release(request, contract, asked))


# --- the calls ----------------------------------------------------------------------------------------------------


def _move(request: Request, contract: Contract, asked: Mapping[str, str]) -> Answer:
    read = asked["row_version"]
    try:
        made = move_contract(
            key=contract.key,
            version=contract.version,
            target=asked["to"],
            reason=asked["reason"],
            mover=Mover(
                user=cast(User, request.user), viewer=viewer_of(request), source="workflow, api", request=request
            ),
            now=timezone.now(),
            meeting=meeting(),
            row_version=_whole(read, "row_version") if read else None,
        )
    except (MoveRefused, HoldRefused) as refused:
        return _answer_of(refused)
    return Answer(status=201, body=_json(MoveRow, _move_row(made, contract)))


def _grant(request: Request, contract: Contract, asked: Mapping[str, str]) -> Answer:
    try:
        probability, expires = Decimal(asked["probability"]), date.fromisoformat(asked["expires_date"])
    except InvalidOperation:
        raise refusal(422, "bad_value", "Give the probability as a share, such as 0.4.", field="probability") from None
    except ValueError:
        raise refusal(422, "bad_value", "Give the day as 2026-12-31.", field="expires_date") from None
    try:
        hold = grant_hold(
            key=contract.key,
            version=contract.version,
            probability=probability,
            expires_date=expires,
            note=asked["note"],
            user=cast(User, request.user),
            viewer=viewer_of(request),
            now=timezone.now(),
            check=room_for_holds,
            request=request,
        )
    except HoldRefused as refused:
        return _answer_of(refused)
    return Answer(status=201, body=_hold_row(hold, contract))


def _release(request: Request, contract: Contract, asked: Mapping[str, str]) -> Answer:
    try:
        hold = release_hold(
            key=contract.key,
            version=contract.version,
            note=asked["note"],
            user=cast(User, request.user),
            viewer=viewer_of(request),
            now=timezone.now(),
            request=request,
        )
    except HoldRefused as refused:
        return _answer_of(refused)
    return Answer(status=200, body=_hold_row(hold, contract))


def _answer_of(refused: MoveRefused | HoldRefused) -> Answer:
    """The refusal in the API's words; without room also where and by how much."""
    status = _STATUS.get(refused.code, 409)
    error = FieldError(code=refused.code, message=refused.sentence, field=refused.field)
    more: dict[str, Any] = {}
    if isinstance(refused, NoRoom):
        more["short"] = [
            {"week": each.week, "pool": each.pool, "accelerators": each.accelerators} for each in refused.weeks
        ]
    return Answer(status=status, body=problem(status, [error], more))


# --- requests and rows --------------------------------------------------------------------------------------------


def _known(request: Request, asked: Mapping[str, str]) -> Contract:
    version = _whole(asked["version"], "version") if asked["version"] else 1
    found = [each for each in known_versions(viewer_of(request), asked["contract"]) if each.version == version]
    if not found:
        raise refusal(404, "no_contract", "There is no such contract.", field="contract")
    return found[0]


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise refusal(400, "bad_value", "Give a whole number.", field=name)
    return int(text)


def _move_row(move: ContractTransition, contract: Contract) -> dict[str, Any]:
    return {
        "contract": contract.key,
        "version": contract.version,
        "from_state": move.from_state,
        "to_state": move.to_state,
        "at": move.at,
        "by": move.by.get_username() if move.by else None,
        "reason": move.reason,
        "decision": move.decision.number if move.decision else None,
    }


def _hold_row(hold: Hold, contract: Contract) -> dict[str, Any]:
    row = {name: getattr(hold, name) for name in ("key", "probability", "granted_date", "expires_date", "state")}
    return _json(HoldRow, {**row, "contract": contract.key, "version": contract.version})


def _json(kind: type[serializers.Serializer], row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(kind(row).data)
