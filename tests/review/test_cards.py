"""What a workload card lacks, code by code, and that only a complete card is a product choice."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from capacity.review.cards import SENTENCES, is_choice, missing_justification, missing_on_card

AS_OF = date(2026, 11, 23)
MODELS = {"large": {"model_tier": "frontier"}, "little": {"model_tier": "small"}}


def card(**changed: Any) -> dict[str, Any]:
    """A complete card of a frontier model."""
    return {
        "model_version": "large",
        "purpose": "serving",
        "owner_role": "product",
        "tier_justification": "Only it passes the evaluation.",
        "justification_approver": "head of product",
        "justification_expires_date": AS_OF + timedelta(weeks=13),
        "justification_evidence": "eval 41",
        "review_by_date": AS_OF,
        "quality_required": "90 of 100 tasks",
        "customer_value": "a fix without a person",
        **changed,
    }


def missing(**changed: Any) -> list[str]:
    return missing_on_card(card=card(**changed), models=MODELS, as_of=AS_OF)


def test_a_complete_card_is_a_choice() -> None:
    assert missing() == []
    assert is_choice(missing())


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"purpose": "no_choice"}, "purpose"),
        ({"owner_role": ""}, "owner"),
        ({"tier_justification": ""}, "justification"),
        ({"justification_expires_date": None}, "justification"),
        ({"justification_expires_date": AS_OF - timedelta(days=1)}, "justification_expired"),
        ({"justification_expires_date": AS_OF + timedelta(weeks=13, days=1)}, "expiry_too_far"),
        ({"justification_approver": ""}, "approver"),
        ({"justification_evidence": ""}, "evidence"),
        ({"review_by_date": None}, "review"),
        ({"review_by_date": AS_OF - timedelta(days=1)}, "review_overdue"),
        ({"quality_required": ""}, "quality"),
        ({"customer_value": ""}, "value"),
    ],
)
def test_whatever_is_missing_is_named_and_makes_it_no_choice(changed: dict[str, Any], code: str) -> None:
    assert missing(**changed) == [code]
    assert not is_choice(missing(**changed))
    assert code in SENTENCES


def test_a_smaller_model_needs_no_justification() -> None:
    bare = {
        "tier_justification": "",
        "justification_approver": "",
        "justification_expires_date": None,
        "justification_evidence": "",
    }
    assert missing(model_version="little", **bare) == []


@pytest.mark.parametrize(
    ("changed", "is_explained"),
    [
        ({}, True),
        ({"justification_approver": ""}, False),
        ({"justification_expires_date": AS_OF + timedelta(weeks=14)}, False),
        ({"quality_required": ""}, True),
    ],
)
def test_frontier_use_is_explained_by_an_approved_reason_for_a_quarter(
    changed: dict[str, Any], is_explained: bool
) -> None:
    assert (not missing_justification(card=card(**changed), as_of=AS_OF)) is is_explained
