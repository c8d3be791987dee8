"""The factories' run is consistent: other tests build on its sums."""

from __future__ import annotations

import pytest

from capacity.allocation.models import CurrentRun, RunDemand, RunPoolWeek
from contracts.models import RunExposure
from tests.factories import RUN_MODELS, make_run, make_user

pytestmark = pytest.mark.django_db


def test_a_made_run_is_current_and_has_rows_in_every_table() -> None:
    run = make_run()
    assert CurrentRun.objects.get().run_id == run.pk
    assert all(model.objects.filter(run=run).exists() for model in RUN_MODELS.values())


def test_in_a_made_run_uses_and_idle_add_up_to_what_is_allocatable() -> None:
    run = make_run(weeks=6)
    for row in RunPoolWeek.objects.filter(run=run):
        used = row.serving + row.product + row.internal + row.no_choice + row.pretrain + row.research + row.evals
        assert row.allocatable + row.burst == used + row.idle
        assert row.idle >= 0


def test_in_a_made_run_margins_are_revenue_less_cost_and_shortfalls_agree() -> None:
    run = make_run()
    for row in RunExposure.objects.filter(run=run).exclude(revenue_usd=None):
        assert row.margin_usd == row.revenue_usd - row.reserved_cost_usd
    assert sum(RunDemand.objects.filter(run=run).values_list("short_accelerators", flat=True)) == 30


def test_scale_copies_rows_under_other_keys() -> None:
    run = make_run(scale=3)
    assert RunExposure.objects.filter(run=run).count() == 12


def test_a_made_person_holds_the_roles_given() -> None:
    person = make_user("chair", "finance")
    assert {grant.role for grant in person.role_grants.all()} == {"chair", "finance"}
    assert person.username == "chair"
