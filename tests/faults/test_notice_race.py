"""Notices told and mailed by two workers at once, each on its own connection: one row and one mail of each.

| test | trials: make test | long | number to pass |
|---|---|---|---|
| two workers tell and mail the same facts at once | 10 | 200 | 1 notice a person, 1 mail |
| the same notice stored by eight at once | 10 | 200 | 1 row |
| eight send one day's digest at once | 10 | 200 | 1 mail |
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core import mail

from capacity.access.models import Notification, NotificationChoice, User
from capacity.access.notices import NewNotice, keep_notices
from capacity.access.roles import Role
from capacity.review.notice_mail import send_digest, send_immediate
from capacity.review.notices import raise_notices
from tests.factories import make_user
from tests.faults.plans import few_or_many, in_threads
from tests.review.told import justified
from tests.workloads.requests import NOW

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

THREADS = 8


@pytest.fixture
def pia(settings: Any) -> User:
    settings.MAIL_IS_ON = True
    pia = make_user("product", username="pia", email="pia@example.org")
    NotificationChoice.objects.create(user=pia, kind="justification_expiring", delivery="immediate")
    return pia


def tell_and_mail() -> int:
    raise_notices(now=NOW, with_mail=True)
    return send_immediate(clock=lambda: NOW)


def notice(pia: User, key: str) -> NewNotice:
    return NewNotice(
        user_id=pia.pk,
        kind="justification_expiring",
        subject_key=key,
        as_role=Role.PRODUCT,
        team_key="",
        url_name="workload",
        url_args=(key,),
        sentence="It ends.",
        dedupe_key=key,
    )


@few_or_many(10, 200)
def test_two_workers_at_once_tell_and_mail_once(pia: User, trials: range) -> None:
    for trial in trials:
        mail.outbox.clear()
        justified(f"card-{trial}", NOW.date() + timedelta(days=3))
        answers = in_threads(*[tell_and_mail] * 2)
        # The one that could not tell may have looked for mail before there was any.
        assert not any(isinstance(each, Exception) for each in answers), answers
        assert sum(answers) + tell_and_mail() == 1
        assert len(mail.outbox) == 1
        assert Notification.objects.filter(subject_key=f"card-{trial}", mailed_at__isnull=False).count() == 1


@few_or_many(10, 200)
def test_the_same_notice_stored_by_eight_is_one_row(pia: User, trials: range) -> None:
    for trial in trials:
        new = [notice(pia, f"card-{trial}")]
        store = partial(keep_notices, new, wanted={}, with_mail=False, now=NOW)
        answers = in_threads(*[store] * THREADS)
        assert not any(isinstance(each, Exception) for each in answers), answers
        assert Notification.objects.filter(subject_key=f"card-{trial}").count() == 1


@few_or_many(10, 200)
def test_eight_at_once_send_one_digest(pia: User, trials: range) -> None:
    wanted = {(pia.pk, "justification_expiring"): "digest"}
    for trial in trials:
        mail.outbox.clear()
        seven = NOW.replace(hour=7) + timedelta(days=trial)
        keep_notices(
            [notice(pia, f"card-{trial}-{number}") for number in range(3)],
            wanted=wanted,
            with_mail=True,
            now=seven - timedelta(hours=1),
        )
        assert sum(in_threads(*[partial(send_digest, clock=lambda: seven)] * THREADS)) == 1  # noqa: B023
        assert len(mail.outbox) == 1
