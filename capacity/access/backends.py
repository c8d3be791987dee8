"""How a signed-in person is found again at each request: the account together with the roles it holds now."""

from __future__ import annotations

from django.contrib.auth.backends import ModelBackend
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef

from capacity.access.models import RoleGrant, User
from capacity.access.notices import unread_of_account


class AccountBackend(ModelBackend):
    """Django's accounts; `open_roles` and `unread_notices` of the person are read with the account, in the one query
    that is needed anyway."""

    def get_user(self, user_id: int) -> User | None:
        """The active account of the id with its open roles; None when it is gone or disabled."""
        held = RoleGrant.objects.filter(user=OuterRef("pk"), revoked_at=None).values("role")
        user = (
            User.objects.annotate(open_roles=ArraySubquery(held), unread_notices=unread_of_account())
            .filter(pk=user_id)
            .first()
        )
        return user if user is not None and self.user_can_authenticate(user) else None
