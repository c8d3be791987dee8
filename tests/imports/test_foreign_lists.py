"""Lists as a lab has them: German headings, names of its own; no row is lost on its way."""

from __future__ import annotations

import pytest

from capacity.access.models import RoleGrant, User
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports.changes import Actor
from capacity.imports.mapping import suggest
from capacity.imports.models import Alias
from capacity.imports.proposals import approve
from capacity.imports.services import import_files
from capacity.imports.tables import tables
from capacity.inventory.models import LeadTime
from contracts.models import PriceLine
from tests.imports.world import GOOD, files_of, import_texts

pytestmark = pytest.mark.django_db
BOTH = frozenset({Role.CHAIR, Role.FINANCE})


def columns(table: str, *headings: str) -> list[str]:
    found = suggest(headings, tables()[table])
    return [found[heading].column for heading in headings]


def person(name: str) -> Actor:
    user = User.objects.create_user(name, password=None)
    RoleGrant.objects.bulk_create(RoleGrant(user=user, role=role) for role in BOTH)
    return Actor(user=user, source="file", viewer=Viewer(username=name, roles=BOTH))


def test_german_headings_are_understood() -> None:
    pools = ("Pool", "Bezeichnung", "GPU-Typ", "Standort", "Art", "GPUs je Knoten", "Verfügbarkeit (%)")
    assert columns("pools", *pools) == [
        "key", "name", "accelerator_type", "site", "source_type", "node_size", "availability_share",
    ]  # fmt: skip
    lots = ("Los", "Pool", "Netz", "Lieferant", "Status", "GPUs", "Abgenommen am", "Ende", "Kostensatz")
    assert columns("lots", *lots) == [
        "key", "pool", "domain", "supplier", "state", "accelerators", "accepted_date", "ends_date", "cost_rate_key",
    ]  # fmt: skip
    assert suggest(["Leistung (MW)"], tables()["sites"])["Leistung (MW)"].hint == "MW"
    assert suggest(["Leistung je GPU (W)"], tables()["cost_rates"])["Leistung je GPU (W)"].hint == "watts"


def test_a_row_whose_key_holds_an_alias_is_not_lost_on_its_way_through_an_approval() -> None:
    assert import_texts(GOOD).applied
    Alias.objects.create(kind="accelerator_type", written="Our fast card", key="h100")
    maker, checker = person("ann"), person("bob")
    files = {
        "lead_times.csv": GOOD["lead_times.csv"].replace("h100,26,36", "Our fast card,20,30"),
        "price_lines.csv": GOOD["price_lines.csv"].replace("15.00", "16.00"),
    }
    outcome = import_files(files=files_of(files), actor=maker)
    assert outcome.proposal_id is not None and not outcome.errors
    assert LeadTime.objects.get(accelerator_type__key="h100").p50_weeks == 26

    approve(proposal_id=outcome.proposal_id, actor=checker)

    assert LeadTime.objects.get(accelerator_type__key="h100").p50_weeks == 20
    assert PriceLine.objects.filter(price=16).exists()
