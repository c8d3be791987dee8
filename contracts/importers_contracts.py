"""Customers, usage profiles and contract versions as people keep them by file, form and API.

What a column means is in `column_help`, who may write what in `write_rules`, what is odd in `input_checks`.
"""

from __future__ import annotations

from capacity.imports.checks import beyond_peers
from capacity.imports.tables import (
    Reference,
    Sentence,
    Table,
    columns_of,
    key_column,
    register,
)
from contracts import column_help, input_checks, write_rules
from contracts.domain.workflow import STATES
from contracts.models import Contract, Customer, UsageProfile

AREA = "Contracts"
KEY_FORM = Sentence(
    column="key", message="A key has letters, digits, points, dashes and underscores, at most 80 of them."
)
_OWNER = Reference(columns=("owner",), model="access.User", target_columns=("username",), field="owner")
_SIZES = ("input_tokens_per_second", "output_tokens_per_second")


def choice_of(column: str, *options: str) -> Sentence:
    return Sentence(column=column, message=f"One of {', '.join(options)}.")


def _use_sentences(prefix: str, *, peak: str, p95: str, tokens: str, growth: str, writes: str) -> dict[str, Sentence]:
    """The rules that a usage profile and the usage columns of a contract share."""
    return {
        f"{prefix}_cache_hit_is_a_share": Sentence(
            column="cache_hit_share", message="The cache hit rate is a share between 0 and 1."
        ),
        writes: Sentence(
            column="cache_write_share",
            message="What is written to the cache was not read from it: a share between 0 and 1 less the hit share.",
        ),
        peak: Sentence(column="peak_factor", message="The peak factor is at least 1: a peak is not below the mean."),
        p95: Sentence(
            column="p95_multiple", message="The P95 use is at least the P50 use, so its multiple is at least 1."
        ),
        tokens: Sentence(column="input_tokens_per_second", message="Tokens a second are not negative."),
        growth: Sentence(column="growth_share_per_month", message="Growth is above −1: something has to be left."),
    }


register(
    Table(
        name="customers",
        model=Customer,
        key=("key",),
        columns=columns_of(
            Customer, ["key", "name", "alias", "segment", "provenance"], extra=[key_column("owner", required=False)]
        ),
        references=(_OWNER,),
        sentences={
            "customer_key_form": KEY_FORM,
            "contracts_customer_name_key": Sentence(column="name", message="Another customer has this name."),
            "contracts_customer_alias_key": Sentence(
                column="alias", message="Another customer has this alias; an alias is never used again."
            ),
        },
        immutable=("alias",),
        title="Customers",
        singular="Customer",
        intro="Whom we sell to. The alias is what people read who may not know the name.",
        area=AREA,
        slug="customers",
        view="contract_data.view",
        change="contract_data.change",
        resource="input_customers",
        owner="owner",
        label="name",
        listed=("key", "name", "alias", "segment", "owner"),
        filters=("segment", "owner"),
        search=("key", "name", "alias", "segment"),
        help=column_help.CUSTOMERS,
        groups={
            "Customer": ("key", "name", "alias", "segment", "owner"),
            "Where it comes from": ("provenance",),
        },
        may_write=write_rules.owner_writes,
    )
)

register(
    Table(
        name="usage_profiles",
        model=UsageProfile,
        key=("key",),
        columns=columns_of(
            UsageProfile,
            [
                "key",
                "name",
                "input_tokens_per_second",
                "output_tokens_per_second",
                "cache_hit_share",
                "cache_write_share",
                "peak_factor",
                "p95_multiple",
                "growth_share_per_month",
                "context_tokens",
                "basis",
                "measured_date",
                "provenance",
            ],
            extra=[key_column("owner", required=False)],
        ),
        references=(_OWNER,),
        sentences={
            "usage_profile_key_form": KEY_FORM,
            **_use_sentences(
                "usage_profile",
                peak="usage_profile_peak_at_least_mean",
                p95="usage_profile_p95_at_least_p50",
                tokens="usage_profile_tokens_not_negative",
                growth="usage_profile_growth_leaves_something",
                writes="usage_profile_writes_are_misses",
            ),
            "usage_profile_basis_known": choice_of("basis", "measured", "estimated"),
            "measured_use_has_its_date": Sentence(
                column="measured_date", message="Measured use needs the day it was measured."
            ),
        },
        checks=(beyond_peers(model=UsageProfile, columns=_SIZES),),
        title="Usage profiles",
        singular="Usage profile",
        intro="How much a customer is expected to use, and how heavily at worst. A contract that names a profile takes "
        "from it what its own usage columns leave empty.",
        area=AREA,
        slug="usage-profiles",
        view="contract_data.view",
        change="contract_data.change",
        resource="input_usage_profiles",
        owner="owner",
        label="name",
        listed=("key", "name", *_SIZES, "cache_hit_share", "p95_multiple", "basis", "measured_date"),
        filters=("basis", "owner"),
        search=("key", "name"),
        help=column_help.USAGE_PROFILES,
        groups={
            "Profile": ("key", "name", "owner"),
            "Expected use": (
                *_SIZES,
                "cache_hit_share",
                "cache_write_share",
                "peak_factor",
                "context_tokens",
                "growth_share_per_month",
            ),
            "Heavy use": ("p95_multiple",),
            "Where it comes from": ("basis", "measured_date", "provenance"),
        },
        may_write=write_rules.profile_writer,
        needs_checker=write_rules.profile_checker,
    )
)

register(
    Table(
        name="contracts",
        model=Contract,
        key=("key", "version"),
        columns=columns_of(
            Contract,
            [
                "key",
                "version",
                "name",
                "state",
                "starts_date",
                "ends_date",
                "time_zone",
                "currency",
                "shape",
                "latency_class",
                "pin_ends_date",
                "regions",
                "has_sla",
                "input_tokens_per_second",
                "output_tokens_per_second",
                "cache_hit_share",
                "cache_write_share",
                "peak_factor",
                "p95_multiple",
                "growth_share_per_month",
                "usage_basis",
                "usage_date",
                "rate_limit_input_tokens_per_minute",
                "rate_limit_output_tokens_per_minute",
                "rate_limit_requests_per_minute",
                "unit_tokens_per_minute",
                "unit_output_weight",
                "unit_cached_weight",
                "unit_output_tokens_per_minute",
                "spill",
                "seats",
                "fair_use_tokens_per_month",
                "discount_share",
                "overage_keeps_discount",
                "rollover_share",
                "take_share",
                "makeup_months",
                "price_multiplier",
                "availability_paid_share",
                "exclusivity",
                "renewal_probability",
                "renewal_auto",
                "notice_days",
                "termination_right",
                "termination_fee_usd",
                "source_ref",
                "provenance",
            ],
            extra=[
                key_column("customer"),
                key_column("workload", required=False),
                key_column("pinned_model_version", required=False),
                key_column("usage_profile", required=False),
                key_column("accelerator_type", required=False),
                key_column("owner", required=False),
            ],
        ),
        references=(
            Reference(columns=("customer",), target="customers", field="customer"),
            Reference(columns=("workload",), target="workloads", field="workload"),
            Reference(columns=("pinned_model_version",), target="model_versions", field="pinned_model_version"),
            Reference(columns=("usage_profile",), target="usage_profiles", field="usage_profile"),
            Reference(columns=("accelerator_type",), target="accelerator_types", field="accelerator_type"),
            _OWNER,
            Reference(columns=("regions",), target="sites", target_columns=("region",), many=True),
        ),
        sentences={
            "contract_key_form": KEY_FORM,
            "one_contract_per_version": Sentence(column="version", message="The contract already has this version."),
            "contract_versions_do_not_overlap": Sentence(
                column="starts_date",
                message="The term overlaps another signed version of the contract. End one as the next starts.",
            ),
            "contract_ends_after_start": Sentence(column="ends_date", message="The contract must end after it starts."),
            **_use_sentences(
                "contract",
                peak="contract_peak_is_at_least_mean",
                p95="p95_use_is_at_least_p50",
                tokens="contract_tokens_not_negative",
                growth="contract_growth_leaves_something",
                writes="contract_writes_are_misses",
            ),
            "renewal_probability_is_a_share": Sentence(
                column="renewal_probability", message="The renewal probability is between 0 and 1."
            ),
            "discount_is_a_share": Sentence(
                column="discount_share", message="The discount is a share of at least 0 and below 1."
            ),
            "provisioned_units_have_a_size": Sentence(
                column="unit_tokens_per_minute",
                message="Provisioned throughput needs tokens a minute and an output weight for its unit, above zero.",
            ),
            "bundles_have_a_size": Sentence(
                column="unit_tokens_per_minute",
                message="Token bundles need the tokens a minute of an input or an output bundle.",
            ),
            "take_or_pay_says_its_share": Sentence(
                column="take_share", message="Take or pay needs the share that is paid in any case."
            ),
            "dedicated_names_its_type": Sentence(
                column="accelerator_type", message="Dedicated accelerators need their accelerator type."
            ),
            "pin_end_belongs_to_a_pin": Sentence(
                column="pin_ends_date", message="The end of a pin needs the model version that is pinned."
            ),
            "pin_ends_after_the_start": Sentence(
                column="pin_ends_date", message="The pin must end after the contract starts."
            ),
            "price_multiplier_is_positive": Sentence(
                column="price_multiplier", message="The price multiplier is above zero; 1 changes nothing."
            ),
            "termination_fee_not_negative": Sentence(
                column="termination_fee_usd", message="The fee for leaving is not negative."
            ),
            "contract_currency_has_three_letters": Sentence(
                column="currency", message="A currency has three capital letters, such as USD or EUR."
            ),
            "rate_limits_are_positive": Sentence(
                column="rate_limit_input_tokens_per_minute",
                message="A rate limit is above zero; leave it empty where there is none.",
            ),
            "unit_sizes_are_positive": Sentence(
                column="unit_tokens_per_minute", message="The tokens a minute of a unit or bundle are above zero."
            ),
            "seats_and_fair_use_are_positive": Sentence(
                column="seats", message="Seats and fair use are above zero; leave them empty where there are none."
            ),
            "cached_weight_is_a_share": Sentence(
                column="unit_cached_weight", message="A cached token counts as a share of a token between 0 and 1."
            ),
            "rollover_is_a_share": Sentence(
                column="rollover_share", message="What rolls over is a share between 0 and 1."
            ),
            "take_is_a_share": Sentence(column="take_share", message="What must be paid is a share between 0 and 1."),
            "paid_availability_is_a_share": Sentence(
                column="availability_paid_share", message="What is paid of reserved hours is a share between 0 and 1."
            ),
            "contract_state_known": choice_of("state", *(state for state, _ in STATES)),
            "contract_state_follows_its_moves": Sentence(column="state", message=write_rules.MOVES_ELSEWHERE),
            "held_contract_is_in_the_pipeline": Sentence(
                column="state", message="The deal holds accelerators: release the hold first."
            ),
            "contract_shape_known": Sentence(column="shape", message="This is no shape of a contract."),
            "contract_latency_class_known": choice_of("latency_class", "interactive", "standard", "batch", "offline"),
            "contract_usage_basis_known": choice_of("usage_basis", "measured", "estimated"),
            "termination_right_known": choice_of("termination_right", "none", "cause", "convenience"),
            "spill_known": choice_of("spill", "none", "request", "token"),
        },
        checks=(input_checks.contract_checks, beyond_peers(model=Contract, columns=_SIZES)),
        title="Contracts",
        singular="Contract",
        intro="What is promised to a customer and how it is sold, one row a version. Prices, commitments and SLA tiers "
        "are lines of their own. Only signed, active and noticed contracts are planned for; the state changes on the "
        "contract's page.",
        area=AREA,
        slug="contracts",
        view="contract_data.view",
        change="contract_data.change",
        resource="input_contracts",
        owner="owner",
        label="name",
        listed=(
            "key",
            "version",
            "name",
            "customer",
            "state",
            "shape",
            "workload",
            "starts_date",
            "ends_date",
            "owner",
        ),
        filters=("state", "shape", "customer", "workload", "latency_class", "owner"),
        search=("key", "name", "source_ref"),
        help=column_help.CONTRACTS,
        groups=column_help.CONTRACT_GROUPS,
        may_write=write_rules.contract_writer,
        needs_checker=write_rules.contract_checker,
    )
)
