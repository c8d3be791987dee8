"""A good decision and a good action as drafts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from capacity.decisions.drafts import ActionDraft, DecisionDraft, OptionDraft
from tests.decisions.conftest import THIS_WEEK, TODAY


def decision_draft(**changes: Any) -> DecisionDraft:
    return DecisionDraft(
        **{
            "week": THIS_WEEK,
            "kind": "buy",
            "question": "Do we pull the February delivery forward?",
            "options": [
                OptionDraft(name="Do nothing", risk="short", who_loses="customers"),
                OptionDraft(name="Pull it forward", cost_usd=Decimal("3517311.13"), risk="late", who_loses="nobody"),
            ],
            "chosen": 1,
            "reason": "It covers the promise",
            "decider_role": "chair",
            "owner_role": "finance",
            "effect_metric": "H1",
            "effect_direction": "at_least",
            "effect_target": Decimal("0.995"),
            "effect_by_date": TODAY + timedelta(days=28),
            "review_back_date": TODAY + timedelta(days=35),
            **changes,
        }
    )


def action_draft(**changes: Any) -> ActionDraft:
    return ActionDraft(
        **{
            "title": "Ask the supplier",
            "owner_role": "research",
            "due_date": TODAY + timedelta(days=7),
            **changes,
        }
    )
