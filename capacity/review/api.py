"""How the API pages its rows. Apart from its views (api_views.py), because the framework's settings import this file."""

from __future__ import annotations

from rest_framework.pagination import LimitOffsetPagination


class PageOfRows(LimitOffsetPagination):
    """100 rows a page unless asked, 500 at most."""

    default_limit = 100
    max_limit = 500
