"""The product's routes with those of the meeting. A page of the frame that another branch brings answers 404 here."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from django.urls import include, path

from capacity.urls import urlpatterns as product_routes

OTHER_PAGES = [
    "home",
    "workloads",
    "requests",
    "contracts",
    "supply",
    "runs",
    "policy",
    "methods",
    "styleguide",
    "plan-status",
    "run-request",
]


def other(request: HttpRequest, **parameters: Any) -> Any:
    raise Http404


urlpatterns = [
    *product_routes,
    path("", include("capacity.review.urls_meeting")),
    *(path(f"other/{name}/", other, name=name) for name in OTHER_PAGES),
    path("reviews/<str:week>/", other, name="review"),
]
