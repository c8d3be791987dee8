"""Notices for one person each, how they want to be told, and what was last told of a subject.

Storage only: who is told what is decided where the facts stand (capacity/review/notices.py).
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from capacity.access.roles import ROLE_NAMES, Role

KINDS = [
    ("request_decided", "Request decided"),
    ("request_moved", "Request moved in the plan"),
    ("request_starting", "Request about to start"),
    ("justification_expiring", "Frontier justification expiring"),
    ("hold_expiring", "Hold expiring"),
    ("forecast_missing", "Forecast missing"),
]
DELIVERIES = [
    ("none", "Not at all"),
    ("in_app", "Here only"),
    ("digest", "Here, and in one e-mail a day"),
    ("immediate", "Here, and by e-mail at once"),
]
# The deliveries that send a mail.
MAILED = ("digest", "immediate")


class Notification(models.Model):
    """One notice of one person. Told twice it is there once (`dedupe_key`).

    as_role, team_key: the role, and for research the team, for which it was worded; without them it is not shown.
    mail: "" | digest | immediate, as the person wanted it then. claimed_at: when a worker took it for sending;
    mailed_at: when the server had it. Claimed and not mailed: it may not have gone, and is not sent again.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=30, choices=KINDS)
    subject_key = models.CharField(max_length=80)
    as_role = models.CharField(max_length=20, choices=[(role.value, ROLE_NAMES[role]) for role in Role])
    team_key = models.CharField(max_length=80, blank=True)
    url_name = models.CharField(max_length=40)
    url_args = models.JSONField(default=list)
    sentence = models.TextField()
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)
    mail = models.CharField(max_length=10, choices=[each for each in DELIVERIES if each[0] in MAILED], blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    mail_tries = models.PositiveSmallIntegerField(default=0)
    mail_after = models.DateTimeField(null=True, blank=True)
    dedupe_key = models.CharField(max_length=300)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "dedupe_key"], name="one_notice_of_a_fact"),
            models.CheckConstraint(condition=Q(kind__in=[key for key, _ in KINDS]), name="notice_kind_is_known"),
            models.CheckConstraint(condition=Q(mail__in=["", *MAILED]), name="notice_mail_is_known"),
            models.CheckConstraint(
                condition=Q(mailed_at__isnull=True) | Q(claimed_at__isnull=False), name="mailed_notice_was_claimed"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="notices_of_a_person"),
            models.Index(fields=["user"], condition=Q(read_at__isnull=True), name="unread_notices"),
            models.Index(fields=["mail", "user"], condition=Q(claimed_at__isnull=True) & ~Q(mail=""), name="unsent_notices"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.user_id} {self.dedupe_key}"


class NotificationChoice(models.Model):
    """How a person wants to be told of a kind; without a row it is shown here and not mailed."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notice_choices")
    kind = models.CharField(max_length=30, choices=KINDS)
    delivery = models.CharField(max_length=10, choices=DELIVERIES)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="one_choice_per_kind"),
            models.CheckConstraint(
                condition=Q(delivery__in=[key for key, _ in DELIVERIES]), name="notice_delivery_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.kind} {self.delivery}"


class NoticeBaseline(models.Model):
    """What was last told, to everybody, of a subject that changes with every plan: the next change is against it."""

    subject = models.CharField(max_length=120, unique=True)
    told = models.JSONField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.subject
