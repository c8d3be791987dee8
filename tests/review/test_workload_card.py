"""One workload card in words: what each section says, what is missing, hidden or from an older run."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D
from typing import Any

import pytest

from capacity.lib.figures import NOTHING, RESTRICTED, UNKNOWN_COST, Absent
from capacity.review.workload_card import card_context, justification_pill, premium_words, use_rows, workload_verdict
from tests.factory_map import card_rows

AS_OF = date(2026, 11, 23)
CARD = card_rows()[0]


def row(**changed: Any) -> dict[str, Any]:
    return {
        "name": "Chat assistant",
        "missing": [],
        "purpose": "serving",
        "is_sized": True,
        "is_frontier_explained": True,
        "accelerators_now": D("240.0000"),
        "usd_per_week": D("80640.00"),
        **changed,
    }


def context(card: dict[str, Any] | None = CARD, **changed: Any) -> dict[str, Any]:
    return card_context(row=row(**changed), card=card, as_of=AS_OF, year=2026)


def told(facts: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(label, cell.text) for label, cell in facts]


def test_a_cost_and_a_premium_lead_to_their_figures() -> None:
    links = {"usd_per_week": "/usd", "premium_usd": "/premium"}
    found = card_context(row=row(), card=CARD, as_of=AS_OF, year=2026, links=links)
    assert {label: cell.href for label, cell in [*found["cost"], *found["reason"]] if cell.href} == {
        "This week": "/usd",
        "Premium over the next tier": "/premium",
    }


def test_quality_cost_and_value_stand_side_by_side() -> None:
    found = context()
    assert (found["quality"], found["value"]) == ("90 of 100 tasks", "an answer without a person")
    assert told(found["cost"]) == [("This week", "$80.6k a week"), ("Tokens, expected", "300 M a week")]


def test_the_reason_has_evidence_premium_approver_and_expiry() -> None:
    assert told(context()["reason"]) == [
        ("Reason", "The mid model loses 24 points"),
        ("Evidence", "evaluation 41"),
        ("Evaluation, against the smaller", "+12.5"),
        ("Premium over the next tier", "+$6.72k a week over Mid-M (mid, h100_sxm), fully loaded"),
        ("Approved by", "Head of product"),
        ("Holds until", "4 Jan 2027"),
    ]


@pytest.mark.parametrize(
    ("expires", "pill"),
    [
        ("2026-11-22", ("bad", "expired")),
        ("2026-11-23", ("warn", "0 days left")),
        ("2026-12-07", ("warn", "14 days left")),
        ("2026-12-08", ("good", "15 days left")),
        ("2027-02-22", ("good", "91 days left")),
        ("2027-02-23", ("bad", "holds for more than 13 weeks")),
        (None, ("bad", "no date")),
    ],
)
def test_a_pill_says_how_long_the_justification_holds(expires: str | None, pill: tuple[str, str]) -> None:
    facts = {**CARD["facts"], "justification_expires_date": expires}
    assert justification_pill(row(), facts, AS_OF) == pill
    assert justification_pill(row(is_frontier_explained=None), facts, AS_OF) is None


def test_a_card_without_a_premium_says_why_in_its_title() -> None:
    found = premium_words({"reason": "no_profile"})
    assert isinstance(found, Absent)
    assert (found.word, found.reason) == ("n/a", "No lower model is measured at its latency in its regions.")
    assert premium_words(RESTRICTED) is RESTRICTED


def test_an_agents_multiplier_is_told_and_nothing_of_other_workloads() -> None:
    assert context()["agent"] == [("Calls a task", "12.5"), ("Tokens a call", "4,000"), ("Tokens a task", "50,000")]
    plain = {**CARD, "facts": {**CARD["facts"], "calls_per_task": None, "tokens_per_call": None}}
    assert context(plain)["agent"] == []


def test_forecasts_stand_beside_each_other_with_their_gap() -> None:
    product, sales = context()["forecasts"]
    assert (product["now"], product["band"], product["gap"], product["is_planned"]) == ("90", "60–180", "−25.0%", False)
    assert (sales["source"], sales["vintage"], sales["gap"], sales["is_planned"]) == ("sales", "9 Nov", NOTHING, True)


def test_unit_costs_are_told_on_three_bases_and_hidden_as_a_whole() -> None:
    assert [each["output_usd"] for each in context()["unit_costs"]] == ["$6.97", "$1.59", "$1.11"]
    assert context({**CARD, "token_costs": RESTRICTED})["unit_costs"] is RESTRICTED
    assert context({**CARD, "token_costs": {}})["unit_costs"] == []


def test_what_is_missing_is_said_in_sentences_and_in_the_verdict() -> None:
    found = context(missing=["owner", "approver"])
    assert found["missing"] == ["nobody owns it", "nobody approved its frontier justification"]
    assert workload_verdict(row(), found["missing"]) == (
        "Takes 240 accelerators this week for $80.6k.",
        "It counts as no product choice: nobody owns it, nobody approved its frontier justification.",
    )
    assert workload_verdict(row(usd_per_week=RESTRICTED), [])[0] == "Takes 240 accelerators this week."
    assert workload_verdict(row(is_sized=False), [])[0].startswith("Its need is not known")


def test_a_run_from_before_cards_were_kept_has_only_the_maps_row() -> None:
    assert context(None) == {"missing": [], "has_card": False}


def place(week: str, accelerators: int, usd: Any, **changed: Any) -> dict[str, Any]:
    here = {"pool_key": "p", "serving_class": "c", "tier": "committed"}
    return {**here, "week": week, "accelerators": accelerators, "usd": usd, **changed}


def test_places_are_told_for_this_week_and_on_average_over_the_weeks_there_are() -> None:
    uses = [
        place("2026-W48", 10, D("3360.00")),
        place("2026-W49", 20, D("6720.00")),
        place("2026-W49", 6, None, pool_key="q"),
    ]
    first, second = use_rows(uses, {"p": "Pool"}, "2026-W48")
    assert (first["pool_name"], first["accelerators"], first["accelerators_mean"], first["usd"]) == (
        "Pool",
        10,
        15,
        D("3360.00"),
    )
    assert (second["pool_name"], second["accelerators"], second["accelerators_mean"], second["usd"]) == ("q", 0, 3, 0)
    assert use_rows([place("2026-W48", 10, None)], {}, "2026-W48")[0]["usd"] is UNKNOWN_COST


def test_who_may_not_read_pools_reads_no_place() -> None:
    assert use_rows([place("2026-W48", 10, RESTRICTED, pool_key=RESTRICTED)], {}, "2026-W48") == []
