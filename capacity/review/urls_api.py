"""Routes of the API, `/api/v1/…`: one a table, and the schema that describes them."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from capacity.access.viewer import Permits
from capacity.review.api_views import VIEWS


class Schema(SpectacularAPIView):
    """The description of the API, for whoever has a role."""

    permission_classes = (Permits("methods.view"),)


urlpatterns = [
    path("schema/", Schema.as_view(), name="api-schema"),
    *(path(f"{name}/", view.as_view(), name=f"api-{name}") for name, view in VIEWS.items()),
]
