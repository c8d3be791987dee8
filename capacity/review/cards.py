"""What is missing on a workload card, and whether its use of a frontier model is explained (methods: Spend purposes)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

Card = Mapping[str, Any]

SENTENCES = {
    "purpose": "no purpose has been chosen",
    "owner": "nobody owns it",
    "justification": "its use of a frontier model is not justified",
    "justification_expired": "its frontier justification has expired",
    "expiry_too_far": "its frontier justification holds for longer than 13 weeks",
    "approver": "nobody approved its frontier justification",
    "review": "it has no review date",
    "review_overdue": "its review is overdue",
    "evidence": "its frontier justification names no evidence",
    "quality": "the quality it needs is not written down",
    "value": "how customers get value from it is not written down",
}
# The columns of a card that are looked at, beside its model.
CARD_COLUMNS = (
    "key",
    "purpose",
    "owner_role",
    "tier_justification",
    "justification_approver",
    "justification_evidence",
    "justification_expires_date",
    "review_by_date",
    "quality_required",
    "customer_value",
)
# A reason for a frontier model is looked at again once a quarter.
LONGEST_JUSTIFICATION = timedelta(weeks=13)


def missing_on_card(*, card: Card, models: Mapping[str, Card], as_of: date) -> list[str]:
    """Codes of what the card lacks, in a fixed order. Empty: it is complete."""
    missing = []
    is_frontier = models[card["model_version"]]["model_tier"] == "frontier"
    if card["purpose"] == "no_choice":
        missing.append("purpose")
    if not card["owner_role"]:
        missing.append("owner")
    if is_frontier:
        missing += missing_justification(card=card, as_of=as_of)
    if card["review_by_date"] is None:
        missing.append("review")
    elif card["review_by_date"] < as_of:
        missing.append("review_overdue")
    if is_frontier and not card.get("justification_evidence"):
        missing.append("evidence")
    if not card["quality_required"]:
        missing.append("quality")
    if not card["customer_value"]:
        missing.append("value")
    return missing


def is_choice(missing: Iterable[str]) -> bool:
    """Whether a card that lacks these counts as a product choice: only a complete one does."""
    return not list(missing)


def missing_justification(*, card: Card, as_of: date) -> list[str]:
    """What is wrong with the reason a card gives for a frontier model; empty when it has one, approved and in date."""
    if not card["tier_justification"] or card["justification_expires_date"] is None:
        return ["justification"]
    wrong = []
    if card["justification_expires_date"] < as_of:
        wrong.append("justification_expired")
    elif card["justification_expires_date"] > as_of + LONGEST_JUSTIFICATION:
        wrong.append("expiry_too_far")
    if not card["justification_approver"]:
        wrong.append("approver")
    return wrong
