"""Routes of the API, `/api/v1/…`: one a table, and the schema that describes them."""

from __future__ import annotations

from django.urls import path

from capacity.review import api_docs
from capacity.review.api_views import VIEWS

urlpatterns = [
    path("", api_docs.Index.as_view(), name="api-index"),
    path("schema/", api_docs.Schema.as_view(), name="api-schema"),
    path("docs/", api_docs.docs, name="api-docs"),
    *(path(f"{name}/", view.as_view(), name=f"api-{name}") for name, view in VIEWS.items()),
]
