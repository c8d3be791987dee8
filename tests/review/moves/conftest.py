"""A small world in which one workload takes five times the worked load, planned and published; and people."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from capacity.allocation import what_ifs
from capacity.allocation.models import Run
from capacity.decisions.models import PolicySet
from capacity.inventory.models import CostLine, CostRate
from capacity.review.quote_asking import run_room
from contracts.models import Contract, PriceLine
from tests.contracts.pipeline import make_world
from tests.review.quotes.asking import published


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What was woken, in place of a broker."""
    run_room.cache_clear()
    calls: list[int] = []

    def wake(*, what_if_id: int, countdown: float = 0.0) -> bool:
        calls.append(what_if_id)
        return True

    monkeypatch.setattr(what_ifs, "wake_what_if", wake)
    return calls


@pytest.fixture
def world(db: Any) -> None:
    """50,000 tokens a second in, half of them cached, 10,000 out, on 8 accelerators a replica at $2 an hour."""
    make_world(deals=0)
    Contract.objects.filter(key="c-1").update(
        input_tokens_per_second=Decimal(50_000),
        output_tokens_per_second=Decimal(10_000),
        cache_hit_share=Decimal("0.5"),
        peak_factor=Decimal("2.5"),
        growth_share_per_month=0,
        rate_limit_input_tokens_per_minute=None,
    )
    pattern = PriceLine.objects.get()
    for kind, price in (("uncached_input", "1"), ("cached_input", "0.5")):
        PriceLine.objects.create(
            contract=pattern.contract, kind=kind, price=Decimal(price), starts_date=pattern.starts_date
        )
    CostLine.objects.all().delete()
    # $1.87 an hour of what is installed is $2.00 of the 93.5 % that are left after failures.
    CostRate.objects.update(kind="leased", lease_usd_per_hour=Decimal("1.87"), capex_usd=None, ends_date="2030-01-01")
    PolicySet.objects.update(utilisation_interactive=Decimal("0.7"))


@pytest.fixture
def run(world: None, woken: list[int]) -> Run:
    return published()
