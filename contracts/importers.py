"""How files bring customers, contract versions, price lines and commitment steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capacity.imports.tables import Reference, Sentence, Table, columns_of, key_column, register, whole_column
from capacity.imports.tabular import WARNING, Issue, Row
from contracts.models import CommitStep, Contract, Customer, PriceLine

KEY_FORM = Sentence(
    column="key", message="A key has letters, digits, points, dashes and underscores, at most 80 of them."
)
CAPPED_BY_NATURE = {"provisioned_throughput", "dedicated_accelerators"}


def uncapped(rows: Sequence[Row]) -> Iterator[Issue]:
    """No rate limit and no P95 use: what the customer could use has no bound we know."""
    for row in rows:
        values = row.values
        if values.get("shape") in CAPPED_BY_NATURE or values.get("shape") is None:
            continue
        if values.get("rate_limit_input_tokens_per_minute") is None and values.get("p95_multiple") is None:
            yield Issue(
                file=row.file,
                row=row.number,
                code="uncapped_exposure",
                severity=WARNING,
                column="rate_limit_input_tokens_per_minute",
                message="No rate limit and no P95 use: the exposure of this contract is uncapped.",
            )


_CONTRACT = Reference(
    columns=("contract", "version"), target="contracts", target_columns=("key", "version"), field="contract"
)

register(
    Table(
        name="customers",
        model=Customer,
        key=("key",),
        columns=columns_of(Customer, ["key", "name", "alias", "provenance"]),
        sentences={
            "customer_key_form": KEY_FORM,
            "contracts_customer_name_key": Sentence(column="name", message="Another customer has this name."),
            "contracts_customer_alias_key": Sentence(
                column="alias", message="Another customer has this alias; an alias is never used again."
            ),
        },
        immutable=("alias",),
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
                "regions",
                "has_sla",
                "input_tokens_per_second",
                "output_tokens_per_second",
                "cache_hit_share",
                "peak_factor",
                "p95_multiple",
                "growth_share_per_month",
                "usage_basis",
                "usage_date",
                "rate_limit_input_tokens_per_minute",
                "rate_limit_output_tokens_per_minute",
                "unit_tokens_per_minute",
                "unit_output_weight",
                "discount_share",
                "renewal_probability",
                "source_ref",
                "provenance",
            ],
            extra=[
                key_column("customer"),
                key_column("workload", required=False),
                key_column("accelerator_type", required=False),
                key_column("owner", required=False),
            ],
        ),
        references=(
            Reference(columns=("customer",), target="customers", field="customer"),
            Reference(columns=("workload",), target="workloads", field="workload"),
            Reference(columns=("accelerator_type",), target="accelerator_types", field="accelerator_type"),
            Reference(columns=("owner",), model="access.User", target_columns=("username",), field="owner"),
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
            "contract_cache_hit_is_a_share": Sentence(
                column="cache_hit_share", message="The cache hit rate is a share between 0 and 1."
            ),
            "contract_peak_is_at_least_mean": Sentence(
                column="peak_factor", message="The peak factor is at least 1: a peak is not below the mean."
            ),
            "p95_use_is_at_least_p50": Sentence(
                column="p95_multiple", message="The P95 use is at least the P50 use, so its multiple is at least 1."
            ),
            "contract_tokens_not_negative": Sentence(
                column="input_tokens_per_second", message="Tokens a second are not negative."
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
            "dedicated_names_its_type": Sentence(
                column="accelerator_type", message="Dedicated accelerators need their accelerator type."
            ),
        },
        checks=(uncapped,),
    )
)

register(
    Table(
        name="price_lines",
        model=PriceLine,
        key=("contract", "version", "kind", "starts_date"),
        columns=columns_of(
            PriceLine,
            ["kind", "price", "starts_date", "ends_date", "provenance"],
            extra=[key_column("contract"), whole_column("version")],
        ),
        references=(_CONTRACT,),
        sentences={
            "price_lines_do_not_overlap": Sentence(
                column="starts_date", message="The period overlaps another price of the same kind on this contract."
            ),
            "price_not_negative": Sentence(column="price", message="A price is not negative."),
            "price_ends_after_start": Sentence(column="ends_date", message="The price must end after it starts."),
        },
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
        },
    )
)
