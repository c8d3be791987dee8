"""What a what-if says: holds are told apart from what is promised."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from capacity.lib.figures import RESTRICTED
from capacity.review.what_if_words import answer_verdict, file_rows, page_answer


def demand(tier: str, *, short: int, usd: int) -> dict[str, Any]:
    sides = {"before": Decimal(0), "after": Decimal(short), "difference": Decimal(short)}
    money = {"before": Decimal(0), "after": Decimal(usd), "difference": Decimal(usd)}
    return {
        "label": f"a {tier}",
        "tier": tier,
        **{f"short_{side}": value for side, value in sides.items()},
        **{f"usd_{side}": value for side, value in money.items()},
    }


def answer(*, held: int, usd: Any = Decimal(90)) -> dict[str, Any]:
    tier = {"unit": "usd", "before": Decimal(0), "gap_after": None}
    return {
        "kind": "quick",
        "usd_before": Decimal(0),
        "usd_after": usd,
        "usd_difference": usd,
        "tiers": [tier | {"tier": "holds", "after": Decimal(held), "difference": Decimal(held)}],
        "demands": [demand("committed", short=5, usd=60), demand("holds", short=7, usd=30)],
        "placements_hidden": True,
        "demands_hidden": 0,
        "weeks_solved": 1,
        **{name: [] for name in ("placements", "not_placed", "pools", "weeks", "prices")},
    }


def test_the_dollars_of_deals_that_are_only_held_are_named() -> None:
    words, _ = answer_verdict(answer(held=30))
    assert words == (
        "$90.0 more is lost or spent on burst over the horizon ($30.0 more of it by deals that are held and not signed)."
    )
    assert "held" not in answer_verdict(answer(held=0))[0]


def test_who_may_not_read_dollars_is_told_of_promises_alone() -> None:
    assert answer_verdict(answer(held=30, usd=RESTRICTED))[0] == "5 accelerator-weeks more are short."


def test_a_hold_is_marked_on_the_page_and_in_the_file() -> None:
    shown = page_answer(answer(held=30))
    assert [(row["label"], row["is_hold"]) for row in shown["losers"]] == [("a committed", False), ("a holds", True)]
    assert {row[1] for row in file_rows(shown) if row[2] == "a holds"} == {"hold"}
