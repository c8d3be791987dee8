"""What the API has: each resource with its name, area and the actions that open it. Index, tokens and docs read this."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from capacity.access.permissions import may
from capacity.access.visibility import Viewer
from capacity.imports.described import area_of, slug_of, title_of
from capacity.imports.tables import tables
from capacity.review.api_views import VIEWS

AREAS = ("Supply", "Costs", "Policy", "Workloads", "Research", "Contracts", "Files", "Plan", "Meeting")


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One address under /api/v1/. change: the action that writes it, "" for one that is only read."""

    slug: str
    title: str
    area: str
    view: str
    change: str = ""


_WRITTEN = (
    Resource(slug="imports", title="Import batches", area="Files", view="imports.view", change="imports.use"),
    Resource(slug="proposals", title="Writes to be approved", area="Files", view="data.view"),
    Resource(slug="quotes", title="Quotes", area="Contracts", view="quotes.view", change="quotes.ask"),
    Resource(
        slug="moves", title="Moves to cheaper serving", area="Workloads", view="workloads.view", change="moves.propose"
    ),
    Resource(slug="notices", title="Your notices", area="Meeting", view="notices.own", change="notices.own"),
    Resource(slug="what-ifs", title="What-ifs", area="Plan", view="scenario.view", change="scenario.ask"),
)


def resources() -> list[Resource]:
    """All of them, by area and name."""
    found = [*_table_resources(), *_WRITTEN, *_plan_resources()]
    order = {area: place for place, area in enumerate(AREAS)}
    return sorted(found, key=lambda item: (order.get(item.area, len(order)), item.area, item.slug))


def resources_for(viewer: Viewer) -> list[Resource]:
    """Those the viewer may read."""
    return [item for item in resources() if may(viewer.roles, item.view)]


def limits_for(viewer: Viewer) -> list[tuple[str, list[tuple[str, str]]]]:
    """What a token may be limited to: area → the area itself and its resources, those the viewer may read."""
    return [
        (area, [(area, f"All of {area}"), *((item.slug, f"{item.title} ({item.slug})") for item in found)])
        for area, found in by_area(resources_for(viewer))
    ]


def by_area(found: Iterable[Resource]) -> list[tuple[str, list[Resource]]]:
    """The resources under their areas; they come sorted."""
    return [(area, list(items)) for area, items in groupby(found, key=lambda item: item.area)]


def _table_resources() -> Iterable[Resource]:
    for table in tables().values():
        if table.view:
            yield Resource(
                slug=slug_of(table), title=title_of(table), area=area_of(table), view=table.view, change=table.change
            )


def _plan_resources() -> Iterable[Resource]:
    for slug, view in VIEWS.items():
        yield Resource(slug=slug, title=view.heading, area=view.area, view=view.opened_by)
