"""What the tables of contracts refuse by themselves, whoever writes."""

from __future__ import annotations

from datetime import date

import pytest

from contracts.models import CommitStep, Contract, Customer, PriceLine, RunExposure
from tests.constraints import Attempts, named_constraints, refusal, refusals
from tests.factories import make_run
from tests.imports.world import GOOD, import_texts

pytestmark = pytest.mark.django_db

BAD_KEY = {"key": "spaces and ü"}
# After every contract and price line of the samples.
LATER = {"starts_date": date(2040, 1, 1), "ends_date": date(2041, 1, 1)}

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
    "price_lines_do_not_overlap": (PriceLine, {}),
    "price_not_negative": (PriceLine, {"price": "-0.01"}),
    "price_ends_after_start": (PriceLine, {**LATER, "ends_date": LATER["starts_date"]}),
    "one_commit_step_per_date": (CommitStep, {}),
    "commitment_not_negative": (CommitStep, {"quantity": -1}),
    "one_exposure_per_contract": (RunExposure, {}),
}


def test_the_database_refuses_what_breaks_a_rule_of_contracts() -> None:
    import_texts(GOOD)
    make_run()
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
