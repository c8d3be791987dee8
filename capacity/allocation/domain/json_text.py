"""A document of long lists of small rows as indented JSON, as quickly as without indentation.

What belongs here: the text only, the very text of `json.dumps(document, indent=1)`. That one is written value by value
in the interpreter; a list of flat rows is written whole here, and its line breaks are put in afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_FLAT = frozenset({str, int, float, bool, type(None)})
# Between two values of a row, which stands two levels below the document.
_ROW_BREAK = ",\n   "


def indented_json(document: Mapping[str, Any]) -> str:
    """`json.dumps(document, indent=1, allow_nan=False)` of an object. Raises ValueError for NaN and infinity."""
    if not document:
        return "{}"
    parts = (f"{json.dumps(name)}: {_value(value)}" for name, value in document.items())
    return "{\n " + ",\n ".join(parts) + "\n}"


def _value(value: Any) -> str:
    if isinstance(value, list) and value and all(map(_is_flat_row, value)):
        text = json.dumps(value, separators=(_ROW_BREAK, ": "), allow_nan=False)
        # A line break within a string is escaped, so that these stand between rows only.
        between = text[2:-2].replace("}" + _ROW_BREAK + "{", "\n  },\n  {\n   ")
        return "[\n  {\n   " + between + "\n  }\n ]"
    return json.dumps(value, indent=1, allow_nan=False).replace("\n", "\n ")


def _is_flat_row(row: Any) -> bool:
    return isinstance(row, dict) and bool(row) and _FLAT.issuperset(map(type, row.values()))
