"""The policy a lab may begin with: the values that docs/methods.md works with, as cells of the table of policies.

Nothing here is special afterwards: it becomes an ordinary version of the policy, changed like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

# Every value stands in docs/methods.md (methods: Serving arithmetic, Tiers, Headline metrics). Shares are fractions of one.
STANDARD_POLICY: Mapping[str, str] = {
    "tiers": "committed;forecast;holds;P0;P1;P2;P3;preemptible",
    "confirmed_counts_at": "p50",
    "ordered_counts_at": "p90",
    "utilisation_interactive": "0.65",
    "utilisation_standard": "0.80",
    "utilisation_batch": "0.95",
    "peak_factor_interactive": "2.5",
    "peak_factor_standard": "1.5",
    "peak_factor_batch": "1.0",
    "coincidence_factor": "1",
    "spare_replicas": "1",
    "spare_replicas_large": "2",
    "large_from_replicas": "30",
    "hold_room_share": "0.5",
    "hold_weeks_ahead": "4",
    "market_use_share": "0.5",
    "worst_use_multiple_metered": "2",
    "worst_use_multiple_flat": "3",
    "target_gross_margin_share": "0.60",
    "inference_ratio_amber_share": "0.5",
    "inference_ratio_red_share": "1.0",
    "idle_limit_share": "0.05",
    "loss_exposure_limit_usd": "5000000",
    "no_choice_limit_share": "0.05",
    "unexplained_frontier_limit_share": "0.10",
    "starvation_weeks": "6",
    "starvation_share": "0.5",
    "deficit_limit_share": "0.5",
    "recall_notice_days": "7",
    "restart_hours": "0.5",
}
NOTE = "standard policy of the methods page, taken over as the first policy"
# What they mean, in the order in which they are shown before somebody takes them over.
MEANINGS: tuple[tuple[str, str], ...] = (
    ("Order of allocation", "committed, forecast, holds, P0, P1, P2, P3, preemptible"),
    ("Confirmed deliveries count from", "their P50 date"),
    ("Ordered deliveries count from", "their P90 date"),
    ("Target utilisation", "interactive 65 %, standard 80 %, batch 95 %"),
    ("Peak over average, where not measured", "interactive 2.5, standard 1.5, batch 1.0"),
    ("Spare replicas", "1; 2 from 30 replicas on"),
    ("Holds of deals that are not signed", "at most half of the room, for 4 weeks"),
    ("Worst use of a contract without a P95", "metered 2 ×, flat fee 3 × the expected use"),
    ("Target gross margin", "60 %"),
    ("Inference ratio", "amber from 50 %, red from 100 %"),
    ("Fair share", "a deficit moves a weight by at most 50 %; starved after 6 weeks, or under half of the share"),
    ("Preemption", "7 days of notice, half an hour to restart"),
    ("Limits", "idle 5 %, no choice 5 %, unexplained frontier 10 %, exposure to loss $5.0M"),
)


def policy_cells(*, version: int, effective: date) -> dict[str, str]:
    """The row of `policy_sets` for this version, in force from `effective` (a Monday)."""
    return {"version": str(version), "effective_date": effective.isoformat(), **STANDARD_POLICY, "note": NOTE}


def floor_cells(*, version: int, pools: list[str], share: str = "", accelerators: str = "") -> dict[str, str]:
    """The row of `policy_floors` that keeps part of the pools for model development. Give a share or a number."""
    return {
        "policy": str(version),
        "key": "model-development",
        "name": "Model development",
        "pool_keys": ";".join(pools),
        "share": share,
        "accelerators": accelerators,
        "lendable": "true",
    }
