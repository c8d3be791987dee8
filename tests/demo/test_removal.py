"""Taking the demo out: all of it, nothing of others, and the product is then as if it had never been there."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from capacity.access.audit import record_event
from capacity.access.models import AuditEvent, RoleGrant, User
from capacity.access.roles import Role
from capacity.allocation.models import CurrentRun, Run, RunTable
from capacity.decisions.models import Action, Decision, PolicySet
from capacity.demo.removal import remove_demo
from capacity.demo.services import DemoRefused, load_demo, loaded_monday
from capacity.imports.models import ImportBatch, InputsVersion
from capacity.imports.tables import tables
from capacity.inventory.models import Lot, NetworkDomain, Supplier
from capacity.review.models import Review
from contracts.models import Customer
from tests.factories import make_review, make_run, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("recorded_broker")]
AS_OF = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def load(as_of: date = AS_OF) -> dict[str, dict[str, int]]:
    loaded = load_demo(as_of=as_of, password="a password of the tests", now=NOW)
    return {name: dict(counts) for name, counts in loaded.outcome.counts.items()}


def rows_of_tables() -> dict[str, int]:
    counts = {name: table.model._default_manager.count() for name, table in tables().items()}
    return {name: count for name, count in counts.items() if count}


def rows_of_runs() -> int:
    return sum(model._default_manager.count() for model in apps.get_models() if issubclass(model, RunTable))


def hold_a_meeting() -> None:
    """A plan, its frozen review, a decision and an action, all made by the demo's chair."""
    chair = User.objects.get(username="chair")
    run = make_run(started_at=datetime.now(tz=UTC), week="2026-W48")
    make_review(run, frozen_by=chair)
    decision = Decision.objects.create(
        number=901, review_week="2026-W48", run_id=run.pk, kind="buy", question="?", chosen="!", reason="because",
        decider_role="chair", owner_role="finance", effect_metric="H1", effect_direction="at_least", effect_target=1,
        effect_by_date=AS_OF, review_back_date=AS_OF, recorded_by=chair, idempotency_key="d1",
    )  # fmt: skip
    Action.objects.create(
        number=901, review_week="2026-W48", decision=decision, title="Ask", owner_role="finance", due_date=AS_OF,
        created_by=chair, idempotency_key="a1",
    )  # fmt: skip


def test_after_the_removal_nothing_of_the_demo_is_left_but_the_audit_log(client: Client) -> None:
    load()
    hold_a_meeting()
    events = AuditEvent.objects.count()

    removal = remove_demo(now=NOW)

    assert sum(removal.rows.values()) > 250
    assert rows_of_tables() == {}
    assert rows_of_runs() == 0
    for model in (Run, CurrentRun, Review, Decision, Action, ImportBatch, RoleGrant):
        assert not model._default_manager.filter(**({"revoked_at": None} if model is RoleGrant else {})).exists(), model
    assert not User.objects.filter(is_active=True).exists()
    assert AuditEvent.objects.count() == events + 1
    assert loaded_monday() is None
    assert client.get("/")["Location"] == "/welcome/"


def test_no_history_of_the_demos_rows_is_left() -> None:
    load()
    Lot.objects.filter(key="H100-1").update(accelerators=8)
    remove_demo(now=NOW)
    kept = [
        model._meta.label
        for model in apps.get_models()
        if hasattr(model, "pgh_tracked_model") and model._default_manager.exists()
    ]
    assert kept == []


def test_an_account_the_audit_log_names_is_closed_and_its_name_is_free() -> None:
    load()
    record_event(action="signed_in", subject="chair", user=User.objects.get(username="chair"))
    removal = remove_demo(now=NOW)
    assert "removed-demo-chair" in removal.closed
    closed = User.objects.get(username="removed-demo-chair")
    assert (closed.is_active, closed.has_usable_password(), closed.team_key) == (False, False, "")
    make_user(Role.CHAIR, username="chair")


def test_rows_and_records_of_others_stay() -> None:
    own = Supplier.objects.create(key="own", name="Our own")
    policy = PolicySet.objects.count()
    ann = make_user(Role.CHAIR, username="ann")
    earlier = make_run(id=7, week="2026-W40", started_at=datetime(2026, 10, 1, tzinfo=UTC), is_current=False)
    review = make_review(earlier, frozen_by=ann)
    load()
    hold_a_meeting()

    remove_demo(now=NOW)

    assert list(Supplier.objects.all()) == [own]
    assert PolicySet.objects.count() == policy
    assert list(Review.objects.all()) == [review]
    assert earlier.document.inputs
    assert User.objects.get(is_active=True) == ann
    assert Run.objects.exclude(pk=7).get().reason == "demo removed"


def test_rows_that_need_demo_rows_are_all_listed_and_nothing_is_removed() -> None:
    load()
    domain = NetworkDomain.objects.order_by("pk").first()
    other = Supplier.objects.create(key="own", name="Our own")
    for key in ("OWN-1", "OWN-2"):
        Lot.objects.create(
            key=key, domain=domain, supplier=other, state="accepted", accelerators=8, control_grade=1,
            accepted_date=AS_OF, cost_rate_key="h100-owned",
        )  # fmt: skip
    before = rows_of_tables()

    with pytest.raises(DemoRefused) as refused:
        remove_demo(now=NOW)

    assert "Nothing was removed" in str(refused.value)
    assert "OWN-1" in str(refused.value) and "OWN-2" in str(refused.value)
    assert rows_of_tables() == before
    assert User.objects.filter(is_active=True).count() == 11


def test_the_demo_can_be_loaded_again_in_another_week_after_it() -> None:
    lots = load()["lots"]["added"]
    remove_demo(now=NOW)
    assert load(date(2028, 2, 29))["lots"]["added"] == lots
    assert User.objects.filter(is_active=True).count() == 11


def test_a_plan_made_before_reads_as_older_than_its_inputs() -> None:
    load()
    before = InputsVersion.objects.get(pk=1).version
    remove_demo(now=NOW)
    assert InputsVersion.objects.get(pk=1).version > before


def test_without_a_yes_the_command_only_says_what_would_go(tmp_path: Path, settings: object) -> None:
    settings.DATA_DIR = tmp_path  # type: ignore[attr-defined]
    (tmp_path / "demo_password").write_text("x")
    load()
    before, out = rows_of_tables(), io.StringIO()
    call_command("remove_demo", stdout=out)
    assert "Nothing was changed" in out.getvalue()
    assert f"lots: {before['lots']}" in out.getvalue()
    assert rows_of_tables() == before
    assert (tmp_path / "demo_password").exists()

    call_command("remove_demo", "--yes", stdout=out)
    assert "The demo is removed" in out.getvalue()
    assert rows_of_tables() == {}
    assert not (tmp_path / "demo_password").exists()
    with pytest.raises(CommandError, match="The demo is not loaded"):
        call_command("remove_demo", "--yes")


def test_the_protection_of_records_is_back_after_the_removal() -> None:
    load()
    remove_demo(now=NOW)
    customer = Customer.objects.create(key="c", name="C", alias="A-1")
    with pytest.raises(Exception, match="(?i)cannot update"), connection.cursor() as cursor:
        cursor.execute("UPDATE contracts_customer SET alias = 'B' WHERE id = %s", [customer.pk])
