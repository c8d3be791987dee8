"""People of every role, signed in. No collected static files are needed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from capacity.access.models import RoleGrant, User
from capacity.access.roles import Role

PASSWORD = "a long enough passphrase"


@pytest.fixture(autouse=True)
def _plain_settings(settings: object) -> None:
    settings.STORAGES = {  # type: ignore[attr-defined]
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def make_person(db: None) -> Callable[..., User]:
    """make_person("ann", Role.CHAIR, team_key="…"): an account with a password and open grants."""

    def make(username: str, *roles: Role, **fields: object) -> User:
        person = User.objects.create_user(username, password=PASSWORD, **fields)
        RoleGrant.objects.bulk_create(RoleGrant(user=person, role=role) for role in roles)
        return person

    return make


@pytest.fixture
def signed_in(make_person: Callable[..., User]) -> Callable[..., Client]:
    """signed_in("ann", Role.CHAIR): a client with that person's session. Errors answer 500 instead of raising."""

    def sign_in(username: str, *roles: Role, **fields: object) -> Client:
        client = Client(raise_request_exception=False)
        client.force_login(make_person(username, *roles, **fields))
        return client

    return sign_in
