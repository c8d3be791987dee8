"""A request's place in the queue, what it was granted and used, what has ended, and starved teams on the review."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

import pytest
from django.test import Client

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.lib.figures import RESTRICTED, Absent
from capacity.review.fairness_figures import STARVED, starved_teams
from capacity.review.request_standing import ended_requests, granted_facts, queue_facts
from tests.factories import make_run, make_user
from tests.imports.world import GOOD, import_texts
from tests.workloads.requests import made, moved

PARTS = [{"name": "class", "points": 400}, {"name": "fair share", "points": 8}, {"name": "waiting", "points": 0}]


def queued(**others: Any) -> dict[str, Any]:
    return {
        "experiment_key": "E-1", "name": "Sparse", "team_key": "t", "team_name": "T", "priority": "P1", "tier": "P1",
        "rank": 3, "score": 408, "parts": PARTS, "ahead_requests": 2,
        "ahead": [{"class": "P0", "requests": 2, "accelerator_weeks": 12000}], "start_week": "2026-W50",
        "pool_key": "p", "accelerators": 64, "weeks": 4, "submitted_date": None, "waited_weeks": 0, "override": None,
        **others,
    }  # fmt: skip


def test_the_queue_says_rank_score_who_is_ahead_and_the_start() -> None:
    facts = dict(queue_facts([queued()], year=2026))
    assert (facts["Rank"], facts["Score"], facts["Made of"]) == ("3", "408", "class 400, share +8")
    assert facts["Ahead, requests: accelerator-weeks"] == "P0 2: 12,000"
    assert "7 Dec" in facts["Estimated start"]
    assert dict(queue_facts([queued(start_week="", ahead=[])], year=2026))["Estimated start"] == "no place in this plan"


def test_what_stands_in_no_queue_or_may_not_be_known_has_no_facts() -> None:
    assert queue_facts([], year=2026) == []
    assert queue_facts([queued(rank=RESTRICTED)], year=2026) == []
    assert granted_facts([]) == []


def test_more_used_than_granted_is_said_and_hours_without_jobs_are_not_zero() -> None:
    row = {"granted_hours": D(430080), "used_hours": D(387072), "used_share": D("0.9")}
    # 512 accelerators for 5 weeks of 168 hours.
    assert [cell for _, cell in granted_facts([row])] == ["430,080", "387,072", "90.0%"]
    above = granted_facts([{**row, "used_hours": D(473088), "used_share": D("1.1")}])
    assert above[-1][1].startswith("110.0%: above what was granted")
    unknown = granted_facts([{**row, "used_hours": None, "used_share": None}])
    assert all(isinstance(cell, Absent) for _, cell in unknown[1:])


def test_a_starved_team_is_counted_and_its_sentence_told() -> None:
    teams = [
        {"team_key": "a", "team_name": "Alignment", "alarm": "unplaced", "sentence": "7 weeks without a place."},
        {"team_key": "b", "team_name": "Systems", "alarm": "", "sentence": "Uses its share."},
    ]
    figure = starved_teams({"teams": teams})
    assert (figure["key"], figure["value"], figure["state"]) == (STARVED, D(1), "bad")
    assert [(term["name"], term["value"]) for term in figure["terms"]] == [("Alignment", "7 weeks without a place.")]
    assert starved_teams({"teams": teams[1:]})["state"] == "good"


@pytest.mark.django_db
def test_a_denied_request_stays_with_its_reason(client: Client) -> None:
    make_run()
    assert import_texts(GOOD).applied
    request = made()
    moved("dan", request.key, "denied", reason="No room before March.")
    chair = Viewer(username="dan", roles=frozenset({Role.CHAIR}))
    rows = ended_requests(viewer=chair, labels=[], now=datetime(2026, 12, 1, tzinfo=UTC))
    [row] = [each for each in rows if each["key"] == request.key]
    assert (row["state"], row["reason"]) == ("Denied", "No room before March.")
    client.force_login(make_user("research"))
    html = client.get("/requests/placed/").content.decode()
    assert "No room before March." in html
    client.force_login(make_user("sales"))
    assert client.get("/requests/placed/").status_code == 403


@pytest.mark.django_db
def test_a_reason_that_names_a_customer_is_told_in_the_readers_words(client: Client) -> None:
    make_run()
    assert import_texts(GOOD).applied
    request = made()
    moved("dan", request.key, "denied", reason="The room is held for Acme Robotics.")
    addresses = [f"/requests/{request.key}/", "/requests/placed/", f"/api/v1/request-moves/{request.key}/"]
    for role, is_told in (("research", False), ("product", False), ("finance", True)):
        client.force_login(make_user(role))
        for address in addresses:
            said = client.get(address).content.decode()
            assert "The room is held for" in said, (role, address)
            assert ("Acme Robotics" in said) is is_told, (role, address)
