"""Read-only API over runs and reviews: the same rows as the pages, under the same visibility table."""

from __future__ import annotations

from rest_framework.pagination import LimitOffsetPagination


class PageOfRows(LimitOffsetPagination):
    """100 rows a page unless asked, 500 at most."""

    default_limit = 100
    max_limit = 500
