"""The quick indented text is the text that the standard library writes."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from capacity.allocation.domain.json_text import indented_json

ROWS = [
    {"key": 'quote " and }', "week": None, "amount": 1},
    {"key": "},\n   {", "amount": 0.1, "is_one": True},
    {"key": "é\u2028", "amount": -1e300},
]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"version": 1, "rows": ROWS},
        {"one": [{"a": 1}], "none": [], "empty rows": [{}, {}], "numbers": [1, 2]},
        {"deep": [{"a": 1, "rows": [{"b": [1, 2]}]}, {"a": 2}], "object": {"a": {"b": 1}}},
        {"mixed": [{"a": 1}, 2, [{"a": "\n"}]], "text": "a\nb", 'name "': 1},
    ],
)
def test_the_text_is_that_of_the_standard_library(document: dict[str, Any]) -> None:
    assert indented_json(document) == json.dumps(document, indent=1, allow_nan=False)


@pytest.mark.parametrize("document", [{"a": math.nan}, {"rows": [{"a": math.inf}]}])
def test_what_is_no_number_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        indented_json(document)
