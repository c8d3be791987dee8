"""JSON as the API reads it: what is refused before any table is asked, and numbers that stay as they were written."""

from __future__ import annotations

import io

import pytest
from rest_framework.exceptions import ParseError

from capacity.access.api_errors import ApiRefusal
from capacity.imports.api_json import MOST_BYTES, Number, StrictJSONParser, read_json


def test_numbers_keep_every_digit_they_were_sent_with() -> None:
    sent = b'{"a": 0.1, "b": 12345678901234567890.123456789012345678, "c": 1e999999999, "d": -7}'
    found = read_json(sent)
    assert found == {"a": "0.1", "b": "12345678901234567890.123456789012345678", "c": "1e999999999", "d": "-7"}
    assert all(isinstance(value, Number) for value in found.values())


def test_texts_and_flags_are_no_numbers() -> None:
    found = read_json(b'{"a": "1", "b": true, "c": null}')
    assert not isinstance(found["a"], Number)
    assert (found["b"], found["c"]) == (True, None)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"[1,]", "bad_json"),
        (b'{"a": NaN}', "bad_json"),
        (b'{"a": -Infinity}', "bad_json"),
        (b"{'a': 1}", "bad_json"),
        (b"\xff\xfe{\x00}\x00", "bad_encoding"),
        (b'{"a": "\xe9"}', "bad_encoding"),
        (b'{"a": 1, "a": 2}', "repeated_column"),
        (b'[{"a": {"b": 1, "b": 1}}]', "repeated_column"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "too_deep"),
    ],
)
def test_what_is_not_plain_json_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(ParseError) as refused:
        read_json(content)
    assert refused.value.get_codes() == code


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read_json(b"\xef\xbb\xbf[]") == []


def test_a_number_of_a_million_digits_costs_nothing_here() -> None:
    assert len(read_json(b"9" * 1_000_000)) == 1_000_000


def test_a_body_above_the_limit_is_refused_unread() -> None:
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size == MOST_BYTES + 1
            return b" " * size

    with pytest.raises(ApiRefusal) as refused:
        StrictJSONParser().parse(Endless())
    assert refused.value.status == 413
