"""Reads the URL resolver: every route with its view, and a path to it for given parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import IntConverter, SlugConverter, UUIDConverter
from django.utils.regex_helper import normalize


@dataclass(frozen=True)
class Route:
    """One route: as the resolver writes it, its path with `%(name)s` for parameters, its view and its parameters."""

    name: str
    template: str
    view: Any
    converters: Mapping[str, Any]
    parameters: tuple[str, ...]

    def path(self, parameters: Mapping[str, Any]) -> str:
        """The path for the parameters. KeyError for one that is missing."""
        texts = {
            name: self.converters[name].to_url(value) if name in self.converters else str(value)
            for name, value in parameters.items()
        }
        return "/" + self.template % {name: quote(text, safe="/") for name, text in texts.items()}

    def unknown(self) -> dict[str, Any]:
        """Parameters that fit the route and name nothing."""
        return {name: _nothing(self.converters.get(name)) for name in self.parameters}


def _nothing(converter: Any) -> Any:
    if isinstance(converter, IntConverter):
        return 987654321
    if isinstance(converter, UUIDConverter):
        return "00000000-0000-4000-8000-000000000000"
    return "no-such-thing" if isinstance(converter, SlugConverter) else "no-such"


def all_routes() -> list[Route]:
    """Every route, in the order of the resolver."""
    return list(_walk(get_resolver(), "", "", {}))


def _walk(resolver: URLResolver, name: str, template: str, converters: Mapping[str, Any]) -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        own = str(pattern.pattern)
        piece, parameters = normalize(pattern.pattern.regex.pattern)[0]
        known = {**converters, **pattern.pattern.converters}
        if isinstance(pattern, URLPattern):
            yield Route(
                name=name + own,
                template=template + piece,
                view=pattern.callback,
                converters=known,
                parameters=tuple(dict.fromkeys([*_names(template), *parameters])),
            )
        else:
            yield from _walk(pattern, name + own, template + piece, known)


def _names(template: str) -> list[str]:
    return [part.split(")")[0] for part in template.split("%(")[1:]]
