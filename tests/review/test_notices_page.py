"""The page and the API of one's own notices, and the count in the frame of every page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from capacity.access.models import AuditEvent, Notification, User
from capacity.access.notices import NewNotice, keep_notices
from capacity.access.roles import Role
from tests.factories import make_run, make_user
from tests.workloads.requests import NOW

pytestmark = pytest.mark.django_db

MOST_QUERIES, MOST_ELEMENTS = 15, 2000


def fill(user: User, count: int, *, role: Role = Role.RESEARCH, team: str = "alignment") -> None:
    keep_notices(
        [
            NewNotice(
                user_id=user.pk,
                kind="request_moved",
                subject_key=f"R-{number:04}",
                as_role=role,
                team_key=team,
                url_name="request",
                url_args=(f"R-{number:04}",),
                sentence=f"Request {number} <b>moved</b>.",
                dedupe_key=f"moved {number} {role}",
            )
            for number in range(1, count + 1)
        ],
        wanted={},
        with_mail=False,
        now=NOW,
    )


@pytest.fixture
def rita() -> User:
    return make_user("research", username="rita")


@pytest.fixture
def page(rita: User) -> Client:
    client = Client()
    client.force_login(rita)
    return client


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_the_list_is_newest_first_in_few_queries_and_elements(rita: User, page: Client) -> None:
    make_run()
    fill(rita, 100)
    page.get("/account/notices/")
    with CaptureQueriesContext(connection) as queries:
        html = text(page.get("/account/notices/"))
    assert len(queries) <= MOST_QUERIES, len(queries)
    assert len(re.findall(r"<[a-z]", html)) <= MOST_ELEMENTS
    assert re.findall(r"Request (\d+) &lt;b&gt;", html) == [str(number) for number in range(100, 60, -1)]
    older = re.search(r'href="(\?before=\d+)"', html)
    assert older
    assert re.findall(r"Request (\d+) ", text(page.get("/account/notices/" + older[1])))[0] == "60"


def test_the_count_costs_no_query_on_any_page(rita: User, page: Client) -> None:
    make_run()
    page.get("/methods/")
    with CaptureQueriesContext(connection) as none:
        assert "unread" not in text(page.get("/workloads/"))
    fill(rita, 3)
    with CaptureQueriesContext(connection) as three:
        html = text(page.get("/workloads/"))
    assert len(three) == len(none)
    assert 'aria-label="Account: rita, 3 unread notices"' in html
    assert '<span class="count">3<span class="sr"> unread</span></span>' in html


def test_what_is_read_is_counted_no_more_and_nobody_reads_anothers(rita: User, page: Client) -> None:
    other = make_user("research", username="zoe")
    fill(rita, 3)
    fill(other, 2)
    theirs = Notification.objects.filter(user=other).first()
    mine = Notification.objects.filter(user=rita).first()
    assert theirs is not None
    assert mine is not None
    for row in (theirs, mine):
        assert page.post("/account/notices/read/", {"id": row.pk}).status_code == 302
    assert Notification.objects.filter(user=other, read_at=None).count() == 2
    assert "<b>2 unread.</b>" in text(page.get("/account/notices/"))
    page.post("/account/notices/read/", {"all": "1"})
    assert "<b>All read.</b>" in text(page.get("/account/notices/"))
    for wrong in ({}, {"id": "x"}, {"id": "9" * 30}):
        assert page.post("/account/notices/read/", wrong).status_code == 400
    assert page.get("/account/notices/read/").status_code == 405


def test_a_notice_of_a_role_that_is_gone_is_not_shown(rita: User, page: Client) -> None:
    fill(rita, 1, role=Role.CHAIR, team="")
    fill(rita, 1, team="another")
    html = text(page.get("/account/notices/"))
    assert "Request 1" not in html
    assert "unread" not in html
    assert page.get("/api/v1/notices/").json() == {"unread": 0, "before": None, "results": []}


def test_choices_are_saved_and_a_wrong_one_is_said_beside_its_field(rita: User, page: Client) -> None:
    html = text(page.get("/account/notices/"))
    assert "No e-mail is sent: no mail server is set up." in html
    assert "Hold expiring" not in html
    sent = {"request_moved": "digest", "request_decided": "none", "email": ""}
    refused = page.post("/account/notices/", sent)
    assert refused.status_code == 422
    assert "Say where e-mails should go" in text(refused)
    assert re.search(r'id="id_request_moved".*?value="digest" selected', text(refused), re.DOTALL)
    assert page.post("/account/notices/", sent | {"email": "rita@example.org"}).status_code == 302
    html = text(page.get("/account/notices/"))
    assert re.search(r'id="id_request_decided".*?value="none" selected', html, re.DOTALL)
    assert 'value="rita@example.org"' in html
    event = AuditEvent.objects.get(action="email_changed")
    assert "example" not in f"{event.subject}{event.detail}"


def test_the_page_says_when_mail_is_on(page: Client, settings: Any) -> None:
    settings.MAIL_IS_ON = True
    html = text(page.get("/account/notices/"))
    assert "after 07:00 UTC" in html
    assert "Mails hold no links" in html


@pytest.mark.parametrize("role", list(Role))
def test_the_page_opens_for_every_role_and_is_empty_with_words(client: Client, role: Role) -> None:
    client.force_login(make_user(role))
    html = text(client.get("/account/notices/"))
    assert "Nothing has been told to you" in html
    is_told = role not in (Role.AUDITOR, Role.ADMIN)
    assert ("How you are told" in html) == is_told
    assert ("Your roles are told of nothing" in html) != is_told


def test_the_api_lists_and_marks_read(rita: User, page: Client) -> None:
    fill(rita, 101)
    first = page.get("/api/v1/notices/").json()
    assert (first["unread"], len(first["results"]), first["results"][0]["subject"]) == (101, 100, "R-0101")
    assert first["results"][0]["url"].endswith("/requests/R-0101/")
    rest = page.get(f"/api/v1/notices/?before={first['before']}").json()
    assert (len(rest["results"]), rest["before"]) == (1, None)
    ids = [first["results"][0]["id"], rest["results"][0]["id"]]

    def post(body: Any) -> Any:
        return page.post("/api/v1/notices/", body, content_type="application/json")

    assert post({"ids": ids}).json() == {"read": 2}
    assert post({"ids": ids}).json() == {"read": 0}
    assert post({"all": True}).json() == {"read": 99}
    for wrong in ({}, {"ids": "1"}, {"ids": [True]}, {"ids": [1], "all": True}, {"ids": [2**63]}, [1], {"x": 1}):
        assert post(wrong).status_code == 400, wrong
    assert page.get("/api/v1/notices/?before=x").status_code == 400
    assert Client().get("/api/v1/notices/").status_code == 401
