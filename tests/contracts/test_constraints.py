"""What the tables of contracts refuse by themselves, whoever writes."""

from __future__ import annotations

from datetime import date

import pytest

from capacity.allocation.models import WhatIf
from contracts.models import (
    CommitStep,
    Contract,
    ContractTransition,
    Customer,
    Hold,
    PriceLine,
    Quote,
    RunContractLot,
    RunContractMultiple,
    RunContractPool,
    RunContractSla,
    RunDeal,
    RunExposure,
    SlaLine,
    TokenListPrice,
    UsageProfile,
)
from tests.constraints import Attempts, named_constraints, refusal, refusals
from tests.contracts.pipeline import add_deals, move, people
from tests.factories import make_run
from tests.imports.world import GOOD, import_texts

pytestmark = pytest.mark.django_db

BAD_KEY = {"key": "spaces and ü"}
# After every contract and price line of the samples.
LATER = {"starts_date": date(2040, 1, 1), "ends_date": date(2041, 1, 1)}

# The model version need not be there: a CHECK is tried before its foreign key.
PINNED_BEFORE = {"pinned_model_version_id": 1, "pin_ends_date": date(2000, 1, 1)}

# A move of the deal as it is, from what-if.
FROM_HERE = {"from_state": "what_if", "to_state": "draft"}

ATTEMPTS: Attempts = {
    "customer_key_form": (Customer, BAD_KEY),
    "one_contract_per_version": (Contract, LATER),
    "contract_versions_do_not_overlap": (Contract, {"version": 99, "state": "signed"}),
    "contract_key_form": (Contract, BAD_KEY),
    "contract_ends_after_start": (Contract, {**LATER, "ends_date": LATER["starts_date"]}),
    "contract_cache_hit_is_a_share": (Contract, {"cache_hit_share": "1.1"}),
    "contract_peak_is_at_least_mean": (Contract, {"peak_factor": "0.99"}),
    "p95_use_is_at_least_p50": (Contract, {"p95_multiple": "0.99"}),
    "contract_tokens_not_negative": (Contract, {"input_tokens_per_second": -1}),
    "renewal_probability_is_a_share": (Contract, {"renewal_probability": "1.1"}),
    "discount_is_a_share": (Contract, {"discount_share": 1}),
    "provisioned_units_have_a_size": (
        Contract,
        {"shape": "provisioned_throughput", "unit_tokens_per_minute": None, "unit_output_weight": None},
    ),
    "dedicated_names_its_type": (Contract, {"shape": "dedicated_accelerators", "accelerator_type_id": None}),
    "bundles_have_a_size": (
        Contract,
        {"shape": "token_bundles", "unit_tokens_per_minute": None, "unit_output_tokens_per_minute": None},
    ),
    "take_or_pay_says_its_share": (Contract, {"shape": "take_or_pay", "take_share": None}),
    "contract_writes_are_misses": (Contract, {"cache_hit_share": "0.8", "cache_write_share": "0.3"}),
    "pin_end_belongs_to_a_pin": (Contract, {"pin_ends_date": date(2100, 1, 1), "pinned_model_version_id": None}),
    "pin_ends_after_the_start": (Contract, PINNED_BEFORE),
    "price_multiplier_is_positive": (Contract, {"price_multiplier": 0}),
    "termination_fee_not_negative": (Contract, {"termination_fee_usd": "-0.01"}),
    "contract_growth_leaves_something": (Contract, {"growth_share_per_month": -1}),
    "contract_currency_has_three_letters": (Contract, {"currency": "usd"}),
    "rate_limits_are_positive": (Contract, {"rate_limit_requests_per_minute": 0}),
    "unit_sizes_are_positive": (Contract, {"unit_output_tokens_per_minute": 0}),
    "seats_and_fair_use_are_positive": (Contract, {"fair_use_tokens_per_month": 0}),
    "cached_weight_is_a_share": (Contract, {"unit_cached_weight": "1.1"}),
    "rollover_is_a_share": (Contract, {"rollover_share": "-0.1"}),
    "take_is_a_share": (Contract, {"take_share": "1.1"}),
    "paid_availability_is_a_share": (Contract, {"availability_paid_share": "1.1"}),
    "contract_state_known": (Contract, {**LATER, "state": "lost"}),
    "contract_shape_known": (Contract, {"shape": "barter"}),
    "contract_latency_class_known": (Contract, {"latency_class": "instant"}),
    "contract_usage_basis_known": (Contract, {"usage_basis": "guessed"}),
    "termination_right_known": (Contract, {"termination_right": "any"}),
    "spill_known": (Contract, {"spill": "some"}),
    "price_lines_do_not_overlap": (PriceLine, {}),
    "tier_starts_at_zero_or_above": (PriceLine, {"tier_from": "-1"}),
    "tiers_are_of_what_is_counted": (PriceLine, {"kind": "fee_month", "tier_from": 5}),
    "first_tier_holds_what_is_included": (PriceLine, {"tier_from": 5, "included_quantity": 5}),
    "price_kind_known": (PriceLine, {"kind": "smile"}),
    "tier_mode_known": (PriceLine, {"tier_mode": "stepped"}),
    "price_not_negative": (PriceLine, {"price": "-0.01"}),
    "price_ends_after_start": (PriceLine, {**LATER, "ends_date": LATER["starts_date"]}),
    "one_commit_step_per_date": (CommitStep, {}),
    "commitment_not_negative": (CommitStep, {"quantity": -1}),
    "commitment_kind_known": (CommitStep, {"kind": "smiles"}),
    "usage_profile_key_form": (UsageProfile, BAD_KEY),
    "usage_profile_basis_known": (UsageProfile, {"basis": "guessed"}),
    "usage_profile_cache_hit_is_a_share": (UsageProfile, {"cache_hit_share": "1.1"}),
    "usage_profile_writes_are_misses": (UsageProfile, {"cache_hit_share": "0.8", "cache_write_share": "0.3"}),
    "usage_profile_peak_at_least_mean": (UsageProfile, {"peak_factor": "0.99"}),
    "usage_profile_p95_at_least_p50": (UsageProfile, {"p95_multiple": "0.99"}),
    "usage_profile_tokens_not_negative": (UsageProfile, {"output_tokens_per_second": -1}),
    "usage_profile_growth_leaves_something": (UsageProfile, {"growth_share_per_month": -1}),
    "measured_use_has_its_date": (UsageProfile, {"basis": "measured", "measured_date": None}),
    "one_sla_line_per_bound": (SlaLine, {}),
    "sla_bound_is_a_share": (SlaLine, {"below_share": 0}),
    "sla_credit_is_a_share": (SlaLine, {"credit_share": "1.1"}),
    "sla_chance_is_a_share": (SlaLine, {"chance": "1.01"}),
    "sla_make_good_not_negative": (SlaLine, {"make_good_usd": "-0.01"}),
    "sla_metric_known": (SlaLine, {"metric": "mood"}),
    "one_list_price_per_day": (TokenListPrice, {}),
    "list_price_not_negative": (TokenListPrice, {"usd_per_million_tokens": "-0.01"}),
    "list_price_kind_known": (TokenListPrice, {"kind": "smile"}),
    "one_exposure_per_contract": (RunExposure, {}),
    "one_deal_per_version": (RunDeal, {}),
    "one_row_per_multiple": (RunContractMultiple, {}),
    "one_pool_per_contract": (RunContractPool, {}),
    "one_lot_per_contract": (RunContractLot, {}),
    "one_sla_row": (RunContractSla, {}),
    "move_is_listed": (ContractTransition, {**FROM_HERE, "to_state": "active"}),
    "move_is_by_whom_the_table_says": (ContractTransition, {**FROM_HERE, "by_id": None}),
    "move_has_its_reason": (ContractTransition, {**FROM_HERE, "to_state": "withdrawn", "reason": " "}),
    "signature_has_its_decision": (ContractTransition, {**FROM_HERE, "decision_id": 1}),
    "hold_key_form": (Hold, BAD_KEY),
    "hold_is_likely": (Hold, {"probability": 0}),
    "hold_expires_after_its_grant": (Hold, {"expires_date": date(2026, 11, 23)}),
    "hold_state_known": (Hold, {"state": "lost", "ended_date": date(2026, 11, 24)}),
    "ended_hold_has_its_day": (Hold, {"state": "expired"}),
    "one_granted_hold_per_contract": (Hold, {"key": "another"}),
    "quote_target_is_a_share": (Quote, {"target_margin_share": 1}),
    "quote_deal_has_its_version": (Quote, {"contract_key": "deal-1"}),
}


def test_the_database_refuses_what_breaks_a_rule_of_contracts() -> None:
    import_texts({name: text for name, text in GOOD.items() if name != "holds.csv"})
    run = make_run()
    add_deals(["deal-1"], state="draft")
    who = people()["fin"]
    move(who, "what_if")
    Hold.objects.create(
        key="deal-1.v1.h1",
        contract=Contract.objects.get(key="deal-1"),
        probability="0.5",
        granted_date=date(2026, 11, 23),
        expires_date=date(2026, 12, 7),
    )
    question = WhatIf.objects.create(run=run, asked_by=who[0], changes=[])
    Quote.objects.create(name="A quote", made_by=who[0], payload={}, what_if=question)
    assert set(ATTEMPTS) == named_constraints(["contracts"])
    assert refusals(ATTEMPTS) == {name: name for name in ATTEMPTS}


def test_a_customer_has_a_key_a_name_and_an_alias_of_its_own() -> None:
    import_texts(GOOD)
    new = {"key": "another", "name": "Another", "alias": "C-99"}
    assert refusal(Customer, new) == "accepted"
    for column in new:
        repeated = {name: value for name, value in new.items() if name != column}
        assert refusal(Customer, repeated).startswith(f"contracts_customer_{column}"), column


def test_a_later_version_is_accepted() -> None:
    """So that no attempt above is refused for another reason."""
    import_texts(GOOD)
    assert refusal(Contract, {**LATER, "version": 99}) == "accepted"
    assert refusal(PriceLine, {"starts_date": date(2000, 1, 1), "ends_date": date(2001, 1, 1)}) == "accepted"


def test_a_second_tier_of_a_price_is_no_second_price() -> None:
    import_texts(GOOD)
    assert refusal(PriceLine, {"tier_from": 1000}) == "accepted"
