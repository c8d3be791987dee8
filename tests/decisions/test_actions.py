"""Actions: recorded, closed by whoever may, and never overwritten by somebody who had not read the change."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from capacity.access.models import AuditEvent, User
from capacity.access.roles import Role
from capacity.allocation.models import Run
from capacity.decisions.models import Action
from capacity.decisions.services import ActionChanged, close_action, create_action, record_decision
from tests.decisions.conftest import THIS_WEEK, TODAY, in_days
from tests.decisions.drafts import action_draft, decision_draft
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def action(chair: User) -> Action:
    """An open action of research."""
    return create_action(
        draft=action_draft(),
        week=THIS_WEEK,
        user=chair,
        roles={Role.CHAIR},
        now=timezone.now(),
        open_weeks=[THIS_WEEK],
        idempotency_key="1",
    )


def closing(**changes: object) -> dict[str, object]:
    return {"row_version": 1, "status": "done", "note": "Asked; they deliver on 18 Jan", **changes}


def test_an_action_is_recorded_by_its_form(as_chair: Client, live_run: Run) -> None:
    sent = {
        "idempotency_key": "k",
        "week": THIS_WEEK,
        "decision": "",
        "title": "Ask the supplier",
        "owner_role": "research",
        "due_date": in_days(7),
    }
    first, second = as_chair.post("/actions/new/", sent), as_chair.post("/actions/new/", sent)
    assert first["Location"] == second["Location"] == "/actions/A-1/"
    assert Action.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"title": ""}, "title"), ({"owner_role": "admin"}, "owner_role"), ({"due_date": in_days(-1)}, "due_date"),
     ({"week": "2020-W01"}, "week"), ({"decision": "9"}, "decision"), ({"due_date": "soon"}, "due_date")],
)  # fmt: skip
def test_a_wrong_action_is_refused_on_its_field(
    as_chair: Client, live_run: Run, changes: dict[str, str], field: str
) -> None:
    sent = {"idempotency_key": "k", "week": THIS_WEEK, "decision": "", "title": "Ask", "owner_role": "research",
            "due_date": in_days(7), **changes}  # fmt: skip
    answer = as_chair.post("/actions/new/", sent)
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not Action.objects.exists()


def test_its_owner_closes_an_action_with_a_note(client: Client, action: Action) -> None:
    client.force_login(make_user("research"))
    assert client.post("/actions/A-1/", closing()).status_code == 302
    action.refresh_from_db()
    assert (action.status, action.status_note, action.row_version) == ("done", "Asked; they deliver on 18 Jan", 2)
    assert action.closed_at is not None
    assert AuditEvent.objects.filter(action="action_closed", subject="A-1").count() == 1


@pytest.mark.parametrize("role", ["sales", "product", "exec", "auditor", "admin"])
def test_nobody_else_closes_it(client: Client, action: Action, role: str) -> None:
    client.force_login(make_user(role))
    assert client.post("/actions/A-1/", closing()).status_code == 403
    assert Action.objects.get().status == "open"


@pytest.mark.parametrize("role", ["sales", "exec"])
def test_who_may_not_close_it_is_offered_no_form(client: Client, action: Action, role: str) -> None:
    client.force_login(make_user(role))
    answer = client.get("/actions/A-1/")
    assert answer.status_code == 200
    assert answer.context["form"] is None


@pytest.mark.parametrize("changes", [{"note": " "}, {"status": "open"}, {"row_version": "x"}])
def test_a_closing_without_note_or_state_is_refused(as_chair: Client, action: Action, changes: dict[str, str]) -> None:
    assert as_chair.post("/actions/A-1/", closing(**changes)).status_code == 422
    assert Action.objects.get().status == "open"


def test_a_closed_action_stays_closed(as_chair: Client, action: Action) -> None:
    as_chair.post("/actions/A-1/", closing())
    answer = as_chair.post("/actions/A-1/", closing(row_version=2, status="dropped", note="after all not"))
    assert answer.status_code == 422
    assert Action.objects.get().status == "done"


def test_the_second_of_two_people_sees_what_the_first_did(as_chair: Client, action: Action) -> None:
    research = Client()
    research.force_login(make_user("research"))
    research.post("/actions/A-1/", closing())
    answer = as_chair.post("/actions/A-1/", closing(status="dropped", note="no longer needed"))
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "research changed it" in page
    assert "Asked; they deliver on 18 Jan" in page
    assert "no longer needed" in page
    assert Action.objects.get().status == "done"


def test_the_service_itself_refuses_an_old_version(action: Action, chair: User) -> None:
    Action.objects.update(row_version=2)
    with pytest.raises(ActionChanged) as changed:
        close_action(
            number=1, status="done", note="x", row_version=1, user=chair, roles={Role.CHAIR}, now=timezone.now()
        )
    assert changed.value.current.row_version == 2


def test_an_overdue_action_says_how_late_it_is(as_chair: Client, action: Action) -> None:
    Action.objects.update(due_date=TODAY - timedelta(days=2))
    assert "2 days late" in as_chair.get("/actions/A-1/").content.decode()


def test_the_words_of_an_action_for_a_price_decision_are_hidden_from_research(
    client: Client, chair: User, live_run: Run
) -> None:
    record_decision(
        draft=decision_draft(kind="price", actions=[action_draft(title="Offer Acme 1.97 a million")]),
        user=chair,
        roles={Role.CHAIR},
        now=timezone.now(),
        open_weeks=[THIS_WEEK],
        run_id=live_run.pk,
        idempotency_key="1",
    )
    client.force_login(make_user("research"))
    for path in ("/actions/A-1/", "/decisions/", "/decisions/?format=csv&what=actions", "/decisions/D-1/"):
        page = client.get(path).content.decode()
        assert "Acme" not in page, path
        assert "restricted" in page, path


@pytest.mark.parametrize("path", ["/actions/A-7/", "/actions/A-99999999999999999999/", "/decisions/D-7/"])
def test_what_is_not_there_is_404(as_chair: Client, path: str) -> None:
    assert as_chair.get(path).status_code == 404
    assert as_chair.post(path, closing()).status_code == 404
