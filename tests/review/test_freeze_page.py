"""The page that freezes a review, and what the next review carries over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.allocation.models import Run
from capacity.decisions.drafts import ActionDraft, DecisionDraft, OptionDraft
from capacity.decisions.models import Action, Decision
from capacity.decisions.services import close_action, record_decision, record_verdict
from capacity.imports.models import InputsVersion
from capacity.inventory.models import Supplier
from capacity.review.carry import follow_through, visible_carried, visible_recorded
from capacity.review.models import Review
from capacity.review.snapshots import freeze_review
from tests.factories import make_run, make_user
from tests.recorded_broker import RecordedBroker

TUESDAY = datetime(2026, 11, 24, 18, tzinfo=UTC)
NEXT = TUESDAY + timedelta(days=7)
CHAIR, EXEC = Viewer(roles=frozenset({Role.CHAIR})), Viewer(roles=frozenset({Role.EXEC}))
SALES = Viewer(username="sales", roles=frozenset({Role.SALES}))

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _plain_settings(settings: Any, recorded_broker: RecordedBroker) -> None:
    settings.ROOT_URLCONF = "tests.decisions.urls"
    settings.STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def chair() -> User:
    return make_user("chair")


def current_run(week: str = "2026-W48", **fields: Any) -> Run:
    return make_run(week=week, inputs_version=InputsVersion.objects.get(id=1).version, **fields)


def freeze(chair: User, week: str, now: datetime) -> Review:
    return freeze_review(week=week, user=chair, viewer_roles={Role.CHAIR}, now=now)


def decide(chair: User, *, week: str = "2026-W48", now: datetime = TUESDAY, back: int = 10, **changes: Any) -> Decision:
    """A decision looked back at `back` days later, with an action due after three."""
    draft = {
        "week": week,
        "kind": "buy",
        "question": "Buy?",
        "options": [
            OptionDraft(name="Do nothing", risk="short", who_loses="customers"),
            OptionDraft(name="Buy 512", risk="late", who_loses="nobody"),
        ],
        "chosen": 1,
        "reason": "because",
        "decider_role": "chair",
        "owner_role": "finance",
        "effect_metric": "H1",
        "effect_direction": "at_least",
        "effect_target": Decimal("0.995"),
        "effect_by_date": (now + timedelta(days=back)).date(),
        "review_back_date": (now + timedelta(days=back)).date(),
        "actions": [
            ActionDraft(title="Ask the supplier", owner_role="finance", due_date=(now + timedelta(days=3)).date())
        ],
        **changes,
    }
    return record_decision(
        draft=DecisionDraft(**draft),
        user=chair,
        roles={Role.CHAIR},
        now=now,
        open_weeks=[week],
        run_id=None,
        idempotency_key=f"{week}-{Decision.objects.count()}",
    )


def test_the_chair_is_asked_and_freezes(client: Client, chair: User) -> None:
    current_run()
    client.force_login(chair)
    assert "cannot be undone" in client.get("/reviews/2026-W48/freeze/").content.decode()
    assert not Review.objects.exists()
    answer = client.post("/reviews/2026-W48/freeze/")
    assert (answer.status_code, answer["Location"]) == (302, "/reviews/2026-W48/")
    assert Review.objects.get().frozen_by == chair


def test_asking_for_a_frozen_week_leads_to_its_page(client: Client, chair: User) -> None:
    current_run()
    client.force_login(chair)
    client.post("/reviews/2026-W48/freeze/")
    for ask in (client.get, client.post):
        assert ask("/reviews/2026-W48/freeze/")["Location"] == "/reviews/2026-W48/"
    assert Review.objects.count() == 1


def test_a_stale_plan_is_refused_with_the_reason_and_no_button(client: Client, chair: User) -> None:
    current_run()
    Supplier.objects.create(key="acme", name="Acme")
    client.force_login(chair)
    page = client.get("/reviews/2026-W48/freeze/").content.decode()
    assert "The plan is older than its inputs: wait for the recompute." in page
    assert "Freeze 2026-W48</button>" not in page
    assert client.post("/reviews/2026-W48/freeze/").status_code == 409
    assert not Review.objects.exists()


@pytest.mark.parametrize("role", ["finance", "sales", "research", "product", "exec", "auditor", "admin"])
def test_nobody_but_the_chair_freezes(client: Client, role: str) -> None:
    current_run()
    client.force_login(make_user(role))
    assert client.get("/reviews/2026-W48/freeze/").status_code == 403
    assert client.post("/reviews/2026-W48/freeze/").status_code == 403
    assert not Review.objects.exists()


@pytest.mark.parametrize("week", ["2026-W49", "2026-W60", "nonsense"])
def test_a_week_without_a_plan_is_not_there(client: Client, chair: User, week: str) -> None:
    current_run()
    client.force_login(chair)
    assert client.get(f"/reviews/{week}/freeze/").status_code == 404


def test_freezing_asks_for_the_plan_of_the_next_week(chair: User) -> None:
    current_run()
    freeze(chair, "2026-W48", TUESDAY)
    queued = Run.objects.get(state="queued")
    assert queued.reason == "review of 2026-W48 frozen"


# --- what is carried ----------------------------------------------------------------------------------------------


def test_a_decision_of_the_first_review_is_carried_to_the_second(chair: User) -> None:
    current_run()
    freeze(chair, "2026-W48", TUESDAY)
    decide(chair)
    current_run("2026-W49")
    carried = freeze(chair, "2026-W49", NEXT).carried
    assert carried["since"] == "2026-W48"
    assert [(row["number"], row["state"]) for row in carried["decisions"]] == [(1, "due")]
    # Due three days after that Tuesday: four days late a week later.
    assert [(row["number"], row["state"]) for row in carried["actions"]] == [(1, "overdue")]


def test_a_decision_of_this_review_is_not_carried_to_itself(chair: User) -> None:
    current_run()
    decide(chair)
    carried = follow_through(week="2026-W48", today=TUESDAY.date())
    assert (carried["decisions"], carried["actions"]) == ([], [])


@pytest.mark.parametrize(("back", "state"), [(6, "overdue"), (7, "due"), (12, "due"), (13, "open")])
def test_review_back_is_due_until_the_end_of_the_review_s_week(chair: User, back: int, state: str) -> None:
    # 24 Nov + 7 is the second Tuesday, + 12 its Sunday.
    decide(chair, back=back)
    carried = follow_through(week="2026-W49", today=NEXT.date())
    assert [row["state"] for row in carried["decisions"]] == [state]


def test_the_carried_decision_brings_the_figure_of_the_plan(chair: User) -> None:
    decide(chair)
    current_run("2026-W49")
    carried = follow_through(week="2026-W49", today=NEXT.date())
    item = visible_carried(EXEC, carried)["decisions"][0]
    assert item["expected"] == "Promise coverage, next 13 weeks at least 99.5% by 4 Dec"
    assert item["actual"] == "91.4%"


def test_a_judged_decision_is_told_once_and_then_no_more(chair: User) -> None:
    current_run()
    decide(chair)
    freeze(chair, "2026-W48", TUESDAY)
    run = current_run("2026-W49")
    record_verdict(
        number=1,
        verdict="met",
        note="It came",
        week="2026-W49",
        run_id=run.pk,
        actual_value=Decimal("0.997"),
        user=chair,
        roles={Role.CHAIR},
        open_weeks=["2026-W49"],
    )
    carried = freeze(chair, "2026-W49", NEXT).carried
    assert [(row["state"], row["actual_value"]) for row in carried["decisions"]] == [("judged", "0.997")]
    current_run("2026-W50")
    freeze(chair, "2026-W50", NEXT + timedelta(days=7))
    assert follow_through(week="2026-W51", today=(NEXT + timedelta(days=14)).date())["decisions"] == []


def test_a_superseded_decision_is_not_carried(chair: User) -> None:
    decide(chair)
    decide(chair, week="2026-W49", now=NEXT, supersedes=1)
    carried = follow_through(week="2026-W49", today=NEXT.date())
    assert carried["decisions"] == []


def test_an_action_closed_since_the_last_review_is_told_as_done(chair: User) -> None:
    current_run()
    decide(chair)
    freeze(chair, "2026-W48", TUESDAY)
    close(chair, TUESDAY + timedelta(days=2))
    carried = follow_through(week="2026-W49", today=NEXT.date())
    assert [(row["state"], row["status_note"]) for row in carried["actions"]] == [("done", "They agreed")]


def close(chair: User, now: datetime) -> None:
    version = Action.objects.get().row_version
    close_action(
        number=1,
        status="done",
        note="They agreed",
        row_version=version,
        user=chair,
        roles={Role.CHAIR},
        now=now,
    )


def test_a_frozen_page_does_not_drift_with_what_becomes_of_its_actions(chair: User) -> None:
    current_run()
    decide(chair)
    freeze(chair, "2026-W48", TUESDAY)
    current_run("2026-W49")
    second = freeze(chair, "2026-W49", NEXT)

    def shown() -> list[Any]:
        review = Review.objects.get(pk=second.pk)
        return [
            visible_carried(CHAIR, review.carried),
            visible_recorded(CHAIR, "2026-W48", is_frozen=True),
            visible_recorded(CHAIR, "2026-W49", is_frozen=True),
        ]

    before = shown()
    close(chair, NEXT + timedelta(days=1))
    decide(chair, week="2026-W50", now=NEXT + timedelta(days=7), supersedes=1)
    assert shown() == before
    assert visible_recorded(CHAIR, "2026-W48", is_frozen=False)["actions"][0]["pill_word"] == "Done"


def test_sales_read_neither_target_nor_the_words_of_a_contract_decision(chair: User) -> None:
    decide(chair, kind="contract", question="Let Acme go?")
    current_run("2026-W49")
    carried = visible_carried(SALES, follow_through(week="2026-W49", today=NEXT.date()))
    text = str([carried, visible_recorded(SALES, "2026-W48", is_frozen=True)])
    assert "Acme" not in text and "Buy 512" not in text and "99.5%" not in text and "supplier" not in text
