"""Keeping notices: new ones once, those a person may read, what is read, how they want to be told.

A notice belongs to one person and is worded for one role of theirs: nobody else reads it, and they do not once that
role is taken from them. Sending mails is capacity/review/notice_mail.py over the claims of this app's notice_mails.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from capacity.access.audit import one_line, record_event
from capacity.access.models import Notification, NotificationChoice, RoleGrant, User
from capacity.access.notification_models import DELIVERIES, KINDS, MAILED
from capacity.access.roles import Role
from capacity.access.visibility import Viewer

KIND_NAMES = dict(KINDS)
DELIVERY_NAMES = dict(DELIVERIES)
DEFAULT_DELIVERY = "in_app"
KEPT_DAYS = 180
LONGEST_SENTENCE = 1000
# A card's owner may be any of those who read cards.
READ_CARDS = frozenset({Role.PRODUCT, Role.CHAIR, Role.RESEARCH, Role.FINANCE, Role.EXEC, Role.SALES})
# Which roles are told of a kind at all.
TOLD: Mapping[str, frozenset[Role]] = {
    "request_decided": frozenset({Role.RESEARCH, Role.CHAIR}),
    "request_moved": frozenset({Role.RESEARCH, Role.CHAIR}),
    "request_starting": frozenset({Role.RESEARCH, Role.CHAIR}),
    "justification_expiring": READ_CARDS,
    "hold_expiring": frozenset({Role.SALES, Role.FINANCE}),
    "forecast_missing": READ_CARDS,
}


class ChoiceRefused(Exception):
    """Nothing was saved; the sentence says why. field: email, or the kind."""

    def __init__(self, sentence: str, *, field: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


@dataclass(frozen=True, kw_only=True, slots=True)
class NewNotice:
    """A notice to keep. team_key: of the team for which research is told, else ""."""

    user_id: int
    kind: str
    subject_key: str
    as_role: Role
    team_key: str
    url_name: str
    url_args: tuple[str, ...]
    sentence: str
    dedupe_key: str


# --- who there is -------------------------------------------------------------------------------------------------


def people_to_tell() -> list[User]:
    """Everybody whose account is open, with their open roles. One query."""
    held = RoleGrant.objects.filter(user=OuterRef("pk"), revoked_at=None).values("role")
    return list(User.objects.filter(is_active=True).annotate(open_roles=ArraySubquery(held)).order_by("pk"))


def readable(viewer: Viewer) -> Q:
    """The condition on a notice that the viewer still holds what it was worded for."""
    return Q(as_role__in=sorted(viewer.roles)) & (Q(team_key="") | Q(team_key=viewer.team_key))


def unread_of_account() -> Coalesce:
    """How many notices somebody may read and has not read, as a column of their account."""
    grants = RoleGrant.objects.filter(user=OuterRef("user"), revoked_at=None, role=OuterRef("as_role"))
    mine = Notification.objects.filter(
        Exists(grants), Q(team_key="") | Q(team_key=OuterRef("team_key")), user=OuterRef("pk"), read_at=None
    )
    counted = mine.order_by().values("user").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted), 0, output_field=IntegerField())


# --- keeping ------------------------------------------------------------------------------------------------------


def known_keys(keys: Collection[str]) -> set[tuple[int, str]]:
    """(person, dedupe key) of the notices that are there. One query."""
    return set(Notification.objects.filter(dedupe_key__in=list(keys)).values_list("user_id", "dedupe_key"))


def deliveries() -> dict[tuple[int, str], str]:
    """(person, kind) → how they want to be told, where they said so. One query."""
    rows = NotificationChoice.objects.values_list("user_id", "kind", "delivery")
    return {(user, kind): delivery for user, kind, delivery in rows}


def keep_notices(
    new: Iterable[NewNotice], *, wanted: Mapping[tuple[int, str], str], with_mail: bool, now: datetime
) -> int:
    """Store them, each once however often it is told; how many were tried. with_mail: whether mails can be sent at all."""
    rows = [_row(each, wanted.get((each.user_id, each.kind), DEFAULT_DELIVERY), with_mail, now) for each in new]
    # Another worker may store the same at this moment: the first one's stays.
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _row(each: NewNotice, delivery: str, with_mail: bool, now: datetime) -> Notification:
    return Notification(
        user_id=each.user_id,
        kind=each.kind,
        subject_key=each.subject_key,
        as_role=each.as_role.value,
        team_key=each.team_key,
        url_name=each.url_name,
        url_args=list(each.url_args),
        # Names are typed by people: one line, so that no mail or page is forged by one.
        sentence=one_line(" ".join(each.sentence.split()), limit=LONGEST_SENTENCE),
        at=now,
        mail=delivery if with_mail and delivery in MAILED else "",
        dedupe_key=each.dedupe_key,
    )


def forget_old(*, now: datetime) -> int:
    """Delete notices older than KEPT_DAYS, read or not; how many."""
    return Notification.objects.filter(at__lt=now - timedelta(days=KEPT_DAYS)).delete()[0]


# --- reading ------------------------------------------------------------------------------------------------------


def notices_of(user: User, viewer: Viewer) -> QuerySet[Notification]:
    """The person's notices that their present roles read, newest first."""
    return Notification.objects.filter(readable(viewer), user=user).order_by("-id")


def unread_count(user: User, viewer: Viewer) -> int:
    """How many of them are not read. No query where the count came with the account."""
    known = getattr(user, "unread_notices", None)
    return notices_of(user, viewer).filter(read_at=None).count() if known is None else int(known)


def mark_read(user: User, viewer: Viewer, *, ids: Sequence[int] | None, now: datetime) -> int:
    """Mark these of the person's own notices read, or all (ids None); how many were not. Others' stay as they are."""
    rows = notices_of(user, viewer).filter(read_at=None)
    return (rows if ids is None else rows.filter(pk__in=ids)).update(read_at=now)


# --- choices ------------------------------------------------------------------------------------------------------


def kinds_for(viewer: Viewer) -> list[str]:
    """The kinds of which somebody with these roles is told."""
    return [kind for kind, _ in KINDS if not TOLD[kind].isdisjoint(viewer.roles)]


def choices_of(user: User, viewer: Viewer) -> dict[str, str]:
    """Kind → how they are told of it, for the kinds of their roles. One query."""
    said = dict(NotificationChoice.objects.filter(user=user).values_list("kind", "delivery"))
    return {kind: said.get(kind, DEFAULT_DELIVERY) for kind in kinds_for(viewer)}


def save_choices(*, user: User, viewer: Viewer, chosen: Mapping[str, str], email: str, request: Any = None) -> None:
    """Keep how the person wants to be told, and where mails go. Raises ChoiceRefused."""
    email = email.strip()
    kinds = kinds_for(viewer)
    wanted = {kind: chosen[kind] for kind in kinds if kind in chosen}
    for kind, delivery in wanted.items():
        if delivery not in DELIVERY_NAMES:
            raise ChoiceRefused("Choose one of the four ways.", field=kind)
    try:
        if email:
            validate_email(email)
    except ValidationError:
        raise ChoiceRefused("This is no e-mail address.", field="email") from None
    if not email and not set(MAILED).isdisjoint(wanted.values()):
        raise ChoiceRefused("Say where e-mails should go, or choose to be told here only.", field="email")
    with transaction.atomic():
        NotificationChoice.objects.bulk_create(
            [NotificationChoice(user=user, kind=kind, delivery=delivery) for kind, delivery in wanted.items()],
            update_conflicts=True,
            unique_fields=["user", "kind"],
            update_fields=["delivery"],
        )
        for kind, delivery in wanted.items():
            # What waits for a mail goes the way that is wanted now.
            waiting = Notification.objects.filter(user=user, kind=kind, claimed_at=None).exclude(mail="")
            waiting.update(mail=delivery if delivery in MAILED else "")
        if User.objects.filter(pk=user.pk).exclude(email=email).update(email=email):
            record_event(request=request, user=user, action="email_changed", subject=user.get_username())
