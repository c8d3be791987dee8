"""Which notices still wait for a mail, and taking them so that each is sent at most once (methods: Notices).

A worker takes all that wait for one person in one transaction before it sends. What it then knows not to have gone it
gives back; of everything else, also of a worker that is killed in between, nobody knows, and it is not sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Q

from capacity.access.models import Notification, User
from capacity.access.notices import readable
from capacity.access.viewer import viewer_of_user

# Older ones are news no more; they stay to be read.
MAILED_WITHIN = timedelta(days=7)
MOST_TRIES = 5
MOST_LINES = 100


def _waiting(mail: str, *, before: datetime, now: datetime) -> Q:
    return Q(
        Q(mail_after=None) | Q(mail_after__lte=now),
        mail=mail,
        claimed_at=None,
        mail_tries__lt=MOST_TRIES,
        at__gte=now - MAILED_WITHIN,
        at__lte=before,
    )


def people_waiting(mail: str, *, before: datetime, now: datetime) -> list[int]:
    """Whose notices of that pace, told until `before`, wait for a mail. One query."""
    rows = Notification.objects.filter(_waiting(mail, before=before, now=now), user__is_active=True)
    return list(rows.exclude(user__email="").order_by("user").values_list("user", flat=True).distinct())


def claim(
    *, user_id: int, mail: str, before: datetime, now: datetime, once_since: datetime | None = None
) -> tuple[str, list[Notification]]:
    """(address, the notices now taken), oldest first; none where another worker was first or the roles are gone.

    once_since: nothing is taken where something of this pace was taken since: one digest a day.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"notices {mail} {user_id}"])
        user = User.objects.filter(pk=user_id, is_active=True).first()
        if user is None or not user.email:
            return "", []
        mine = Notification.objects.filter(user=user)
        if once_since is not None and mine.filter(mail=mail, claimed_at__gte=once_since).exists():
            return user.email, []
        found = list(
            mine.filter(_waiting(mail, before=before, now=now), readable(viewer_of_user(user))).order_by("pk")[
                :MOST_LINES
            ]
        )
        mine.filter(pk__in=[each.pk for each in found]).update(claimed_at=now)
    return user.email, found


def give_back(taken: Sequence[Notification], *, now: datetime) -> None:
    """They have certainly not gone: try them again later, each time later, MOST_TRIES times in all."""
    for tries in {each.mail_tries for each in taken}:
        these = [each.pk for each in taken if each.mail_tries == tries]
        Notification.objects.filter(pk__in=these).update(
            claimed_at=None, mail_tries=F("mail_tries") + 1, mail_after=now + timedelta(minutes=2**tries)
        )


def mark_sent(taken: Sequence[Notification], *, now: datetime) -> None:
    """The mail server has them."""
    Notification.objects.filter(pk__in=[each.pk for each in taken]).update(mailed_at=now)
