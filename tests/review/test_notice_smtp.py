"""Notices through a mail server that really listens: taken, refused, silent and gone; each mail at most once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from capacity.access.models import Notification, User
from capacity.settings import mail_from_url
from tests.factories import make_user
from tests.review.test_notice_mail import SEVEN, digest, immediate, keep
from tests.smtp_server import MailServer, mail_server
from tests.workloads.requests import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with mail_server() as listening:
        use(settings, listening.url)
        yield listening


def use(settings: Any, url: str) -> None:
    """The settings that EMAIL_URL makes; the wait is cut from its 10 seconds."""
    settings.MAIL_IS_ON = True
    for name, value in {**mail_from_url(url), "EMAIL_TIMEOUT": 0.5}.items():
        setattr(settings, name, value)


@pytest.fixture
def rita() -> User:
    return make_user("research", username="rita", email="rita@example.org")


def after(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def states() -> list[tuple[bool, bool]]:
    """(claimed, mailed) of each notice."""
    rows = Notification.objects.order_by("pk").values_list("claimed_at", "mailed_at")
    return [(claimed is not None, mailed is not None) for claimed, mailed in rows]


def test_a_mail_at_once_arrives_whole_and_once(rita: User, server: MailServer) -> None:
    keep(rita, sentence="“Größer” (R-0001) now starts in the week of 7 Dec.")
    assert (immediate(), immediate(after(1))) == (1, 0)
    (message,) = server.taken
    assert (message["To"], message["Subject"]) == (
        "rita@example.org",
        "[Capacity Review] Request moved in the plan: R-0001",
    )
    body = message.get_payload(decode=True)
    assert isinstance(body, bytes) and "“Größer” (R-0001) now starts" in body.decode()
    assert states() == [(True, True)]


def test_a_digest_holds_the_day_and_goes_once(rita: User, server: MailServer) -> None:
    for number in (1, 2):
        keep(rita, number=number, delivery="digest", at=SEVEN - timedelta(hours=number))
    assert (digest(SEVEN), digest(SEVEN + timedelta(hours=1))) == (1, 0)
    (message,) = server.taken
    assert message["Subject"] == "[Capacity Review] 2 notices"


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("RCPT", "550 no such user"),
        ("RCPT", "451 greylisted, come again"),
        ("MAIL", "452 disk is full"),
        ("DATA", "554 no"),
        ("END", "451 come again"),
    ],
)
def test_a_refusal_is_tried_again_after_a_minute_and_arrives_once(
    rita: User, server: MailServer, command: str, reply: str
) -> None:
    keep(rita)
    server.says[command] = reply
    assert immediate() == 0
    assert states() == [(False, False)]
    server.says.clear()
    assert immediate() == 0  # not before its minute is over
    assert (immediate(after(1)), immediate(after(2))) == (1, 0)
    assert len(server.taken) == 1


def test_a_refused_digest_comes_the_same_day_once(rita: User, server: MailServer) -> None:
    keep(rita, delivery="digest", at=SEVEN - timedelta(hours=1))
    server.says["END"] = "451 come again"
    assert digest(SEVEN) == 0
    server.says.clear()
    assert (digest(SEVEN + timedelta(minutes=1)), digest(SEVEN + timedelta(minutes=2))) == (1, 0)
    assert len(server.taken) == 1


@pytest.mark.parametrize("reply", [None, ""], ids=["silent", "hung up"])
def test_a_server_that_is_lost_after_it_had_the_mail_gets_it_no_second_time(
    rita: User, server: MailServer, reply: str | None
) -> None:
    keep(rita)
    server.says["END"] = reply
    assert immediate() == 0
    server.says.clear()
    assert [immediate(after(minutes)) for minutes in (1, 5, 60)] == [0, 0, 0]
    assert len(server.arrived) == 1
    assert states() == [(True, False)]


@pytest.mark.parametrize("reply", [None, "", "554 not now"], ids=["silent", "hangs up", "turns away"])
def test_a_server_that_does_not_greet_keeps_everything_waiting(
    rita: User, server: MailServer, reply: str | None
) -> None:
    keep(rita)
    server.says["GREETING"] = reply
    assert immediate() == 0
    assert states() == [(False, False)]
    server.says.clear()
    assert immediate(after(1)) == 1
    assert len(server.taken) == 1


def test_no_server_at_all_keeps_everything_waiting(rita: User, settings: Any) -> None:
    keep(rita)
    with mail_server() as listening:
        url = listening.url
    use(settings, url)
    assert immediate() == 0
    assert states() == [(False, False)]


def test_one_refused_address_and_one_lost_connection_keep_no_other_waiting(rita: User, server: MailServer) -> None:
    keep(rita)
    server.says["RCPT"] = "550 no such user"
    assert immediate() == 0
    server.says.clear()
    zoe = make_user("research", username="zoe", email="zoe@example.org")
    keep(zoe, number=2)
    assert immediate() == 1
    assert server.taken[0]["To"] == "zoe@example.org"
    assert immediate(after(1)) == 1
    assert [message["To"] for message in server.taken] == ["zoe@example.org", "rita@example.org"]
