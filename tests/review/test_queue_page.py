"""The requests page: the queue with its criteria, moves with their cause, what yields, teams; and the override form."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pgtrigger
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.allocation.models import Run
from capacity.decisions.models import Decision
from capacity.review.gantt import most_telling
from capacity.review.queue_page import moved_lines
from tests.factories import make_run, make_user
from workloads.models import Experiment, PriorityOverride, RunMove, RunTeam, Team
from workloads.overrides import override_rows

pytestmark = pytest.mark.django_db
MOVE: dict[str, Any] = {
    "group": "placements", "table": "", "kind": "moved", "noun": "Request", "subject": "RL from feedback (e_rl)",
    "key": ["e_rl"], "gate": ["placement", "experiment_key"], "owner": "alignment", "contract": None,
    "cause": "h100 has 64 fewer in 2026-W50: lot L9 comes in 2026-W52 instead of 2026-W50",
    "fields": [{"label": "Place", "kind": "text", "resource": "placement", "field": "pool_key",
                "before": "h100 from 2026-W50, 64 accelerators", "after": "h100 from 2026-W52, 64 accelerators"}],
}  # fmt: skip


def text(client: Client, address: str = "/requests/") -> str:
    html = client.get(address).content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def signed_in(client: Client, *roles: str) -> User:
    user = make_user(*roles)
    client.force_login(user)
    return user


def test_the_queue_tells_position_score_criteria_and_who_is_ahead(client: Client) -> None:
    make_run()
    signed_in(client, "research")
    page = text(client)
    assert "Scaling study 1 436 class 400; share +7; waited 9; override +20" in page
    assert "Approved, no place yet" in page and "Scheduled" in page
    assert "P1 2: 384" in page and "P2, preemptible" in page
    assert "1 team is starved: Alignment." in page
    assert "Waits too long Scaling study (e_scale) has waited 9 weeks and has no place." in page
    assert "not known" in page  # what an interruption loses without a checkpoint interval


def test_the_file_of_the_queue_is_what_the_page_shows(client: Client) -> None:
    make_run()
    signed_in(client, "chair")
    lines = client.get("/requests/?format=csv&table=request-queue").content.decode().splitlines()
    assert len(lines) > 3
    assert any("Scaling study" in line and "436" in line for line in lines)


def test_sales_reach_neither_the_queue_nor_the_placements(client: Client) -> None:
    make_run()
    signed_in(client, "sales")
    for address in ("/requests/", "/requests/placed/", "/api/v1/request-queue/", "/api/v1/team-shares/",
                    "/api/v1/preemptions/"):  # fmt: skip
        assert client.get(address).status_code in (403, 404), address


def test_before_any_review_the_last_plan_that_moved_something_is_told(client: Client) -> None:
    run = make_run()
    RunMove.objects.create(run=run, against_run=7, experiment_key="e_rl", line=MOVE)
    signed_in(client, "research")
    page = text(client)
    assert f"by plan {run.pk}, against plan 7" in page
    assert "RL from feedback (e_rl)" in page and "lot L9 comes in the week of 21 Dec" in page


def test_after_a_review_moves_are_told_against_it_the_own_team_s_first() -> None:
    other = MOVE | {"owner": "foundation", "key": ["e_big"], "kind": "lost", "subject": "Large gang (e_big)"}
    changes = {"against": {"week": "2026-W47", "run": 7}, "contracts": [], "lines": [other, MOVE]}
    research = Viewer(roles=frozenset({Role.RESEARCH}), team_key="alignment")
    moved = moved_lines(changes, research, names={"h100": "H100 Prairie"}, year=2027)
    assert (moved["against"], moved["left_out"]) == ("2026-W47", 0)
    assert [(line["key"], line["is_own"]) for line in moved["moves"]] == [("e_rl", True), ("e_big", False)]
    assert moved["moves"][0]["before"] == "H100 Prairie from 7 Dec 2026, 64 accelerators"
    assert moved["moves"][0]["cause"].startswith("h100 has 64 fewer in the week of 7 Dec 2026: lot L9 comes in")
    assert moved_lines(changes, Viewer(roles=frozenset({Role.SALES})))["moves"] == []


def decided(user: User, **more: Any) -> Decision:
    day = date(2026, 12, 7)
    return Decision.objects.create(
        **{
            "number": 1, "review_week": "2026-W48", "kind": "experiment", "question": "First?", "chosen": "Launch first",
            "reason": "It ships.", "decider_role": "chair", "owner_role": "chair", "effect_metric": "H12",
            "effect_direction": "at_most", "effect_target": 1, "effect_by_date": day, "review_back_date": day,
            "recorded_by": user, "idempotency_key": "d1", **more,
        }
    )  # fmt: skip


def asked(key: str = "E-1", *, team: Team | None = None, state: str = "approved") -> Experiment:
    team = team or Team.objects.create(key="alignment", name="Alignment", weight=3)
    monday = date(2026, 12, 7)
    return Experiment.objects.create(
        key=key, name="Launch", team=team, experiment_priority="P1", purpose="research", is_model_development=False,
        accelerators=64, weeks=2, earliest_start_date=monday, latest_start_date=monday, accelerator_types=["h100"],
        state=state,
    )  # fmt: skip


FORM = {"weight": "1.5", "reason": "The launch waits for it", "decision_number": "1", "starts_date": "2026-11-23",
        "ends_date": "2026-12-21"}  # fmt: skip


def test_the_chair_overrides_a_weight_by_a_recorded_decision_only(client: Client) -> None:
    make_run()
    chair = signed_in(client, "chair")
    asked()
    assert "record one first" in text(client, "/requests/E-1/override/")
    assert client.post("/requests/E-1/override/", FORM).status_code == 422
    decided(chair, kind="buy")
    assert client.post("/requests/E-1/override/", FORM).status_code == 422
    assert not PriorityOverride.objects.exists()
    decided(chair, number=2, idempotency_key="d2")
    assert client.post("/requests/E-1/override/", FORM | {"decision_number": "2"}).status_code == 302
    (row,) = override_rows()
    assert (row["key"], row["experiment"], str(row["weight"]), row["is_decided"]) == ("E-1-1", "E-1", "1.50", True)
    assert "D-2" in text(client, "/requests/E-1/override/")


def test_an_override_without_a_reason_or_of_an_impossible_weight_is_not_kept(client: Client) -> None:
    make_run()
    decided(signed_in(client, "chair"))
    asked()
    for wrong in ({"reason": " "}, {"weight": "3.5"}, {"weight": "much"}, {"ends_date": "2026-11-23"}):
        answer = client.post("/requests/E-1/override/", FORM | wrong)
        assert answer.status_code == 422, wrong
        assert 'value="1.5"' in answer.content.decode() or "weight" in wrong
    assert not PriorityOverride.objects.exists()


def test_research_does_not_set_its_own_weight(client: Client) -> None:
    make_run()
    signed_in(client, "research")
    asked()
    assert client.get("/requests/E-1/override/").status_code == 403
    assert client.post("/requests/E-1/override/", FORM).status_code == 403


def test_an_override_loses_its_effect_when_its_decision_is_superseded(client: Client) -> None:
    chair = signed_in(client, "chair")
    first = decided(chair)
    PriorityOverride.objects.create(
        key="o", experiment=asked(), weight="1.5", reason="x", decision_number=1, starts_date=date(2026, 11, 23),
        ends_date=date(2026, 12, 21),
    )  # fmt: skip
    assert override_rows()[0]["is_decided"]
    decided(chair, number=2, idempotency_key="d2", supersedes=first)
    assert not override_rows()[0]["is_decided"]


# --- the drawing -----------------------------------------------------------------------------------------------------

MOST_QUERIES, MOST_ELEMENTS = 15, 2000


def many(run: Run) -> None:
    """A world of 300 placed requests: forty wait, forty have ended, forty moved, of nine teams."""
    kept = list(RunTeam.objects.filter(run=run).values_list("pk", flat=True)[:9])
    with pgtrigger.ignore():
        RunTeam.objects.filter(run=run).exclude(pk__in=kept).delete()
    team = Team.objects.create(key="alignment", name="Alignment", weight=3)
    for state in ("submitted", "denied"):
        for number in range(40):
            asked(key=f"{state}-{number}", team=team, state=state)
    RunMove.objects.bulk_create(
        RunMove(run=run, against_run=run.pk, experiment_key=f"e_rl_{copy}", line=MOVE | {"key": [f"e_rl_{copy}"]})
        for copy in range(2, 42)
    )


@pytest.mark.parametrize("address", ["/requests/", "/requests/placed/", "/requests/placed/?bars-page=3"])
def test_with_three_hundred_requests_the_pages_keep_their_size(client: Client, address: str) -> None:
    run = make_run(scale=75)
    many(run)
    for role in ("research", "chair"):
        signed_in(client, role)
        with CaptureQueriesContext(connection) as found:
            html = client.get(address).content.decode()
        assert len(found) <= MOST_QUERIES, (role, len(found))
        assert len(re.findall(r"<[a-z]", html)) <= MOST_ELEMENTS, role
        assert 'class="p-before"' in html


def bars_of(client: Client, address: str) -> list[str]:
    """What each bar of the Gantt is called."""
    html = client.get(address).content.decode()
    return re.findall(r'<g role="img" aria-label="([^"]+)"', html)


def test_every_placement_is_drawn_on_one_page_of_the_drawing(client: Client) -> None:
    make_run(scale=30)
    signed_in(client, "chair")
    assert len(bars_of(client, "/requests/")) == 40
    assert "All placements, 80 more" in text(client)
    pages = [bars_of(client, f"/requests/placed/?bars-page={number}") for number in (1, 2)]
    assert [len(page) for page in pages] == [100, 20]
    assert "101–120 of 120" in text(client, "/requests/placed/?bars-page=2")
    assert {bar.partition(",")[0] for bar in bars_of(client, "/requests/placed/?q=e_abl")} == {"Reward ablations"}


def test_beside_the_queue_the_own_team_moves_and_runs_are_drawn_first() -> None:
    rows = [
        {"experiment_key": key, "is_running": runs, "pool_key": "p", "start_week": "2026-W50"}
        for key, runs in (("a", False), ("b", True), ("c", False), ("d", False), ("e", False))
    ]
    kept = most_telling(rows, most=4, first_keys=["d"], ranks={"c": 1, "e": 2, "a": 3})
    assert [row["experiment_key"] for row in kept] == ["b", "c", "d", "e"]


def test_where_the_plan_before_had_a_request_is_an_outline_with_its_words_and_its_line(client: Client) -> None:
    """In plan 1 it lay three weeks in another pool; its outline stands there, and the table says why."""
    elsewhere = {"placements": {"e_rl": {"pool_key": "h100_use1", "domain_key": "a1", "weeks": 1, "accelerators": 48}}}
    before = make_run(is_current=False, changes=elsewhere)
    run = make_run()
    RunMove.objects.create(run=run, against_run=before.pk, experiment_key="e_rl", line=MOVE)
    signed_in(client, "research")
    for address in ("/requests/", "/requests/placed/"):
        html = client.get(address).content.decode()
        (outline,) = re.findall(r'aria-label="([^"]+)"><title>[^<]+</title><rect class="p-before"', html)
        assert outline.startswith(f"In plan {before.pk}, no longer: RL from feedback, Alignment, P1: 48 accelerators")
        assert "1 dashed outline where the plan before had them" in html
        moved = html[html.index('id="moved"') :]
        assert "RL from feedback (e_rl)" in moved and "64 accelerators" in moved
    # What a filter leaves out is not drawn as if it had gone.
    assert "p-before" not in client.get("/requests/placed/?q=e_abl").content.decode()


def test_without_a_move_nothing_is_outlined(client: Client) -> None:
    make_run()
    signed_in(client, "chair")
    html = client.get("/requests/").content.decode()
    assert "p-before" not in html and "Dashed" not in html and html.count('id="gantt"') == 1
