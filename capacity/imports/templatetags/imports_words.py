"""Words for tables and columns in templates."""

from __future__ import annotations

from django import template

from capacity.imports.described import title_of
from capacity.imports.tables import Table

register = template.Library()


@register.filter
def table_title(table: Table) -> str:
    return title_of(table)
