"""The tables of policy that people keep by file, form and API: versions, floors and waivers. A floor names its pools by key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from capacity.decisions.models import FloorWaiver, PolicyFloor, PolicySet
from capacity.decisions.row_checks import floors_over_unfit_pools, undecided_waivers
from capacity.imports.limits import sentences_of
from capacity.imports.tables import (
    Reference,
    Retire,
    Sentence,
    Table,
    Values,
    columns_of,
    key_column,
    register,
    whole_column,
)

VIEW, CHANGE, AREA = "policy_data.view", "policy_data.change", "Policy"
PROVENANCE_HELP = "Where the row is from: the minutes, the analysis or the person, with its date."
KEY_FORM = "A key has letters, digits, points, dashes and underscores, at most 80 of them."
_SIZES = (
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
    "hold_room_share",
    "hold_weeks_ahead",
    "market_use_share",
    "worst_use_multiple_metered",
    "worst_use_multiple_flat",
)
_LIMITS = (
    "target_gross_margin_share",
    "inference_ratio_amber_share",
    "inference_ratio_red_share",
    "idle_limit_share",
    "loss_exposure_limit_usd",
    "no_choice_limit_share",
    "unexplained_frontier_limit_share",
)
_FAIRNESS = ("deficit_limit_share", "starvation_weeks", "starvation_share", "recall_notice_days", "restart_hours")
# Words about a row, which change nothing of what it says.
_WORDS = frozenset({"note", "provenance"})


def second_person(before: Values | None, after: Values | None) -> str:
    """Whoever writes the policy does not put it in force alone: any change but one of words needs another person."""
    if before is not None and after is not None:
        changed = {name for name in after if after[name] != before.get(name)}
        if changed <= _WORDS:
            return ""
    return "Another person approves a change of the floor or policy."


def _columns(model: Any, names: Sequence[str], **extra: Any) -> Any:
    return columns_of(model, [*names, "provenance"], **extra)


register(
    Table(
        name="policy_sets",
        model=PolicySet,
        key=("version",),
        columns=_columns(
            PolicySet,
            [
                "version",
                "effective_date",
                "tiers",
                "confirmed_counts_at",
                "ordered_counts_at",
                *_SIZES,
                *_LIMITS,
                *_FAIRNESS,
                "note",
            ],
        ),
        sentences={
            **sentences_of(PolicySet),
            "utilisation_is_a_share": Sentence(
                column="utilisation_interactive", message="Each target utilisation is a share above 0 and at most 1."
            ),
            "policy_peak_is_at_least_mean": Sentence(
                column="peak_factor_interactive",
                message="A peak factor is at least 1, because a peak is not below the mean, and at most 100.",
            ),
            "coincidence_is_a_share": Sentence(
                column="coincidence_factor", message="The coincidence factor is a share above 0 and at most 1."
            ),
            "hold_room_is_a_share": Sentence(
                column="hold_room_share", message="What holds may take of the room is a share above 0 and at most 1."
            ),
            "market_use_is_a_share": Sentence(
                column="market_use_share", message="The part of use that is common to all is a share from 0 to 1."
            ),
            "policy_starts_on_a_monday": Sentence(column="effective_date", message="A policy starts on a Monday."),
            "inference_red_is_not_below_amber": Sentence(
                column="inference_ratio_red_share",
                message="The red line of the inference ratio is below the amber one.",
            ),
        },
        title="Policy versions",
        singular="Policy version",
        intro="The rules the plan obeys, by version. The latest version that has started is in force; "
        "a change is a new version, and another person approves it.",
        area=AREA,
        slug="policy-sets",
        view=VIEW,
        change=CHANGE,
        resource="input_policy_sets",
        label="version",
        listed=("version", "effective_date", "tiers", "note"),
        filters=("confirmed_counts_at", "ordered_counts_at"),
        search=("note",),
        help={
            "version": "A whole number, one more than the last version.",
            "effective_date": "The Monday from which it is in force.",
            "tiers": "What is served first, in order, separated by semicolons: such as "
            "committed;forecast;holds;P0;P1;P2;P3;preemptible.",
            "confirmed_counts_at": "p50 or p90: from which of its dates a confirmed or shipped lot counts. Default p50.",
            "ordered_counts_at": "p50 or p90: from which of its dates an ordered lot counts. Default p90.",
            "utilisation_interactive": "Target utilisation of interactive serving: a share, such as 0.65.",
            "utilisation_standard": "Target utilisation of standard serving: a share, such as 0.80.",
            "utilisation_batch": "Target utilisation of batch serving: a share, such as 0.95.",
            "peak_factor_interactive": "Peak ÷ mean where a workload has not measured its own, such as 2.5. At least 1.",
            "peak_factor_standard": "The same for standard serving, such as 1.5.",
            "peak_factor_batch": "The same for batch serving, such as 1.",
            "coincidence_factor": "Peak of the sum ÷ sum of the peaks of workloads that share replicas: 1 until measured.",
            "spare_replicas": "Replicas kept beside those that work, such as 1.",
            "spare_replicas_large": "The same for large classes, such as 2.",
            "large_from_replicas": "From how many working replicas a class is large, such as 30.",
            "hold_room_share": "The most that holds of deals may take of the room left above them: a share. Default 0.5.",
            "hold_weeks_ahead": "For how many weeks a deal may hold accelerators before it is signed. Default 4.",
            "market_use_share": "Of how use varies around P50, the part that is common to all customers. Default 0.5.",
            "worst_use_multiple_metered": "Worst reasonable use ÷ expected use of metered contracts without a P95, such as 2.",
            "worst_use_multiple_flat": "The same for flat fees and seats, such as 3.",
            "target_gross_margin_share": "The gross margin contracts should keep: a share, such as 0.60.",
            "inference_ratio_amber_share": "Inference cost ÷ revenue from which it is amber, such as 0.5.",
            "inference_ratio_red_share": "Inference cost ÷ revenue from which it is red, such as 1.",
            "idle_limit_share": "Idle accelerators ÷ allocatable from which idle is a finding: a share, such as 0.05.",
            "loss_exposure_limit_usd": "Loss at worst use, over all contracts, that the lab accepts, in US dollars.",
            "no_choice_limit_share": "Cost nobody chose ÷ whole cost from which it is a finding, such as 0.05.",
            "unexplained_frontier_limit_share": "Frontier use without a valid reason ÷ frontier use from which it is a "
            "finding, such as 0.10.",
            "deficit_limit_share": "The most a team's deficit adds to or takes from the weight of its requests: a share "
            "from 0 to 0.9. Default 0.5.",
            "starvation_weeks": "After how many weeks a team counts as starved, 1 to 13. Default 6.",
            "starvation_share": "Below this part of its share a team counts as starved. Default 0.5.",
            "recall_notice_days": "Days of notice before preemptible work yields, 0 to 7. Default 7.",
            "restart_hours": "Hours to restart after an interruption, such as 0.5.",
            "note": "Why this version, in words.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Version": ("version", "effective_date", "note", "provenance"),
            "Order and supply": ("tiers", "confirmed_counts_at", "ordered_counts_at"),
            "Sizing": _SIZES,
            "Limits": _LIMITS,
            "Fair share": _FAIRNESS,
        },
        needs_checker=second_person,
    )
)

register(
    Table(
        name="policy_floors",
        model=PolicyFloor,
        key=("policy", "key"),
        columns=_columns(
            PolicyFloor,
            ["key", "name", "pool_keys", "share", "accelerators", "lendable", "team_key"],
            extra=[whole_column("policy")],
        ),
        references=(
            Reference(columns=("policy",), target="policy_sets", target_columns=("version",), field="policy"),
            Reference(columns=("pool_keys",), target="pools", many=True),
            Reference(columns=("team_key",), target="teams"),
        ),
        sentences={
            **sentences_of(PolicyFloor),
            "one_floor_per_key": Sentence(column="key", message="The policy already has a floor of this key."),
            "floor_key_form": Sentence(column="key", message=KEY_FORM),
            "floor_has_pools": Sentence(column="pool_keys", message="A floor needs the pools it stands on."),
            "floor_share_is_a_share": Sentence(column="share", message="The floor's share is between 0 and 1."),
            "floor_has_a_size": Sentence(
                column="share", message="A floor needs a share, a number of accelerators, or both (the larger counts)."
            ),
        },
        title="Policy floors",
        singular="Policy floor",
        intro="Accelerators of a group of pools that only model development, or only one team, may use. "
        "Only a recorded, dated waiver lowers a floor.",
        area=AREA,
        slug="policy-floors",
        view=VIEW,
        change=CHANGE,
        resource="input_policy_floors",
        label="name",
        listed=("policy", "key", "name", "pool_keys", "share", "accelerators", "lendable", "team_key"),
        filters=("policy", "lendable", "team_key"),
        search=("key", "name"),
        help={
            "policy": "The version of the policy it belongs to.",
            "key": "A short name within its policy: letters, digits, points, dashes and underscores, at most 80.",
            "name": "What people call the floor.",
            "pool_keys": "The keys of the pools it stands on, separated by semicolons.",
            "share": "Share of what is allocatable in those pools, such as 0.30. Empty: only the number counts.",
            "accelerators": "A number of accelerators. With a share the larger of the two counts. Empty: only the share.",
            "lendable": "true when idle floor may be lent to work that can be stopped at once. Default false.",
            "team_key": "The team whose requests alone may stand on it. Empty: every request of model development.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Floor": ("policy", "key", "name", "pool_keys"),
            "Size": ("share", "accelerators", "lendable"),
            "For": ("team_key",),
            "Source": ("provenance",),
        },
        checks=(floors_over_unfit_pools,),
        needs_checker=second_person,
    )
)

register(
    Table(
        name="floor_waivers",
        model=FloorWaiver,
        key=("key",),
        columns=_columns(
            FloorWaiver,
            ["key", "starts_date", "ends_date", "accelerators", "reason", "decision_number"],
            extra=[whole_column("policy"), key_column("floor")],
        ),
        references=(
            Reference(
                columns=("policy", "floor"), target="policy_floors", target_columns=("policy", "key"), field="floor"
            ),
        ),
        sentences={
            "waivers_of_a_floor_do_not_overlap": Sentence(
                column="starts_date", message="The weeks overlap another waiver of the same floor."
            ),
            "waiver_key_form": Sentence(column="key", message=KEY_FORM),
            "waiver_ends_after_start": Sentence(column="ends_date", message="The waiver must end after it starts."),
            "waiver_covers_whole_weeks": Sentence(
                column="starts_date", message="A waiver covers whole weeks: it starts and ends on a Monday."
            ),
            "waiver_has_accelerators": Sentence(
                column="accelerators", message="A waiver gives up at least one accelerator."
            ),
            "waiver_has_a_decision": Sentence(
                column="decision_number", message="A waiver needs the number of the decision that grants it."
            ),
            "waiver_has_a_reason": Sentence(column="reason", message="A waiver needs its reason."),
        },
        title="Floor waivers",
        singular="Floor waiver",
        intro="Accelerators of a floor given up for some weeks by a recorded decision. "
        "Until the decision is recorded the floor stands.",
        area=AREA,
        slug="floor-waivers",
        view=VIEW,
        change=CHANGE,
        resource="input_floor_waivers",
        label="key",
        listed=("key", "policy", "floor", "starts_date", "ends_date", "accelerators", "decision_number"),
        filters=("policy", "floor"),
        search=("key", "reason"),
        help={
            "key": "A short name that never changes: letters, digits, points, dashes and underscores, at most 80.",
            "policy": "The version of the policy whose floor is lowered.",
            "floor": "The key of the floor within that policy.",
            "starts_date": "The Monday of the first week covered.",
            "ends_date": "The Monday after the last week covered.",
            "accelerators": "By how many accelerators the floor is lowered in each of those weeks, at most to nothing.",
            "reason": "Why, in words.",
            "decision_number": "The number of the recorded decision, of the kind floor waiver, that grants it. Without "
            "that decision, or once it is superseded, the waiver lowers nothing.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Waiver": ("key", "policy", "floor", "accelerators"),
            "Weeks": ("starts_date", "ends_date"),
            "Why": ("decision_number", "reason", "provenance"),
        },
        retire=Retire(column="ends_date", label="End the waiver"),
        checks=(undecided_waivers,),
        needs_checker=second_person,
    )
)
