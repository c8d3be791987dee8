"""Accounts after the first: added with a one-time password, replaced at the first sign-in, closed and reopened."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from capacity.access.accounts import ONE_TIME_PASSWORD_LASTS, new_one_time_password
from capacity.access.models import AuditEvent, RoleGrant, User
from capacity.access.roles import Role
from tests.access.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.security]
People = Callable[..., User]
OWN = "a passphrase of my own"


@pytest.fixture
def administrator(signed_in: Callable[..., Client]) -> Client:
    return signed_in("adm", Role.ADMIN)


def add(administrator: Client, username: str = "ann", **fields: object) -> str:
    """The one-time password shown."""
    answer = administrator.post("/people/new/", {"username": username, "roles": ["research"], **fields})
    found = re.search(r'id="one-time-password">([^<]+)<', answer.content.decode())
    assert found, answer.content.decode()
    return found.group(1)


def sign_in(username: str, password: str) -> tuple[Client, int]:
    client = Client()
    return client, client.post("/sign-in/", {"username": username, "password": password}).status_code


def test_a_person_is_added_with_roles_team_and_a_password_shown_once(administrator: Client) -> None:
    password = add(administrator, display_name="Ann", team_key="alignment", roles=["research", "product"])
    ann = User.objects.get(username="ann")
    assert (ann.display_name, ann.team_key, ann.is_superuser, ann.is_staff) == ("Ann", "alignment", False, False)
    assert set(RoleGrant.objects.filter(user=ann).values_list("role", "granted_by")) == {
        ("research", "adm"),
        ("product", "adm"),
    }
    assert ann.check_password(password)
    event = AuditEvent.objects.get(action="person_created")
    assert (event.user.username, event.subject, event.detail["roles"]) == ("adm", "ann", ["research", "product"])
    kept = " ".join(f"{event.subject} {event.detail}" for event in AuditEvent.objects.all())
    assert password not in kept
    for path in ("/people/", "/people/ann/"):
        assert password not in administrator.get(path).content.decode()


def test_whoever_signs_in_with_a_one_time_password_first_chooses_an_own_one(administrator: Client) -> None:
    password = add(administrator)
    client, status = sign_in("ann", password)
    assert status == 302
    for path in ("/requests/", "/", "/methods/"):
        assert client.get(path)["Location"] == "/password/"
    assert client.get("/api/v1/pools/").status_code == 403
    assert "Somebody else made the password" in client.get("/password/").content.decode()

    answer = client.post("/password/", {"present": password, "password": OWN, "again": OWN})

    assert answer["Location"] == "/requests/"
    assert client.get("/methods/").status_code == 200
    assert User.objects.get(username="ann").one_time_password_at is None
    assert sign_in("ann", password)[1] == 200
    assert sign_in("ann", OWN)[1] == 302
    assert AuditEvent.objects.filter(action="password_changed", subject="ann", user__username="ann").exists()


def test_a_one_time_password_runs_out_after_a_week(administrator: Client) -> None:
    password = add(administrator)
    User.objects.filter(username="ann").update(
        one_time_password_at=timezone.now() - ONE_TIME_PASSWORD_LASTS - timedelta(seconds=1)
    )
    client = Client()
    answer = client.post("/sign-in/", {"username": "ann", "password": password})
    assert answer.status_code == 200
    assert "This one-time password has run out" in answer.content.decode()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"present": "wrong"}, "not your present password"),
        ({"again": "different from it"}, "The two passwords differ"),
        ({"password": "short", "again": "short"}, "at least 10 characters"),
        ({"password": PASSWORD, "again": PASSWORD}, "Choose another one"),
    ],
)
def test_an_own_password_is_changed_only_by_whoever_knows_it_and_to_a_strong_one(
    signed_in: Callable[..., Client], fields: dict, said: str
) -> None:
    client = signed_in("ann", Role.CHAIR)
    answer = client.post("/password/", {"present": PASSWORD, "password": OWN, "again": OWN, **fields})
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert User.objects.get().check_password(PASSWORD)


def test_a_changed_password_ends_the_other_sessions_and_keeps_this_one(signed_in: Callable[..., Client]) -> None:
    here = signed_in("ann", Role.AUDITOR)
    elsewhere, _ = sign_in("ann", PASSWORD)
    here.post("/password/", {"present": PASSWORD, "password": OWN, "again": OWN})
    assert here.get("/audit/").status_code == 200
    assert elsewhere.get("/audit/").status_code == 302


@pytest.mark.parametrize(
    ("username", "said"),
    [("ann", "account of this name already"), ("new", "Nobody can be called new"), ("a b", "valid username")],
)
def test_a_name_that_cannot_be_is_refused(administrator: Client, make_person: People, username: str, said: str) -> None:
    make_person("ann")
    answer = administrator.post("/people/new/", {"username": username})
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert User.objects.count() == 2


def test_a_lost_password_is_replaced_by_a_one_time_one_and_its_sessions_end(
    administrator: Client, make_person: People
) -> None:
    make_person("ann", Role.AUDITOR)
    client, _ = sign_in("ann", PASSWORD)
    answer = administrator.post("/people/ann/password/")
    password = re.search(r'id="one-time-password">([^<]+)<', answer.content.decode()).group(1)
    assert client.get("/audit/")["Location"].startswith("/sign-in/")
    assert sign_in("ann", PASSWORD)[1] == 200
    assert sign_in("ann", password)[0].get("/audit/")["Location"] == "/password/"
    assert AuditEvent.objects.filter(action="password_issued", subject="ann", user__username="adm").exists()


def test_a_closed_account_is_out_at_once_and_can_be_reopened(administrator: Client, make_person: People) -> None:
    make_person("ann", Role.AUDITOR)
    client, _ = sign_in("ann", PASSWORD)
    administrator.post("/people/ann/state/", {"state": "closed"})
    assert client.get("/audit/").status_code == 302
    assert sign_in("ann", PASSWORD)[1] == 200
    administrator.post("/people/ann/state/", {"state": "closed"})
    administrator.post("/people/ann/state/", {"state": "active"})
    assert sign_in("ann", PASSWORD)[1] == 302
    actions = AuditEvent.objects.filter(subject="ann", user__username="adm").order_by("id")
    assert list(actions.values_list("action", flat=True)) == ["person_deactivated", "person_reactivated"]
    assert administrator.post("/people/ann/state/", {"state": "gone"}).status_code == 400


def test_nobody_closes_themselves_nor_sets_their_own_team_or_one_time_password(administrator: Client) -> None:
    administrator.post("/people/adm/state/", {"state": "closed"})
    administrator.post("/people/adm/", {"display_name": "Me", "team_key": "alignment"})
    answer = administrator.post("/people/adm/password/", follow=True)
    assert "Nobody does this to their own account" in answer.content.decode()
    person = User.objects.get()
    assert (person.is_active, person.team_key, person.one_time_password_at) == (True, "", None)
    assert not AuditEvent.objects.exclude(action="signed_in").exists()


def test_name_and_team_are_changed_and_on_record(administrator: Client, make_person: People) -> None:
    make_person("ann", Role.RESEARCH)
    administrator.post("/people/ann/", {"display_name": "Ann", "team_key": "evals", "is_superuser": "1"})
    ann = User.objects.get(username="ann")
    assert (ann.display_name, ann.team_key, ann.is_superuser) == ("Ann", "evals", False)
    event = AuditEvent.objects.get(action="person_changed")
    assert event.detail == {"display_name": ["", "Ann"], "team": ["", "evals"]}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_else_adds_or_changes_accounts(
    signed_in: Callable[..., Client], make_person: People, role: Role
) -> None:
    make_person("ann")
    client = signed_in("x", role)
    assert client.get("/people/new/").status_code == 403
    for path in ("/people/new/", "/people/ann/", "/people/ann/password/", "/people/ann/state/"):
        assert client.post(path, {"username": "eve", "state": "closed"}).status_code == 403
    assert User.objects.filter(is_active=True).count() == 2


def test_one_time_passwords_are_long_and_never_alike() -> None:
    made = {new_one_time_password() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(r"([2-9a-hj-km-np-z]{4}-){3}[2-9a-hj-km-np-z]{4}", each) for each in made)
