"""The rate of what could serve a class where the plan gives it nothing: of the week, and unknown where one pool's is."""

from __future__ import annotations

from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any

import pytest

from capacity.lib.horizon import Week
from capacity.review.plan_serving import ServingRows, mean_rate

NOW = Week.parse("2026-W48")


def fallback(rates: dict[tuple[str, Week], D | None]) -> dict[str, tuple[D | None, ...]]:
    """Of one class that pools a and b may serve, over two weeks. What breaks ties between pools is $9 and no cost."""
    pools = [SimpleNamespace(key=key, usd_per_accelerator_hour=D(9)) for key in ("a", "b")]
    demand = SimpleNamespace(class_="chat", options=[SimpleNamespace(pool=key) for key in ("a", "b")])
    rows: Any = ServingRows.__new__(ServingRows)
    rows.weeks = [NOW, NOW.plus(1)]
    rows.plan = SimpleNamespace(rates=rates, problem=SimpleNamespace(pools=pools, serving=[demand]))
    found: dict[str, tuple[D | None, ...]] = rows.fallback_rates
    return found


def test_the_fallback_rate_is_the_mean_of_the_weeks_rates() -> None:
    later = NOW.plus(1)
    rates: dict[tuple[str, Week], D | None] = {
        ("a", NOW): D(2),
        ("b", NOW): D(3),
        ("a", later): D(2),
        ("b", later): D(5),
    }
    assert fallback(rates) == {"chat": (D("2.5"), D("3.5"))}


def test_one_pool_of_unknown_rate_makes_it_unknown_and_neither_nothing_nor_the_dearest() -> None:
    later = NOW.plus(1)
    rates = {("a", NOW): D(2), ("b", NOW): None, ("a", later): D(2), ("b", later): D(3)}
    assert fallback(rates) == {"chat": (None, D("2.5"))}


@pytest.mark.parametrize(("rates", "mean"), [([], None), ([None], None), ([D(4)], D(4)), ([D(1), D(2)], D("1.5"))])
def test_the_mean_of_no_rate_is_not_known(rates: list[D | None], mean: D | None) -> None:
    assert mean_rate(rates) == mean
