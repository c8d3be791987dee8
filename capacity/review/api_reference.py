"""The OpenAPI document as the reference page shows it: areas, their resources, each with its columns and operations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from capacity.review.api_schema import document

_METHODS = ("get", "post", "put", "patch", "delete")
_PREFIX = "/api/v1/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A column or a parameter. kind: its type in words; rules: whether needed, and its choices."""

    name: str
    kind: str
    rules: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One method of one address."""

    method: str
    path: str
    summary: str
    text: str
    parameters: tuple[Field, ...]
    answers: tuple[tuple[str, str], ...]
    example: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A resource with its operations and, where it has any, the columns of its rows."""

    slug: str
    area: str
    title: str
    operations: tuple[Operation, ...]
    columns: tuple[Field, ...]


@cache
def reference() -> tuple[Entry, ...]:
    """Every resource of the document, in the document's order."""
    found: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for path, operations in document()["paths"].items():
        slug = path.removeprefix(_PREFIX).split("/")[0] or "index"
        for method in _METHODS:
            if method in operations:
                found.setdefault(slug, []).append((path, method, operations[method]))
    return tuple(_entry(slug, operations) for slug, operations in found.items())


def _entry(slug: str, operations: list[tuple[str, str, Mapping[str, Any]]]) -> Entry:
    _, _, first = operations[0]
    return Entry(
        slug=slug,
        area=next(iter(first.get("tags", [])), ""),
        title=first.get("summary", slug),
        operations=tuple(_operation(*each) for each in operations),
        columns=_columns(first),
    )


def _operation(path: str, method: str, said: Mapping[str, Any]) -> Operation:
    return Operation(
        method=method.upper(),
        path=path,
        summary=said.get("summary", ""),
        text=said.get("description", ""),
        parameters=tuple(
            Field(
                name=each["name"],
                kind=_kind(each.get("schema", {})),
                rules=("needed, " if each.get("required") else "") + f"in the {each['in']}",
                text=each.get("description", ""),
            )
            for each in said.get("parameters", [])
        ),
        answers=tuple((status, answer.get("description", "")) for status, answer in said["responses"].items()),
        example=_example(said),
    )


def _example(said: Mapping[str, Any]) -> str:
    body = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    for example in body.get("examples", {}).values():
        return json.dumps(example.get("value"), indent=2)
    return ""


def _columns(said: Mapping[str, Any]) -> tuple[Field, ...]:
    """The columns of the rows that the operation answers with, when it answers with a page of rows."""
    answer = said["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    page = _resolved(answer)
    rows = page.get("properties", {}).get("results", {}).get("items", {})
    row = _resolved(rows)
    return tuple(
        Field(name=name, kind=_kind(schema), rules="", text=schema.get("description", ""))
        for name, schema in row.get("properties", {}).items()
    )


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself, or the component it points to."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return document()["components"]["schemas"][name] if name else schema


def _kind(schema: Mapping[str, Any]) -> str:
    """The type in words: `date`, `decimal (text)`, `one of a, b`, `list of text`."""
    found = _resolved(schema)
    if "enum" in found:
        return "one of " + ", ".join(str(value) for value in found["enum"] if value is not None)
    for parts in ("oneOf", "allOf"):
        if parts in found:
            return _kind(found[parts][0])
    if found.get("type") == "array":
        return f"list of {_kind(found.get('items', {}))}"
    if found.get("format") == "decimal":
        return "decimal (text)"
    return str(found.get("format") or found.get("type") or "any").replace("string", "text")
