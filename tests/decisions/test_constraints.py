"""What the tables of decisions and policies refuse by themselves, whoever writes."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import ProgrammingError, connection, models, transaction

from capacity.access.models import User
from capacity.decisions.models import (
    Action,
    Comment,
    Decision,
    DecisionOption,
    DecisionVerdict,
    FloorWaiver,
    PolicyFloor,
    PolicySet,
)
from capacity.imports.models import InputsVersion
from tests.constraints import Attempts, accepted_columns, column_rules, named_constraints, refusal, refusals
from tests.factories import make_policy

pytestmark = pytest.mark.django_db

TUESDAY = date(2026, 11, 24)
MONDAY, NEXT_MONDAY = date(2026, 12, 7), date(2026, 12, 14)
NEW = {"number": 99, "idempotency_key": "another"}

ATTEMPTS: Attempts = {
    "utilisation_is_a_share": (PolicySet, {"utilisation_batch": 0}),
    "policy_peak_is_at_least_mean": (PolicySet, {"peak_factor_standard": "0.9"}),
    "coincidence_is_a_share": (PolicySet, {"coincidence_factor": "1.1"}),
    "market_use_is_a_share": (PolicySet, {"market_use_share": "1.1"}),
    "hold_room_is_a_share": (PolicySet, {"hold_room_share": 0}),
    "policy_starts_on_a_monday": (PolicySet, {"effective_date": TUESDAY}),
    "one_floor_per_key": (PolicyFloor, {}),
    "floor_share_is_a_share": (PolicyFloor, {"share": "1.1"}),
    "floor_has_a_size": (PolicyFloor, {"share": None, "accelerators": None}),
    "decision_week_is_iso": (Decision, {**NEW, "review_week": "2026-48"}),
    "one_option_per_position": (DecisionOption, {"is_chosen": False}),
    "one_chosen_option": (DecisionOption, {"position": 2}),
    "closed_action_has_a_time": (Action, {**NEW, "status": "done", "closed_at": None}),
    "inference_red_is_not_below_amber": (PolicySet, {"inference_ratio_amber_share": 1, "inference_ratio_red_share": 0}),
    "floor_key_form": (PolicyFloor, {"key": "two words"}),
    "floor_has_pools": (PolicyFloor, {"pool_keys": []}),
    "waivers_of_a_floor_do_not_overlap": (FloorWaiver, {"key": "another"}),
    "waiver_key_form": (FloorWaiver, {"key": "two words"}),
    "waiver_ends_after_start": (FloorWaiver, {"starts_date": NEXT_MONDAY, "ends_date": MONDAY}),
    "waiver_covers_whole_weeks": (FloorWaiver, {"starts_date": date(2026, 12, 8)}),
    "waiver_has_accelerators": (FloorWaiver, {"accelerators": 0}),
    "waiver_has_a_decision": (FloorWaiver, {"decision_number": 0}),
    "waiver_has_a_reason": (FloorWaiver, {"reason": ""}),
    "comment_kind_form": (Comment, {"subject_kind": "a lot"}),
    "comment_has_a_subject": (Comment, {"subject_key": ""}),
    "comment_is_not_empty": (Comment, {"text": " \n"}),
}
# One rule for each column with a range or a list of choices.
COLUMN_RULES = column_rules(["decisions"])
BELOW = {"target_gross_margin_share": "-1.1", "starvation_weeks": 0, "recall_notice_days": 8}
SIGNED = {"decision_effect_target_in_range", "option_cost_usd_in_range", "verdict_actual_value_in_range"}


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
    FloorWaiver.objects.create(
        key="w-1", floor=PolicyFloor.objects.get(), starts_date=MONDAY, ends_date=NEXT_MONDAY, accelerators=8,
        reason="Launch week", decision_number=1,
    )  # fmt: skip
    Comment.objects.create(subject_kind="lot", subject_key="lot-1", text="Late again.", author=chair)
    return made


def test_the_database_refuses_what_breaks_a_rule_of_decisions_and_policies() -> None:
    assert set(ATTEMPTS) | set(COLUMN_RULES) == named_constraints(["decisions"])
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


def test_the_database_refuses_what_is_below_a_range_or_no_choice() -> None:
    attempts: Attempts = {
        name: (model, {column: "no" if name.endswith("_is_listed") else BELOW.get(column, -1)})
        for name, (model, column) in COLUMN_RULES.items()
        if name not in SIGNED
    }
    assert len(attempts) > 15
    found = refusals(attempts)
    # A red line below zero is below the amber one first.
    assert found.pop("policy_inference_ratio_red_share_in_range") == "inference_red_is_not_below_amber"
    assert found == {name: name for name in found}


def test_no_number_of_decisions_and_policies_may_be_nan() -> None:
    assert accepted_columns("decisions", value="NaN", kinds=(models.DecimalField,)) == set()


def test_what_was_said_is_neither_edited_nor_deleted() -> None:
    for sql in ("UPDATE decisions_comment SET text = 'On time.'", "DELETE FROM decisions_comment"):
        with pytest.raises(ProgrammingError, match="Cannot update or delete"), transaction.atomic():
            connection.cursor().execute(sql)


def test_a_decision_that_a_waiver_names_makes_the_plan_older_than_its_inputs(chair: User) -> None:
    before = InputsVersion.objects.get().version
    assert refusal(Decision, {}) != "accepted"
    first = Decision.objects.get()
    Decision.objects.create(**copied(first, number=7, idempotency_key="d7"))
    assert InputsVersion.objects.get().version == before
    Decision.objects.create(**copied(first, number=8, idempotency_key="d8", supersedes=first))
    assert InputsVersion.objects.get().version == before + 1


def copied(decision: Decision, **changes: object) -> dict[str, object]:
    columns = {field.name: getattr(decision, field.name) for field in Decision._meta.concrete_fields}
    return {name: value for name, value in columns.items() if name not in {"id", "decided_at"}} | changes
