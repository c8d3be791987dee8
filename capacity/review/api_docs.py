"""The index of the API, its schema and its reference page. Other views of the API are the tables' and the plan's."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capacity.access.permissions import may
from capacity.access.viewer import Permits, requires, viewer_of
from capacity.review.api_catalogue import by_area, resources_for
from capacity.review.api_reference import reference
from capacity.review.api_schema import document


class ResourceLine(serializers.Serializer):
    """A resource of the index."""

    name = serializers.CharField()
    title = serializers.CharField()
    area = serializers.CharField()
    url = serializers.CharField()
    may_write = serializers.BooleanField(help_text="Whether your roles may change it; single rows may ask more.")


class ResourceIndex(serializers.Serializer):
    """What the reader may open."""

    resources = ResourceLine(many=True)


class Index(APIView):
    """The resources the reader may see."""

    permission_classes = (Permits("methods.view"),)

    @extend_schema(operation_id="index", summary="Resources you may see", responses=ResourceIndex, tags=["Index"])
    def get(self, request: Request) -> Response:
        viewer = viewer_of(request)
        lines = [
            {
                "name": item.slug,
                "title": item.title,
                "area": item.area,
                "url": request.build_absolute_uri(f"/api/v1/{item.slug}/"),
                "may_write": bool(item.change) and may(viewer.roles, item.change),
            }
            for item in resources_for(viewer)
        ]
        return Response({"resources": lines})


class Schema(SpectacularAPIView):
    """The description of the API, for whoever has a role."""

    permission_classes = (Permits("methods.view"),)

    def _get_schema_response(self, request: Request) -> Response:
        return Response(document(), headers={"Content-Disposition": 'inline; filename="capacity-review.yaml"'})


@requires("methods.view")
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The reference as plain pages, one a resource (`?of=pools`): no script, nothing from elsewhere."""
    asked = request.GET.get("of", "")
    entries = [entry for entry in reference() if entry.slug == asked]
    if asked and not entries:
        raise Http404
    context: dict[str, Any] = {
        "asked": asked,
        "reference": entries,
        "areas": by_area(resources_for(viewer_of(request))),
    }
    return render(request, "api/docs.html", context)
