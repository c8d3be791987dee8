"""People, the roles they hold, and the audit log. Roles are dated grants, so that who could see what stays known."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Now

from capacity.access.roles import ROLE_NAMES, Role


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
