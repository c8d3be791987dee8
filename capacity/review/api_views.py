"""Read-only API over runs and reviews: the same rows as the pages, under the same visibility table.

One view a table, made from its description. `?run=` and `?review=` choose the run as on the pages; filters are the
table's own columns; a filter or an ordering by a column that the reader does not see in full answers 404.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import models
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from capacity.access.api_errors import refusal
from capacity.access.viewer import Permits, viewer_of
from capacity.access.visibility import RESTRICTED, Viewer
from capacity.review.api import PageOfRows
from capacity.review.api_rows import (
    ACTION_FIELDS,
    DECISION_FIELDS,
    EXPERIMENT_FIELDS,
    POLICY_FIELDS,
    REVIEW_FIELDS,
    RUN_FIELDS,
    action_rows,
    decision_rows,
    experiment_rows,
    policy_rows,
    review_rows,
    run_list_rows,
)
from capacity.review.chosen import chosen_run
from capacity.review.listing import sorted_visibly
from capacity.review.pages import visible_rows
from capacity.review.serializers import row_serializer, serializer_for
from capacity.review.table_columns import RunTableSpec
from capacity.review.table_specs import ALLOCATIONS, ISSUES, REMEDIES, RUN_TABLES, SCARCITY, SHORTFALLS, UNPLACED
from capacity.review.table_specs_map import WORKLOAD_USE
from capacity.review.table_specs_moves import WASTE
from capacity.review.tables import Row, contract_labels

_NAMES_CONTRACTS = (UNPLACED, ALLOCATIONS, SHORTFALLS, REMEDIES, SCARCITY, ISSUES, WORKLOAD_USE, WASTE)
_EVERY_LIST = ("ordering", "limit", "offset", "format")
_RUN = OpenApiParameter("run", int, description="A run's id; without it the current plan.")
_REVIEW = OpenApiParameter("review", str, description="The week of a frozen review, such as 2026-W48.")
_ORDERING = OpenApiParameter("ordering", str, description="A column; with a minus before it, descending.")
_WHICH_RUN = (_RUN.name, _REVIEW.name)


class RowsView(GenericAPIView):
    """A list of visible rows. A subclass says which rows; ordering and pages are the same everywhere."""

    pagination_class = PageOfRows
    filter_backends = ()
    # What tokens may be limited to, what the index says, and the action that opens it.
    resource = ""
    heading = ""
    area = "Plan"
    opened_by = ""

    def rows(self, request: Request, viewer: Viewer) -> list[Row]:
        """The rows of this list, before ordering and paging. Every subclass has its own."""
        return []

    # What an address may ask beside the page and the order.
    asked_by: tuple[str, ...] = ()

    def answer(self, request: Request) -> Response:
        """One page of the rows, ordered by what the reader sees.

        What is not understood is refused: ignored, it would give all rows to whoever asked for some.
        """
        unknown = sorted(set(request.query_params) - {*_EVERY_LIST, *self.asked_by})
        if unknown:
            known = ", ".join((*self.asked_by, *_EVERY_LIST))
            raise refusal(400, "unknown_parameter", f"This list is asked by {known}.", field=unknown[0][:80])
        rows = self.rows(request, viewer_of(request))
        columns = column_names(self.get_serializer_class())
        page = self.paginate_queryset(ordered(rows, request.query_params.get("ordering", ""), columns))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


def column_names(serializer: Any) -> list[str]:
    """The columns of a serializer of visible rows."""
    return [name for name in serializer().fields if name not in ("restricted", "absent")]


def ordered(rows: list[Row], ordering: str, columns: Sequence[str]) -> list[Row]:
    """Rows by the column asked for; Http404 for one that is not there or of which the reader sees nothing."""
    if not ordering:
        return rows
    key = ordering.removeprefix("-")
    if key not in columns or (rows and all(row[key] is RESTRICTED for row in rows)):
        raise Http404
    return sorted_visibly(rows, key=key, descending=ordering.startswith("-"))


def run_table_view(name: str, spec: RunTableSpec) -> type[RowsView]:
    """The view of one run table under its name in the API."""
    parameters = [_RUN, _REVIEW, _ORDERING, *(OpenApiParameter(name, str) for name in spec.filters)]
    serializer = serializer_for(spec, name=name)

    class RunTableRows(RowsView):
        serializer_class = serializer
        permission_classes = (Permits(spec.action),)
        resource = name
        heading = spec.title
        opened_by = spec.action
        asked_by = (*_WHICH_RUN, *spec.filters)

        def rows(self, request: Request, viewer: Viewer) -> list[Row]:
            chosen = chosen_run(request)
            if chosen.run is None:
                return []
            labels = contract_labels(chosen.run_id) if spec in _NAMES_CONTRACTS else ()
            filters = dict(
                _lookup(spec, name, request.query_params[name])
                for name in spec.filters
                if request.query_params.get(name) is not None
            )
            return visible_rows(viewer=viewer, run_id=chosen.run_id, spec=spec, labels=labels, **filters)

        @extend_schema(
            operation_id=f"{name.replace('-', '_')}_list",
            summary=spec.title,
            parameters=parameters,
            responses=serializer(many=True),
            tags=["Plan"],
        )
        def get(self, request: Request) -> Response:
            return self.answer(request)

    return RunTableRows


def _lookup(spec: RunTableSpec, name: str, value: str) -> tuple[str, Any]:
    """A filter by a column; of a column that lists, rows whose list has the value."""
    if isinstance(spec.model._meta.get_field(name), models.JSONField):
        return f"{name}__contains", [value]
    return name, value


Rows = Callable[[Request, Viewer], list[Row]]


def plain_view(
    name: str, *, title: str, fields: Mapping[str, Any], action: str, rows_of: Rows, tag: str, has_run: bool = False
) -> type[RowsView]:
    """The view of rows that are not one run table: runs themselves, reviews, decisions, policies, requests."""
    serializer = row_serializer(name, fields)
    parameters = [*([_RUN, _REVIEW] if has_run else []), _ORDERING]

    class PlainRows(RowsView):
        serializer_class = serializer
        permission_classes = (Permits(action),)
        resource = name
        heading = title
        area = tag
        opened_by = action
        asked_by = _WHICH_RUN if has_run else ()

        def rows(self, request: Request, viewer: Viewer) -> list[Row]:
            return rows_of(request, viewer)

        @extend_schema(
            operation_id=f"{name.replace('-', '_')}_list",
            summary=title,
            parameters=parameters,
            responses=serializer(many=True),
            tags=[tag],
        )
        def get(self, request: Request) -> Response:
            return self.answer(request)

    return PlainRows


def _experiments(request: Request, viewer: Viewer) -> list[Row]:
    chosen = chosen_run(request)
    return [] if chosen.run is None else experiment_rows(viewer, chosen.run_id)


def _api_name(table: str) -> str:
    """A run table's name here: the plain names belong to the tables that people keep."""
    return f"plan-{table}" if table in {"pools", "lots", "workloads"} else table


VIEWS: dict[str, type[RowsView]] = {
    **{_api_name(name): run_table_view(_api_name(name), spec) for name, spec in RUN_TABLES.items()},
    "plan-requests": plain_view(
        "plan-requests",
        title="Requests, placed or not",
        fields=EXPERIMENT_FIELDS,
        action="requests.view",
        rows_of=_experiments,
        tag="Plan",
        has_run=True,
    ),
    "runs": plain_view(
        "runs",
        title="Runs, newest first",
        fields=RUN_FIELDS,
        action="run.view",
        rows_of=lambda request, viewer: run_list_rows(viewer),
        tag="Meeting",
    ),
    "reviews": plain_view(
        "reviews",
        title="Frozen reviews, newest first",
        fields=REVIEW_FIELDS,
        action="review.view",
        rows_of=lambda request, viewer: review_rows(viewer),
        tag="Meeting",
    ),
    "decisions": plain_view(
        "decisions",
        title="Decisions, newest first",
        fields=DECISION_FIELDS,
        action="decisions.view",
        rows_of=lambda request, viewer: decision_rows(viewer),
        tag="Meeting",
    ),
    "actions": plain_view(
        "actions",
        title="Actions, newest first",
        fields=ACTION_FIELDS,
        action="decisions.view",
        rows_of=lambda request, viewer: action_rows(viewer),
        tag="Meeting",
    ),
    "policies": plain_view(
        "policies",
        title="Versions of the policy, the latest start first",
        fields=POLICY_FIELDS,
        action="policy.view",
        rows_of=lambda request, viewer: policy_rows(viewer),
        tag="Meeting",
    ),
}
