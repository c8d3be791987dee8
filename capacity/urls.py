"""All routes. Composition root: apps' own urls are included here, nothing else decides a path."""

from __future__ import annotations

from django.urls import include, path

from capacity.review import views_review

urlpatterns: list = [
    path("", views_review.home, name="home"),
    path("reviews/<str:week>/", views_review.review, name="review"),
    path("reviews/<str:week>/tables/<str:name>/", views_review.review_table, name="review-table"),
    path("", include("capacity.review.urls_meeting")),
    path("", include("capacity.review.urls")),
    path("", include("capacity.imports.urls")),
    path("", include("capacity.imports.urls_data")),
    path("api/v1/", include("capacity.review.urls_api")),
    path("", include("capacity.access.urls")),
]
