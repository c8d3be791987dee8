"""One value has one spelling, and what has none is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from capacity.lib.canonical import canonical_json, content_hash


def test_keys_are_sorted_and_decimals_and_dates_are_strings() -> None:
    value = {"b": Decimal("1.50"), "a": [date(2026, 11, 23), None, True]}
    assert canonical_json(value) == '{"a":["2026-11-23",null,true],"b":"1.50"}'


def test_a_large_decimal_is_written_out() -> None:
    assert canonical_json(Decimal("1E+3")) == '"1000"'


def test_the_same_moment_in_another_zone_is_the_same_text() -> None:
    utc = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    assert content_hash(utc) == content_hash(utc.astimezone(timezone(timedelta(hours=5))))


def test_the_order_of_keys_does_not_matter_and_the_order_of_rows_does() -> None:
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    assert content_hash([1, 2]) != content_hash([2, 1])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), datetime(2026, 1, 1), object()])  # noqa: DTZ001
def test_what_has_no_one_spelling_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)
