"""How files bring suppliers, sites, accelerator types, pools, network domains, cost rates and lots."""

from __future__ import annotations

from capacity.imports.tables import Reference, Sentence, Table, columns_of, key_column, register
from capacity.inventory.models import AcceleratorType, CostRate, Lot, NetworkDomain, Pool, Site, Supplier

KEY_FORM = Sentence(
    column="key", message="A key has letters, digits, points, dashes and underscores, at most 80 of them."
)

register(
    Table(
        name="suppliers",
        model=Supplier,
        key=("key",),
        columns=columns_of(Supplier, ["key", "name", "lead_time_p50_weeks", "lead_time_p90_weeks", "provenance"]),
        sentences={
            "supplier_key_form": KEY_FORM,
            "supplier_p90_not_before_p50": Sentence(
                column="lead_time_p90_weeks", message="The P90 lead time is below the P50 one, or stands alone."
            ),
        },
    )
)

register(
    Table(
        name="sites",
        model=Site,
        key=("key",),
        columns=columns_of(Site, ["key", "name", "region", "power_kw", "provenance"]),
        sentences={
            "site_key_form": KEY_FORM,
            "site_power_positive": Sentence(column="power_kw", message="Power must be above zero, or empty."),
        },
    )
)

register(
    Table(
        name="accelerator_types",
        model=AcceleratorType,
        key=("key",),
        columns=columns_of(
            AcceleratorType,
            [
                "key",
                "name",
                "manufacturer",
                "dense_bf16_tflops",
                "dense_fp8_tflops",
                "memory_gb",
                "tdp_w",
                "h100e_factor",
                "h100e_as_of_date",
                "provenance",
            ],
        ),
        sentences={
            "type_key_form": KEY_FORM,
            "h100e_factor_positive": Sentence(column="h100e_factor", message="The H100 equivalent must be above zero."),
        },
    )
)

register(
    Table(
        name="pools",
        model=Pool,
        key=("key",),
        columns=columns_of(
            Pool,
            [
                "key",
                "name",
                "source_type",
                "node_size",
                "availability_share",
                "availability_measured_date",
                "maintenance_accelerators",
                "burst_accelerators",
                "burst_usd_per_accelerator_hour",
                "provenance",
            ],
            extra=[key_column("accelerator_type"), key_column("site")],
        ),
        references=(
            Reference(columns=("accelerator_type",), target="accelerator_types", field="accelerator_type"),
            Reference(columns=("site",), target="sites", field="site"),
        ),
        sentences={
            "pool_key_form": KEY_FORM,
            "node_has_accelerators": Sentence(column="node_size", message="A node has at least one accelerator."),
            "availability_is_a_share": Sentence(
                column="availability_share", message="Availability is a share above 0 and at most 1, such as 0.935."
            ),
            "burst_has_a_price": Sentence(
                column="burst_usd_per_accelerator_hour", message="Burst accelerators need a price that is not negative."
            ),
        },
    )
)

register(
    Table(
        name="network_domains",
        model=NetworkDomain,
        key=("pool", "key"),
        columns=columns_of(
            NetworkDomain, ["key", "fabric", "gbit_per_second", "provenance"], extra=[key_column("pool")]
        ),
        references=(Reference(columns=("pool",), target="pools", field="pool"),),
        sentences={
            "domain_key_form": KEY_FORM,
            "one_domain_per_key": Sentence(column="key", message="The pool already has a network domain of this key."),
        },
    )
)

register(
    Table(
        name="cost_rates",
        model=CostRate,
        key=("key", "starts_date"),
        columns=columns_of(
            CostRate,
            [
                "key",
                "kind",
                "starts_date",
                "ends_date",
                "capex_usd",
                "accelerator_capex_usd",
                "residual_usd",
                "life_years",
                "wacc_share",
                "power_kw",
                "load_share",
                "pue",
                "usd_per_kwh",
                "usd_per_kw_month",
                "support_usd_per_year",
                "staff_usd_per_hour",
                "lease_usd_per_hour",
                "on_demand_usd_per_hour",
                "provenance",
            ],
        ),
        sentences={
            "cost_rate_key_form": KEY_FORM,
            "cost_rate_periods_do_not_overlap": Sentence(
                column="starts_date",
                message="The period overlaps another of the same rate. End one as the next starts.",
            ),
            "cost_rate_ends_after_start": Sentence(column="ends_date", message="The period must end after it starts."),
            "owned_rate_has_no_rent": Sentence(
                column="lease_usd_per_hour", message="An owned rate has no lease or on-demand price. Leave both empty."
            ),
            "cost_components_not_negative": Sentence(
                column="", message="A cost component is negative, the life is not above zero, or the PUE is below 1."
            ),
            "residual_at_most_capex": Sentence(
                column="residual_usd", message="The residual value exceeds the price paid."
            ),
        },
    )
)

register(
    Table(
        name="lots",
        model=Lot,
        key=("key",),
        columns=columns_of(
            Lot,
            [
                "key",
                "state",
                "accelerators",
                "control_grade",
                "ordered_date",
                "p50_date",
                "p90_date",
                "accepted_date",
                "ends_date",
                "cost_rate_key",
                "provenance",
            ],
            extra=[key_column("pool"), key_column("domain"), key_column("supplier")],
        ),
        references=(
            Reference(
                columns=("pool", "domain"), target="network_domains", target_columns=("pool", "key"), field="domain"
            ),
            Reference(columns=("supplier",), target="suppliers", field="supplier"),
            Reference(columns=("cost_rate_key",), target="cost_rates"),
        ),
        sentences={
            "lot_key_form": KEY_FORM,
            "lot_has_accelerators": Sentence(column="accelerators", message="A lot has at least one accelerator."),
            "control_grade_1_to_5": Sentence(column="control_grade", message="The control grade is 1 to 5."),
            "lot_p90_not_before_p50": Sentence(column="p90_date", message="The P90 date is before the P50 date."),
            "lot_leaves_after_it_arrives": Sentence(column="ends_date", message="The lot must leave after it arrives."),
            "accepted_lot_has_a_date": Sentence(
                column="accepted_date", message="An accepted, installed or retired lot needs its acceptance date."
            ),
            "confirmed_lot_has_p50": Sentence(
                column="p50_date", message="A confirmed or shipped lot needs its P50 date."
            ),
            "ordered_lot_has_p90": Sentence(column="p90_date", message="An ordered lot needs its P90 date."),
        },
    )
)
