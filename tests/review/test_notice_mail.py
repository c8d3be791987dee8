"""Notices by e-mail: to whom, what stands in one, each at most once, and what becomes of it when the server fails."""

from __future__ import annotations

import smtplib
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ImproperlyConfigured

from capacity.access.models import Notification, User
from capacity.access.notices import ChoiceRefused, NewNotice, choices_of, keep_notices, save_choices
from capacity.access.roles import Role
from capacity.access.viewer import viewer_of_user
from capacity.review.notice_mail import mail_of, send_digest, send_immediate
from capacity.settings import mail_from_url
from tests.factories import make_user
from tests.review.told import revoke
from tests.workloads.requests import NOW

pytestmark = pytest.mark.django_db

SEVEN = NOW.replace(hour=7, minute=0)


@pytest.fixture(autouse=True)
def mail_is_on(settings: Any) -> None:
    settings.MAIL_IS_ON = True
    settings.PUBLIC_URL = "https://capacity.example.org"


@pytest.fixture
def rita() -> User:
    return make_user("research", username="rita", email="rita@example.org")


def keep(user: User, *, number: int = 1, delivery: str = "immediate", at: datetime = NOW, **fields: Any) -> None:
    notice = NewNotice(
        **{
            "user_id": user.pk,
            "kind": "request_moved",
            "subject_key": f"R-{number:04}",
            "as_role": Role.RESEARCH,
            "team_key": "alignment",
            "url_name": "request",
            "url_args": (f"R-{number:04}",),
            "sentence": f"Request {number} moved.",
            "dedupe_key": f"moved {number}",
            **fields,
        }
    )
    keep_notices([notice], wanted={(user.pk, notice.kind): delivery}, with_mail=True, now=at)


def immediate(now: datetime = NOW) -> int:
    return send_immediate(clock=lambda: now)


def digest(now: datetime) -> int:
    return send_digest(clock=lambda: now)


class Server:
    """A mail server that fails as it is told: `opens`, `sends` raise the error; `during` is called while it sends."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, opens: Any = None, sends: Any = None, during: Any = None
    ) -> None:
        self.opens, self.sends, self.during, self.sent = opens, sends, during, []
        monkeypatch.setattr("capacity.review.notice_mail.get_connection", lambda: self)

    def open(self) -> None:
        if self.opens:
            raise self.opens

    def send_messages(self, messages: list[Any]) -> int:
        if self.during:
            self.during()
        if self.sends:
            raise self.sends
        self.sent += messages
        return len(messages)

    def close(self) -> None:
        pass


# --- what is sent -------------------------------------------------------------------------------------------------


def test_one_mail_at_once_holds_what_waits_and_is_sent_once(rita: User) -> None:
    keep(rita)
    keep(rita, number=2)
    assert (immediate(), immediate()) == (1, 0)
    (message,) = mail.outbox
    assert (message.to, message.subject) == (["rita@example.org"], "[Capacity Review] 2 notices")
    assert "Request 1 moved.\nhttps://capacity.example.org/requests/R-0001/\n" in message.body
    assert "https://capacity.example.org/requests/R-0002/" in message.body
    assert "https://capacity.example.org/account/notices/" in message.body
    assert Notification.objects.filter(mailed_at=NOW).count() == 2


@pytest.mark.parametrize("delivery", ["none", "in_app"])
def test_what_is_wanted_here_only_is_not_mailed(rita: User, delivery: str) -> None:
    keep(rita, delivery=delivery)
    assert (immediate(), digest(NOW)) == (0, 0)


def test_without_a_mail_server_nothing_waits_and_nothing_comes_later(rita: User, settings: Any) -> None:
    settings.MAIL_IS_ON = False
    keep(rita, number=1)
    assert immediate() == 0
    assert Notification.objects.get().claimed_at is None
    settings.MAIL_IS_ON = True
    assert immediate() == 1  # it waited for a server that was down; older than 7 days it would not go
    keep(rita, number=2, at=NOW - timedelta(days=7, seconds=1))
    assert immediate() == 0


def test_a_revoked_role_a_closed_account_and_no_address_get_no_mail(rita: User) -> None:
    keep(rita)
    rita.is_active = False
    rita.save()
    assert immediate() == 0
    rita.is_active, rita.email = True, ""
    rita.save()
    assert immediate() == 0
    rita.email = "rita@example.org"
    rita.save()
    revoke(rita)
    assert immediate() == 0
    assert mail.outbox == []
    assert Notification.objects.get().claimed_at is None


def test_no_name_forges_a_header(rita: User) -> None:
    keep(rita, subject_key="R-1\r\nBcc: all@example.org", sentence="x\r\n\r\nBcc: all@example.org\u2028y")
    assert immediate() == 1
    (message,) = mail.outbox
    assert "\n" not in message.subject
    assert "\r" not in message.subject
    assert message.message()["Bcc"] is None
    assert message.recipients() == ["rita@example.org"]
    assert "\nBcc:" not in message.body


def test_a_subject_is_cut() -> None:
    notice = Notification(kind="request_moved", subject_key="R" * 80, sentence="s", url_name="nowhere")
    assert len(mail_of([notice], address="a@example.org").subject) <= 120


# --- digests ------------------------------------------------------------------------------------------------------


def test_a_digest_goes_once_a_day_after_seven_also_across_a_restart(rita: User) -> None:
    """Told on Sunday evening and Monday at 06:59: in Monday's digest. At 07:30: in Tuesday's."""
    keep(rita, delivery="digest", at=SEVEN - timedelta(hours=9))
    keep(rita, number=2, delivery="digest", at=SEVEN - timedelta(minutes=1))
    assert digest(SEVEN - timedelta(seconds=1)) == 0
    keep(rita, number=3, delivery="digest", at=SEVEN + timedelta(minutes=30))
    # The worker was down at seven: the first call after it is back sends it, no other does.
    assert [digest(SEVEN + timedelta(hours=hour)) for hour in (2, 2, 3, 16)] == [1, 0, 0, 0]
    assert "Request 1 moved." in mail.outbox[0].body
    assert "Request 2 moved." in mail.outbox[0].body
    assert "Request 3 moved." not in mail.outbox[0].body
    assert digest(SEVEN + timedelta(days=1)) == 1
    assert "Request 3 moved." in mail.outbox[1].body


def test_what_was_stored_late_makes_no_second_digest_of_the_day(rita: User) -> None:
    keep(rita, delivery="digest", at=SEVEN - timedelta(hours=1))
    assert digest(SEVEN) == 1
    keep(rita, number=2, delivery="digest", at=SEVEN - timedelta(seconds=1))
    assert digest(SEVEN + timedelta(minutes=1)) == 0
    assert digest(SEVEN + timedelta(days=1)) == 1


# --- failures -----------------------------------------------------------------------------------------------------


def test_a_server_that_does_not_answer_keeps_everything_waiting(rita: User, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(rita)
    with monkeypatch.context() as patched:
        Server(patched, opens=ConnectionRefusedError("no"))
        assert immediate() == 0
    row = Notification.objects.get()
    assert (row.claimed_at, row.mail_tries) == (None, 0)
    assert immediate(NOW + timedelta(minutes=1)) == 1


def test_what_the_server_refuses_is_tried_later_and_later_and_given_up_after_five(
    rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Again after 1, 2, 4, 8 minutes: five tries in all."""
    keep(rita)
    with monkeypatch.context() as patched:
        Server(patched, sends=smtplib.SMTPRecipientsRefused({"rita@example.org": (450, b"later")}))
        for minute in range(40):
            immediate(NOW + timedelta(minutes=minute))
        row = Notification.objects.get()
        assert (row.mail_tries, row.mailed_at, row.claimed_at) == (5, None, None)
        assert row.mail_after == NOW + timedelta(minutes=15 + 16)
    assert immediate(NOW + timedelta(hours=2)) == 0


def test_after_a_refusal_it_goes(rita: User, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(rita)
    with monkeypatch.context() as patched:
        Server(patched, sends=smtplib.SMTPDataError(451, b"later"))
        immediate()
    assert immediate() == 0  # not before a minute
    assert immediate(NOW + timedelta(minutes=1)) == 1


@pytest.mark.parametrize("error", [smtplib.SMTPServerDisconnected("gone"), TimeoutError("slow")])
def test_what_may_have_gone_is_not_sent_again(rita: User, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    keep(rita)
    with monkeypatch.context() as patched:
        Server(patched, sends=error)
        assert immediate() == 0
    row = Notification.objects.get()
    assert (row.claimed_at, row.mailed_at) == (NOW, None)
    assert immediate(NOW + timedelta(hours=1)) == 0


def test_a_worker_killed_between_taking_and_sending_sends_nothing_and_nobody_sends_it_again(
    rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(rita)

    class Killed(BaseException):
        pass

    def kill() -> None:
        assert Notification.objects.get().claimed_at is not None  # taken before it is sent
        raise Killed

    with monkeypatch.context() as patched:
        Server(patched, during=kill)
        with pytest.raises(Killed):
            immediate()
    assert immediate(NOW + timedelta(hours=1)) == 0
    assert Notification.objects.get().mailed_at is None  # and it stays to be read


def test_one_address_that_is_refused_keeps_no_other_waiting(rita: User, monkeypatch: pytest.MonkeyPatch) -> None:
    other = make_user("research", username="zoe", email="zoe@example.org")
    keep(rita)
    keep(other, dedupe_key="moved too")
    server = Server(monkeypatch)
    refused = smtplib.SMTPRecipientsRefused({})

    def first_only() -> None:
        server.sends, server.during = refused, lambda: setattr(server, "sends", None)

    server.during = first_only
    assert immediate() == 1
    assert [message.to for message in server.sent] == [["zoe@example.org"]]


# --- choices and settings -----------------------------------------------------------------------------------------


def test_a_mailed_choice_needs_an_address_and_a_known_way(rita: User) -> None:
    viewer = viewer_of_user(rita)
    of_requests = {"request_decided", "request_moved", "request_starting"}
    # A card may name research as its owner.
    assert set(choices_of(rita, viewer)) == of_requests | {"justification_expiring", "forecast_missing"}
    for chosen, email, field in (
        ({"request_moved": "digest"}, "", "email"),
        ({"request_moved": "in_app"}, "rita@example.org\nBcc: all@example.org", "email"),
        ({"request_moved": "pigeon"}, "", "request_moved"),
    ):
        with pytest.raises(ChoiceRefused) as refused:
            save_choices(user=rita, viewer=viewer, chosen=chosen, email=email)
        assert refused.value.field == field
    save_choices(
        user=rita, viewer=viewer, chosen={"request_moved": "digest", "hold_expiring": "digest"}, email=" r@example.org "
    )
    assert User.objects.get(username="rita").email == "r@example.org"
    assert choices_of(rita, viewer)["request_moved"] == "digest"
    assert rita.notice_choices.filter(kind="hold_expiring").count() == 0  # not of their roles


def test_what_waits_goes_the_way_that_is_wanted_now(rita: User) -> None:
    keep(rita)
    viewer = viewer_of_user(rita)
    save_choices(user=rita, viewer=viewer, chosen={"request_moved": "in_app"}, email=rita.email)
    assert immediate() == 0


def test_the_address_of_the_mail_server_is_read_from_one_setting() -> None:
    smtp = mail_from_url("smtp://us%40er:p%3Aw@mail.example.org:587?tls=1")
    wanted = {"EMAIL_HOST": "mail.example.org", "EMAIL_PORT": 587, "EMAIL_USE_TLS": True, "EMAIL_USE_SSL": False}
    wanted |= {"EMAIL_HOST_USER": "us@er", "EMAIL_HOST_PASSWORD": "p:w", "EMAIL_TIMEOUT": 10}
    assert {name: smtp[name] for name in wanted} == wanted
    assert mail_from_url("smtps://mail.example.org")["EMAIL_PORT"] == 465
    assert mail_from_url("file:///var/mail")["EMAIL_FILE_PATH"] == "/var/mail"
    assert mail_from_url("")["EMAIL_BACKEND"].endswith("dummy.EmailBackend")
    with pytest.raises(ImproperlyConfigured) as refused:
        mail_from_url("http://user:hunter2@mail.example.org")
    assert "hunter2" not in str(refused.value)
