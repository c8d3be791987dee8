"""What the inventory's tables refuse by themselves, whoever writes."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import models

from capacity.inventory.models import (
    AcceleratorListPrice,
    AcceleratorType,
    ActualCost,
    Budget,
    CostLine,
    CostRate,
    FxRate,
    LeadTime,
    Lot,
    LotMove,
    MarketValue,
    NetworkDomain,
    Outage,
    Pool,
    Site,
    Supplier,
)
from tests.constraints import Attempts, accepted_columns, column_rules, named_constraints, refusal, refusals
from tests.imports.world import GOOD, import_texts

pytestmark = pytest.mark.django_db

BAD_KEY = {"key": "spaces and ü"}
DAY, LATER = date(2026, 11, 23), date(2026, 12, 7)
NO_DATES = {"p50_date": None, "p90_date": None, "accepted_date": None, "ends_date": None, "state": "planned"}

ATTEMPTS: Attempts = {
    "supplier_key_form": (Supplier, BAD_KEY),
    "supplier_p90_not_before_p50": (Supplier, {"lead_time_p50_weeks": 30, "lead_time_p90_weeks": 29}),
    "site_key_form": (Site, BAD_KEY),
    "type_key_form": (AcceleratorType, BAD_KEY),
    "pool_key_form": (Pool, BAD_KEY),
    "node_has_accelerators": (Pool, {"node_size": 0}),
    "availability_is_a_share": (Pool, {"availability_share": "1.00001"}),
    "burst_has_a_price": (Pool, {"burst_accelerators": 8, "burst_usd_per_accelerator_hour": None}),
    "one_domain_per_key": (NetworkDomain, {}),
    "domain_key_form": (NetworkDomain, BAD_KEY),
    "cost_rate_periods_do_not_overlap": (CostRate, {}),
    "cost_rate_key_form": (CostRate, BAD_KEY),
    "cost_rate_ends_after_start": (CostRate, {"starts_date": DAY, "ends_date": DAY}),
    "owned_rate_has_no_rent": (CostRate, {"kind": "owned", "lease_usd_per_hour": 2}),
    "residual_at_most_capex": (CostRate, {"capex_usd": 100, "residual_usd": 101}),
    "lot_key_form": (Lot, BAD_KEY),
    "lot_has_accelerators": (Lot, {"accelerators": 0}),
    "control_grade_1_to_5": (Lot, {"control_grade": 6}),
    "lot_p90_not_before_p50": (Lot, {**NO_DATES, "p50_date": LATER, "p90_date": DAY}),
    "lot_leaves_after_it_arrives": (Lot, {**NO_DATES, "p50_date": DAY, "ends_date": DAY}),
    "accepted_lot_has_a_date": (Lot, {**NO_DATES, "state": "accepted"}),
    "confirmed_lot_has_p50": (Lot, {**NO_DATES, "state": "confirmed"}),
    "ordered_lot_has_p90": (Lot, {**NO_DATES, "state": "ordered"}),
    "lot_is_ordered_before_it_arrives": (Lot, {"ordered_date": date(2026, 2, 3)}),
    "one_lot_per_serial": (Lot, {"key": "another", "serial_ref": "A-1"}),
    "one_lead_time_per_type": (LeadTime, {}),
    "lead_time_p90_not_before_p50": (LeadTime, {"p50_weeks": 30, "p90_weeks": 29}),
    "site_country_form": (Site, {"country": "us"}),
    "silicon_at_most_capex": (CostRate, {"capex_usd": 100, "residual_usd": 0, "accelerator_capex_usd": 101}),
    "cost_rate_currency_form": (CostRate, {"currency": "eur"}),
    "one_move_per_day_and_place": (LotMove, {}),
    "move_has_accelerators": (LotMove, {"accelerators": 0}),
    "outage_key_form": (Outage, BAD_KEY),
    "outage_has_accelerators": (Outage, {"accelerators": 0}),
    "outage_ends_after_start": (Outage, {"starts_date": LATER, "ends_date": DAY}),
    "one_cost_line_per_name": (CostLine, {}),
    "cost_line_key_form": (CostLine, {"line": "two words"}),
    "cost_line_has_an_amount": (CostLine, {"capex_usd": None, "residual_usd": None, "life_years": None}),
    "cost_line_capex_has_a_life": (CostLine, {"life_years": None}),
    "cost_line_residual_at_most_capex": (CostLine, {"capex_usd": 100, "residual_usd": 101}),
    "one_fx_rate_per_day": (FxRate, {}),
    "fx_currency_form": (FxRate, {"currency": "EU"}),
    "fx_rate_is_not_of_the_dollar": (FxRate, {"currency": "USD"}),
    "one_market_value_per_day": (MarketValue, {}),
    "market_value_has_an_amount": (MarketValue, {"usd_per_accelerator": None, "rental_usd_per_hour": None}),
    "budgets_of_a_purpose_do_not_overlap": (Budget, {"key": "another"}),
    "budget_key_form": (Budget, BAD_KEY),
    "budget_ends_after_start": (Budget, {"starts_date": LATER, "ends_date": DAY}),
    "one_charge_per_external_id": (ActualCost, {}),
    "actual_cost_currency_form": (ActualCost, {"currency": "$"}),
    "only_credits_are_negative": (ActualCost, {"billed_usd": "-0.01"}),
    "one_accelerator_price_per_day": (AcceleratorListPrice, {}),
}
# One rule for each column with a range or a list of choices; the value tried is below the range, or no choice.
COLUMN_RULES = column_rules(["inventory"])
BELOW = {"pue": "0.99"}
# Amounts that may be negative: their rule keeps out only NaN.
SIGNED = {"actual_cost_billed_usd_in_range", "actual_cost_effective_usd_in_range", "actual_cost_list_usd_in_range"}


def column_attempts() -> Attempts:
    return {
        name: (model, {column: "nonsense" if name.endswith("_is_listed") else BELOW.get(column, -1)})
        for name, (model, column) in COLUMN_RULES.items()
        if name not in SIGNED
    }


@pytest.fixture(autouse=True)
def world() -> None:
    assert import_texts(GOOD).applied
    Lot.objects.filter(key="lot-1").update(serial_ref="A-1")


def test_the_database_refuses_what_breaks_a_rule_of_the_inventory() -> None:
    assert set(ATTEMPTS) | set(COLUMN_RULES) == named_constraints(["inventory"])
    assert refusals(ATTEMPTS) == {name: name for name in ATTEMPTS}


def test_the_database_refuses_what_is_below_a_range_or_no_choice() -> None:
    attempts = column_attempts()
    assert len(attempts) > 40
    # Whole numbers have a rule of the database's own as well, which comes first in the alphabet.
    own = {name: f"{model._meta.db_table}_{next(iter(change))}_check" for name, (model, change) in attempts.items()}
    found = refusals(attempts)
    assert {name: by for name, by in found.items() if by not in {name, own[name]}} == {}


def test_no_number_of_the_inventory_may_be_nan() -> None:
    """PostgreSQL takes NaN for larger than any number, so "at least zero" alone would let it in."""
    assert accepted_columns("inventory", value="NaN", kinds=(models.DecimalField,)) == set()


def test_no_number_of_the_inventory_may_be_negative_but_credits() -> None:
    Lot.objects.update(serial_ref="")
    ActualCost.objects.filter(charge_kind="usage").delete()
    numbers = (models.DecimalField, models.PositiveIntegerField, models.PositiveSmallIntegerField)
    assert accepted_columns("inventory", value=-1, kinds=numbers) == {
        "ActualCost.billed_usd",
        "ActualCost.effective_usd",
        "ActualCost.list_usd",
    }


def test_an_outage_in_a_domain_of_another_pool_is_refused() -> None:
    other = Pool.objects.get(key="pool-1")
    other.pk, other.key = None, "pool-2"
    other.save()
    assert refusal(Outage, {"key": "another", "pool_id": other.pk}) == "outage_domain_is_of_its_pool"
    assert refusal(Outage, {"key": "another", "pool_id": other.pk, "domain_id": None}) == "accepted"


def test_a_key_names_one_row() -> None:
    for model in (Supplier, Site, AcceleratorType, Pool, Lot, Outage):
        assert refusal(model, {}).startswith(f"inventory_{model.__name__.lower()}_key"), model


def test_the_same_rows_are_accepted_where_they_break_nothing() -> None:
    """So that no attempt above is refused for another reason."""
    Lot.objects.update(serial_ref="")
    assert refusal(Pool, {"key": "another", "burst_accelerators": 8, "burst_usd_per_accelerator_hour": 3}) == "accepted"
    assert refusal(Lot, {**NO_DATES, "key": "another", "p50_date": DAY, "ends_date": LATER}) == "accepted"
    assert refusal(CostRate, {"key": "another"}) == "accepted"
    assert refusal(CostLine, {"line": "another"}) == "accepted"
    assert refusal(LotMove, {"starts_date": DAY}) == "accepted"
    assert refusal(Budget, {"key": "another", "purpose": "serving"}) == "accepted"
    assert refusal(FxRate, {"currency": "GBP"}) == "accepted"
    assert (
        refusal(ActualCost, {"external_id": "2", "charge_kind": "credit", "billed_usd": -5, "list_usd": None})
        == "accepted"
    )
