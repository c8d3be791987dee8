"""The list and the page of decisions: who reads what, filters, files; and the verdict."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.allocation.models import Run
from capacity.decisions.drafts import OptionDraft
from capacity.decisions.models import Decision, DecisionVerdict
from capacity.decisions.services import record_decision
from capacity.lib.horizon import Week
from tests.decisions.conftest import THIS_WEEK
from tests.decisions.drafts import action_draft, decision_draft
from tests.factories import make_run, make_user

LAST_WEEK = Week.parse(THIS_WEEK).plus(-1).key

pytestmark = pytest.mark.django_db


def record(user: User, key: str = "1", *, week: str = THIS_WEEK, **changes: Any) -> Decision:
    return record_decision(
        draft=decision_draft(week=week, **changes),
        user=user,
        roles={Role.CHAIR},
        now=timezone.now(),
        open_weeks=[week],
        run_id=None,
        idempotency_key=key,
    )


def page_for(role: str, path: str) -> str:
    client = Client()
    client.force_login(User.objects.filter(username=role).first() or make_user(role))
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


PATHS = ("/decisions/", "/decisions/?format=csv", "/decisions/D-1/")


@pytest.mark.parametrize("role", ["sales", "research", "product"])
def test_a_price_blind_role_reads_no_money_of_a_decision(chair: User, role: str) -> None:
    record(chair, effect_metric="H11", effect_target=Decimal("1234567"))
    for path in PATHS:
        page = page_for(role, path)
        assert "Pull it forward" in page, path
        assert "3.52M" not in page and "3517311" not in page, path
        assert "1.23M" not in page and "1234567" not in page, path
    assert "restricted" in page_for(role, "/decisions/D-1/")


@pytest.mark.parametrize("role", ["chair", "finance", "exec"])
def test_who_may_know_the_cost_reads_it(chair: User, role: str) -> None:
    record(chair, effect_metric="H11", effect_target=Decimal("1234567"))
    assert "$3.52M" in page_for(role, "/decisions/D-1/")
    assert "$1.23M" in page_for(role, "/decisions/")


@pytest.mark.parametrize(
    ("kind", "role", "sees"),
    [("price", "research", False), ("contract", "sales", False), ("price", "exec", True), ("contract", "finance", True),
     ("floor_waiver", "sales", False), ("floor_waiver", "research", True), ("buy", "sales", True)],
)  # fmt: skip
def test_the_words_of_a_decision_are_for_those_whom_its_kind_concerns(
    chair: User, kind: str, role: str, sees: bool
) -> None:
    record(chair, kind=kind, reason="Acme pays 1.97 a million")
    for path in PATHS:
        assert ("Pull it forward" in page_for(role, path)) is sees, path
    assert ("Acme" in page_for(role, "/decisions/D-1/")) is sees


def test_the_list_is_filtered_by_the_address(chair: User) -> None:
    record(chair, "1", kind="buy", owner_role="finance")
    record(chair, "2", kind="policy", owner_role="research", chosen=0)
    assert numbers("/decisions/?kind=policy") == [2]
    assert numbers("/decisions/?owner=finance") == [1]
    assert numbers(f"/decisions/?week={THIS_WEEK}") == [2, 1]
    assert numbers("/decisions/?week=2020-W01") == []
    assert numbers("/decisions/?state=closed") == []
    assert numbers("/decisions/?kind=nonsense&week=%00") == [2, 1]
    assert "Clear filters" in page_for("chair", "/decisions/?state=closed")


def test_a_superseded_decision_is_in_no_other_state(chair: User) -> None:
    record(chair, "1")
    record(chair, "2", supersedes=1)
    assert numbers("/decisions/?state=superseded") == [1]
    assert numbers("/decisions/?state=open") == [2]


def numbers(path: str) -> list[int]:
    client = Client()
    client.force_login(User.objects.get(username="chair"))
    return [item["number"] for item in client.get(path).context["decisions"]]


def test_the_file_has_the_rows_of_the_list_and_no_formula(chair: User) -> None:
    options = [
        OptionDraft(name="Do nothing", risk="short", who_loses="nobody"),
        OptionDraft(name="=1+2", risk="late", who_loses="nobody"),
    ]
    record(chair, "1", options=options)
    record(chair, "2")
    rows = list(csv.DictReader(io.StringIO(page_for("chair", "/decisions/?format=csv"))))
    assert [row["Decision"] for row in rows] == ["D-2", "D-1"]
    assert rows[1]["Chosen"] == "'=1+2"
    assert rows[0]["Target"] == "99.5%"


def test_the_list_asks_the_database_as_often_for_many_decisions_as_for_few(chair: User) -> None:
    for at in range(3):
        record(chair, str(at), actions=[action_draft()])
    client = Client()
    client.force_login(chair)
    client.get("/decisions/")
    counts = []
    for more in (0, 20):
        for at in range(more):
            record(chair, f"more-{at}", actions=[action_draft()])
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get("/decisions/")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 15, counts


# --- the verdict --------------------------------------------------------------------------------------------------


def said(**changes: str) -> dict[str, str]:
    return {"week": THIS_WEEK, "verdict": "not_met", "note": "The lot came late", **changes}


def test_the_verdict_takes_the_actual_value_from_the_plan(as_chair: Client, chair: User, live_run: Run) -> None:
    record(chair, week=LAST_WEEK)
    assert as_chair.post("/decisions/D-1/", said()).status_code == 302
    verdict = DecisionVerdict.objects.get()
    # H1 of the run made by the factory.
    assert verdict.actual_value == Decimal("0.914286")
    assert (verdict.verdict, verdict.review_week, verdict.run_id) == ("not_met", THIS_WEEK, live_run.pk)
    page = as_chair.get("/decisions/D-1/").content.decode()
    assert "91.4%" in page and "Not met" in page


def test_a_verdict_is_said_once(as_chair: Client, chair: User, live_run: Run) -> None:
    record(chair, week=LAST_WEEK)
    assert as_chair.post("/decisions/D-1/", said()).status_code == 302
    assert as_chair.post("/decisions/D-1/", said()).status_code == 302
    other = as_chair.post("/decisions/D-1/", said(verdict="met"))
    assert other.status_code == 422
    assert DecisionVerdict.objects.get().verdict == "not_met"


def test_a_decision_is_not_judged_on_its_own_review(as_chair: Client, chair: User, live_run: Run) -> None:
    record(chair)
    assert as_chair.get("/decisions/D-1/").context["form"] is None
    assert as_chair.post("/decisions/D-1/", said()).status_code == 422
    assert not DecisionVerdict.objects.exists()


def test_a_metric_the_plan_does_not_have_cannot_be_met(as_chair: Client, chair: User) -> None:
    make_run(week=THIS_WEEK, inputs_version=0, changes={"figures": {"metric:H1": {"value": None}}})
    record(chair, week=LAST_WEEK)
    assert as_chair.post("/decisions/D-1/", said(verdict="met")).status_code == 422
    assert as_chair.post("/decisions/D-1/", said(verdict="not_measurable")).status_code == 302


def test_the_chair_reads_a_margin_that_came_out_only_as_a_band(as_chair: Client, chair: User, live_run: Run) -> None:
    record(chair, week=LAST_WEEK, effect_metric="H9", effect_target=Decimal("0.5"))
    as_chair.post("/decisions/D-1/", said())
    page = as_chair.get("/decisions/D-1/").content.decode()
    assert "42.8%" not in page
    assert "40–50%" in page
    assert "42.8%" in page_for("finance", "/decisions/D-1/")


@pytest.mark.parametrize("role", ["sales", "research", "product", "exec"])
def test_only_chair_and_finance_say_a_verdict(client: Client, chair: User, live_run: Run, role: str) -> None:
    record(chair, week=LAST_WEEK)
    client.force_login(make_user(role))
    assert client.post("/decisions/D-1/", said()).status_code == 403
    assert client.get("/decisions/D-1/").context["form"] is None


def test_the_database_refuses_to_change_a_verdict(as_chair: Client, chair: User, live_run: Run) -> None:
    record(chair, week=LAST_WEEK)
    as_chair.post("/decisions/D-1/", said())
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE decisions_decisionverdict SET verdict = 'met'")


def test_a_decision_past_its_review_back_says_how_late_it_is(as_chair: Client, chair: User) -> None:
    decided = timezone.now() - timedelta(days=40)
    record_decision(
        draft=decision_draft(
            week=LAST_WEEK,
            effect_by_date=(decided + timedelta(days=7)).date(),
            review_back_date=(decided + timedelta(days=38)).date(),
        ),
        user=chair,
        roles={Role.CHAIR},
        now=decided,
        open_weeks=[LAST_WEEK],
        run_id=None,
        idempotency_key="1",
    )
    assert "Look back, 2 days late" in as_chair.get("/decisions/D-1/").content.decode()
