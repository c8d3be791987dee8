"""Recording a decision through its form: what is kept, what is refused and where, once per key, never changed."""

from __future__ import annotations

from decimal import Decimal
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from capacity.access.models import AuditEvent, User
from capacity.access.roles import Role
from capacity.allocation.models import Run
from capacity.decisions.models import Action, Decision
from capacity.decisions.services import NotPermitted, create_action, record_decision
from tests.decisions.conftest import THIS_WEEK, in_days, sent_decision
from tests.decisions.drafts import action_draft, decision_draft
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_a_decision_is_kept_with_its_options_and_the_run_it_was_taken_on(as_chair: Client, live_run: Run) -> None:
    answer = as_chair.post("/decisions/new/", sent_decision())
    assert answer.status_code == 302, answer.context["forms"].decision.errors
    assert answer["Location"] == "/decisions/D-1/"
    decision = Decision.objects.get()
    assert (decision.number, decision.review_week, decision.run_id) == (1, THIS_WEEK, live_run.pk)
    assert decision.chosen == "Pull it forward"
    # 99.5 per cent is kept as the fraction the plan's figure is in.
    assert decision.effect_target == Decimal("0.995")
    options = list(decision.options.order_by("position").values_list("name", "accelerators", "cost_usd", "is_chosen"))
    assert options == [
        ("Do nothing", 0, Decimal("0.00"), False),
        ("Pull it forward", 512, Decimal("3517311.13"), True),
    ]
    assert AuditEvent.objects.filter(action="decision_recorded", subject="D-1").count() == 1


def test_actions_are_recorded_with_the_decision(as_chair: Client, live_run: Run) -> None:
    sent = sent_decision(
        **{
            "actions-0-title": "Ask the supplier",
            "actions-0-owner_role": "finance",
            "actions-0-due_date": in_days(7),
        }
    )
    assert as_chair.post("/decisions/new/", sent).status_code == 302
    action = Action.objects.get()
    assert (action.number, action.decision, action.status) == (1, Decision.objects.get(), "open")


def test_the_same_form_sent_twice_is_one_decision(as_chair: Client, live_run: Run) -> None:
    first = as_chair.post("/decisions/new/", sent_decision())
    second = as_chair.post("/decisions/new/", sent_decision())
    assert first["Location"] == second["Location"] == "/decisions/D-1/"
    assert Decision.objects.count() == 1


def test_the_key_of_one_person_is_not_that_of_another(as_chair: Client, live_run: Run) -> None:
    as_chair.post("/decisions/new/", sent_decision())
    other = Client()
    other.force_login(make_user("finance"))
    assert other.post("/decisions/new/", sent_decision(question="Another?"))["Location"] == "/decisions/D-2/"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"question": ""}, "question"),
        ({"reason": " "}, "reason"),
        ({"kind": "gossip"}, "kind"),
        ({"week": "2020-W01"}, "week"),
        ({"chosen": ""}, "chosen"),
        ({"chosen": "3"}, "chosen"),
        ({"decider_role": "auditor"}, "decider_role"),
        ({"owner_role": ""}, "owner_role"),
        ({"effect_metric": "H99"}, "effect_metric"),
        ({"effect_target": ""}, "effect_target"),
        ({"effect_target": "NaN"}, "effect_target"),
        ({"effect_target": "1e309"}, "effect_target"),
        ({"effect_by_date": in_days(0)}, "effect_by_date"),
        ({"effect_by_date": in_days(36)}, "effect_by_date"),
        ({"review_back_date": ""}, "review_back_date"),
        ({"review_back_date": in_days(0)}, "review_back_date"),
        ({"review_back_date": in_days(92)}, "review_back_date"),
        ({"guardrail_metric": "H1"}, "guardrail_metric"),
        ({"supersedes": "7"}, "supersedes"),
        ({"options-0-name": "Wait"}, None),
        (dict.fromkeys([f"options-1-{name}" for name in ("name", "accelerators", "cost_usd", "risk", "who_loses")], ""), None),
        ({"idempotency_key": ""}, "idempotency_key"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_and_nothing_is_recorded(
    as_chair: Client, live_run: Run, changes: dict[str, str], field: str | None
) -> None:
    answer = as_chair.post("/decisions/new/", sent_decision(**changes))
    assert answer.status_code == 422
    errors = answer.context["forms"].decision.errors
    assert (field or "__all__") in errors, errors
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("changes", "place", "field"),
    [
        ({"options-1-name": "do NOTHING"}, 1, "name"),
        ({"options-1-name": ""}, 1, "name"),
        ({"options-1-risk": ""}, 1, "risk"),
        ({"options-0-who_loses": ""}, 0, "who_loses"),
        ({"options-1-accelerators": "1.5"}, 1, "accelerators"),
        ({"options-1-cost_usd": "Infinity"}, 1, "cost_usd"),
        ({"options-3-name": "Sell", "options-3-risk": "none"}, 3, "who_loses"),
    ],
)
def test_a_wrong_option_is_named_on_its_own_row(
    as_chair: Client, live_run: Run, changes: dict[str, str], place: int, field: str
) -> None:
    answer = as_chair.post("/decisions/new/", sent_decision(**changes))
    assert answer.status_code == 422
    assert field in answer.context["forms"].options[place].errors
    assert not Decision.objects.exists()


def test_every_error_shows_at_once(as_chair: Client, live_run: Run) -> None:
    wrong = sent_decision(reason=" ", effect_by_date=in_days(-1), review_back_date=in_days(120), chosen="2")
    # A reason of spaces is refused by the field itself; the rest by the draft once it can be made.
    assert set(as_chair.post("/decisions/new/", wrong).context["forms"].decision.errors) >= {"reason"}
    wrong["reason"] = "because"
    errors = as_chair.post("/decisions/new/", wrong).context["forms"].decision.errors
    assert set(errors) == {"chosen", "effect_by_date", "review_back_date"}


def test_review_back_may_be_thirteen_weeks_away(as_chair: Client, live_run: Run) -> None:
    assert as_chair.post("/decisions/new/", sent_decision(review_back_date=in_days(91))).status_code == 302


def test_a_superseding_decision_names_the_one_it_replaces_and_only_one_may(as_chair: Client, live_run: Run) -> None:
    as_chair.post("/decisions/new/", sent_decision())
    second = sent_decision(idempotency_key="2", supersedes="1")
    assert as_chair.post("/decisions/new/", second)["Location"] == "/decisions/D-2/"
    assert Decision.objects.get(number=2).supersedes == Decision.objects.get(number=1)
    third = as_chair.post("/decisions/new/", sent_decision(idempotency_key="3", supersedes="1"))
    assert "supersedes" in third.context["forms"].decision.errors
    assert "Superseded by" in as_chair.get("/decisions/D-1/").content.decode()


@pytest.mark.parametrize("role", ["sales", "research", "product", "exec", "auditor", "admin"])
def test_only_chair_and_finance_record(client: Client, live_run: Run, role: str) -> None:
    client.force_login(make_user(role))
    assert client.get("/decisions/new/").status_code == 403
    assert client.post("/decisions/new/", sent_decision()).status_code == 403
    assert not Decision.objects.exists()


def test_the_service_asks_for_the_right_itself(live_run: Run) -> None:
    sales = make_user("sales")
    with pytest.raises(NotPermitted):
        record_decision(
            draft=decision_draft(),
            user=sales,
            roles={Role.SALES},
            now=timezone.now(),
            open_weeks=[THIS_WEEK],
            run_id=None,
            idempotency_key="1",
        )


def test_without_any_review_there_is_nothing_to_record_on(as_chair: Client) -> None:
    assert "No review to record on" in as_chair.get("/decisions/new/").content.decode()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decisions_decision SET chosen = 'other'",
        "DELETE FROM decisions_decision",
        "UPDATE decisions_decisionoption SET cost_usd = 1",
        "DELETE FROM decisions_decisionoption",
    ],
)
def test_the_database_refuses_to_change_a_decision(as_chair: Client, live_run: Run, statement: str) -> None:
    as_chair.post("/decisions/new/", sent_decision())
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_eight_double_clicks_at_once_make_one_decision_and_one_action() -> None:
    chair = make_user("chair")
    numbers: list[int] = []
    errors: list[Exception] = []
    barrier = Barrier(8)

    def record(kind: str) -> None:
        more: dict[str, Any] = {"user": chair, "roles": {Role.CHAIR}, "now": timezone.now(), "open_weeks": [THIS_WEEK]}
        try:
            barrier.wait()
            if kind == "decision":
                row: Any = record_decision(draft=decision_draft(), run_id=None, idempotency_key="same", **more)
            else:
                row = create_action(draft=action_draft(), week=THIS_WEEK, idempotency_key="same", **more)
            numbers.append(row.number)
        except Exception as error:  # told by the assertion below
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=record, args=(("decision", "action")[at % 2],)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert numbers == [1] * 8
    assert (Decision.objects.count(), Action.objects.count()) == (1, 1)
    assert User.objects.count() == 1
