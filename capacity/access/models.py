"""People, the roles they hold, their tokens for programs, and the audit log.

Roles are dated grants, so that who could see what stays known. Of a token only a hash is kept.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from capacity.access.notification_models import NoticeBaseline, Notification, NotificationChoice
from capacity.access.roles import ROLE_NAMES, Role

__all__ = [
    "ApiToken",
    "AuditEvent",
    "IdempotentAnswer",
    "NoticeBaseline",
    "Notification",
    "NotificationChoice",
    "RoleGrant",
    "TokenScope",
    "User",
]


class User(AbstractUser):
    """A person who signs in. `team_key` is the research team whose requests are theirs.

    `one_time_password_at`: when somebody else set the password; its owner must replace it before anything else.
    """

    display_name = models.CharField(max_length=120, blank=True)
    team_key = models.CharField(max_length=80, blank=True)
    one_time_password_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.display_name or self.username


class RoleGrant(models.Model):
    """That a person holds a role, from `granted_at` until `revoked_at`."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="role_grants")
    role = models.CharField(max_length=20, choices=[(role.value, ROLE_NAMES[role]) for role in Role])
    granted_at = models.DateTimeField(db_default=Now())
    granted_by = models.CharField(max_length=150, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role"], condition=models.Q(revoked_at=None), name="one_open_grant_per_role"
            ),
            models.CheckConstraint(condition=models.Q(role__in=[role.value for role in Role]), name="role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role}"


class AuditEvent(models.Model):
    """One line of the audit log. Append-only: the application's database role can neither change nor delete it."""

    at = models.DateTimeField(db_default=Now(), db_index=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    action = models.CharField(max_length=60)
    subject = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict)
    request_id = models.CharField(max_length=40, blank=True)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action} {self.subject}"


class TokenScope(models.TextChoices):
    """What a token may do at most; its owner's roles decide the rest."""

    READ = "read", "read"
    WRITE = "write", "write"


class ApiToken(models.Model):
    """A secret by which a program acts as a person, within their roles of the moment and never beyond its scopes.

    `digest` is the SHA-256 of the secret, `prefix` its public first part, by which people tell tokens apart. `only`
    names the resources (slugs of the API) or areas it is limited to; empty: all that the owner's roles open.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="api_tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=10, choices=TokenScope.choices))
    only = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scopes__contained_by=TokenScope.values, scopes__len__gte=1),
                name="token_scopes_are_known",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created_at")), name="token_expires_after_it_is_made"
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="token_has_a_name"),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… of {self.owner_id}"

    def may(self, scope: TokenScope) -> bool:
        """Whether it has the scope. Writing includes reading: a writer has to read what it changes."""
        return scope in self.scopes or (scope == TokenScope.READ and TokenScope.WRITE in self.scopes)

    def reaches(self, *names: str) -> bool:
        """Whether it is not limited, or limited to one of the names (a resource's slug, its area)."""
        return not self.only or not {name.casefold() for name in self.only}.isdisjoint(map(str.casefold, names))


class IdempotentAnswer(models.Model):
    """What a write answered, kept for a day, so that the same request sent again is answered and not done again.

    `sight` is what its owner could see then (roles and team): with other roles the answer is not given again.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64)
    sight = models.CharField(max_length=200)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField()
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="one_answer_per_key")]
        indexes = [models.Index(fields=["created_at"], name="idempotent_answer_age")]

    def __str__(self) -> str:
        return f"{self.owner_id} {self.key}"
