"""Where signing in leads: the role's own page, or the page that was asked for; never out of the product."""

from __future__ import annotations

import pytest
from django.test import Client

from capacity.access.roles import Role
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("role", "asked", "led_to"),
    [
        (Role.SALES, "", "/quotes/"),
        (Role.SALES, "/", "/quotes/"),
        (Role.RESEARCH, "/", "/requests/"),
        (Role.RESEARCH, "/methods/", "/methods/"),
        (Role.CHAIR, "", "/"),
        (Role.AUDITOR, "/", "/audit/"),
        (Role.SALES, "https://elsewhere.example/", "/quotes/"),
        (Role.SALES, "//elsewhere.example/", "/quotes/"),
    ],
)
def test_signing_in_leads_to_the_page_asked_for_or_to_the_roles_own(
    client: Client, role: Role, asked: str, led_to: str
) -> None:
    user = make_user(role)
    answer = client.post(f"/sign-in/?next={asked}", {"username": user.username, "password": PASSWORD, "next": asked})
    assert answer.status_code == 302
    assert answer["Location"] == led_to
