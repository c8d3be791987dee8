"""What the chair can learn of one contract's fee from all they read together: one band, at least a factor of 2 wide."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal as D
from typing import Any

import pytest
from django.test import Client

from capacity.access.bands import BandUnit, band_of
from capacity.access.models import User
from capacity.review.figure_terms import term as figure_term
from capacity.review.models import RunFigure
from tests import factory_contract_rows, factory_rows
from tests.factories import make_run, make_user
from tests.review.pages_under_test import API, LISTS

pytestmark = [pytest.mark.django_db, pytest.mark.security]

KEY = "cygnus_flat"
COST, WORST_COST = D("877771.11"), D("2633313.33")
# Of what the chair knows exactly they know the cost: accelerators × hours × rate. It is 50 to 100 % of these fees.
LEAST, MOST = COST, 2 * COST - D("0.01")
MARGINS = ("margin_usd", "worst_margin_usd", "loss_exposure_usd", "break_even_multiple", "margin_share")
BY = ("workload", "model", "tier", "customer", "region", "shape")


@pytest.fixture
def plan_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[D], str]:
    """A plan in which the flat fee is so much and everything else is the same: the address part of its run."""
    rows_of, numbers = factory_rows.exposure_rows, iter(range(900_001, 900_099))
    months = factory_contract_rows._MONEY[KEY]

    def made(fee: D) -> str:
        def with_fee(horizon: Any) -> list[dict[str, Any]]:
            rows = rows_of(horizon)
            _put(next(row for row in rows if row["contract_key"] == KEY), fee, WORST_COST, loss=WORST_COST - fee)
            # The others make the sums over all contracts what they are at any fee: those are bands of their own.
            rest = next(row for row in rows if row["contract_key"] == "acme_pt")
            _put(rest, D(8_000_000) - fee, D(9_000_000), loss=D(1_000_000) + fee)
            return rows

        monkeypatch.setattr(factory_rows, "exposure_rows", with_fee)
        month = [(str(D(46_720) * fee / COST), pair[1]) for pair in months if pair is not None]
        monkeypatch.setitem(factory_contract_rows._MONEY, KEY, tuple(month))
        run = make_run(id=next(numbers))
        for name in MARGINS:
            sight = {"resource": "exposure", "field": name}
            terms = [figure_term("Revenue", fee, "USD", "this run", ("exposure", "revenue_usd"))]
            said = {"label": name, "unit": "USD", "formula": "", "methods_anchor": "exposure"}
            value = (fee - COST) / (fee if name == "margin_share" else 1)
            RunFigure.objects.create(run=run, key=f"fee:{KEY}:{name}", value=value, terms=terms, **sight, **said)
        terms = [figure_term(f"Loss of {KEY}", WORST_COST - fee, "USD", "contract", ("exposure", "loss_exposure_usd"))]
        RunFigure.objects.create(
            run=run, key="fee:all", value=D(3_000_000), terms=terms if fee < D(1_500_000) else [], resource="metric",
            field="H11", label="Losses", unit="USD", formula="", methods_anchor="exposure",
        )  # fmt: skip
        return str(run.pk)

    return made


def _put(row: dict[str, Any], fee: D, worst_cost: D, *, loss: D) -> None:
    reserved, consumed = row["reserved_cost_usd"], row["consumed_cost_usd"]
    row |= {"revenue_usd": fee, "worst_revenue_usd": fee, "loss_exposure_usd": loss, "worst_cost_usd": worst_cost}
    row |= {"margin_usd": fee - reserved, "consumed_margin_usd": fee - consumed, "worst_margin_usd": fee - worst_cost}
    for name, cost in (("margin_share", reserved), ("worst_margin_share", worst_cost)):
        row[name] = ((fee - cost) / fee).quantize(D("1e-10"))
    row["break_even_multiple"] = (fee / COST).quantize(D("1e-6"))


def addresses(run: str) -> Iterator[str]:
    """Every page, file and API table on which money of a contract or of all of them may stand."""
    yield from (
        "/",
        "/contracts/",
        f"/contracts/{KEY}/",
        "/contracts/?sort=-loss_exposure_usd",
        "/pipeline/",
        "/requests/",
    )
    for key in (*(f"fee:{KEY}:{name}" for name in MARGINS), "fee:all", "metric:H9", "metric:H11"):
        yield f"/runs/{run}/figures/{key}/"
    for by in BY:
        for scenario in ("committed", "p10", "p50", "p90", "heavy", "worst"):
            yield f"/money/?by={by}&scenario={scenario}&span=all"
    yield "/money/?by=shape&part=flat_fee&scenario=worst"
    for page, tables in LISTS.items():
        yield from (f"{page}?format=csv&table={name}" for name in tables)
    for name in ("exposure-scenario-weeks", "contract-multiples", "contract-scenarios", "scenario-totals"):
        yield from (f"/money/?format=csv&table={name}", f"/contracts/{KEY}/?format=csv&table={name}")
    yield from (address for address in API if address not in ("/api/v1/", "/api/v1/schema/"))


def read(client: Client, role: str, run: str) -> dict[str, str]:
    """Address → what stands there, without what differs between any two plans."""
    client.force_login(User.objects.filter(username=role).first() or make_user(role))
    found = {}
    for address in addresses(run):
        text = client.get(address).content.decode()
        # Every run made here has a number of its own, whichever is looked at.
        text = re.sub(r"9000\d\d", "RUN", text.replace(run, "RUN"))
        text = re.sub(r'(csrf[a-z_-]*"?[^"]*"|nonce=")[^"]+"', "", text, flags=re.IGNORECASE)
        found[address.replace(run, "RUN")] = text
    return found


def _first_difference(one: str, other: str) -> str:
    """What stands where two texts begin to differ, "" where they are the same."""
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return "" if one == other else f"{one[max(0, at - 80) : at + 40]!r} ≠ {other[at : at + 40]!r}"


def test_every_fee_of_one_band_reads_the_same_to_the_chair(client: Client, plan_at: Callable[[D], str]) -> None:
    least = read(client, "chair", plan_at(LEAST))
    most = read(client, "chair", plan_at(MOST))
    # Sums over three customers or more are bands of their own, and move when one of them does.
    single = [
        address
        for address in least
        if not any(name in address for name in ("/money/?", "/runs/?", "/v1/runs/", "rollups", "totals"))
    ]
    assert {address: _first_difference(least[address], most[address]) for address in single} == dict.fromkeys(
        single, ""
    )
    assert band_of(1 - COST / LEAST, unit=BandUnit.MARGIN) == band_of(1 - COST / MOST, unit=BandUnit.MARGIN)
    # What they do read of it, and that another band would be told from this one.
    assert "0–50%" in least[f"/contracts/{KEY}/"]
    above = read(client, "chair", plan_at(MOST + 1))
    assert "50–80%" in above[f"/contracts/{KEY}/"]


def test_finance_reads_another_fee_in_the_same_places(client: Client, plan_at: Callable[[D], str]) -> None:
    least = read(client, "finance", plan_at(LEAST))
    most = read(client, "finance", plan_at(MOST))
    told = {address for address in least if least[address] != most[address]}
    assert {"/", "/contracts/", f"/contracts/{KEY}/", "/api/v1/exposure/", "/api/v1/exposure-scenarios/"} <= told
    assert {f"/runs/RUN/figures/fee:{KEY}:{name}/" for name in MARGINS} <= told
    assert "/runs/RUN/figures/fee:all/" in told
