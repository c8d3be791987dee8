"""JSON as the API reads it: bounded in size and depth, numbers kept as they were written, no key twice.

A number is a `Number`: its own text, so that 0.1 stays 0.1 and a decimal with thirty digits keeps them all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from capacity.access.api_errors import refusal

MOST_BYTES = 5 * 1024 * 1024
_TOO_DEEP = "The JSON is nested too deeply. A row is a flat object of columns."


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


class StrictJSONParser(BaseParser):
    """Reads `application/json` in UTF-8."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            message = f"The body has more than {MOST_BYTES:,} bytes. Send fewer rows at once, or a file to imports/."
            raise refusal(413, "too_large", message)
        return read_json(content)


def read_json(content: bytes) -> Any:
    """The value. Raises ParseError with a sentence: not UTF-8, not JSON, a key twice, too deep, NaN."""
    try:
        return json.loads(
            content.decode("utf-8-sig"),
            parse_float=Number,
            parse_int=Number,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError:
        raise ParseError("The body is not UTF-8 text.", code="bad_encoding") from None
    except RecursionError:
        raise ParseError(_TOO_DEEP, code="too_deep") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ParseError(f"The body is not JSON: {error.msg} at {place}.", code="bad_json") from None


def _no_constant(text: str) -> Any:
    raise ParseError(f"{text} is not a number of JSON. Send null when a value is not known.", code="bad_json")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ParseError(f'"{twice[:80]}" is there twice in one object. Leave one.', code="repeated_column")
    return found
