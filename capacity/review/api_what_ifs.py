"""What-ifs by the API: ask one, list them, one with both its answers; the same checks and the same sight as the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capacity.access.api_errors import ApiRefusal, FieldError, refusal
from capacity.access.models import User
from capacity.access.viewer import PermitsByMethod, viewer_of
from capacity.access.visibility import Viewer
from capacity.allocation.models import WHAT_IF_STATES, WhatIf
from capacity.allocation.what_ifs import TooManyWaiting, what_ifs_of
from capacity.imports.api_fields import VisibleDecimal, VisibleInteger, VisibleRow, VisibleText, api_value
from capacity.imports.api_json import StrictJSONParser
from capacity.imports.api_serializers import Page
from capacity.imports.api_tables import page_of, paged, refusals
from capacity.review.input_edits import MOST_CHANGES, ChangesRefused
from capacity.review.what_if import WhatIfRefused
from capacity.review.what_if_asking import NoRun, ask, asked_run_id
from capacity.review.what_if_rows import SEES_ALL, visible_answer, visible_changes, visible_error

RETRY_SECONDS = 2


class AskedChange(serializers.Serializer):
    """One row of the run's inputs that would be different."""

    table = serializers.CharField(help_text="An input table, as the import templates name it.")
    key = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="The row's key, in the order of the table's."
    )
    op = serializers.ChoiceField(choices=["added", "changed", "removed"])
    values = serializers.DictField(
        child=serializers.CharField(allow_blank=True), required=False, help_text="Column → value, as a file writes it."
    )


class AskedWhatIf(serializers.Serializer):
    """A question."""

    changes = AskedChange(many=True, help_text=f"Between one and {MOST_CHANGES}.")
    run = serializers.IntegerField(required=False, help_text="A run's id; without it the current plan.")


class ChangedColumn(serializers.Serializer):
    """A column that differs; null where hidden."""

    name = serializers.CharField()
    before = serializers.CharField(allow_null=True, allow_blank=True)
    after = serializers.CharField(allow_null=True, allow_blank=True)


class WhatIfChange(serializers.Serializer):
    """A row that differs, parts that go with a removed one too."""

    table = serializers.CharField()
    key = serializers.ListField(child=serializers.CharField(), help_text="Empty where hidden.")
    op = serializers.CharField()
    columns = ChangedColumn(many=True)


def _before_after(*names: str) -> list[str]:
    """Of each name: what it was, what it would be, and the difference."""
    return [f"{name}_{side}" for name in names for side in ("before", "after", "difference")]


def _visible(name: str, doc: str, *, texts: Sequence[str], numbers: Sequence[str]) -> type[VisibleRow]:
    """A row of texts, then numbers, each as far as the reader may see it."""
    fields = {each: VisibleText() for each in texts} | {each: VisibleDecimal() for each in numbers}
    return type(name, (VisibleRow,), {"__doc__": doc, "__module__": __name__, **fields})


TierDifference = _visible(
    "TierDifference",
    "A tier on both sides; its gap to a bound in a full answer.",
    texts=("tier", "unit"),
    numbers=("before", "after", "difference", "unmet_before", "unmet_after", "gap_before", "gap_after"),
)
DemandDifference = _visible(
    "DemandDifference",
    "Capacity shortfall (accelerator-weeks) and dollars lost of a contract or workload over the horizon.",
    texts=("label", "contract_key", "workload_key", "tier"),
    numbers=_before_after("short", "usd"),
)
PoolDifference = _visible(
    "PoolDifference",
    "Idle and burst of a pool over the horizon, accelerator-weeks and dollars.",
    texts=("pool_key",),
    numbers=_before_after("idle", "burst", "burst_usd"),
)
WeekDifference = _visible(
    "WeekDifference",
    "What all demands, holds among them, are short of in a week, accelerators, and its dollars with burst.",
    texts=("week",),
    numbers=_before_after("short", "usd"),
)
PriceDifference = _visible(
    "PriceDifference",
    "Scarcity price of a pool and week, dollars per accelerator-week.",
    texts=("pool_key", "week"),
    numbers=("before", "after"),
)


class Place(serializers.Serializer):
    """Where and when an experiment lies."""

    pool_key = serializers.CharField()
    domain_key = serializers.CharField(allow_blank=True)
    start_week = serializers.CharField()
    weeks = serializers.IntegerField()
    accelerators = serializers.IntegerField()


class Because(serializers.Serializer):
    """Why a placement differs, where the plans tell."""

    code = serializers.CharField()
    key = serializers.CharField(allow_null=True)
    pool = serializers.CharField(allow_null=True)
    week = serializers.CharField(allow_blank=True)
    accelerators = serializers.IntegerField(allow_null=True)


class PlacementDifference(VisibleRow):
    """An experiment that moved, was placed or was lost."""

    experiment_key = VisibleText()
    name = VisibleText()
    team_name = VisibleText()
    tier = VisibleText()
    change = VisibleText()
    before = Place(many=True)
    after = Place(many=True)
    cause = Because(allow_null=True)


class NotPlaced(serializers.Serializer):
    """A new or changed request without a place."""

    experiment_key = serializers.CharField()
    cause = Because()


class WhatIfAnswer(VisibleRow):
    """Differences to the run. basis: what serving counts on both sides, divisible replicas (quick) or whole ones."""

    kind = VisibleText()
    basis = VisibleText()
    termination = VisibleText()
    weeks_solved = VisibleInteger()
    seconds = VisibleDecimal()
    usd_before = VisibleDecimal()
    usd_after = VisibleDecimal()
    usd_difference = VisibleDecimal()
    tiers = TierDifference(many=True)
    demands = DemandDifference(many=True)
    demands_hidden = VisibleInteger(help_text="Rows of which the reader's role sees no value; null without the floor.")
    placements = PlacementDifference(many=True)
    not_placed = NotPlaced(many=True)
    placements_hidden = serializers.BooleanField()
    pools = PoolDifference(many=True)
    weeks = WeekDifference(many=True)
    prices = PriceDifference(many=True)


class WhatIfRow(serializers.Serializer):
    """A what-if: what was asked and how far it is."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    run = serializers.IntegerField()
    state = serializers.ChoiceField(choices=[state for state, _ in WHAT_IF_STATES])
    stage = serializers.CharField(allow_blank=True)
    progress = serializers.DecimalField(max_digits=5, decimal_places=4)
    asked_by = serializers.CharField()
    asked_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    changes = WhatIfChange(many=True)
    error = serializers.CharField(allow_blank=True)


class WhatIfDetail(WhatIfRow):
    """A what-if with its answers; null until they are there."""

    quick = WhatIfAnswer(allow_null=True)
    full = WhatIfAnswer(allow_null=True)


class WhatIfPage(Page):
    """A page of what-ifs, newest first."""

    results = WhatIfRow(many=True)


class WhatIfs(APIView):
    """What-ifs the reader may see, and asking one."""

    permission_classes = (PermitsByMethod(GET="scenario.view", POST="scenario.ask"),)
    parser_classes = (StrictJSONParser,)
    resource = "what-ifs"
    area = "Plan"

    @extend_schema(
        operation_id="what_ifs_list",
        summary="What-ifs",
        parameters=[OpenApiParameter("page", int, description="From 1."), OpenApiParameter("page_size", int)],
        responses={200: WhatIfPage, **refusals(400, 403)},
        tags=["Plan"],
    )
    def get(self, request: Request) -> Response:
        page, size = page_of(request)
        viewer = viewer_of(request)
        found = _readable(request, viewer)
        lines = [_line(request, row, viewer) for row in found[(page - 1) * size : page * size]]
        return paged(request, page=page, size=size, count=found.count(), results=lines)

    @extend_schema(
        operation_id="what_ifs_create",
        summary="Ask what would be if rows of a run's inputs were different",
        request=AskedWhatIf,
        responses={202: WhatIfRow, **refusals(400, 403, 404, 409)},
        tags=["Plan"],
    )
    def post(self, request: Request) -> Response:
        viewer, user = viewer_of(request), cast(User, request.user)
        changes, run = _asked(request.data)
        try:
            run_id = asked_run_id(run)
            row = ask(run_id=run_id, changes=changes, viewer=viewer, user=user, now=timezone.now())
        except NoRun as error:
            raise refusal(404, "no_run", str(error), field="run") from None
        except ChangesRefused as refused:
            errors = [
                FieldError(code="bad_change", message=each.message, row=each.change, field=each.column)
                for each in refused.errors
            ]
            raise ApiRefusal(status=400, errors=errors) from None
        except WhatIfRefused as refused:
            raise refusal(409, refused.code, refused.sentence) from None
        except TooManyWaiting:
            message = "You have as many unanswered what-ifs as may wait at once. Wait for one of them."
            raise refusal(409, "too_many_waiting", message) from None
        body = _line(request, row, viewer)
        return Response(body, status=202, headers={"Location": body["url"], "Retry-After": str(RETRY_SECONDS)})


class OneWhatIf(APIView):
    """One what-if with its answers."""

    permission_classes = (PermitsByMethod(GET="scenario.view"),)
    resource = "what-ifs"
    area = "Plan"

    @extend_schema(
        operation_id="what_ifs_retrieve",
        summary="One what-if with its answers",
        responses={200: WhatIfDetail, **refusals(403, 404)},
        tags=["Plan"],
    )
    def get(self, request: Request, number: UUID) -> Response:
        viewer = viewer_of(request)
        row = _readable(request, viewer).filter(uuid=number).first()
        if row is None:
            raise Http404
        answers = {
            name: None if seen is None else WhatIfAnswer(seen).data
            for name, seen in (("quick", visible_answer(viewer, row.quick)), ("full", visible_answer(viewer, row.full)))
        }
        return Response({**_line(request, row, viewer), **answers})


def _readable(request: Request, viewer: Viewer) -> Any:
    return what_ifs_of(user=cast(User, request.user), sees_all=bool(viewer.roles & SEES_ALL))


def _asked(data: Any) -> tuple[list[Mapping[str, Any]], str]:
    """The changes and the run of the body. Raises ApiRefusal for what is no list of objects."""
    if not isinstance(data, Mapping):
        raise refusal(400, "bad_body", 'Send an object: {"changes": [{"table", "key", "op", "values"}], "run"}.')
    for name in data:
        if name not in ("changes", "run"):
            raise refusal(400, "unknown_field", f'There is no field "{name}".', field=str(name))
    changes = data.get("changes")
    if not isinstance(changes, list) or not all(isinstance(change, Mapping) for change in changes):
        raise refusal(400, "bad_changes", "Give the changes as a list of objects.", field="changes")
    for position, change in enumerate(changes):
        _check_shape(position, change)
    run = data.get("run")
    if run is not None and not isinstance(run, str):
        raise refusal(400, "bad_run", "Give the run as its number.", field="run")
    return changes, run or ""


def _check_shape(position: int, change: Mapping[str, Any]) -> None:
    for name in change:
        if name not in ("table", "key", "op", "values"):
            raise refusal(400, "unknown_field", f'A change has no "{name}".', field=str(name), row=position)
    values = change.get("values")
    if values is not None and not isinstance(values, Mapping):
        raise refusal(400, "bad_values", "Give the values as an object: column → value.", field="values", row=position)
    key = change.get("key")
    parts = list(key.values()) if isinstance(key, Mapping) else key if isinstance(key, list) else []
    if key is not None and not isinstance(key, list | Mapping):
        raise refusal(400, "bad_key", "Give the key as a list of its parts.", field="key", row=position)
    if any(isinstance(part, list | Mapping) for part in parts):
        raise refusal(400, "bad_key", "Give the key as a list of its parts.", field="key", row=position)
    for name, value in (values or {}).items():
        if isinstance(value, Mapping) or (isinstance(value, list) and not all(isinstance(each, str) for each in value)):
            raise refusal(400, "bad_value", "A value is a text, a number, a flag or a list of texts.", field=name)


def _line(request: Request, row: WhatIf, viewer: Viewer) -> dict[str, Any]:
    changes = [
        {
            "table": change["table"],
            "key": change["key"],
            "op": change["op"],
            "columns": [
                {name: api_value(column[name]) for name in ("name", "before", "after")} for column in change["columns"]
            ],
        }
        for change in visible_changes(viewer, row.changed_rows)
    ]
    return {
        "id": str(row.uuid),
        "url": request.build_absolute_uri(f"/api/v1/what-ifs/{row.uuid}/"),
        "run": row.run_id,
        "state": row.state,
        "stage": row.stage,
        "progress": f"{row.progress_share:.4f}",
        "asked_by": row.asked_by.get_username(),
        "asked_at": row.asked_at,
        "finished_at": row.finished_at,
        "changes": changes,
        "error": visible_error(viewer, row.error) if row.state == "failed" else "",
    }
