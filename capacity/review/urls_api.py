"""Routes of the API, `/api/v1/…`: one a table, and the schema that describes them."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from capacity.access.viewer import Permits
from capacity.review.api_views import VIEWS

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(permission_classes=[Permits("methods.view")]), name="api-schema"),
    *(path(f"{name}/", view.as_view(), name=f"api-{name}") for name, view in VIEWS.items()),
]
