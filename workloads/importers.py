"""How files bring models, throughput profiles, workload cards, teams and experiment requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capacity.imports.tables import Reference, Sentence, Table, columns_of, key_column, register
from capacity.imports.tabular import WARNING, Issue, Row
from workloads.models import Experiment, ModelVersion, Team, ThroughputProfile, Workload

KEY_FORM = Sentence(
    column="key", message="A key has letters, digits, points, dashes and underscores, at most 80 of them."
)
MOST_P0_SHARE = 0.8


def mostly_p0(rows: Sequence[Row]) -> Iterator[Issue]:
    """A queue in which nearly everything is P0 is not ranked at all."""
    first = [row for row in rows if row.values.get("experiment_priority") == "P0"]
    if len(rows) >= 5 and len(first) >= MOST_P0_SHARE * len(rows):
        share = round(100 * len(first) / len(rows))
        yield Issue(
            file=rows[0].file,
            code="mostly_p0",
            severity=WARNING,
            column="experiment_priority",
            message=f"{share} % of the requests are P0, so the class no longer ranks them.",
        )


register(
    Table(
        name="model_versions",
        model=ModelVersion,
        key=("key",),
        columns=columns_of(ModelVersion, ["key", "name", "model_tier", "launch_date", "retire_date", "provenance"]),
        sentences={
            "model_key_form": KEY_FORM,
            "model_retires_after_launch": Sentence(
                column="retire_date", message="The model must retire after it launches."
            ),
        },
    )
)

register(
    Table(
        name="throughput_profiles",
        model=ThroughputProfile,
        key=("model_version", "accelerator_type", "latency_class"),
        columns=columns_of(
            ThroughputProfile,
            [
                "latency_class",
                "precision",
                "replica_accelerators",
                "prefill_tokens_per_second",
                "decode_tokens_per_second",
                "cached_cost_share",
                "basis",
                "measured_date",
                "formula",
                "provenance",
            ],
            extra=[key_column("model_version"), key_column("accelerator_type")],
        ),
        references=(
            Reference(columns=("model_version",), target="model_versions", field="model_version"),
            Reference(columns=("accelerator_type",), target="accelerator_types", field="accelerator_type"),
        ),
        sentences={
            "one_profile_per_latency_class": Sentence(
                column="latency_class", message="This model, accelerator and latency class has a profile."
            ),
            "throughput_is_positive": Sentence(
                column="prefill_tokens_per_second",
                message="Both throughputs must be above zero. Leave the profile out if it is not known.",
            ),
            "replica_has_accelerators": Sentence(
                column="replica_accelerators", message="A replica has at least one accelerator."
            ),
            "cached_cost_is_a_share": Sentence(
                column="cached_cost_share", message="The cost of cached input is a share between 0 and 1 of uncached."
            ),
            "profile_says_where_it_is_from": Sentence(
                column="basis", message="A measured profile needs its date, an estimated one its formula."
            ),
        },
    )
)

register(
    Table(
        name="workloads",
        model=Workload,
        key=("key",),
        columns=columns_of(
            Workload,
            [
                "key",
                "name",
                "purpose",
                "owner_role",
                "latency_class",
                "regions",
                "quality_required",
                "customer_value",
                "tier_justification",
                "justification_approver",
                "justification_expires_date",
                "smaller_tier_tested",
                "smaller_tier_tested_date",
                "review_by_date",
                "input_tokens_per_second",
                "output_tokens_per_second",
                "cache_hit_share",
                "peak_factor",
                "growth_share_per_month",
                "p10_multiple",
                "p90_multiple",
                "forecast_source",
                "forecast_date",
                "usd_value_per_million_tokens",
                "provenance",
            ],
            extra=[key_column("model_version")],
        ),
        references=(
            Reference(columns=("model_version",), target="model_versions", field="model_version"),
            Reference(columns=("regions",), target="sites", target_columns=("region",), many=True),
        ),
        sentences={
            "workload_key_form": KEY_FORM,
            "workload_cache_hit_is_a_share": Sentence(
                column="cache_hit_share", message="The cache hit rate is a share between 0 and 1."
            ),
            "workload_peak_is_at_least_mean": Sentence(
                column="peak_factor", message="The peak factor is at least 1: a peak is not below the mean."
            ),
            "workload_tokens_not_negative": Sentence(
                column="input_tokens_per_second", message="Tokens a second are not negative."
            ),
            "workload_band_around_p50": Sentence(
                column="p10_multiple", message="The P10 multiple is between 0 and 1, the P90 multiple at least 1."
            ),
        },
    )
)

register(
    Table(
        name="teams",
        model=Team,
        key=("key",),
        columns=columns_of(Team, ["key", "name", "weight", "provenance"]),
        sentences={
            "team_key_form": KEY_FORM,
            "team_weight_positive": Sentence(column="weight", message="A team's weight is above zero."),
        },
    )
)

register(
    Table(
        name="experiments",
        model=Experiment,
        key=("key",),
        columns=columns_of(
            Experiment,
            [
                "key",
                "name",
                "experiment_priority",
                "purpose",
                "is_model_development",
                "hypothesis",
                "informs_decision",
                "customer_outcome",
                "accelerators",
                "weeks",
                "earliest_start_date",
                "latest_start_date",
                "accelerator_types",
                "pool_keys",
                "preemptible",
                "divisible",
                "state",
                "domain_key",
                "started_date",
                "estimated_flop",
                "submitted_at",
                "submitted_by",
                "provenance",
            ],
            extra=[key_column("team"), key_column("pool", required=False)],
        ),
        references=(
            Reference(columns=("team",), target="teams", field="team"),
            Reference(columns=("pool",), target="pools", field="pool"),
            Reference(columns=("accelerator_types",), target="accelerator_types", many=True),
            Reference(columns=("pool_keys",), target="pools", many=True),
            Reference(columns=("pool", "domain_key"), target="network_domains", target_columns=("pool", "key")),
        ),
        sentences={
            "experiment_key_form": KEY_FORM,
            "experiment_asks_for_something": Sentence(
                column="accelerators", message="A request asks for at least one accelerator and one week."
            ),
            "experiment_window_is_not_empty": Sentence(
                column="latest_start_date", message="The latest start is before the earliest start."
            ),
            "experiment_starts_on_a_monday": Sentence(
                column="earliest_start_date", message="The earliest and the latest start are Mondays."
            ),
            "running_experiment_has_a_place": Sentence(
                column="pool", message="A running experiment names its pool and the date it started."
            ),
        },
        checks=(mostly_p0,),
    )
)
