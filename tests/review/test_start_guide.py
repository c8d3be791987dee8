"""The guide: steps by role, what is missing, the standard policy, and every page with nothing in the database."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pgtrigger
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from capacity.access.models import AuditEvent
from capacity.access.permissions import may
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.decisions.models import PolicyFloor, PolicySet
from capacity.decisions.standard_policy import STANDARD_POLICY
from capacity.demo.services import load_demo
from capacity.inventory.models import AcceleratorType, Lot, NetworkDomain, Pool, Site, Supplier
from capacity.lib.horizon import Week
from capacity.review import start
from capacity.review.models import Review
from capacity.review.start import guide_for
from contracts.models import Contract
from tests.access.routes import all_routes
from tests.factories import RUN_MODELS, make_review, make_run, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("recorded_broker")]
TODAY = date(2026, 11, 25)
MONDAY = date(2026, 11, 23)
MEETING = [Role.CHAIR, Role.FINANCE, Role.SALES, Role.RESEARCH, Role.PRODUCT, Role.EXEC]


def viewer(*roles: Role, username: str = "ann") -> Viewer:
    return Viewer(username=username, roles=frozenset(roles))


def states(*roles: Role, today: date = TODAY) -> dict[str, str]:
    return {step.step.key: step.state for step in guide_for(viewer(*roles), today=today).steps}


def make_pool(key: str = "h100-x", *, lots: int = 1, rate: str = "") -> Pool:
    kind, _ = AcceleratorType.objects.get_or_create(
        key="h100", defaults={"name": "H100", "manufacturer": "N", "h100e_factor": 1, "h100e_as_of_date": TODAY}
    )
    site, _ = Site.objects.get_or_create(key="x1", defaults={"name": "X1", "region": "x"})
    supplier, _ = Supplier.objects.get_or_create(key="acme", defaults={"name": "Acme"})
    pool = Pool.objects.create(
        key=key, name=key, accelerator_type=kind, site=site, source_type="owned", node_size=8,
        availability_share=Decimal("0.95"),
    )  # fmt: skip
    domain = NetworkDomain.objects.create(pool=pool, key="a")
    for number in range(lots):
        Lot.objects.create(
            key=f"{key}-{number}", domain=domain, supplier=supplier, state="accepted", accelerators=64,
            control_grade=1, accepted_date=MONDAY, cost_rate_key=rate,
        )  # fmt: skip
    return pool


def texts(step: str, *roles: Role) -> list[str]:
    found = next(each for each in guide_for(viewer(*roles), today=TODAY).steps if each.step.key == step)
    return [finding.text for finding in found.findings]


def pages_without_parameters() -> list[str]:
    return [route.path({}) for route in all_routes() if not route.parameters and not route.name.startswith("api/")]


@pytest.mark.parametrize("role", list(Role))
def test_every_page_opens_for_every_role_with_nothing_in_the_database(client: Client, role: Role) -> None:
    client.force_login(make_user(role, team_key=""))
    for path in pages_without_parameters():
        answer = client.get(path)
        assert answer.status_code in (200, 302, 403, 404, 405) or path == "/healthz", (path, answer.status_code)
        if answer.status_code == 404:
            assert path == "/welcome/"


@pytest.mark.parametrize("role", MEETING)
@pytest.mark.parametrize("path", ["/", "/workloads/", "/requests/", "/contracts/", "/supply/", "/policy/", "/runs/"])
def test_an_empty_page_leads_to_the_guide(client: Client, role: Role, path: str) -> None:
    client.force_login(make_user(role, team_key=""))
    answer = client.get(path)
    if answer.status_code == 403:
        return
    assert answer.status_code == 200
    page = answer.content.decode()
    assert 'href="/start/"' in page.split("<main", 1)[1], "no way to the guide on the page itself"
    assert 'href="/start/"' in page.split("<main", 1)[0], "no way to the guide in the account menu"


def test_a_policy_alone_makes_a_plan_with_nothing_in_it_and_the_pages_still_lead_to_the_guide(client: Client) -> None:
    now = timezone.now()
    chair = make_user(Role.CHAIR)
    start.begin_with_standard_policy(by=chair, today=now.date())
    run = make_run(week=Week.containing(now).key)
    with pgtrigger.ignore():
        for name, model in RUN_MODELS.items():
            if name not in {"figures", "tiers"}:
                model._default_manager.filter(run=run)._raw_delete("default")
    for role in MEETING:
        client.force_login(chair if role is Role.CHAIR else make_user(role))
        for path in (
            "/",
            "/workloads/",
            "/requests/",
            "/contracts/",
            "/supply/",
            "/runs/",
            f"/runs/{run.pk}/",
            "/start/",
        ):
            answer = client.get(path)
            assert answer.status_code in (200, 403), (role, path)
        home = client.get("/").content.decode()
        assert "There is no plan yet." in home and 'href="/start/"' in home
    client.force_login(chair)
    week = Week.containing(now).key
    assert client.get(f"/reviews/{week}/").status_code == 200
    client.post(f"/reviews/{week}/freeze/")
    assert not Review.objects.exists()


def test_the_menu_offers_the_guide_until_the_first_frozen_review(client: Client) -> None:
    chair = make_user(Role.CHAIR)
    client.force_login(chair)
    assert "Getting started" in client.get("/methods/").content.decode()
    make_review(make_run(), frozen_by=chair)
    assert "Getting started" not in client.get("/methods/").content.decode()
    assert client.get("/start/").status_code == 200


def test_with_nothing_there_every_step_is_to_do_or_can_wait() -> None:
    assert states(Role.CHAIR, Role.FINANCE) == {
        "policy": "todo", "supply": "todo", "costs": "todo", "workloads": "todo", "contracts": "wait",
        "requests": "wait",
    }  # fmt: skip
    assert not guide_for(viewer(Role.CHAIR), today=TODAY).can_plan


def test_a_step_of_others_shows_no_count(client: Client) -> None:
    make_pool()
    assert states(Role.SALES)["supply"] == states(Role.SALES)["costs"] == states(Role.SALES)["requests"] == "others"
    client.force_login(make_user(Role.SALES))
    page = client.get("/start/").content.decode()
    assert "Kept by Chair and capacity team. Your role does not see these tables." in page
    assert "h100-x" not in page


def test_pools_without_a_cost_rate_are_counted_as_unknown_not_zero() -> None:
    make_pool("one")
    make_pool("two")
    make_pool("three", lots=0)
    both = [Role.CHAIR, Role.FINANCE]
    assert texts("costs", *both) == ["2 pools have lots without a cost rate in force; their cost is unknown, not zero."]
    assert texts("supply", *both) == ["One pool has no lot, so it holds no accelerators in the plan."]


def test_the_demo_world_has_every_step_done_and_names_what_its_cases_are_about() -> None:
    load_demo(as_of=TODAY, password="a password of the tests", now=timezone.now())
    guide = guide_for(viewer(Role.CHAIR, Role.FINANCE), today=TODAY)
    assert {step.state for step in guide.steps} <= {"done", "look"}
    assert guide.can_plan and guide.done == guide.shown == 6
    found = {(finding.table, key) for step in guide.steps for finding in step.findings for key in finding.keys}
    assert {("lots", "H200-2"), ("contracts", "CT-06"), ("contracts", "CT-05")} <= found


def test_sales_is_told_of_its_own_contracts_only() -> None:
    load_demo(as_of=TODAY, password="a password of the tests", now=timezone.now())
    contract = Contract.objects.get(key="CT-06")
    other = "sales_west" if contract.owner.username == "sales" else "sales"
    named = {
        name: [
            key
            for step in guide_for(viewer(Role.SALES, username=name), today=TODAY).steps
            for finding in step.findings
            for key in finding.keys
        ]
        for name in (contract.owner.username, other)
    }
    assert "CT-06" in named[contract.owner.username]
    assert "CT-06" not in named[other]


def test_the_guide_asks_as_many_questions_of_many_rows_as_of_few() -> None:
    make_pool("first")
    with CaptureQueriesContext(connection) as few:
        guide_for(viewer(*MEETING), today=TODAY)
    for number in range(20):
        make_pool(f"more-{number}", lots=3)
    with CaptureQueriesContext(connection) as many:
        guide_for(viewer(*MEETING), today=TODAY)
    assert len(many) == len(few) <= 20


def test_the_standard_policy_is_written_as_an_ordinary_row_from_this_monday(client: Client) -> None:
    chair = make_user(Role.CHAIR)
    client.force_login(chair)
    assert "Take over the standard policy" in client.get("/start/").content.decode()

    answer = client.post("/start/policy/", follow=True)

    policy = PolicySet.objects.get()
    assert policy.effective_date == Week.containing(timezone.now()).monday
    assert (policy.version, str(policy.utilisation_interactive)) == (1, "0.6500")
    assert not PolicyFloor.objects.exists()
    assert "The standard policy is in force from Monday" in answer.content.decode()
    assert "Take over the standard policy" not in answer.content.decode()
    assert AuditEvent.objects.filter(action__startswith="import", user=chair).exists()


def test_the_standard_policy_is_the_one_of_the_demo() -> None:
    load_demo(as_of=TODAY, password="a password of the tests", now=timezone.now())
    demo = PolicySet.objects.get()
    for name, cell in STANDARD_POLICY.items():
        value = getattr(demo, name)
        if name == "tiers":
            assert ";".join(value) == cell
        elif name.endswith("counts_at"):
            assert value == cell
        else:
            assert Decimal(value) == Decimal(cell), name


def test_the_public_datasheets_can_be_taken_over_once(client: Client) -> None:
    client.force_login(make_user(Role.CHAIR))
    assert "Take over the public datasheets" in client.get("/start/").content.decode()
    answer = client.post("/start/accelerator-types/", follow=True)
    assert "12 accelerator types are there" in answer.content.decode()
    h100 = AcceleratorType.objects.get(key="h100")
    assert (h100.h100e_factor, h100.dense_bf16_tflops) == (1, Decimal("989.4"))
    assert "Epoch AI" in h100.provenance
    AcceleratorType.objects.filter(key="h100").update(name="Ours")
    assert (
        "There are accelerator types already" in client.post("/start/accelerator-types/", follow=True).content.decode()
    )
    assert AcceleratorType.objects.get(key="h100").name == "Ours"


def test_a_floor_comes_only_when_somebody_gives_one(client: Client) -> None:
    make_pool("one")
    make_pool("two")
    client.force_login(make_user(Role.CHAIR))
    refused = client.post("/start/policy/", {"pools": ["one"]})
    assert refused.status_code == 422
    assert "A floor needs a share" in refused.content.decode()
    assert not PolicySet.objects.exists()

    client.post("/start/policy/", {"pools": ["one", "two"], "share_percent": "30"})

    floor = PolicyFloor.objects.get()
    assert (floor.pool_keys, str(floor.share), floor.accelerators) == (["one", "two"], "0.3000", None)


def test_a_second_policy_is_not_written_by_the_guide(client: Client) -> None:
    client.force_login(make_user(Role.CHAIR))
    client.post("/start/policy/")
    PolicySet.objects.update(idle_limit_share=Decimal("0.09"))
    answer = client.post("/start/policy/", follow=True)
    assert "There is a policy already" in answer.content.decode()
    assert str(PolicySet.objects.get().idle_limit_share) == "0.0900"


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CHAIR])
def test_only_who_keeps_the_policy_takes_it_over(client: Client, role: Role) -> None:
    client.force_login(make_user(role))
    assert client.post("/start/policy/").status_code == 403
    assert not PolicySet.objects.exists()


def test_a_plan_can_be_asked_for_from_the_guide_once_there_is_a_policy_and_a_lot(client: Client) -> None:
    client.force_login(make_user(Role.CHAIR))
    assert 'action="/runs/request/"' not in client.get("/start/").content.decode()
    make_pool()
    client.post("/start/policy/")
    page = client.get("/start/").content.decode()
    assert 'action="/runs/request/"' in page
    answer = client.post("/runs/request/", {"next": "/start/"})
    assert answer["Location"] == "/start/"


@pytest.mark.parametrize("role", list(Role))
def test_the_guide_opens_for_those_who_have_a_part_in_the_review(client: Client, role: Role) -> None:
    client.force_login(make_user(role, username="x"))
    assert client.get("/start/").status_code == (200 if may([role], "start.view") else 403)


def test_every_table_a_step_names_is_the_guides_own_only_once() -> None:
    named = [name for step in start.STEPS for name in (*step.needs, *step.also)]
    assert len(named) == len(set(named))
