"""What fits, what does not and what is offered instead, over the small world of deals."""

from __future__ import annotations

import json

import pytest

from capacity.access.roles import Role
from capacity.allocation.models import Run
from capacity.lib.figures import RESTRICTED
from capacity.review import quote_words as words
from capacity.review import what_if
from capacity.review.compute import prepare_inputs
from capacity.review.inputs import Inputs
from capacity.review.quote_answer import quote_answer
from capacity.review.quote_asking import quick_answer, run_room
from capacity.review.quote_rows import visible_quote_answer
from capacity.review.quote_sizing import FitCheck
from contracts.domain.quote_payload import changes_of, later, with_volume
from tests.contracts.pipeline import ALLOCATABLE, NODE
from tests.review.quotes.asking import (
    answered,
    pod,
    quiet,
    read,
    viewer,
)

pytestmark = pytest.mark.django_db


def free_in(check: FitCheck, weeks: set[int]) -> int:
    """By hand: whole nodes that what is promised leaves in the tightest of the weeks."""
    used = [
        sum(float(each.work[week]) for each in check.prepared.problem.serving if each.tier == "committed")
        for week in weeks
    ]
    nodes = -(-int(max(used) + 0.999999) // NODE)
    return ALLOCATABLE - nodes * NODE


def test_a_quote_fits_up_to_the_last_node_and_one_accelerator_more_does_not(check: FitCheck) -> None:
    whole = check.tried(read(pod(8)).payload)
    room = free_in(check, {week for week, amount in enumerate(whole.work) if amount})
    # One node is the spare; what is left may be promised.
    assert check.tried(read(pod(room - NODE)).payload).fits
    tight = check.tried(read(pod(room - NODE + 1)).payload)
    assert not tight.fits
    assert set(tight.short.values()) - {0} != set()


def test_the_problem_with_a_quote_is_the_one_a_what_if_of_its_rows_prepares(check: FitCheck) -> None:
    payload = read(pod(24)).payload
    hot = what_if.HotRun(
        inputs=check.inputs, prepared=check.prepared, problem=check.prepared.problem, solution=None, plan=None
    )  # type: ignore[arg-type]
    prepared = what_if.prepare_changed(run=hot, changes=changes_of(payload))
    assert sorted(check.tried(payload).problem.serving, key=lambda each: each.key) == sorted(
        prepared.problem.serving, key=lambda each: each.key
    )


def test_what_does_not_fit_comes_with_offers_that_do_and_are_least(check: FitCheck) -> None:
    answer = answered(check, pod(200))
    assert answer["fits"] is False and answer["short"]["most"] > 0
    kinds = [offer["kind"] for offer in answer["offers"]]
    assert "smaller" in kinds and len(kinds) <= 3
    for offer in answer["offers"]:
        assert check.tried(offer["payload"]).fits
    smaller = next(offer for offer in answer["offers"] if offer["kind"] == "smaller")
    part = smaller["says"]["part"]
    assert not check.tried(with_volume(read(pod(200)).payload, part=part + 1, of=200)).fits


def test_the_earliest_start_is_the_smallest_week_that_fits(check: FitCheck) -> None:
    answer = answered(check, pod(24))
    # It asks to begin in 2027-W01: earlier starts are not looked for.
    assert answer["fits"] and answer["earliest"] == answer["weeks"][0]["week"] == "2027-W01"
    assert answer["earliest_weeks"] == 26


def test_the_same_quote_of_the_same_run_has_the_same_answer(check: FitCheck) -> None:
    again = FitCheck(inputs=check.inputs, prepared=check.prepared)
    assert json.dumps(answered(check, pod(200))) == json.dumps(answered(again, pod(200)))


def test_offers_say_how_much_of_them_is_planned_and_earn_by_the_week(check: FitCheck) -> None:
    """Three years asked of a plan of two: what fits begins later, so that fewer of its weeks are planned."""
    sent = pod(200, ends_date="2030-01-07")
    answer = answered(check, sent)
    who = viewer(Role.FINANCE)
    shown = visible_quote_answer(who, answer, owner="ann", is_typed_target=False)
    for offer in shown["offers"]:
        terms = offer["terms"]
        assert terms["weeks"] < terms["term_weeks"]
        assert offer["revenue_usd_per_week"] * terms["weeks"] == pytest.approx(terms["expected"]["revenue_usd"])
        assert offer["payload"]["contract"]["ends_date"] >= "2030-01-07"
    assert shown["offers"]


def test_a_search_that_stopped_says_where() -> None:
    answer = {"earliest": None, "earliest_stopped": "2027-W40", "earliest_weeks": 0, "terms": {"term_weeks": 104}}
    assert words._earliest(answer, year=2026) == "No start up to 4 Oct 2027 fits; later ones were not looked at. "
    found = answer | {"earliest": "2027-W20", "earliest_stopped": None, "earliest_weeks": 80}
    assert (
        words._earliest(found, year=2026)
        == "The earliest start that fits is 17 May 2027, with 80 of 104 weeks planned. "
    )


def test_the_first_short_week_is_named_by_its_monday() -> None:
    assert words.first_week_words("2027-W06", year=2026) == "8 Feb 2027"
    assert words.first_week_words("", year=2026) == words.first_week_words(None, year=2026) == "none"
    assert words.first_week_words(RESTRICTED, year=2026) is RESTRICTED


def test_a_later_start_keeps_the_length_of_the_term() -> None:
    moved = later(read(pod(8)).payload, weeks=5)["contract"]
    assert (moved["starts_date"], moved["ends_date"]) == ("2027-02-08", "2027-08-09")


def test_the_quick_answer_counts_stored_rows_and_agrees_with_the_full_one(run: Run) -> None:
    quote = read(pod(24))
    quick = quick_answer(run_id=run.pk, quote=quote, viewer=viewer(Role.SALES))
    inputs: Inputs = run_room(run.pk).inputs
    full = quote_answer(
        inputs=inputs, prepared=prepare_inputs(inputs=inputs, progress=quiet), payload=quote.payload,
        target_share=None, progress=quiet,
    )  # fmt: skip
    assert quick["terms"] == full["terms"]
    assert quick["fits"] is full["fits"] is True
    assert quick_answer(run_id=run.pk, quote=read(pod(400)), viewer=viewer(Role.SALES))["short"]["most"] > 0
