"""What an accelerator-hour costs, and where a week's money went."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.inventory.domain.cost import (
    CostedHours,
    CostError,
    HourRate,
    LeaseCost,
    Offer,
    OwnedCost,
    billed_cost,
    break_even_with_on_demand,
    leased_rate,
    marginal_offer,
    mixed_rate,
    net_book_value,
    on_demand_rate,
    owned_rate,
    total_cost_of_ownership,
)
from capacity.inventory.domain.envelope import LINES, PurposeHours, split_envelope, stranded_ahead
from capacity.lib.money import round_parts, round_usd

AVAILABILITY = Decimal("0.935")
OWNED = OwnedCost(
    capex_usd=Decimal(48_180),
    residual_usd=Decimal(4_380),
    life_years=Decimal(5),
    wacc=Decimal("0.10"),
    power_kw=Decimal("1.25"),
    power_load=Decimal(1),
    pue=Decimal("1.2"),
    usd_per_kwh=Decimal("0.08"),
    space_usd_per_kw_month=Decimal(146),
    net_support_usd_per_year=Decimal(876),
    staff_software_usd_per_year=Decimal(876),
    accelerator_usd=Decimal(30_000),
)


def test_an_owned_accelerator_costs_1_87_installed_and_2_00_allocatable() -> None:
    rate = owned_rate(cost=OWNED, availability=AVAILABILITY)
    assert rate.components == {
        "depreciation": Decimal("1.00"),
        "financing": Decimal("0.30"),
        "power": Decimal("0.12"),
        "space": Decimal("0.25"),
        "network_support": Decimal("0.10"),
        "staff_software": Decimal("0.10"),
    }
    assert rate.installed_usd == Decimal("1.87")
    assert rate.allocatable_usd == 2


def test_five_years_cost_81906_of_which_silicon_is_36_6_percent() -> None:
    total = total_cost_of_ownership(cost=OWNED)
    assert total.total_usd == 81_906
    assert round(total.silicon_share * 100, 1) == Decimal("36.6")
    assert round(total.silicon_net_of_residual_share * 100, 1) == Decimal("31.3")


def test_a_lease_pays_its_rate_its_prepayment_and_the_money_tied_up_in_it() -> None:
    lease = LeaseCost(
        usd_per_hour=Decimal("2.00"),
        starts_date=date(2026, 1, 1),
        term_years=Decimal(2),
        prepayment_usd=Decimal(8_760),
        wacc=Decimal("0.10"),
    )
    rate = leased_rate(cost=lease, availability=Decimal("0.99"), on_date=date(2026, 6, 1))
    # 8,760 over 17,520 hours = 0.50; financing 4,380 · 10 % · 2 years = 876 over the same hours = 0.05
    assert rate.components["prepayment"] == Decimal("0.5")
    assert rate.components["prepayment_financing"] == Decimal("0.05")
    assert rate.installed_usd == Decimal("2.55")
    assert round(rate.allocatable_usd, 4) == Decimal("2.5758")


def test_a_lease_escalates_on_its_anniversary() -> None:
    lease = LeaseCost(
        usd_per_hour=Decimal(2), starts_date=date(2026, 3, 15), term_years=Decimal(3), escalator=Decimal("0.05")
    )

    def on(day: date) -> Decimal:
        return leased_rate(cost=lease, availability=Decimal(1), on_date=day).installed_usd

    assert [on(date(2027, 3, 14)), on(date(2027, 3, 15)), on(date(2028, 3, 15))] == [
        2,
        Decimal("2.10"),
        Decimal("2.205"),
    ]


def test_a_supplier_that_credits_downtime_costs_the_same_per_hour_it_provides() -> None:
    lease = LeaseCost(
        usd_per_hour=Decimal(2), starts_date=date(2026, 1, 1), term_years=Decimal(1), downtime_credit_share=Decimal(1)
    )
    assert leased_rate(cost=lease, availability=Decimal("0.9"), on_date=date(2026, 1, 1)).allocatable_usd == 2


def test_on_demand_costs_what_it_is_used_for() -> None:
    assert on_demand_rate(usd_per_hour=Decimal("3.50")).allocatable_usd == Decimal("3.50")


def test_owning_breaks_even_at_53_4_percent_of_installed_and_57_1_of_allocatable_hours() -> None:
    owned = owned_rate(cost=OWNED, availability=AVAILABILITY)
    found = break_even_with_on_demand(owned=owned, on_demand_usd_per_hour=Decimal("3.50"))
    assert round(found.of_installed * 100, 1) == Decimal("53.4")
    assert round(found.of_allocatable * 100, 1) == Decimal("57.1")


def test_a_mixed_pool_is_charged_at_cost_over_hours_and_names_what_has_no_cost() -> None:
    found = billed_cost(
        hours=[
            CostedHours(key="owned", billed_hours=1_000, usd_per_hour=Decimal("1.87")),
            CostedHours(key="lease", billed_hours=500, usd_per_hour=Decimal("2.55")),
            CostedHours(key="gift", billed_hours=500, usd_per_hour=None),
        ]
    )
    assert found.total_usd == 3_145
    assert found.unknown == ("gift",)
    assert not found.is_complete
    assert mixed_rate(cost_usd=Decimal(3_145), available_hours=1_258) == Decimal("2.5")
    assert mixed_rate(cost_usd=Decimal(3_145), available_hours=0) is None


def test_the_marginal_source_is_the_cheapest_with_something_left() -> None:
    offers = [
        Offer(key="reserved", usd_per_hour=Decimal("2.00"), accelerators=0),
        Offer(key="cloud b", usd_per_hour=Decimal("3.50"), accelerators=8),
        Offer(key="cloud a", usd_per_hour=Decimal("3.50"), accelerators=8),
    ]
    found = marginal_offer(offers=offers)
    assert found is not None
    assert found.key == "cloud a"
    assert marginal_offer(offers=offers[:1]) is None


def test_book_value_after_730_days_of_five_years_is_30660() -> None:
    def book(on: date) -> Decimal:
        return net_book_value(
            capex_usd=Decimal(48_180),
            residual_usd=Decimal(4_380),
            life_years=Decimal(5),
            accepted_date=date(2025, 1, 1),
            on_date=on,
        )

    assert book(date(2027, 1, 1)) == 30_660
    assert book(date(2024, 1, 1)) == 48_180
    assert book(date(2040, 1, 1)) == 4_380
    # 48,180 − 24 × 730; where the market pays 18,000, the economic gap is 12,660
    assert book(date(2027, 1, 1)) - 18_000 == 12_660


def test_a_hundred_accelerators_at_8_6_million_over_five_years_cost_1_96_an_hour() -> None:
    rate = mixed_rate(cost_usd=Decimal(8_600_000), available_hours=100 * 43_800)
    assert rate is not None and round(rate, 2) == Decimal("1.96")


def test_impossible_costs_are_refused_in_a_sentence() -> None:
    with pytest.raises(CostError):
        HourRate(basis="owned", components={}, availability=Decimal(0))
    with pytest.raises(CostError):
        break_even_with_on_demand(
            owned=owned_rate(cost=OWNED, availability=AVAILABILITY), on_demand_usd_per_hour=Decimal(0)
        )


WORKED = PurposeHours(serving_consumed=Fraction(60_000), serving_headroom=Fraction(40_000), learning=Fraction(40_000))


def test_a_week_of_a_thousand_accelerators_splits_into_its_purposes() -> None:
    envelope = split_envelope(
        cost_usd=1_000 * 168 * Decimal("1.87"),
        available_accelerators=Decimal(935),
        maintenance_accelerators=Decimal(0),
        allocatable_accelerators=928,
        purpose_hours=WORKED,
    )
    assert envelope.total_usd == 314_160
    assert envelope.rate_usd_per_hour == 2
    # 928 × 168 hours can be given out
    assert sum(hours for key, hours in envelope.hours.items() if key not in ("fragment", "maintenance")) == 155_904
    assert envelope.hours["idle"] == 15_904
    assert envelope.hours["fragment"] == 1_176
    assert envelope.parts_usd == {
        "serving_consumed": 120_000,
        "serving_headroom": 80_000,
        "serving_spare": 0,
        "learning": 80_000,
        "internal": 0,
        "no_choice": 0,
        "idle": 31_808,
        "fragment": 2_352,
        "maintenance": 0,
    }
    # hiding headroom and idle in the unit cost would charge 314,160 over 100,000 working hours
    assert round(envelope.total_usd / 100_000, 2) == Decimal("3.14")


def test_days_billed_before_a_lot_counts_are_idle_and_named() -> None:
    envelope = split_envelope(
        cost_usd=Decimal(1_680),
        part_week_usd=Decimal(500),
        available_accelerators=Decimal(10),
        maintenance_accelerators=Decimal(2),
        allocatable_accelerators=8,
        purpose_hours=PurposeHours(internal=Fraction(1_000)),
    )
    assert envelope.parts_usd["internal"] == 1_000
    assert envelope.parts_usd["maintenance"] == 336
    assert envelope.parts_usd["idle"] == 344 + 500
    assert envelope.part_week_usd == 500
    assert envelope.total_usd == 2_180


def test_money_of_a_week_in_which_nothing_stood_all_week_is_idle() -> None:
    envelope = split_envelope(
        cost_usd=Decimal(0),
        part_week_usd=Decimal(500),
        available_accelerators=Decimal(0),
        maintenance_accelerators=Decimal(0),
        allocatable_accelerators=0,
        purpose_hours=PurposeHours(),
    )
    assert (envelope.parts_usd["idle"], envelope.rate_usd_per_hour) == (500, None)


def test_supply_ahead_of_need_is_stranded_and_a_short_week_does_not_offset_it() -> None:
    weeks = [(100, 90), (100, 130), (120, 90)]
    assert stranded_ahead(weeks=weeks, rate_usd_per_hour=Decimal(2)) == 40 * 168 * 2


def test_more_hours_than_are_allocatable_are_refused() -> None:
    with pytest.raises(CostError):
        split_envelope(
            cost_usd=Decimal(1),
            available_accelerators=Decimal(8),
            maintenance_accelerators=Decimal(0),
            allocatable_accelerators=8,
            purpose_hours=PurposeHours(learning=Fraction(8 * 168 + 1)),
        )


@given(
    installed=st.integers(1, 200_000),
    availability=st.decimals("0.5", "1", places=3),
    rate=st.decimals("0.01", "20", places=4),
    part_week=st.decimals(0, 10**6, places=2),
    shares=st.lists(st.integers(0, 100), min_size=6, max_size=6),
)
def test_the_parts_of_an_envelope_sum_to_it_exactly_and_to_the_cent(
    installed: int, availability: Decimal, rate: Decimal, part_week: Decimal, shares: list[int]
) -> None:
    allocatable = int(installed * availability) // 8 * 8
    hours = [Fraction(allocatable * 168 * share, max(1, sum(shares)) * 2) for share in shares]
    envelope = split_envelope(
        cost_usd=installed * 168 * rate,
        part_week_usd=part_week,
        available_accelerators=installed * availability,
        maintenance_accelerators=Decimal(0),
        allocatable_accelerators=allocatable,
        purpose_hours=PurposeHours(**dict(zip(LINES, hours, strict=False))),
    )
    exact_sum = sum((Fraction(part) for part in envelope.parts_usd.values()), Fraction(0))
    assert exact_sum == Fraction(envelope.total_usd) == Fraction(installed * 168 * rate + part_week)
    shown = round_parts(envelope.parts_usd)
    assert sum(shown.values()) == round_usd(envelope.total_usd)
    assert min(envelope.parts_usd.values()) >= Decimal("-1e-30")
