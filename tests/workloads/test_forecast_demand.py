"""Forecasts in the plan: which source and vintage count, what falls back to the card, and the band by week."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from capacity.decisions.policy import policy_in_force
from capacity.lib.horizon import Horizon, Week
from capacity.review.inputs import read_inputs
from tests.imports.world import GOOD, import_texts
from workloads.demand import experiment_requests, own_product_loads, serving_classes
from workloads.domain.classes import TrafficLoad
from workloads.selectors import latest_vintages

pytestmark = pytest.mark.django_db

AS_OF = date(2026, 10, 5)
HORIZON = Horizon(first=Week.containing(AS_OF), weeks=3)
HEADER = GOOD["forecasts.csv"].splitlines()[0] + "\n"


def read(forecasts: str, **card: str) -> dict[str, Any]:
    """The input tables of a world with these forecasts and this card."""
    header, row = GOOD["workloads.csv"].splitlines()
    cards = f"{header},{','.join(card)}\n{row},{','.join(card.values())}\n" if card else f"{header}\n{row}\n"
    outcome = import_texts({**GOOD, "workloads.csv": cards, "forecasts.csv": HEADER + forecasts})
    assert outcome.applied, [str(issue) for issue in outcome.errors]
    return dict(read_inputs(as_of=AS_OF).tables)


def planned(tables: dict[str, Any]) -> list[tuple[int, ...] | None]:
    """(P10, P50, P90) of input tokens a second by week of the one load."""
    policy = policy_in_force(policy_sets=tables["policy_sets"], policy_floors=tables["policy_floors"], on_date=AS_OF)
    loads, unsized = own_product_loads(tables=tables, policy=policy, horizon=HORIZON, as_of=AS_OF)
    assert unsized == []
    (load,) = (each.load for each in loads)
    ends = [source.traffic for source in (load.low, load.source, load.high) if isinstance(source, TrafficLoad)]
    return [
        None if None in week else tuple(int(each.input_tokens_per_second) for each in week if each)
        for week in zip(*ends, strict=True)
    ]


def test_a_forecast_gives_each_week_its_own_band() -> None:
    tables = read("chat,sales,2026-09-01,2026-10-05,6,9,14,1,2,3\nchat,sales,2026-09-01,2026-10-15,7,12,20,1,2,3\n")
    assert planned(tables) == [(6, 9, 14), (7, 12, 20), (7, 12, 20)]


def test_the_latest_vintage_up_to_the_day_counts() -> None:
    rows = "".join(f"chat,sales,{day},2026-10-05,,{p50},,1,2,3\n" for day, p50 in
                   (("2026-08-01", 5), ("2026-10-05", 9), ("2026-10-06", 99)))  # fmt: skip
    tables = read(rows)
    assert [row["input_p50"] for row in tables["forecasts"]] == [9]
    assert planned(tables)[0] == (9, 9, 9)


def test_two_sources_stand_side_by_side_and_are_never_summed() -> None:
    rows = "chat,sales,2026-09-01,2026-10-05,,9,,1,2,3\nchat,product,2026-09-02,2026-10-05,,4,,1,2,3\n"
    tables = read(rows, forecast_source="product")
    assert sorted(row["source"] for row in tables["forecasts"]) == ["product", "sales"]
    assert planned(tables)[0] == (4, 4, 4)


def test_without_a_chosen_one_of_two_sources_the_cards_own_tokens_count() -> None:
    rows = "chat,sales,2026-09-01,2026-10-05,,9,,1,2,3\nchat,product,2026-09-02,2026-10-05,,4,,1,2,3\n"
    tables = read(
        rows, input_tokens_per_second="100", output_tokens_per_second="10", p10_multiple="0.5", p90_multiple="2"
    )
    assert planned(tables)[0] == (50, 100, 200)


def test_before_the_first_start_the_cards_own_tokens_count() -> None:
    tables = read(
        "chat,sales,2026-09-01,2026-10-14,,9,,1,2,3\n", input_tokens_per_second="100", output_tokens_per_second="10"
    )
    assert planned(tables) == [(100, 100, 100), (9, 9, 9), (9, 9, 9)]


def test_an_open_end_of_the_band_is_the_cards_multiple() -> None:
    tables = read("chat,sales,2026-09-01,2026-10-05,,100,,10,10,10\n", p10_multiple="0.5", p90_multiple="3")
    assert planned(tables)[0] == (50, 100, 300)


def test_the_band_reaches_the_need_of_the_class() -> None:
    # P50 at peak 2.5, half cached at 0.1: 2.5 × (550 ÷ 40,000 + 1,000 ÷ 4,000) = 0.659375.
    tables = read("chat,sales,2026-09-01,2026-10-05,0,1000,4000,0,1000,4000\n")
    policy = policy_in_force(policy_sets=tables["policy_sets"], policy_floors=tables["policy_floors"], on_date=AS_OF)
    loads, _ = own_product_loads(tables=tables, policy=policy, horizon=HORIZON, as_of=AS_OF)
    (found,) = serving_classes(loads=loads, tables=tables, policy=policy, weeks=3)
    week = found.weeks[0]
    # 0.659375 ÷ 0.65 = 1.01 → 2 + 1 replicas; at P90 2.6375 ÷ 0.65 = 4.06 → 5 + 1; at P10 nothing.
    assert (week.total.accelerators, week.p10_accelerators, week.p90_accelerators) == (24, 0, 48)


def test_vintages_after_the_day_are_not_known_yet() -> None:
    rows = [{"workload": "a", "source": "s", "vintage_date": date(2026, 10, 6)}]
    assert latest_vintages(rows, as_of=AS_OF) == []


def test_a_request_that_needs_fast_links_stays_out_of_pools_that_are_not_known_to_have_them() -> None:
    tables = read("chat,sales,2026-09-01,2026-10-05,,9,,1,2,3\n")
    policy = policy_in_force(policy_sets=tables["policy_sets"], policy_floors=tables["policy_floors"], on_date=AS_OF)

    def pools(speed: Decimal | None, least: Decimal | None) -> tuple[str, ...]:
        domains = [{**tables["network_domains"][0], "gbit_per_second": speed}]
        requests = [{**tables["experiments"][0], "least_gbit_per_second": least}]
        changed = {**tables, "network_domains": domains, "experiments": requests}
        (found,) = experiment_requests(tables=changed, policy=policy, horizon=HORIZON, as_of=AS_OF)
        return found.options[0].pools if found.options else ()

    assert pools(Decimal(400), Decimal(400)) == pools(None, None) == ("pool-1",)
    assert pools(Decimal(200), Decimal(400)) == pools(None, Decimal(400)) == ()
