"""The reader's own notices by the API: what they were told, and marking it read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capacity.access.api_errors import refusal
from capacity.access.models import Notification, User
from capacity.access.notices import mark_read, notices_of
from capacity.access.viewer import PermitsByMethod, viewer_of
from capacity.imports.api_json import Number, StrictJSONParser
from capacity.imports.api_tables import refusals
from capacity.review.views_notices import link_of

AREA = "Meeting"
PER_PAGE = 100
MOST_IDS = 500


class NoticeRow(serializers.Serializer):
    """A notice. read_at null: not read. mailed_at null: no mail of it is known to have gone."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    subject = serializers.CharField()
    sentence = serializers.CharField()
    url = serializers.CharField(allow_blank=True, help_text="The page it leads to.")
    at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)
    mailed_at = serializers.DateTimeField(allow_null=True)


class NoticeList(serializers.Serializer):
    """Newest first. before: ask again with it for older ones; null on the last page."""

    unread = serializers.IntegerField()
    before = serializers.IntegerField(allow_null=True)
    results = NoticeRow(many=True)


class ReadNotices(serializers.Serializer):
    """Which to mark read: ids, or all."""

    ids = serializers.ListField(child=serializers.IntegerField(), required=False, max_length=MOST_IDS)
    all = serializers.BooleanField(required=False)


class ReadAnswer(serializers.Serializer):
    """How many are now read that were not."""

    read = serializers.IntegerField()


class Notices(APIView):
    """One's own notices."""

    permission_classes = (PermitsByMethod(GET="notices.own", POST="notices.own"),)
    parser_classes = (StrictJSONParser,)
    resource = "notices"
    area = AREA

    @extend_schema(
        operation_id="notices_list",
        summary="Your notices, newest first",
        parameters=[OpenApiParameter("before", int, description="Only those before this id.")],
        responses={200: NoticeList, **refusals(400, 403)},
        tags=[AREA],
    )
    def get(self, request: Request) -> Response:
        rows = notices_of(cast(User, request.user), viewer_of(request))
        unread = rows.filter(read_at=None).count()
        before = request.query_params.get("before", "")
        if before:
            rows = rows.filter(pk__lt=_number(before))
        found = list(rows[: PER_PAGE + 1])
        shown = found[:PER_PAGE]
        more = shown[-1].pk if len(found) > PER_PAGE else None
        return Response({"unread": unread, "before": more, "results": [_row(request, each) for each in shown]})

    @extend_schema(
        operation_id="notices_read",
        summary="Mark notices read",
        request=ReadNotices,
        responses={200: ReadAnswer, **refusals(400, 403)},
        tags=[AREA],
    )
    def post(self, request: Request) -> Response:
        ids = _ids(request.data)
        count = mark_read(cast(User, request.user), viewer_of(request), ids=ids, now=timezone.now())
        return Response({"read": count})


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise refusal(400, "bad_value", "Give a whole number.", field="before")
    return int(text)


def _ids(body: Any) -> list[int] | None:
    """The ids of the body, None for all. Raises ApiRefusal."""
    if not isinstance(body, Mapping) or not set(body) <= {"ids", "all"}:
        raise refusal(400, "bad_body", "Send an object with ids, or with all: true.")
    ids, is_all = body.get("ids"), body.get("all")
    if is_all is True and ids is None:
        return None
    if isinstance(ids, list) and len(ids) <= MOST_IDS and is_all in (None, False) and all(map(_is_id, ids)):
        return [int(each) for each in ids]
    raise refusal(400, "bad_value", f"Send ids as at most {MOST_IDS} whole numbers, or all: true.", field="ids")


def _is_id(value: Any) -> bool:
    return isinstance(value, Number) and value.isascii() and value.isdigit() and len(value) < 19


def _row(request: Request, each: Notification) -> dict[str, Any]:
    url = link_of(each)
    root = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    row = {name: getattr(each, name) for name in ("id", "kind", "sentence", "at", "read_at", "mailed_at")}
    return dict(NoticeRow({**row, "subject": each.subject_key, "url": root + url if url else ""}).data)
