"""The first account: guarded by the setup code, made once however many ask, and gone afterwards."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client, RequestFactory

from capacity.access import first_person
from capacity.access.first_person import AlreadyTaken, create_first_person, is_setup_code, setup_code
from capacity.access.models import AuditEvent, RoleGrant, User

pytestmark = [pytest.mark.django_db, pytest.mark.security]
PASSWORD = "correct horse battery"
CODE = "aaaa-bbbb-cccc-dddd"


@pytest.fixture(autouse=True)
def _code(settings: object) -> None:
    settings.SETUP_CODE = CODE  # type: ignore[attr-defined]


def fields(**changed: object) -> dict[str, object]:
    form = {"code": CODE, "username": "ann", "display_name": "Ann", "password": PASSWORD, "again": PASSWORD}
    return form | changed


def post(client: Client, **changed: object):
    return client.post("/welcome/", fields(**changed))


def open_roles(username: str = "ann") -> set[str]:
    return set(RoleGrant.objects.filter(user__username=username, revoked_at=None).values_list("role", flat=True))


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/start/", "/people/", "/reviews/2026-W48/", "/no/such/page"])
def test_while_nobody_has_an_account_every_page_leads_to_the_welcome_page(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (302, "/welcome/")
    assert client.get("/welcome/").status_code == 200


def test_health_and_api_answer_as_ever_without_any_account(client: Client) -> None:
    assert client.get("/healthz").status_code in (200, 503)
    assert client.get("/api/v1/pools/").status_code in (401, 403)


def test_the_code_may_come_with_the_address(client: Client) -> None:
    assert f'value="{CODE}"' in client.get(f"/welcome/?code={CODE}").content.decode()


def test_the_first_person_becomes_administrator_with_the_roles_ticked_and_is_signed_in(client: Client) -> None:
    answer = post(client, roles=["chair", "finance"])
    assert (answer.status_code, answer["Location"]) == (302, "/start/")
    assert open_roles() == {"admin", "chair", "finance"}
    person = User.objects.get()
    assert person.check_password(PASSWORD) and person.one_time_password_at is None
    assert not person.is_superuser and not person.is_staff
    event = AuditEvent.objects.get(action="first_person_created")
    assert (event.user, event.detail["roles"]) == (person, ["chair", "finance", "admin"])
    assert client.get("/start/").status_code == 200


def test_an_administrator_alone_starts_with_the_people(client: Client) -> None:
    assert post(client)["Location"] == "/people/"
    assert client.get("/people/").status_code == 200


def test_afterwards_the_page_is_gone_and_nobody_changes_their_own_roles(client: Client) -> None:
    post(client, roles=["chair"])
    assert client.get("/welcome/").status_code == 404
    assert Client().get("/welcome/").status_code == 404
    assert Client().post("/welcome/", fields(username="eve")).status_code == 404
    client.post("/people/ann/roles/", {"role": "finance", "change": "grant"})
    assert open_roles() == {"admin", "chair"}
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"code": "aaaa-bbbb-cccc-dddX"}, "not the setup code"),
        ({"code": ""}, "required"),
        ({"again": "another password"}, "The two passwords differ"),
        ({"password": "short", "again": "short"}, "at least 10 characters"),
        ({"username": "ann smith"}, "valid username"),
        ({"username": "new"}, "Nobody can be called new"),
        ({"roles": ["owner"]}, "not one of the available choices"),
    ],
)
def test_what_does_not_fit_is_said_and_makes_no_account(client: Client, changed: dict, said: str) -> None:
    answer = post(client, **changed)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not User.objects.exists()


def test_foreign_fields_make_nobody_a_superuser(client: Client) -> None:
    post(client, is_superuser="1", is_staff="1")
    person = User.objects.get()
    assert not person.is_superuser and not person.is_staff


@pytest.mark.parametrize("written", [CODE, CODE.upper(), f"  {CODE} ", CODE.replace("-", "")])
def test_the_code_is_read_as_people_copy_it(written: str) -> None:
    assert is_setup_code(written)
    assert not is_setup_code(CODE[:-1])
    assert not is_setup_code("")


def test_without_a_launcher_the_code_follows_from_the_secret_key(settings: object) -> None:
    settings.SETUP_CODE = ""  # type: ignore[attr-defined]
    first = setup_code()
    assert len(first) == 19 and first == setup_code()
    settings.SECRET_KEY = "another key of at least thirty-two characters"  # type: ignore[attr-defined]
    assert setup_code() != first


def test_the_command_prints_the_code_until_somebody_has_an_account(make_person: Callable[..., User]) -> None:
    out = io.StringIO()
    call_command("setup_code", stdout=out)
    assert out.getvalue().strip() == CODE
    make_person("ann")
    with pytest.raises(CommandError, match="Somebody has an account"):
        call_command("setup_code")


def test_the_eleventh_wrong_code_from_one_address_is_not_looked_at(client: Client) -> None:
    for _ in range(first_person.WRONG_CODES):
        assert post(client, code="wrong").status_code == 200
    refused = post(client)
    assert refused.status_code == 429
    assert "Try again in a quarter of an hour" in refused.content.decode()
    assert not User.objects.exists()
    assert AuditEvent.objects.filter(action="first_person_refused").count() == first_person.WRONG_CODES
    elsewhere = client.post("/welcome/", fields(), REMOTE_ADDR="203.0.113.10")
    assert elsewhere.status_code == 302


def test_wrong_codes_are_on_record_without_the_code(client: Client) -> None:
    post(client, code="my-other-secret")
    event = AuditEvent.objects.get()
    assert (event.action, event.detail) == ("first_person_refused", {"address": "127.0.0.1"})
    assert "my-other-secret" not in f"{event.subject}{event.detail}"


def test_a_closed_account_does_not_count_as_somebody(client: Client, make_person: Callable[..., User]) -> None:
    make_person("ann", is_active=False)
    assert client.get("/sign-in/")["Location"] == "/welcome/"
    assert "closed account of this name" in post(client).content.decode()
    assert post(client, username="bob").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_administrator() -> None:
    together, outcomes = threading.Barrier(2), []

    def make(username: str) -> None:
        together.wait()
        try:
            create_first_person(
                username=username, password=PASSWORD, roles=[], request=RequestFactory().post("/welcome/")
            )
            outcomes.append("made")
        except AlreadyTaken:
            outcomes.append("taken")
        finally:
            connection.close()

    threads = [threading.Thread(target=make, args=(name,)) for name in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "taken"]
    assert User.objects.count() == RoleGrant.objects.count() == 1
