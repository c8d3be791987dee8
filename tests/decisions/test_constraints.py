"""What the tables of decisions and policies refuse by themselves, whoever writes."""

from __future__ import annotations

from datetime import date

import pytest

from capacity.access.models import User
from capacity.decisions.models import Action, Decision, DecisionOption, DecisionVerdict, PolicyFloor, PolicySet
from tests.constraints import Attempts, named_constraints, refusal, refusals
from tests.factories import make_policy

pytestmark = pytest.mark.django_db

TUESDAY = date(2026, 11, 24)
NEW = {"number": 99, "idempotency_key": "another"}

ATTEMPTS: Attempts = {
    "utilisation_is_a_share": (PolicySet, {"utilisation_batch": 0}),
    "policy_peak_is_at_least_mean": (PolicySet, {"peak_factor_standard": "0.9"}),
    "coincidence_is_a_share": (PolicySet, {"coincidence_factor": "1.1"}),
    "policy_starts_on_a_monday": (PolicySet, {"effective_date": TUESDAY}),
    "one_floor_per_key": (PolicyFloor, {}),
    "floor_share_is_a_share": (PolicyFloor, {"share": "1.1"}),
    "floor_has_a_size": (PolicyFloor, {"share": None, "accelerators": None}),
    "decision_week_is_iso": (Decision, {**NEW, "review_week": "2026-48"}),
    "one_option_per_position": (DecisionOption, {"is_chosen": False}),
    "one_chosen_option": (DecisionOption, {"position": 2}),
    "closed_action_has_a_time": (Action, {**NEW, "status": "done", "closed_at": None}),
}


@pytest.fixture(autouse=True)
def decision(chair: User) -> Decision:
    """A policy, and a decision with its chosen option, its verdict and an action."""
    make_policy()
    made = Decision.objects.create(
        number=1, review_week="2026-W48", kind="buy", question="Buy?", chosen="Lease", reason="Evaluations wait.",
        decider_role="chair", owner_role="finance", effect_metric="H1", effect_direction="at_least", effect_target=1,
        effect_by_date=TUESDAY, review_back_date=TUESDAY, recorded_by=chair, idempotency_key="d1",
    )  # fmt: skip
    DecisionOption.objects.create(decision=made, position=1, name="Lease", is_chosen=True)
    DecisionVerdict.objects.create(decision=made, review_week="2026-W50", verdict="met", recorded_by=chair)
    Action.objects.create(
        number=1, review_week="2026-W48", decision=made, title="Ask", owner_role="finance", due_date=TUESDAY,
        created_by=chair, idempotency_key="a1",
    )  # fmt: skip
    return made


def test_the_database_refuses_what_breaks_a_rule_of_decisions_and_policies() -> None:
    assert set(ATTEMPTS) == named_constraints(["decisions"])
    assert refusals(ATTEMPTS) == {name: name for name in ATTEMPTS}


def test_numbers_and_sent_forms_are_used_once() -> None:
    for model in (Decision, Action):
        assert refusal(model, NEW) == "accepted"
        for column in NEW:
            repeated = {name: value for name, value in NEW.items() if name != column}
            assert refusal(model, repeated).startswith(f"decisions_{model.__name__.lower()}_{column}"), column
    assert refusal(PolicySet, {}).startswith("decisions_policyset_version")


def test_a_decision_has_one_verdict() -> None:
    assert refusal(DecisionVerdict, {}).startswith("decisions_decisionverdict_decision")
