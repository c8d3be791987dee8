"""The contract tables as people keep them by file, form and API: customers, use, contract versions and their lines.

What a column means is in `column_help`, who may write what in `write_rules`, what is odd in `input_checks`.
"""

from __future__ import annotations

from dataclasses import replace

from capacity.imports.checks import beyond_peers
from capacity.imports.tables import (
    Reference,
    Retire,
    Sentence,
    Table,
    columns_of,
    key_column,
    register,
    whole_column,
)
from contracts import column_help, input_checks, write_rules
from contracts.domain.workflow import STATES
from contracts.models import CommitStep, Contract, Customer, Hold, PriceLine, SlaLine, TokenListPrice, UsageProfile
from contracts.workflow_models import HOLD_STATES

AREA = "Contracts"
KEY_FORM = Sentence(
    column="key", message="A key has letters, digits, points, dashes and underscores, at most 80 of them."
)
_CONTRACT = Reference(
    columns=("contract", "version"), target="contracts", target_columns=("key", "version"), field="contract"
)
_OWNER = Reference(columns=("owner",), model="access.User", target_columns=("username",), field="owner")
_SIZES = ("input_tokens_per_second", "output_tokens_per_second")
_LINE_GROUP = "Contract"


def _choice(column: str, *options: str) -> Sentence:
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
            "usage_profile_basis_known": _choice("basis", "measured", "estimated"),
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
            "contract_state_known": _choice("state", *(state for state, _ in STATES)),
            "contract_state_follows_its_moves": Sentence(column="state", message=write_rules.MOVES_ELSEWHERE),
            "held_contract_is_in_the_pipeline": Sentence(
                column="state", message="The deal holds accelerators: release the hold first."
            ),
            "contract_shape_known": Sentence(column="shape", message="This is no shape of a contract."),
            "contract_latency_class_known": _choice("latency_class", "interactive", "standard", "batch", "offline"),
            "contract_usage_basis_known": _choice("usage_basis", "measured", "estimated"),
            "termination_right_known": _choice("termination_right", "none", "cause", "convenience"),
            "spill_known": _choice("spill", "none", "request", "token"),
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

register(
    Table(
        name="price_lines",
        model=PriceLine,
        key=("contract", "version", "kind", "starts_date", "tier_from"),
        columns=(
            *columns_of(PriceLine, ["kind", "price", "starts_date", "ends_date"]),
            replace(columns_of(PriceLine, ["tier_from"])[0], when_empty=0),
            *columns_of(
                PriceLine,
                ["tier_mode", "included_quantity", "note", "provenance"],
                extra=[key_column("contract"), whole_column("version")],
            ),
        ),
        references=(_CONTRACT,),
        sentences={
            "price_lines_do_not_overlap": Sentence(
                column="starts_date", message="The period overlaps another price of the same kind on this contract."
            ),
            "price_not_negative": Sentence(column="price", message="A price is not negative."),
            "price_ends_after_start": Sentence(column="ends_date", message="The price must end after it starts."),
            "tier_starts_at_zero_or_above": Sentence(column="tier_from", message="A tier starts at 0 or above."),
            "tiers_are_of_what_is_counted": Sentence(
                column="tier_from",
                message="Tiers and included quantities are for tokens, seats and outcomes, not for hours, days or fees.",
            ),
            "first_tier_holds_what_is_included": Sentence(
                column="included_quantity",
                message="What is included is at least 0 and stands on the tier from 0 alone.",
            ),
            "price_kind_known": Sentence(column="kind", message="This is no kind of price."),
            "tier_mode_known": _choice("tier_mode", "graduated", "volume"),
        },
        checks=(
            input_checks.price_checks,
            beyond_peers(model=PriceLine, columns=("price",), alike={"kind": "kind"}),
        ),
        title="Prices of contracts",
        singular="Price",
        intro="What each contract pays, by date and by tier. In the contract's currency.",
        area=AREA,
        slug="price-lines",
        view="price_data.view",
        change="price_data.change",
        resource="input_price_lines",
        owner="contract.owner",
        label="kind",
        listed=("contract", "version", "kind", "price", "tier_from", "starts_date", "ends_date"),
        filters=("contract", "kind"),
        search=("contract", "kind", "note"),
        help=column_help.PRICE_LINES,
        groups={
            _LINE_GROUP: ("contract", "version"),
            "Price": ("kind", "price", "starts_date", "ends_date"),
            "Tiers": ("tier_from", "tier_mode", "included_quantity"),
            "Where it comes from": ("note", "provenance"),
        },
        retire=Retire(column="ends_date", label="End the price"),
        may_write=write_rules.price_line_writer,
        needs_checker=write_rules.price_checker,
    )
)

register(
    Table(
        name="commit_steps",
        model=CommitStep,
        key=("contract", "version", "kind", "starts_date"),
        columns=columns_of(
            CommitStep,
            ["kind", "quantity", "starts_date", "provenance"],
            extra=[key_column("contract"), whole_column("version")],
        ),
        references=(_CONTRACT,),
        sentences={
            "one_commit_step_per_date": Sentence(
                column="starts_date", message="The contract already has a step of this kind from this date."
            ),
            "commitment_not_negative": Sentence(column="quantity", message="A committed quantity is not negative."),
            "commitment_kind_known": Sentence(column="kind", message="This is no kind of commitment."),
        },
        checks=(
            input_checks.step_checks,
            beyond_peers(model=CommitStep, columns=("quantity",), alike={"kind": "kind"}),
        ),
        title="Commitments",
        singular="Commitment step",
        intro="What is committed from a date on: money, tokens, units, bundles, accelerators, seats. A ramp is several "
        "steps of one kind.",
        area=AREA,
        slug="commit-steps",
        view="contract_data.view",
        change="contract_data.change",
        resource="input_commit_steps",
        owner="contract.owner",
        label="kind",
        listed=("contract", "version", "kind", "quantity", "starts_date"),
        filters=("contract", "kind"),
        search=("contract", "kind"),
        help=column_help.COMMIT_STEPS,
        groups={
            _LINE_GROUP: ("contract", "version"),
            "Commitment": ("kind", "quantity", "starts_date"),
            "Where it comes from": ("provenance",),
        },
        may_write=write_rules.sizing_line_writer,
        needs_checker=write_rules.commitment_checker,
    )
)

register(
    Table(
        name="sla_lines",
        model=SlaLine,
        key=("contract", "version", "metric", "below_share", "region"),
        columns=(
            *columns_of(SlaLine, ["metric", "below_share", "credit_share"]),
            replace(columns_of(SlaLine, ["region"])[0], when_empty=""),
            *columns_of(SlaLine, ["chance", "make_good_usd"]),
            *columns_of(SlaLine, ["provenance"], extra=[key_column("contract"), whole_column("version")]),
        ),
        references=(
            _CONTRACT,
            Reference(columns=("region",), target="sites", target_columns=("region",)),
        ),
        sentences={
            "one_sla_line_per_bound": Sentence(
                column="below_share", message="The contract already has a line for this bound in this region."
            ),
            "sla_bound_is_a_share": Sentence(
                column="below_share", message="The bound is a share above 0 and at most 1, such as 0.999."
            ),
            "sla_credit_is_a_share": Sentence(column="credit_share", message="The credit is a share between 0 and 1."),
            "sla_metric_known": _choice("metric", "uptime", "latency"),
            "sla_chance_is_a_share": Sentence(column="chance", message="The chance is a share between 0 and 1."),
            "sla_make_good_not_negative": Sentence(
                column="make_good_usd", message="The make-good is at least 0 dollars; empty if it is not known."
            ),
        },
        checks=(input_checks.sla_checks,),
        title="SLA tiers",
        singular="SLA tier",
        intro="What is credited below which availability or latency. The lowest bound that a month is strictly below "
        "decides.",
        area=AREA,
        slug="sla-lines",
        view="contract_data.view",
        change="contract_data.change",
        resource="input_sla_lines",
        owner="contract.owner",
        label="metric",
        listed=("contract", "version", "metric", "below_share", "credit_share", "chance", "region"),
        filters=("contract", "metric"),
        search=("contract", "metric", "region"),
        help=column_help.SLA_LINES,
        groups={
            _LINE_GROUP: ("contract", "version"),
            "Tier": ("metric", "below_share", "credit_share", "region"),
            "What to expect": ("chance", "make_good_usd"),
            "Where it comes from": ("provenance",),
        },
        may_write=write_rules.line_writer,
        needs_checker=write_rules.commitment_checker,
    )
)

register(
    Table(
        name="holds",
        model=Hold,
        key=("key",),
        columns=columns_of(
            Hold,
            ["key", "probability", "granted_date", "expires_date", "state", "ended_date", "note", "provenance"],
            extra=[key_column("contract"), whole_column("version")],
        ),
        references=(_CONTRACT,),
        sentences={
            "hold_key_form": KEY_FORM,
            "hold_is_likely": Sentence(column="probability", message="The probability is above 0 and at most 1."),
            "hold_expires_after_its_grant": Sentence(
                column="expires_date", message="The hold must expire after the day it is granted."
            ),
            "hold_state_known": _choice("state", *(state for state, _ in HOLD_STATES)),
            "ended_hold_has_its_day": Sentence(
                column="ended_date", message="A hold that has ended needs the day; a granted one has none."
            ),
            "one_granted_hold_per_contract": Sentence(
                column="contract", message="The contract version holds accelerators already."
            ),
            "held_contract_is_in_the_pipeline": Sentence(
                column="contract", message="Only a deal on its way to a signature holds accelerators."
            ),
            "ended_hold_stays_ended": Sentence(column="state", message="A hold that has ended stays ended."),
            "granted_hold_does_not_change": Sentence(
                column="probability", message="What was granted does not change: release it and ask for another hold."
            ),
        },
        title="Holds",
        singular="Hold",
        intro="Accelerators kept for deals that are not signed. Granted and released on the deal's page, where there is "
        "room for them in every pool and week.",
        area=AREA,
        slug="holds",
        view="contract_data.view",
        change="contract_data.change",
        resource="input_holds",
        owner="contract.owner",
        label="key",
        listed=("key", "contract", "version", "probability", "granted_date", "expires_date", "state", "ended_date"),
        filters=("state", "contract"),
        search=("key", "contract", "note"),
        help=column_help.HOLDS,
        groups={
            _LINE_GROUP: ("key", "contract", "version"),
            "Hold": ("probability", "granted_date", "expires_date"),
            "How it ended": ("state", "ended_date", "note", "provenance"),
        },
        may_write=write_rules.hold_writer,
    )
)

register(
    Table(
        name="token_list_prices",
        model=TokenListPrice,
        key=("provider", "model", "kind", "as_of_date"),
        columns=columns_of(
            TokenListPrice,
            ["provider", "model", "kind", "as_of_date", "usd_per_million_tokens", "external_id", "provenance"],
        ),
        sentences={
            "one_list_price_per_day": Sentence(
                column="as_of_date", message="There already is a price of this kind for the model and day."
            ),
            "list_price_not_negative": Sentence(
                column="usd_per_million_tokens", message="A list price is not negative."
            ),
            "list_price_kind_known": Sentence(column="kind", message="This is no kind of list price."),
        },
        checks=(beyond_peers(model=TokenListPrice, columns=("usd_per_million_tokens",), alike={"kind": "kind"}),),
        title="Token list prices",
        singular="Token list price",
        intro="Public prices per million tokens, as read on a day. For comparison only: the plan does not use them.",
        area=AREA,
        slug="token-list-prices",
        view="model_data.view",
        change="cost_data.change",
        resource="input_token_list_prices",
        label="model",
        listed=("provider", "model", "kind", "usd_per_million_tokens", "as_of_date"),
        filters=("provider", "kind"),
        search=("provider", "model"),
        help=column_help.TOKEN_LIST_PRICES,
        groups={
            "List price": ("provider", "model", "kind", "usd_per_million_tokens", "as_of_date"),
            "Where it comes from": ("external_id", "provenance"),
        },
        is_log=True,
    )
)
