"""The form's own arithmetic: the next key, whole weeks, operations by time and by tokens, and taken changes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from workloads.domain.request_form import (
    adopted,
    extension_window,
    flop_of,
    next_key,
    unused_key,
    usual_window,
    whole_window,
)
from workloads.domain.requests import RequestError


def test_the_next_key_is_one_more_than_the_largest_number() -> None:
    assert next_key([]) == "R-0001"
    assert next_key(["R-0009", "R-0003", "E-150", "R-12", "R-0010x"]) == "R-0010"
    assert next_key(["R-9999"]) == "R-10000"


def test_a_question_gets_a_key_that_no_row_has() -> None:
    assert unused_key(["E-1"]) == "new-request"
    assert unused_key(["new-request", "new-request-2"]) == "new-request-3"


def test_a_new_form_offers_the_next_monday_and_eight_weeks_after_it() -> None:
    assert usual_window(today=date(2026, 11, 25)) == (date(2026, 11, 30), date(2027, 1, 25))
    assert usual_window(today=date(2026, 11, 23)) == (date(2026, 11, 30), date(2027, 1, 25))


def test_any_two_days_become_mondays_between_them() -> None:
    assert whole_window(date(2026, 11, 24), date(2026, 12, 9)) == (date(2026, 11, 30), date(2026, 12, 7))
    with pytest.raises(RequestError, match="No Monday lies between"):
        whole_window(date(2026, 11, 24), date(2026, 11, 29))


def test_an_extension_starts_as_its_run_ends_and_now_where_it_is_past_its_end() -> None:
    """Started Mon 23 Nov for 2 weeks: it ends 7 Dec. From that Monday on it is now, or next week if this is decided."""
    run = {"started": date(2026, 11, 23), "weeks": 2}
    assert extension_window(**run, today=date(2026, 12, 6)) == (date(2026, 12, 7), date(2026, 12, 7))
    assert extension_window(**run, today=date(2026, 12, 7)) == (date(2026, 12, 7), date(2026, 12, 14))
    assert extension_window(**run, today=date(2026, 12, 31)) == (date(2026, 12, 28), date(2027, 1, 4))


def test_an_extension_of_a_run_begun_in_mid_week_follows_the_weeks_the_plan_holds_for_it() -> None:
    """Started Wed 25 Nov for 2 weeks: the plan holds those of 23 and 30 Nov, so the extension begins on 7 Dec."""
    mid_week = extension_window(started=date(2026, 11, 25), weeks=2, today=date(2026, 11, 26))
    assert mid_week == (date(2026, 12, 7), date(2026, 12, 7))


def test_operations_by_time_and_by_tokens() -> None:
    """8 x 1 week x 604,800 s x 1e15 x 0.4 = 1.93536e21; 6 x 7e9 x 2e12 = 8.4e22."""
    known = {"accelerators": 8, "weeks": 1, "parameters": 7 * 10**9, "tokens": 2 * 10**12}
    assert flop_of(mode="time", peak_operations_per_second=10**15, **known) == Decimal("1935360000000000000000")
    assert flop_of(mode="tokens", peak_operations_per_second=None, **known) == Decimal("84000000000000000000000")
    assert flop_of(mode="time", peak_operations_per_second=None, **known) is None
    with pytest.raises(RequestError):
        flop_of(mode="guess", peak_operations_per_second=None, **known)


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        ({"change": "fewer_accelerators", "accelerators": 124}, "accelerators", "124"),
        ({"change": "later_start", "start": "2026-W50"}, "latest_start_date", "2026-12-07"),
        ({"change": "shorter", "weeks": 3}, "weeks", "3"),
        ({"change": "other_pool", "pool": "h100-use1"}, "pool_keys", "h100-use1"),
        ({"change": "preemptible"}, "preemptible", "true"),
    ],
)
def test_a_change_of_the_asker_is_taken_into_the_cells(change: dict[str, object], column: str, value: str) -> None:
    cells = {"accelerators": "128", "weeks": "6", "accelerators_least": "126", "latest_start_date": "2026-11-30"}
    found = adopted(cells, change)
    assert found is not None and found[column] == value
    assert found["accelerators_least"] == ("" if column == "accelerators" else "126")


def test_what_others_would_have_to_do_is_no_change_of_the_form() -> None:
    assert adopted({}, {"change": "more_supply", "accelerators": 8, "pool": "h100"}) is None
    assert adopted({}, {"change": "earlier_delivery", "accelerators": 8}) is None
