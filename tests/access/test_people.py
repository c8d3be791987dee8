"""The people page: roles are granted and revoked by an administrator, never by oneself, and each change is on record."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from capacity.access.models import AuditEvent, RoleGrant, User
from capacity.access.roles import Role
from capacity.access.services import RoleChangeRefused, grant_role, revoke_role

pytestmark = [pytest.mark.django_db, pytest.mark.security]
People = Callable[..., User]


def open_roles(username: str) -> set[str]:
    return set(RoleGrant.objects.filter(user__username=username, revoked_at=None).values_list("role", flat=True))


@pytest.fixture
def administrator(signed_in: Callable[..., Client]) -> Client:
    return signed_in("adm", Role.ADMIN)


def test_an_administrator_grants_and_revokes_a_role(administrator: Client, make_person: People) -> None:
    make_person("ann")
    answer = administrator.post("/people/ann/roles/", {"role": "sales", "change": "grant"}, follow=True)
    assert "Sales is granted to ann." in answer.content.decode()
    assert open_roles("ann") == {"sales"}
    administrator.post("/people/ann/roles/", {"role": "sales", "change": "revoke"})
    assert open_roles("ann") == set()
    events = AuditEvent.objects.exclude(action="signed_in").order_by("id")
    assert [(e.action, e.subject, e.detail, e.user.username) for e in events] == [
        ("role_granted", "ann", {"role": "sales"}, "adm"),
        ("role_revoked", "ann", {"role": "sales"}, "adm"),
    ]
    grant = RoleGrant.objects.get(user__username="ann")
    assert grant.granted_by == "adm" and grant.revoked_at > grant.granted_at


def test_nobody_changes_their_own_roles(administrator: Client) -> None:
    answer = administrator.post("/people/adm/roles/", {"role": "finance", "change": "grant"}, follow=True)
    assert "Nobody changes their own roles" in answer.content.decode()
    assert open_roles("adm") == {"admin"}
    assert not AuditEvent.objects.exclude(action="signed_in").exists()


def test_granting_twice_or_revoking_nothing_changes_nothing(make_person: People) -> None:
    adm, ann = make_person("adm", Role.ADMIN), make_person("ann", Role.SALES)
    assert not grant_role(by=adm, person=ann, role=Role.SALES)
    assert not revoke_role(by=adm, person=ann, role=Role.CHAIR)
    assert not AuditEvent.objects.exists()
    with pytest.raises(RoleChangeRefused):
        revoke_role(by=adm, person=adm, role=Role.ADMIN)


@pytest.mark.parametrize("posted", [{}, {"role": "owner", "change": "grant"}, {"role": "sales", "change": "delete"}])
def test_an_unknown_role_or_change_is_refused(administrator: Client, make_person: People, posted: dict) -> None:
    make_person("ann")
    assert administrator.post("/people/ann/roles/", posted).status_code == 400
    assert open_roles("ann") == set()


def test_foreign_fields_in_the_form_are_not_written(administrator: Client, make_person: People) -> None:
    make_person("ann")
    foreign = {"is_superuser": "1", "is_staff": "1", "is_active": "", "team_key": "x", "password": "x", "user": "1"}
    administrator.post("/people/ann/roles/", {"role": "sales", "change": "grant", **foreign})
    ann = User.objects.get(username="ann")
    assert (ann.is_superuser, ann.is_staff, ann.is_active, ann.team_key) == (False, False, True, "")


def test_a_person_who_is_not_there_is_missing(administrator: Client) -> None:
    assert administrator.post("/people/ghost/roles/", {"role": "sales", "change": "grant"}).status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_else_sees_or_changes_people(signed_in: Callable[..., Client], make_person: People, role: Role) -> None:
    make_person("ann")
    client = signed_in("x", role)
    assert client.get("/people/").status_code == 403
    assert client.post("/people/ann/roles/", {"role": "chair", "change": "grant"}).status_code == 403
    assert open_roles("ann") == set()


def test_the_page_reads_as_many_queries_for_many_people_as_for_few(
    administrator: Client, make_person: People, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    administrator.get("/people/")
    for number in range(30):
        make_person(f"person{number}", Role.SALES, Role.RESEARCH)
    with CaptureQueriesContext(connection) as asked:
        page = administrator.get("/people/").content.decode()
    assert "person29" in page and "sales, research" in page
    make_person("one more", Role.CHAIR)
    with django_assert_num_queries(len(asked)):
        administrator.get("/people/")
    assert len(asked) <= 15


def test_the_audit_page_shows_newest_first_in_pages_of_a_hundred(signed_in: Callable[..., Client]) -> None:
    client = signed_in("aud", Role.AUDITOR)
    AuditEvent.objects.bulk_create(AuditEvent(action="denied", subject=f"page-{n:03}") for n in range(150))
    first = client.get("/audit/").content.decode()
    assert first.index("page-149") < first.index("page-050") and "page-049" not in first
    older = AuditEvent.objects.get(subject="page-050").pk
    assert "page-049" in client.get(f"/audit/?before={older}").content.decode()
    assert "No event matches" in client.get("/audit/?action=nothing").content.decode()


def test_a_made_up_filter_shows_the_log_from_the_start(signed_in: Callable[..., Client]) -> None:
    client = signed_in("aud", Role.AUDITOR)
    assert client.get("/audit/?before=1e309&action=%00").status_code == 200


def test_text_in_the_audit_log_is_shown_as_text(signed_in: Callable[..., Client]) -> None:
    AuditEvent.objects.create(action="denied", subject="<script>alert(1)</script>")
    page = signed_in("aud", Role.AUDITOR).get("/audit/").content.decode()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_the_first_administrator_is_made_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRST", "correct horse battery")
    call_command("create_person", "root", "--roles", "admin, chair", "--password-env", "FIRST")
    assert open_roles("root") == {"admin", "chair"}
    person = User.objects.get(username="root")
    assert person.check_password("correct horse battery")
    assert not person.is_superuser and not person.is_staff
    assert AuditEvent.objects.get().action == "person_created"


@pytest.mark.parametrize(
    ("password", "roles", "said"),
    [
        ("", "admin", "is empty"),
        ("short", "admin", "at least 10 characters"),
        ("correct horse battery", "owner", "Unknown role owner"),
        ("correct horse battery", "", "Unknown role"),
    ],
)
def test_a_bad_account_is_refused_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, password: str, roles: str, said: str
) -> None:
    monkeypatch.setenv("FIRST", password)
    with pytest.raises(CommandError, match=said):
        call_command("create_person", "root", "--roles", roles, "--password-env", "FIRST")
    assert not User.objects.exists()


def test_a_taken_name_is_refused(monkeypatch: pytest.MonkeyPatch, make_person: People) -> None:
    make_person("root")
    monkeypatch.setenv("FIRST", "correct horse battery")
    with pytest.raises(CommandError, match="already exists"):
        call_command("create_person", "root", "--roles", "admin", "--password-env", "FIRST")
