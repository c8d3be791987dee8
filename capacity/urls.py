"""All routes. Composition root: apps' own urls are included here, nothing else decides a path."""

from __future__ import annotations

from django.urls import include, path

urlpatterns: list = [
    path("", include("capacity.access.urls")),
]
