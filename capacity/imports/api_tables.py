"""The API of every table people keep: list, one row, add, change, remove, try out. One class factory, no table's own code.

Reading goes through records.py, writing through api_writes.py; a new table in an app's importers.py has all of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import Http404
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
)
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capacity.access.api_errors import CONTENT_TYPE, refusal
from capacity.access.idempotency import Answer
from capacity.access.viewer import PermitsByMethod, viewer_of
from capacity.imports import api_writes
from capacity.imports.api_json import StrictJSONParser
from capacity.imports.api_rows import row_json
from capacity.imports.api_serializers import AddedRows, Proposed, Refusal, TableSerializers, TriedOut, serializers_of
from capacity.imports.described import area_of, kind_of, singular_of, slug_of, title_of
from capacity.imports.records import BadFilter, visible_records
from capacity.imports.tables import Table, tables

PAGE_SIZE = 100
LARGEST_PAGE = 500
# Further than this a list is to be filtered, not paged through.
LAST_PAGE = 100_000
_OWN_PARAMETERS = {"page", "page_size", "q", "ordering", "format"}
_COMPARED = {
    "decimal": "__gt, __gte, __lt, __lte, __in, __empty",
    "integer": "__gt, __gte, __lt, __lte, __in, __empty",
    "date": "__gt, __gte, __lt, __lte, __in, __empty",
    "moment": "__gt, __gte, __lt, __lte, __empty",
    "list": "__empty; the list holds the value",
    "boolean": "__empty",
    "choice": "__in, __empty",
}


class TableView(APIView):
    """What the views of a table share. The factory's classes say which table, what opens them and what they describe."""

    parser_classes = (StrictJSONParser,)
    table: Table
    resource = ""
    area = ""


def table_views(table: Table) -> dict[str, type[TableView]]:
    """Route (below /api/v1/) → view, of one table."""
    slug = slug_of(table)
    shapes = serializers_of(table, name="".join(part.capitalize() for part in table.name.split("_")))
    views = {f"{slug}/": _list_view(table, shapes)}
    if table.change:
        views[f"{slug}/validate/"] = _validate_view(table, shapes)
    views[f"{slug}/<str:key>/"] = _row_view(table, shapes)
    return views


def all_table_views() -> dict[str, type[TableView]]:
    """Route → view, of all tables that some role may read."""
    return {route: view for table in tables().values() if table.view for route, view in table_views(table).items()}


# --- the classes --------------------------------------------------------------------------------------------------


def _list_view(table: Table, shapes: TableSerializers) -> type[TableView]:
    class Rows(_base(table)):  # type: ignore[misc]
        @_described(table, "list", f"{title_of(table)}: list", answers={200: shapes.page}, parameters=_filters(table))
        def get(self, request: Request) -> Response:
            return _page_of_rows(request, table)

    class WritableRows(Rows):
        @_described(
            table,
            "create",
            f"Add a {singular_of(table)}, or a list of them",
            answers={
                201: _one_or_many(table, "Added", shapes.written, AddedRows),
                202: Proposed,
                **refusals(400, 403, 409, 413, 422),
            },
            parameters=[KEY_HEADER, _NOTE],
            request=_one_or_many(table, "New", shapes.cells, shapes.cells(many=True)),
            example=shapes.example,
        )
        def post(self, request: Request) -> Response:
            return response_of(api_writes.add_rows(request, table))

    return _named(WritableRows if table.change else Rows, table, "List")


def _row_view(table: Table, shapes: TableSerializers) -> type[TableView]:
    class One(_base(table)):  # type: ignore[misc]
        @_described(
            table,
            "retrieve",
            f"One {singular_of(table)}",
            answers={200: shapes.row, **refusals(403, 404)},
            parameters=[_key_parameter(table)],
        )
        def get(self, request: Request, key: str) -> Response:
            return response_of(api_writes.read_row(request, table, key))

    class WritableOne(One):
        @_described(
            table,
            "update",
            f"Replace a {singular_of(table)}: columns left out become empty",
            answers={200: shapes.written, 202: Proposed, **refusals(400, 403, 404, 412, 422, 428)},
            parameters=[_key_parameter(table), _IF_MATCH, KEY_HEADER, _NOTE],
            request=shapes.cells,
            example=shapes.example,
        )
        def put(self, request: Request, key: str) -> Response:
            return response_of(api_writes.change_row(request, table, key, is_whole=True))

        @_described(
            table,
            "partial_update",
            f"Change columns of a {singular_of(table)}",
            answers={200: shapes.written, 202: Proposed, **refusals(400, 403, 404, 412, 422, 428)},
            parameters=[_key_parameter(table), _IF_MATCH, KEY_HEADER, _NOTE],
            request=shapes.cells,
        )
        def patch(self, request: Request, key: str) -> Response:
            return response_of(api_writes.change_row(request, table, key, is_whole=False))

        @_described(
            table,
            "destroy",
            f"Remove a {singular_of(table)} that nothing refers to",
            answers={204: OpenApiResponse(description="Removed."), 202: Proposed, **refusals(403, 404, 409, 412)},
            parameters=[_key_parameter(table), _NOTE],
        )
        def delete(self, request: Request, key: str) -> Response:
            return response_of(api_writes.remove(request, table, key))

    return _named(WritableOne if table.change and not table.is_log else One, table, "Row")


def _validate_view(table: Table, shapes: TableSerializers) -> type[TableView]:
    class Validate(_base(table, only_change=True)):  # type: ignore[misc]
        @_described(
            table,
            "validate",
            f"What writing these {title_of(table).lower()} would do; nothing is written",
            answers={200: TriedOut, **refusals(400, 403, 413)},
            request=_one_or_many(table, "New", shapes.cells, shapes.cells(many=True)),
            example=shapes.example,
        )
        def post(self, request: Request) -> Response:
            return response_of(api_writes.validate_rows(request, table))

    return _named(Validate, table, "Validate")


def _base(described: Table, *, only_change: bool = False) -> type[TableView]:
    """A view of the table with its gate."""
    change = described.change or described.view
    actions = {"POST": change} if only_change else {"GET": described.view}
    actions |= dict.fromkeys(("POST", "PUT", "PATCH", "DELETE"), change)

    class OfTable(TableView):
        permission_classes = (PermitsByMethod(**actions),)
        table = described
        resource = slug_of(described)
        area = area_of(described)

    return OfTable


def _named(view: type[TableView], table: Table, what: str) -> type[TableView]:
    """The class under a name that tells its table, in tracebacks and logs."""
    view.__name__ = view.__qualname__ = f"{table.name}_{what}"
    return view


# --- reading ------------------------------------------------------------------------------------------------------


def _page_of_rows(request: Request, table: Table) -> Response:
    page, size = page_of(request)
    try:
        found = visible_records(
            table=table,
            viewer=viewer_of(request),
            filters=_asked_filters(request),
            q=request.query_params.get("q", ""),
            ordering=request.query_params.get("ordering", ""),
            limit=size,
            offset=(page - 1) * size,
        )
    except BadFilter as bad:
        raise refusal(400, "bad_filter", bad.message, field=bad.column) from None
    lines = [row_json(table, record) for record in found.records]
    return paged(request, page=page, size=size, count=found.count, results=lines)


def page_of(request: Request) -> tuple[int, int]:
    """The page asked for and its size. Raises ApiRefusal."""
    page = _whole(request, "page", least=1, most=LAST_PAGE, default=1)
    return page, _whole(request, "page_size", least=1, most=LARGEST_PAGE, default=PAGE_SIZE)


def paged(request: Request, *, page: int, size: int, count: int, results: list[Any]) -> Response:
    """One page with the addresses of its neighbours. Http404 for a page beyond the last."""
    if page > 1 and not results:
        raise Http404
    return Response(
        {
            "count": count,
            "next": _page_url(request, page + 1) if page * size < count else None,
            "previous": _page_url(request, page - 1) if page > 1 else None,
            "results": results,
        }
    )


def _asked_filters(request: Request) -> dict[str, str]:
    """The filters of the address. Raises ApiRefusal for a parameter given twice or with a character no text has."""
    for name, values in request.query_params.lists():
        if len(values) > 1:
            raise refusal(400, "repeated_parameter", "Give it once; for several values use __in=a,b.", field=name[:80])
        if "\x00" in name + values[0]:
            raise refusal(
                400, "bad_filter", "The value holds a character that no text has.", field=name[:80].strip("\x00")
            )
    asked: dict[str, str] = request.query_params.dict()
    return {name: value for name, value in asked.items() if name not in _OWN_PARAMETERS}


def _whole(request: Request, name: str, *, least: int, most: int, default: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise refusal(400, "bad_page", f"{name} is a whole number from {least} to {most:,}.", field=name)
    return int(text)


def _page_url(request: Request, page: int) -> str:
    asked = [(name, value) for name, value in request.query_params.items() if name != "page"]
    query = urlencode([*asked, ("page", str(page))])
    return f"{request.build_absolute_uri(request.path)}?{query}"


def response_of(answer: Answer) -> Response:
    """The answer of a write, as the framework sends it."""
    kind = CONTENT_TYPE if answer.status >= 400 else None
    return Response(answer.body, status=answer.status, headers=dict(answer.headers), content_type=kind)


# --- the description ----------------------------------------------------------------------------------------------

_IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description='The ETag of the row as you read it, `"7"`.'
)
KEY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Any text of your own; the same request sent again under it is answered and not done again.",
)
_NOTE = OpenApiParameter("note", str, description="Why, for the history of the row.")
_REFUSED = {
    400: "The body, a column or a parameter cannot be read.",
    403: "The role, the token or the row's own rule does not allow it.",
    404: "There is no such row, or it is not yours to see.",
    409: "It is there already, or something refers to it.",
    412: "Somebody else changed it: `current` has the row as it is now, `changed` names the columns.",
    413: "Too many rows or bytes at once.",
    422: "A value or a rule is broken, or the Idempotency-Key came with another request.",
    428: "If-Match is missing.",
}


def refusals(*statuses: int) -> dict[Any, Any]:
    """What the schema says of refusals with these statuses."""
    return {(status, CONTENT_TYPE): OpenApiResponse(Refusal, description=_REFUSED[status]) for status in statuses}


def _described(
    table: Table,
    operation: str,
    summary: str,
    *,
    answers: Mapping[Any, Any],
    parameters: list[OpenApiParameter] | None = None,
    request: Any = None,
    example: Mapping[str, Any] | None = None,
) -> Any:
    examples = [OpenApiExample("One row", value=dict(example), request_only=True)] if example else []
    return extend_schema(
        operation_id=f"{slug_of(table).replace('-', '_')}_{operation}",
        summary=summary,
        description=table.intro if operation == "list" else "",
        parameters=parameters or [],
        request=request,
        responses=dict(answers),
        examples=examples,
        tags=[area_of(table)],
    )


def _one_or_many(table: Table, what: str, one: Any, many: Any) -> PolymorphicProxySerializer:
    name = "".join(part.capitalize() for part in table.name.split("_"))
    return PolymorphicProxySerializer(
        component_name=f"{name}{what}", serializers=[one, many], resource_type_field_name=None, many=False
    )


def _key_parameter(table: Table) -> OpenApiParameter:
    parts = "~".join(table.key)
    return OpenApiParameter(
        "key", str, OpenApiParameter.PATH, description=f"{parts}: each part percent-quoted, joined with a tilde."
    )


def _filters(table: Table) -> list[OpenApiParameter]:
    own = [
        OpenApiParameter("page", int, description="From 1."),
        OpenApiParameter(
            "page_size", int, description=f"Rows a page, {PAGE_SIZE} unless given, at most {LARGEST_PAGE}."
        ),
        OpenApiParameter("q", str, description="Words to look for."),
        OpenApiParameter(
            "ordering", str, description="Columns with commas between; a minus before one for descending."
        ),
    ]
    for column in table.columns:
        kind = kind_of(table, column.name).name
        more = _COMPARED.get(kind, "__contains, __in, __empty")
        own.append(OpenApiParameter(column.name, str, description=f"Rows where it equals this. Also {more}."))
    return own
