"""Who is told what, once, in words of what they may see: every kind of notice in a world made by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from capacity.access.models import NoticeBaseline, Notification, NotificationChoice, User
from capacity.access.notices import forget_old, mark_read, notices_of, unread_count
from capacity.access.viewer import viewer_of_user
from capacity.access.visibility import Viewer
from capacity.allocation.models import CurrentRun, Run, RunIssue
from capacity.inventory.models import Pool
from contracts.models import Contract
from tests.contracts.pipeline import EXPIRES, hold, make_world, people
from tests.factories import make_user
from tests.review.told import card, justified, plan, raised, revoke, told
from tests.workloads.requests import NOW, made, moved, mover
from workloads.models import Experiment, Forecast, RunPreemption, Team

pytestmark = pytest.mark.django_db

TODAY = NOW.date()


@pytest.fixture
def world() -> None:
    make_world(deals=1)


def approved(**cells: str) -> Experiment:
    """A request of ada's, approved by dan; bea is of her team, cyd of another."""
    for name in ("bea", "cyd"):
        mover(name)
    request = made(**cells)
    moved("dan", request.key, "approved")
    return request


# --- requests -----------------------------------------------------------------------------------------------------


def test_a_decision_is_told_to_the_team_and_neither_to_others_nor_to_who_decided(world: None) -> None:
    request = approved()
    raised()
    sentence = "“Longer contexts” (R-0001) is approved by dan: so it is"
    assert {name: told(name, "request_decided") for name in ("ada", "bea", "cyd", "dan")} == {
        "ada": [sentence],
        "bea": [sentence],
        "cyd": [],
        "dan": [],
    }
    moved("eve", request.key, "returned", reason="say what it is for")
    raised()
    assert told("ada", "request_decided")[1:] == ["“Longer contexts” (R-0001) is returned by eve: say what it is for"]


def test_the_chair_who_submitted_for_a_team_is_told_too(world: None) -> None:
    request = made("dan")
    moved("eve", request.key, "denied", reason="no room")
    raised()
    assert told("dan", "request_decided") == ["“Longer contexts” (R-0001) is denied by eve: no room"]
    assert told("eve", "request_decided") == []


def test_a_decision_of_more_than_a_week_ago_is_no_news(world: None) -> None:
    approved()
    raised(NOW + timedelta(days=8))
    assert told("ada", "request_decided") == []


def test_twice_run_is_one_notice(world: None) -> None:
    approved()
    plan("2026-W49")
    assert raised() > 0
    before = Notification.objects.count()
    assert raised() == 0
    assert raised(NOW + timedelta(minutes=1)) == 0
    assert Notification.objects.count() == before


def test_a_later_start_is_told_with_the_weeks_between_and_the_cause(world: None) -> None:
    approved()
    first = plan("2026-W53")
    raised()
    assert told("ada", "request_moved") == []  # nothing was told before
    second = plan("2027-W02", pool="b200_euw1")

    def cause(viewer: Viewer, key: str, before: int, after: int) -> str:
        return f"Because {key} yields between {before} and {after}, says {','.join(viewer.roles)}."

    raised(cause=cause)
    expected = (
        "“Longer contexts” (R-0001) now starts in the week of 11 Jan 2027 in B200 EU West, 2 weeks later than told "
        f"before (28 Dec). Because R-0001 yields between {first.pk} and {second.pk}, says research."
    )
    assert told("ada", "request_moved") == told("bea", "request_moved") == [expected]
    assert told("cyd", "request_moved") == []
    plan("2027-W02", pool="b200_euw1")
    raised()
    assert len(told("ada", "request_moved")) == 1  # the same week in another plan is no move


def test_a_lost_place_and_a_new_one_are_told(world: None) -> None:
    approved()
    plan("2026-W53")
    raised()
    plan("", why="Short by 8 in the week of 28 Dec.")
    raised()
    plan("2026-W53")
    raised()
    assert told("ada", "request_moved") == [
        "“Longer contexts” (R-0001) has no place in the plan any more, where it was to start in the week of 28 Dec. "
        "Short by 8 in the week of 28 Dec.",
        "“Longer contexts” (R-0001) has a place in the plan: it starts in the week of 28 Dec in H100 US East.",
    ]


def test_the_answer_given_at_submission_is_what_was_told_first(world: None) -> None:
    answer = {"run": 1, "placed": [{"pool": "p", "start": "2026-W50"}], "sentence": "Fits."}
    request = made(submits=False)
    moved("ada", request.key, "submitted", answer=answer)
    moved("dan", request.key, "approved")
    plan("2026-W53", key=request.key)
    raised()
    assert [each.rpartition("in H100 US East, ")[2] for each in told("ada", "request_moved")] == [
        "3 weeks later than told before (7 Dec)."
    ]


def test_another_pool_in_the_same_week_is_told(world: None) -> None:
    approved()
    plan("2026-W53")
    raised()
    plan("2026-W53", pool="b200_euw1")
    raised()
    expected = (
        "“Longer contexts” (R-0001) now has its place in B200 EU West, no longer in H100 US East as told before; it starts "
        "in the same week of 28 Dec."
    )
    assert told("ada", "request_moved") == [expected]
    plan("2026-W53", pool="b200_euw1")
    raised()
    assert told("ada", "request_moved") == [expected]


def test_of_what_was_told_before_pools_were_kept_only_the_week_counts(world: None) -> None:
    approved()
    plan("2026-W53")
    raised()
    NoticeBaseline.objects.update(told={"run": 1, "start": "2026-W53"})
    plan("2026-W53", pool="b200_euw1")
    raised()
    assert told("ada", "request_moved") == []
    assert NoticeBaseline.objects.get(subject="request:R-0001").told["pools"] == ["b200_euw1"]


def test_the_answer_at_submission_named_a_pool_too(world: None) -> None:
    answer = {"run": 1, "placed": [{"pool": "b200_euw1", "start": "2026-W53"}], "sentence": "Fits."}
    request = made(submits=False)
    moved("ada", request.key, "submitted", answer=answer)
    moved("dan", request.key, "approved")
    plan("2026-W53", key=request.key)
    raised()
    assert [each.partition(" (R-0001) ")[2] for each in told("ada", "request_moved")] == [
        "now has its place in H100 US East, no longer in B200 EU West as told before; it starts in the same week of 28 Dec."
    ]


def test_a_cause_that_cannot_be_told_keeps_no_move_from_being_told(world: None) -> None:
    approved()
    plan("2026-W53")
    raised()
    plan("2027-W01")

    def cause(*_: Any) -> str:
        raise ZeroDivisionError

    raised(cause=cause)
    assert told("ada", "request_moved")[0].endswith("1 week later than told before (28 Dec).")


def test_a_request_that_the_plan_has_not_read_yet_stays_as_it_was_told(world: None) -> None:
    approved()
    plan("2026-W53")
    raised()
    plan("2026-W53", key="somebody-else")
    raised()
    assert told("ada", "request_moved") == []
    assert NoticeBaseline.objects.get(subject="request:R-0001").told["start"] == "2026-W53"


def test_about_to_start_is_told_within_14_days_once_for_each_start(world: None) -> None:
    """Monday 23 November: the week of 7 December is 14 days ahead, that of 14 December is not."""
    approved()
    plan("2026-W51")
    raised()
    assert told("ada", "request_starting") == []
    plan("2026-W50")
    raised()
    raised(NOW + timedelta(days=1))
    assert told("ada", "request_starting") == [
        "“Longer contexts” (R-0001) is about to start: 16 accelerators for 2 weeks from 7 Dec in H100 US East."
    ]
    assert told("cyd", "request_starting") == []
    plan("2026-W48")
    raised(NOW + timedelta(days=1))
    assert [each.partition(":")[0] for each in told("ada", "request_starting")[1:]] == [
        "“Longer contexts” (R-0001) is to start this week"
    ]


def test_a_plan_is_told_once_it_has_stood_for_five_minutes(world: None) -> None:
    """Solved at 08:56: at 09:00 it may be replaced at once, at 09:01 it is told."""
    approved()
    plan("2026-W53")
    raised()
    Run.objects.filter(pk=plan("2027-W01").pk).update(finished_at=NOW - timedelta(minutes=4))
    raised()
    assert told("ada", "request_moved") == []
    raised(NOW + timedelta(minutes=1))
    assert len(told("ada", "request_moved")) == 1


# --- cards --------------------------------------------------------------------------------------------------------


def test_a_justification_is_told_14_days_before_its_end_and_when_it_is_over() -> None:
    for role in ("product", "chair", "research", "sales", "finance"):
        make_user(role)
    justified("near", TODAY + timedelta(days=14), owner_role="Product: API")
    justified("far", TODAY + timedelta(days=15))
    card("small", tier="small", tier_justification="x", justification_expires_date=TODAY)
    raised()
    raised(NOW + timedelta(days=15))
    ends = (
        "The reason for a frontier model on Near ends on 7 Dec, in 14 days: renew it with its evidence, or move to a "
        "smaller model. Owner: Product: API."
    )
    over = (
        "The reason for a frontier model on Near ended on 7 Dec: until it is renewed its use counts as no product choice. "
        "Owner: Product: API."
    )
    assert told("product", "justification_expiring", "near") == [ends, over]
    assert told("chair", "justification_expiring", "near") == [ends, over]
    assert told("product", "justification_expiring", "small") == []
    for other in ("research", "sales", "finance"):
        assert told(other, "justification_expiring") == []


def heard_of(owner: str) -> set[str]:
    justified("near", TODAY + timedelta(days=14), owner_role=owner)
    raised()
    return set(Notification.objects.filter(kind="justification_expiring").values_list("user__username", flat=True))


@pytest.mark.parametrize(
    ("owner", "more"),
    [
        ("Product: API", set()),
        ("", set()),
        ("Trust and safety", set()),
        ("Finance", {"finance"}),
        ("  finance :  unit costs", {"finance"}),
        ("Executive", {"exec"}),
        ("sales", {"sales"}),
        # A team where there is one, all of research where not.
        ("Research: alignment", {"ada"}),
        ("research/Team of Labs", {"bea"}),
        ("Research: tools", {"ada", "bea"}),
        # An account by its user name or by the name shown.
        ("bea", {"bea"}),
        ("Ada Lovelace", {"ada"}),
        ("gone", set()),
    ],
)
def test_whom_the_owner_of_a_card_names_is_told_beside_product_and_the_chair(owner: str, more: set[str]) -> None:
    for role in ("product", "chair", "sales", "finance", "exec", "auditor"):
        make_user(role)
    for key, name in (("alignment", "Alignment"), ("labs", "Team of Labs")):
        Team.objects.create(key=key, name=name, weight=1)
    make_user("research", username="ada", display_name="Ada Lovelace", team_key="alignment")
    make_user("research", username="bea", team_key="labs")
    make_user("finance", username="gone", is_active=False)
    assert heard_of(owner) == {"product", "chair"} | more
    names_nobody = "which names no person or role here" in told("product", "justification_expiring")[0]
    assert names_nobody is (owner in {"Trust and safety", "gone"})


def test_the_owner_of_a_card_is_told_of_its_missing_forecast() -> None:
    make_user("finance")
    card("small", tier="small", owner_role="Finance", forecast_source="sales")
    raised()
    assert len(told("finance", "forecast_missing")) == 1
    revoke(User.objects.get(username="finance"))
    Notification.objects.all().delete()
    raised()
    assert told("finance", "forecast_missing") == []


OLD, YOUNG = TODAY - timedelta(days=36), TODAY - timedelta(days=35)


@pytest.mark.parametrize(
    ("fields", "forecasts", "words"),
    [
        ({"forecast_source": "sales"}, [], "is to be planned with the forecast of sales, and there is none of it"),
        ({"forecast_source": "sales"}, [("sales", OLD)], "the forecast of sales, last made on 18 Oct"),
        ({"forecast_source": "sales"}, [("sales", YOUNG)], ""),
        ({}, [("sales", OLD), ("sales", YOUNG)], ""),
        ({}, [("sales", YOUNG), ("trend", YOUNG)], "forecasts of several sources (sales, trend)"),
        ({"output_tokens_per_second": 5, "forecast_date": OLD}, [], "its card’s own tokens of 18 Oct"),
        ({"output_tokens_per_second": 5, "forecast_date": YOUNG}, [], ""),
        ({"output_tokens_per_second": 5}, [], "its card’s own tokens, which have no date"),
        ({}, [], ""),
    ],
)
def test_a_missing_forecast_is_told(fields: dict[str, Any], forecasts: list[tuple[str, date]], words: str) -> None:
    make_user("product")
    workload = card("small", tier="small", **fields)
    for source, vintage in forecasts:
        Forecast.objects.create(
            workload=workload,
            source=source,
            vintage_date=vintage,
            starts_date=TODAY,
            input_p50=1,
            output_p50=1,
        )
    raised()
    found = told("product", "forecast_missing")
    assert bool(found) == bool(words)
    assert all(words in each for each in found), found
    assert raised(NOW + timedelta(minutes=1)) == 0


def test_a_forecast_that_begins_after_the_weeks_planned_is_missing() -> None:
    """104 weeks from the week of 23 November 2026: the first week not planned begins on 20 November 2028."""
    make_user("product")
    for key, starts in (("in", date(2028, 11, 13)), ("out", date(2028, 11, 20))):
        Forecast.objects.create(
            workload=card(key, tier="small"),
            source="sales",
            vintage_date=TODAY,
            starts_date=starts,
            input_p50=1,
            output_p50=1,
        )
    raised()
    assert told("product", "forecast_missing", "in") == []
    assert "says nothing of the weeks planned" in told("product", "forecast_missing", "out")[0]


# --- holds --------------------------------------------------------------------------------------------------------


def test_a_hold_is_told_to_its_seller_7_days_before_it_ends() -> None:
    who = people()
    make_world(deals=1, owner=who["ann"][0])
    hold(who["ann"])
    raised(NOW + timedelta(days=6))
    assert told("ann", "hold_expiring") == []
    raised(NOW + timedelta(days=7))
    raised(NOW + timedelta(days=8))
    assert told("ann", "hold_expiring") == [
        "The hold for Offer deal-1 (deal-1, version 1) ends on 7 Dec, in 7 days: what it keeps is then free for others. "
        "Sign the deal before, or ask for a new hold."
    ]
    for other in ("bob", "fin", "con", "ivo"):
        assert told(other, "hold_expiring") == []


def test_finance_is_told_of_a_hold_whose_seller_is_gone() -> None:
    who = people()
    make_world(deals=1, owner=who["ann"][0])
    hold(who["ann"])
    revoke(who["ann"][0])
    raised(NOW + timedelta(days=7))
    assert told("ann", "hold_expiring") == []
    assert len(told("fin", "hold_expiring")) == len(told("con", "hold_expiring")) == 1
    assert timedelta(days=14) == EXPIRES - TODAY


# --- sight --------------------------------------------------------------------------------------------------------


def test_whoever_lost_the_role_or_the_account_is_told_nothing_and_reads_nothing_of_before(world: None) -> None:
    request = approved()
    raised()
    ada, bea = (User.objects.get(username=name) for name in ("ada", "bea"))
    assert unread_count(ada, viewer_of_user(ada)) == 1
    revoke(ada)
    bea.is_active = False
    bea.save()
    moved("eve", request.key, "returned")
    raised()
    assert len(told("ada", "request_decided")) == len(told("bea", "request_decided")) == 1
    ada = User.objects.get(username="ada")
    assert (unread_count(ada, viewer_of_user(ada)), list(notices_of(ada, viewer_of_user(ada)))) == (0, [])


def test_whoever_left_the_team_reads_its_notices_no_more(world: None) -> None:
    approved()
    raised()
    ada = User.objects.get(username="ada")
    ada.team_key = "another"
    ada.save()
    assert list(notices_of(ada, viewer_of_user(ada))) == []


def test_sales_are_never_told_of_requests_and_names_of_customers_reach_no_researcher(world: None) -> None:
    make_user("sales", team_key="team-1")
    plan("2026-W53")
    deal = CurrentRun.objects.get().run.exposure_rows.first()
    assert deal is not None
    approved(name=f"For {deal.customer_name}")
    moved("eve", "R-0001", "returned", reason=f"{deal.contract_name} comes first")
    raised()
    assert Notification.objects.filter(user__username="sales", kind__startswith="request").count() == 0
    found = told("ada", "request_decided")
    assert len(found) == 2
    for sentence in found:
        assert deal.customer_name not in sentence
        assert deal.contract_name not in sentence


def test_what_is_not_wanted_is_not_kept(world: None) -> None:
    approved()
    ada = User.objects.get(username="ada")
    NotificationChoice.objects.create(user=ada, kind="request_decided", delivery="none")
    raised()
    assert (len(told("ada", "request_decided")), len(told("bea", "request_decided"))) == (0, 1)


def test_a_name_with_line_breaks_stays_one_line(world: None) -> None:
    approved()
    Experiment.objects.filter(key="R-0001").update(name="Long\r\nBcc: all@example.org\u2028x\x1b[31m")
    raised()
    assert told("ada", "request_decided")[0].startswith("“Long Bcc: all@example.org x\\x1b[31m” (R-0001)")


# --- keeping ------------------------------------------------------------------------------------------------------


def test_reading_is_ones_own(world: None) -> None:
    approved()
    raised()
    ada, bea = (User.objects.get(username=name) for name in ("ada", "bea"))
    theirs = list(notices_of(bea, viewer_of_user(bea)).values_list("pk", flat=True))
    assert mark_read(ada, viewer_of_user(ada), ids=theirs, now=NOW) == 0
    assert mark_read(bea, viewer_of_user(bea), ids=theirs, now=NOW) == 1
    assert mark_read(bea, viewer_of_user(bea), ids=None, now=NOW) == 0
    assert unread_count(ada, viewer_of_user(ada)) == 1


def test_notices_are_forgotten_after_180_days(world: None) -> None:
    approved()
    raised()
    assert Notification.objects.count() == 2
    assert forget_old(now=NOW + timedelta(days=180)) == 0
    assert forget_old(now=NOW + timedelta(days=180, seconds=1)) == 2


def test_nobody_and_nothing_is_no_fault() -> None:
    assert raised() == 0
    assert Contract.objects.count() == 0


# --- work that runs -----------------------------------------------------------------------------------------------


def running(**cells: Any) -> Experiment:
    """A request of team-1 that started five weeks ago."""
    request, pool = approved(), Pool.objects.order_by("key").first()
    assert pool is not None
    started = TODAY - timedelta(weeks=5)
    moved("dan", request.key, "running", place={"pool": pool.key, "started_date": started.isoformat()})
    Experiment.objects.filter(pk=request.pk).update(**cells)
    return Experiment.objects.get(pk=request.pk)


def test_a_recall_is_told_once_to_the_team_and_the_chairs_with_its_notice(world: None) -> None:
    request = running(preemptible=True, weeks=9)
    run = plan("", why="It runs and is recalled.")
    taken = "It runs and is recalled: it yields H100 US East from 23 Nov to Launch (R-2), in 4 weeks left to it."
    row = {"run": run, "experiment_key": request.key, "name": request.name, "team_key": "team-1", "team_name": "Team 1"}
    RunPreemption.objects.create(
        **row, priority="P2", position=1, is_taken=True, pool_key="h100_use1", week="2026-W48", accelerators=16,
        for_kind="experiment", for_key="R-2", notice_days=7, lost_accelerator_days=448, sentence=taken,
    )  # fmt: skip
    raised()
    raised(NOW + timedelta(hours=1))
    expected = [f"“Longer contexts” (R-0001): {taken} Notice: 7 days."]
    assert {name: told(name, "request_moved") for name in ("ada", "bea", "dan", "cyd")} == {
        "ada": expected,
        "bea": expected,
        "dan": expected,
        "cyd": [],
    }


def test_a_run_past_its_end_is_told_once_when_the_plan_names_it(world: None) -> None:
    request = running(weeks=4)
    run = plan("2026-W43")
    raised()
    assert told("ada", "request_moved") == []
    RunIssue.objects.create(run=run, code="runs_past_its_end", subject=request.key, sentence="R-0001 runs past its end")
    raised()
    raised(NOW + timedelta(days=1))
    expected = [
        "“Longer contexts” (R-0001) still runs; its 4 weeks ended on 15 Nov. Extend it, or record that it is done: the "
        "plan counts with its accelerators one week at a time."
    ]
    assert told("ada", "request_moved") == told("dan", "request_moved") == expected
