"""A request's viewer, and the gates: one query, roles as they are now, 403 with an audit row, 404 for another's object."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.request import Request
from rest_framework.views import APIView

from capacity.access.models import AuditEvent, RoleGrant, User
from capacity.access.roles import Role
from capacity.access.viewer import Permits, may_do, own_or_404, requires, requires_by_method, viewer_of
from capacity.access.visibility import Viewer

pytestmark = [pytest.mark.django_db, pytest.mark.security]
MakePerson = Callable[..., User]


def request_of(user: object, method: str = "get") -> HttpRequest:
    request: HttpRequest = getattr(RequestFactory(), method)("/somewhere/")
    request.user = user  # type: ignore[assignment]
    return request


def test_a_viewer_is_read_in_one_query_and_once_a_request(
    make_person: MakePerson, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    request = request_of(make_person("ann", Role.CHAIR, Role.FINANCE, team_key="evals"))
    with django_assert_num_queries(1):
        assert viewer_of(request) == Viewer("ann", frozenset({Role.CHAIR, Role.FINANCE}), "evals")
        assert viewer_of(Request(request)) is viewer_of(request)


def test_nobody_has_roles_before_signing_in(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert viewer_of(request_of(AnonymousUser())) == Viewer()


def test_neither_disabled_people_nor_superusers_see_anything(make_person: MakePerson) -> None:
    assert viewer_of(request_of(make_person("off", Role.FINANCE, is_active=False))).roles == frozenset()
    assert viewer_of(request_of(make_person("root", is_superuser=True, is_staff=True))).roles == frozenset()


def test_a_revoked_role_is_gone(make_person: MakePerson) -> None:
    person = make_person("ann", Role.CHAIR, Role.SALES)
    RoleGrant.objects.filter(user=person, role=Role.CHAIR).update(revoked_at=timezone.now())
    assert viewer_of(request_of(person)).roles == {Role.SALES}


def test_a_role_revoked_in_mid_session_denies_the_next_request(signed_in: Callable[..., Client]) -> None:
    client = signed_in("aud", Role.AUDITOR)
    assert client.get("/audit/").status_code == 200
    RoleGrant.objects.update(revoked_at=timezone.now())
    assert client.get("/audit/").status_code == 403


@requires("review.freeze")
def freeze(request: HttpRequest) -> HttpResponse:
    return HttpResponse("frozen")


@requires_by_method(GET="decisions.view", POST="decision.record")
def decisions(request: HttpRequest) -> HttpResponse:
    return HttpResponse("done")


def test_a_denial_leaves_an_audit_row(make_person: MakePerson) -> None:
    with pytest.raises(PermissionDenied):
        freeze(request_of(make_person("ann", Role.SALES), "post"))
    event = AuditEvent.objects.get()
    assert (event.action, event.subject, event.detail) == ("denied", "POST /somewhere/", {"needs": "chair"})
    assert event.user is not None and event.user.username == "ann"


def test_who_may_passes(make_person: MakePerson) -> None:
    request = request_of(make_person("ann", Role.CHAIR))
    assert freeze(request).content == b"frozen"
    assert may_do(request, "review.freeze") and not may_do(request, "audit.view")
    assert not AuditEvent.objects.exists()


def test_methods_may_need_different_roles(make_person: MakePerson) -> None:
    sales, chair = make_person("s", Role.SALES), make_person("c", Role.CHAIR)
    for method in ("get", "head"):
        assert decisions(request_of(sales, method)).status_code == 200
    assert decisions(request_of(chair, "post")).status_code == 200
    with pytest.raises(PermissionDenied):
        decisions(request_of(sales, "post"))
    with pytest.raises(PermissionDenied):
        decisions(request_of(make_person("x", Role.ADMIN), "put"))


def test_a_misspelt_action_fails_when_the_view_is_written() -> None:
    with pytest.raises(KeyError):
        requires("review.frieze")


def test_the_api_asks_the_same_table(make_person: MakePerson) -> None:
    gate = Permits("audit.view")()
    for person, allowed in ((make_person("a", Role.AUDITOR), True), (make_person("c", Role.CHAIR), False)):
        request = Request(request_of(person))
        request.user = person
        assert gate.has_permission(request, APIView()) is allowed
    assert AuditEvent.objects.get().detail == {"needs": "audit.view"}


def test_another_persons_object_is_missing() -> None:
    full = frozenset({Role.FINANCE})
    own_or_404(Viewer("fin", frozenset({Role.FINANCE})), owner="bob", full=full)
    own_or_404(Viewer("bob", frozenset({Role.SALES})), owner="bob", full=full)
    own_or_404(Viewer("rae", frozenset({Role.RESEARCH}), "evals"), owner="evals", full=full)
    for viewer in (Viewer("ann", frozenset({Role.SALES})), Viewer("bob", frozenset({Role.RESEARCH})), Viewer()):
        with pytest.raises(Http404):
            own_or_404(viewer, owner="bob", full=full)
