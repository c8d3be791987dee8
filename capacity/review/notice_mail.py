"""Sending notices by e-mail, each at most once: immediate ones with every tick, digests once a day after 07:00 UTC.

A mail is plain text made of the notices as they are kept for that person. Taken, then sent, then noted: what the server
refused, or what never reached it, is tried again; of a worker killed while it sends nobody knows, and nothing is sent
twice. (methods: Notices)
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from smtplib import SMTPNotSupportedError, SMTPRecipientsRefused, SMTPResponseException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.urls import NoReverseMatch, reverse

from capacity.access.audit import one_line
from capacity.access.models import Notification
from capacity.access.notice_mails import claim, give_back, mark_sent, people_waiting
from capacity.access.notices import KIND_NAMES
from capacity.lib.figures import counted

logger = logging.getLogger(__name__)
DIGEST_HOUR_UTC = 7
LONGEST_SUBJECT = 120
# The server's own no, or a message that was never begun: certainly not sent. ValueError: what cannot be a message.
_NOT_SENT = (SMTPResponseException, SMTPRecipientsRefused, SMTPNotSupportedError, ValueError)


def is_mail_on() -> bool:
    """Whether a mail server is set up (EMAIL_URL)."""
    return bool(settings.MAIL_IS_ON)


def send_immediate(*, clock: Callable[[], datetime]) -> int:
    """Send what waits and is wanted at once, one mail a person; how many mails the server has taken."""
    return _send("immediate", before=clock(), clock=clock)


def send_digest(*, clock: Callable[[], datetime]) -> int:
    """Send today's digests, of what was told until 07:00 UTC, once a day a person however often this is called.

    Before 07:00 nothing is sent. A worker that was down sends them when it is back, the same day.
    """
    now = clock()
    since = now.replace(hour=DIGEST_HOUR_UTC, minute=0, second=0, microsecond=0)
    return 0 if now < since else _send("digest", before=since, clock=clock, once_since=since)


def _send(mail: str, *, before: datetime, clock: Callable[[], datetime], once_since: datetime | None = None) -> int:
    people = people_waiting(mail, before=before, now=clock()) if is_mail_on() else []
    server: Any = None
    sent = 0
    for user_id in people:
        server = server or _reached()
        if server is None:
            break
        address, taken = claim(user_id=user_id, mail=mail, before=before, now=clock(), once_since=once_since)
        if not taken:
            continue
        outcome = _deliver(server, address, taken, clock)
        sent += outcome == "sent"
        if outcome == "lost":
            server = None
    if server is not None:
        server.close()
    return sent


def _reached() -> Any:
    """A connection to the mail server; None when it does not answer: nothing was taken then, all of it waits."""
    server = get_connection()
    try:
        server.open()
    except Exception as error:
        logger.warning("the mail server does not answer, notices wait: %s", one_line(error))
        return None
    return server


def _deliver(server: Any, address: str, taken: Sequence[Notification], clock: Callable[[], datetime]) -> str:
    """sent | refused (given back) | lost (it may have gone: not sent again)."""
    try:
        message = mail_of(taken, address=address)
        message.message()
        if not server.send_messages([message]):
            raise ValueError("no message went")
    except _NOT_SENT as error:
        logger.warning("a mail was refused, it is tried again: %s", one_line(error))
        give_back(taken, now=clock())
        return "refused"
    except Exception as error:
        logger.error("a mail may or may not have gone, it is not sent again: %s", one_line(error))
        return "lost"
    mark_sent(taken, now=clock())
    return "sent"


# --- the message --------------------------------------------------------------------------------------------------


def mail_of(notices: Sequence[Notification], *, address: str) -> EmailMessage:
    """The mail of these notices. Its subject is one line whatever a name contains."""
    first = notices[0]
    about = f"{KIND_NAMES[first.kind]}: {first.subject_key}" if len(notices) == 1 else counted(len(notices), "notice")
    lines = [line for notice in notices for line in _lines(notice)]
    foot = ["--", "You chose to be told by e-mail. Change it under Notices in the account menu.", *_link("notices", ())]
    return EmailMessage(
        subject=one_line(f"[Capacity Review] {about}", limit=LONGEST_SUBJECT),
        body="\n".join([*lines, *foot]) + "\n",
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[address],
    )


def _lines(notice: Notification) -> list[str]:
    return [
        KIND_NAMES[notice.kind],
        one_line(notice.sentence, limit=2000),
        *_link(notice.url_name, notice.url_args),
        "",
    ]


def _link(name: str, args: Sequence[str]) -> list[str]:
    """The page's whole address; nothing where the installation does not say its own (PUBLIC_URL)."""
    if not settings.PUBLIC_URL:
        return []
    try:
        return [settings.PUBLIC_URL + reverse(name, args=list(args))]
    except NoReverseMatch:
        return []
