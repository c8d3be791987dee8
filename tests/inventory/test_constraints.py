"""What the inventory's tables refuse by themselves, whoever writes."""

from __future__ import annotations

from datetime import date

import pytest

from capacity.inventory.models import AcceleratorType, CostRate, Lot, NetworkDomain, Pool, Site, Supplier
from tests.constraints import Attempts, named_constraints, refusal, refusals
from tests.imports.world import GOOD, import_texts

pytestmark = pytest.mark.django_db

BAD_KEY = {"key": "spaces and ü"}
DAY, LATER = date(2026, 11, 23), date(2026, 12, 7)
NO_DATES = {"p50_date": None, "p90_date": None, "accepted_date": None, "ends_date": None, "state": "planned"}

ATTEMPTS: Attempts = {
    "supplier_key_form": (Supplier, BAD_KEY),
    "supplier_p90_not_before_p50": (Supplier, {"lead_time_p50_weeks": 30, "lead_time_p90_weeks": 29}),
    "site_key_form": (Site, BAD_KEY),
    "site_power_positive": (Site, {"power_kw": 0}),
    "type_key_form": (AcceleratorType, BAD_KEY),
    "h100e_factor_positive": (AcceleratorType, {"h100e_factor": 0}),
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
    "cost_components_not_negative": (CostRate, {"kind": "leased", "lease_usd_per_hour": "-0.01"}),
    "residual_at_most_capex": (CostRate, {"capex_usd": 100, "residual_usd": 101}),
    "lot_key_form": (Lot, BAD_KEY),
    "lot_has_accelerators": (Lot, {"accelerators": 0}),
    "control_grade_1_to_5": (Lot, {"control_grade": 6}),
    "lot_p90_not_before_p50": (Lot, {**NO_DATES, "p50_date": LATER, "p90_date": DAY}),
    "lot_leaves_after_it_arrives": (Lot, {**NO_DATES, "p50_date": DAY, "ends_date": DAY}),
    "accepted_lot_has_a_date": (Lot, {**NO_DATES, "state": "accepted"}),
    "confirmed_lot_has_p50": (Lot, {**NO_DATES, "state": "confirmed"}),
    "ordered_lot_has_p90": (Lot, {**NO_DATES, "state": "ordered"}),
}


def test_the_database_refuses_what_breaks_a_rule_of_the_inventory() -> None:
    import_texts(GOOD)
    assert set(ATTEMPTS) == named_constraints(["inventory"])
    assert refusals(ATTEMPTS) == {name: name for name in ATTEMPTS}


def test_a_key_names_one_row() -> None:
    import_texts(GOOD)
    for model in (Supplier, Site, AcceleratorType, Pool, Lot):
        assert refusal(model, {}).startswith(f"inventory_{model.__name__.lower()}_key"), model


def test_the_same_rows_are_accepted_where_they_break_nothing() -> None:
    """So that no attempt above is refused for another reason."""
    import_texts(GOOD)
    assert refusal(Pool, {"key": "another", "burst_accelerators": 8, "burst_usd_per_accelerator_hour": 3}) == "accepted"
    assert refusal(Lot, {**NO_DATES, "key": "another", "p50_date": DAY, "ends_date": LATER}) == "accepted"
    assert refusal(CostRate, {"key": "another"}) == "accepted"
