"""Tables of places and kinds: suppliers, lead times, sites, accelerator types, pools and network domains."""

from __future__ import annotations

from capacity.imports.checks import beyond_peers
from capacity.imports.limits import sentences_of
from capacity.imports.tables import Reference, Sentence, Table, columns_of, key_column, register
from capacity.inventory.models import AcceleratorType, LeadTime, NetworkDomain, Pool, Site, Supplier
from capacity.inventory.row_checks import pools_without_domain

VIEW, CHANGE, AREA = "supply_data.view", "supply_data.change", "Supply"
KEY_FORM = Sentence(
    column="key", message="A key has letters, digits, points, dashes and underscores, at most 80 of them."
)
KEY_HELP = "A short name that never changes: letters, digits, points, dashes and underscores, at most 80."
PROVENANCE_HELP = "Where the row is from: the letter, the measurement or the person, with its date."

register(
    Table(
        name="suppliers",
        model=Supplier,
        key=("key",),
        columns=columns_of(
            Supplier,
            [
                "key",
                "name",
                "lead_time_p50_weeks",
                "lead_time_p90_weeks",
                "is_competitor",
                "is_investor",
                "exclusivity",
                "min_spend_usd_per_year",
                "revenue_share",
                "change_of_control",
                "provenance",
            ],
        ),
        sentences={
            **sentences_of(Supplier),
            "supplier_key_form": KEY_FORM,
            "supplier_p90_not_before_p50": Sentence(
                column="lead_time_p90_weeks", message="The P90 lead time is below the P50 one, or stands alone."
            ),
        },
        title="Suppliers",
        singular="Supplier",
        intro="Who delivers or rents accelerators to us, how long they take, and what binds us to them.",
        area=AREA,
        slug="suppliers",
        view=VIEW,
        change=CHANGE,
        resource="input_suppliers",
        label="name",
        listed=("key", "name", "lead_time_p50_weeks", "lead_time_p90_weeks", "is_competitor", "is_investor"),
        filters=("is_competitor", "is_investor"),
        search=("key", "name", "exclusivity", "change_of_control"),
        help={
            "key": KEY_HELP,
            "name": "What people call the supplier.",
            "lead_time_p50_weeks": "Weeks from order to acceptance in half of all cases, for types without a lead "
            "time of their own. Empty: not known, and no order-by date is given.",
            "lead_time_p90_weeks": "Weeks from order to acceptance in nine cases of ten. At least the P50 one.",
            "is_competitor": "true when the supplier also sells models against us. Default false.",
            "is_investor": "true when the supplier owns a part of us. Default false.",
            "exclusivity": "What we promised to take only from them, in words. Empty: nothing.",
            "min_spend_usd_per_year": "What we must spend with them each year, in US dollars. Empty: no minimum known.",
            "revenue_share": "Their share of our revenue by contract, such as 0.05 for 5 %. Empty: none known.",
            "change_of_control": "What happens to our capacity when either company is sold, in words.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Supplier": ("key", "name"),
            "Lead time": ("lead_time_p50_weeks", "lead_time_p90_weeks"),
            "What binds us": (
                "is_competitor",
                "is_investor",
                "exclusivity",
                "min_spend_usd_per_year",
                "revenue_share",
                "change_of_control",
            ),
            "Source": ("provenance",),
        },
        checks=(beyond_peers(model=Supplier, columns=("min_spend_usd_per_year",)),),
    )
)

register(
    Table(
        name="lead_times",
        model=LeadTime,
        key=("supplier", "accelerator_type"),
        columns=columns_of(
            LeadTime,
            ["p50_weeks", "p90_weeks", "provenance"],
            extra=[key_column("supplier"), key_column("accelerator_type")],
        ),
        references=(
            Reference(columns=("supplier",), target="suppliers", field="supplier"),
            Reference(columns=("accelerator_type",), target="accelerator_types", field="accelerator_type"),
        ),
        sentences={
            **sentences_of(LeadTime),
            "one_lead_time_per_type": Sentence(
                column="accelerator_type", message="The supplier already has a lead time for this type."
            ),
            "lead_time_p90_not_before_p50": Sentence(
                column="p90_weeks", message="The P90 lead time is below the P50 one."
            ),
        },
        title="Lead times",
        singular="Lead time",
        intro="How many weeks one supplier takes for one accelerator type, from order to acceptance. "
        "Where there is no row, the supplier's own lead time applies.",
        area=AREA,
        slug="lead-times",
        view=VIEW,
        change=CHANGE,
        resource="input_lead_times",
        label="supplier",
        listed=("supplier", "accelerator_type", "p50_weeks", "p90_weeks"),
        filters=("supplier", "accelerator_type"),
        search=("supplier", "accelerator_type"),
        help={
            "supplier": "The key of the supplier.",
            "accelerator_type": "The key of the accelerator type.",
            "p50_weeks": "Weeks from order to acceptance in half of all cases: 0 to 520.",
            "p90_weeks": "Weeks from order to acceptance in nine cases of ten. At least the P50 one.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Lead time": ("supplier", "accelerator_type", "p50_weeks", "p90_weeks"),
            "Source": ("provenance",),
        },
    )
)

register(
    Table(
        name="sites",
        model=Site,
        key=("key",),
        columns=columns_of(Site, ["key", "name", "region", "country", "power_kw", "rack_slots", "pue", "provenance"]),
        sentences={
            **sentences_of(Site),
            "site_key_form": KEY_FORM,
            "site_country_form": Sentence(column="country", message="The country is two capital letters, such as US."),
        },
        title="Sites",
        singular="Site",
        intro="Data centres and cloud regions. The region is what residency rules of contracts speak of.",
        area=AREA,
        slug="sites",
        view=VIEW,
        change=CHANGE,
        resource="input_sites",
        label="name",
        listed=("key", "name", "region", "country", "power_kw", "rack_slots"),
        filters=("region", "country"),
        search=("key", "name", "region"),
        help={
            "key": KEY_HELP,
            "name": "What people call the site.",
            "region": "The region contracts and workloads may demand, such as us-east.",
            "country": "Two capital letters (ISO 3166), such as US. Empty: not known.",
            "power_kw": "Power for computing at the site, in kilowatts. Empty: not known, and no power limit is shown.",
            "rack_slots": "How many racks fit. Empty: not known.",
            "pue": "Power of the whole site ÷ power of its computing: at least 1, such as 1.2. Empty: not known.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Site": ("key", "name", "region", "country"),
            "Limits": ("power_kw", "rack_slots", "pue"),
            "Source": ("provenance",),
        },
        checks=(beyond_peers(model=Site, columns=("power_kw", "rack_slots")),),
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
                "dense_fp4_tflops",
                "dense_int8_tops",
                "memory_gb",
                "memory_bandwidth_gb_per_s",
                "tdp_w",
                "node_size",
                "release_date",
                "release_price_usd",
                "h100e_factor",
                "h100e_as_of_date",
                "is_single_purpose",
                "provenance",
            ],
        ),
        sentences={**sentences_of(AcceleratorType), "type_key_form": KEY_FORM},
        title="Accelerator types",
        singular="Accelerator type",
        intro="The kinds of accelerators, with the figures of their datasheets. "
        "One type never stands in for another without a measured throughput of its own.",
        area=AREA,
        slug="accelerator-types",
        view=VIEW,
        change=CHANGE,
        resource="input_accelerator_types",
        label="name",
        listed=("key", "name", "manufacturer", "dense_bf16_tflops", "memory_gb", "h100e_factor"),
        filters=("manufacturer", "is_single_purpose"),
        search=("key", "name", "manufacturer"),
        help={
            "key": KEY_HELP,
            "name": "The name on the datasheet.",
            "manufacturer": "Who makes it.",
            "dense_bf16_tflops": "Peak operations at BF16 without sparsity, in 10¹² a second. Empty: not known.",
            "dense_fp8_tflops": "Peak operations at FP8 without sparsity, in 10¹² a second. Empty: not known or none.",
            "dense_fp4_tflops": "Peak operations at FP4 without sparsity, in 10¹² a second. Empty: not known or none.",
            "dense_int8_tops": "Peak operations at INT8 without sparsity, in 10¹² a second. Empty: not known or none.",
            "memory_gb": "Memory of one accelerator, in GB.",
            "memory_bandwidth_gb_per_s": "Bandwidth of that memory, in GB a second.",
            "tdp_w": "Power of one accelerator by its datasheet, in watts.",
            "node_size": "Accelerators in one server, such as 8. A pool states its own. Empty: not known.",
            "release_date": "The day it first shipped.",
            "release_price_usd": "The price of one accelerator at release, in US dollars.",
            "h100e_factor": "How many H100 it counts for in sums over types. For display only, never in the plan.",
            "h100e_as_of_date": "The day of that factor.",
            "is_single_purpose": "true when it can do one thing only, such as serving. Default false.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Type": ("key", "name", "manufacturer", "node_size", "is_single_purpose"),
            "Operations": (
                "dense_bf16_tflops",
                "dense_fp8_tflops",
                "dense_fp4_tflops",
                "dense_int8_tops",
                "h100e_factor",
                "h100e_as_of_date",
            ),
            "Memory and power": ("memory_gb", "memory_bandwidth_gb_per_s", "tdp_w"),
            "Release": ("release_date", "release_price_usd"),
            "Source": ("provenance",),
        },
        checks=(
            beyond_peers(
                model=AcceleratorType,
                columns=(
                    "dense_bf16_tflops",
                    "dense_fp8_tflops",
                    "memory_gb",
                    "memory_bandwidth_gb_per_s",
                    "tdp_w",
                    "release_price_usd",
                ),
            ),
        ),
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
            **sentences_of(Pool),
            "pool_key_form": KEY_FORM,
            "node_has_accelerators": Sentence(column="node_size", message="A node has at least one accelerator."),
            "availability_is_a_share": Sentence(
                column="availability_share", message="Availability is a share above 0 and at most 1, such as 0.935."
            ),
            "burst_has_a_price": Sentence(
                column="burst_usd_per_accelerator_hour", message="Burst accelerators need a price that is not negative."
            ),
        },
        title="Pools",
        singular="Pool",
        intro="Accelerators of one type, at one site, from one source: what the plan allocates from.",
        area=AREA,
        slug="pools",
        view=VIEW,
        change=CHANGE,
        resource="input_pools",
        label="name",
        listed=("key", "name", "accelerator_type", "site", "source_type", "node_size", "availability_share"),
        filters=("accelerator_type", "site", "source_type"),
        search=("key", "name"),
        help={
            "key": KEY_HELP,
            "name": "What people call the pool.",
            "accelerator_type": "The key of the accelerator type. All accelerators of a pool are of one type.",
            "site": "The key of the site.",
            "source_type": "owned, leased or cloud.",
            "node_size": "Accelerators in one server: supply is rounded down to whole servers, such as 8.",
            "availability_share": "Share of installed accelerators left after failures, measured: above 0, at most 1, "
            "such as 0.935.",
            "availability_measured_date": "The day up to which that was measured. Empty: estimated.",
            "maintenance_accelerators": "Accelerators always out for maintenance. Default 0. "
            "For a time with an end, keep an outage instead.",
            "burst_accelerators": "Accelerators that can be rented on demand in any week, for committed serving only. "
            "Default 0.",
            "burst_usd_per_accelerator_hour": "What those cost, in US dollars per accelerator-hour. Needed with burst.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Pool": ("key", "name", "accelerator_type", "site", "source_type", "node_size"),
            "Availability": ("availability_share", "availability_measured_date", "maintenance_accelerators"),
            "Burst": ("burst_accelerators", "burst_usd_per_accelerator_hour"),
            "Source": ("provenance",),
        },
        checks=(pools_without_domain, beyond_peers(model=Pool, columns=("burst_usd_per_accelerator_hour",))),
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
            **sentences_of(NetworkDomain),
            "domain_key_form": KEY_FORM,
            "one_domain_per_key": Sentence(column="key", message="The pool already has a network domain of this key."),
        },
        title="Network domains",
        singular="Network domain",
        intro="Parts of a pool joined by one fabric. A gang of accelerators must fit into one.",
        area=AREA,
        slug="network-domains",
        view=VIEW,
        change=CHANGE,
        resource="input_network_domains",
        label="key",
        listed=("pool", "key", "fabric", "gbit_per_second"),
        filters=("pool", "fabric"),
        search=("pool", "key", "fabric"),
        help={
            "pool": "The key of the pool it is a part of.",
            "key": KEY_HELP + " Told apart within its pool.",
            "fabric": "What joins the accelerators, such as InfiniBand NDR.",
            "gbit_per_second": "Bandwidth of one accelerator's link to the fabric, in Gbit/s. Empty: not known.",
            "provenance": PROVENANCE_HELP,
        },
        groups={"Network domain": ("pool", "key", "fabric", "gbit_per_second"), "Source": ("provenance",)},
        checks=(beyond_peers(model=NetworkDomain, columns=("gbit_per_second",)),),
    )
)
