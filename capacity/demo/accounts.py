"""The demo's people: one account for each role, a second one in sales, and second persons who approve."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from capacity.access.models import RoleGrant, User
from capacity.access.roles import Role


@dataclass(frozen=True, kw_only=True)
class Account:
    username: str
    display_name: str
    role: Role
    team_key: str = ""


ACCOUNTS = (
    Account(username="chair", display_name="Carla Chair", role=Role.CHAIR),
    # Second persons: what one proposes, the other of the same role approves.
    Account(username="deputy", display_name="Dora Deputy, chair", role=Role.CHAIR),
    Account(username="finance", display_name="Felix Finance", role=Role.FINANCE),
    Account(username="controller", display_name="Cora Controller, finance", role=Role.FINANCE),
    Account(username="sales", display_name="Sam Sales", role=Role.SALES),
    Account(username="sales_west", display_name="Wanda West, sales", role=Role.SALES),
    Account(username="research", display_name="Rhea Research", role=Role.RESEARCH, team_key="posttraining"),
    Account(username="product", display_name="Pia Product", role=Role.PRODUCT),
    Account(username="exec", display_name="Edgar Exec", role=Role.EXEC),
    Account(username="auditor", display_name="Aude Auditor", role=Role.AUDITOR),
    Account(username="admin", display_name="Ada Admin", role=Role.ADMIN),
)
GRANTED_BY = "demo"


@transaction.atomic
def make_accounts(*, password: str) -> int:
    """The accounts with their roles and this password; how many are new. Accounts of other people stay as they are."""
    users = {user.username: user for user in User.objects.filter(username__in=[a.username for a in ACCOUNTS])}
    # Hashing is slow on purpose; the demo's accounts share one password, so they share one hash.
    known = next((user.password for user in users.values() if check_password(password, user.password)), None)
    encoded = known or make_password(password)
    for account in ACCOUNTS:
        user = users.get(account.username) or User(username=account.username)
        user.display_name = account.display_name
        user.team_key = account.team_key
        user.password = encoded
        user.is_active = True
        user.save()
        if not user.role_grants.filter(role=account.role.value, revoked_at=None).exists():
            RoleGrant.objects.create(user=user, role=account.role.value, granted_by=GRANTED_BY)
    return len(ACCOUNTS) - len(users)
