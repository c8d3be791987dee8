"""How files bring policy versions and their floors. A floor names its pools by key."""

from __future__ import annotations

from capacity.decisions.models import PolicyFloor, PolicySet
from capacity.imports.tables import Reference, Sentence, Table, columns_of, register, whole_column

register(
    Table(
        name="policy_sets",
        model=PolicySet,
        key=("version",),
        columns=columns_of(
            PolicySet,
            [
                "version",
                "effective_date",
                "tiers",
                "confirmed_counts_at",
                "ordered_counts_at",
                "utilisation_interactive",
                "utilisation_standard",
                "utilisation_batch",
                "peak_factor_interactive",
                "peak_factor_standard",
                "peak_factor_batch",
                "coincidence_factor",
                "spare_replicas",
                "spare_replicas_large",
                "large_from_replicas",
                "worst_use_multiple_metered",
                "worst_use_multiple_flat",
                "target_gross_margin_share",
                "inference_ratio_amber_share",
                "inference_ratio_red_share",
                "idle_limit_share",
                "loss_exposure_limit_usd",
                "no_choice_limit_share",
                "unexplained_frontier_limit_share",
                "note",
            ],
        ),
        sentences={
            "utilisation_is_a_share": Sentence(
                column="utilisation_interactive", message="Each target utilisation is a share above 0 and at most 1."
            ),
            "policy_peak_is_at_least_mean": Sentence(
                column="peak_factor_interactive", message="A peak factor is at least 1: a peak is not below the mean."
            ),
            "coincidence_is_a_share": Sentence(
                column="coincidence_factor", message="The coincidence factor is a share above 0 and at most 1."
            ),
            "policy_starts_on_a_monday": Sentence(column="effective_date", message="A policy starts on a Monday."),
        },
    )
)

register(
    Table(
        name="policy_floors",
        model=PolicyFloor,
        key=("policy", "key"),
        columns=columns_of(
            PolicyFloor,
            ["key", "name", "pool_keys", "share", "accelerators", "lendable"],
            extra=[whole_column("policy")],
        ),
        references=(
            Reference(columns=("policy",), target="policy_sets", target_columns=("version",), field="policy"),
            Reference(columns=("pool_keys",), target="pools", many=True),
        ),
        sentences={
            "one_floor_per_key": Sentence(column="key", message="The policy already has a floor of this key."),
            "floor_share_is_a_share": Sentence(column="share", message="The floor's share is between 0 and 1."),
            "floor_has_a_size": Sentence(
                column="share", message="A floor needs a share, a number of accelerators, or both (the larger counts)."
            ),
        },
    )
)
