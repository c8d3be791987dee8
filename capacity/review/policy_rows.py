"""The policy as people read it: each value with its unit, its meaning and its owner. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from capacity.access.visibility import Viewer, see
from capacity.lib import figures
from capacity.lib.figures import Absent

# column | label | owner | how it is written (share, ratio, usd, whole, text)
_RULES = """
target_gross_margin_share|Serving margin is below target under|Finance|share
inference_ratio_amber_share|Inference cost ÷ revenue is amber from|Finance|share
inference_ratio_red_share|Inference cost ÷ revenue is red from|Finance|share
loss_exposure_limit_usd|Loss exposure at worst use is above its limit from|Sales and finance|usd
idle_limit_share|Idle is above its limit from this share of the envelope|Capacity and finance|share
no_choice_limit_share|No-choice spend is above its limit from|Product|share
unexplained_frontier_limit_share|Unexplained frontier use is above its limit from|Product|share
utilisation_interactive|Target utilisation at the peak, interactive|Serving|share
utilisation_standard|Target utilisation at the peak, standard|Serving|share
utilisation_batch|Target utilisation at the peak, batch|Serving|share
peak_factor_interactive|Peak ÷ average where unmeasured, interactive|Serving|ratio
peak_factor_standard|Peak ÷ average where unmeasured, standard|Serving|ratio
peak_factor_batch|Peak ÷ average where unmeasured, batch|Serving|ratio
coincidence_factor|Peaks of pooled demands that coincide|Serving|share
spare_replicas|Spare replicas of a class|Serving|whole
spare_replicas_large|Spare replicas of a large class|Serving|whole
large_from_replicas|A class is large from this many replicas|Serving|whole
hold_room_share|Holds take at most, of the room above them|Sales and capacity|share
hold_weeks_ahead|Weeks a deal may hold before it is signed|Sales and capacity|whole
market_use_share|Of how use varies, common to all customers|Finance|share
worst_use_multiple_metered|Worst reasonable use, metered contracts, × P50|Sales and finance|ratio
worst_use_multiple_flat|Worst reasonable use, flat fees, × P50|Sales and finance|ratio
deficit_limit_share|A team's deficit moves its weight by at most|Chair|share
starvation_weeks|A team is starved after, weeks|Chair|whole
starvation_share|A team is starved below this part of its share|Chair|share
recall_notice_days|Notice before preemptible work yields, days|Chair|whole
restart_hours|Restart after an interruption, hours|Research|ratio
confirmed_counts_at|Confirmed lots count from their date at|Capacity|text
ordered_counts_at|Ordered lots count from their date at|Capacity|text
tiers|Order of the tiers|Chair|text
note|Note|Chair|text
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyLine:
    """One value of the policy in each version, newest first; `values` are written or absent."""

    label: str
    owner: str
    values: tuple[str | Absent, ...]


def policy_lines(viewer: Viewer, versions: Sequence[Mapping[str, Any]]) -> list[PolicyLine]:
    """Every rule with its value in each version, as the viewer may see it."""
    lines = []
    for rule in _RULES.strip().splitlines():
        column, label, owner, kind = rule.split("|")
        values = tuple(_written(see(viewer, "policy", column, version[column]), kind) for version in versions)
        lines.append(PolicyLine(label=label, owner=owner, values=values))
    return lines


def floor_lines(viewer: Viewer, floors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The floors of a version: name, whose work, pools, size, whether idle floor may be lent, what decisions waive."""
    names = [f"floor_{name}" for name in ("key", "name", "pool_keys", "share", "accelerators", "lendable", "team_key")]
    found = []
    for floor in floors:
        seen = {name: see(viewer, "policy", name, floor[name.removeprefix("floor_")]) for name in names}
        waived = "; ".join(_waiver(each) for each in floor["waivers"])
        found.append(
            {
                "name": seen["floor_name"],
                "pools": _written(seen["floor_pool_keys"], "text"),
                "share": _written(seen["floor_share"], "share"),
                "accelerators": _written(seen["floor_accelerators"], "whole"),
                "lendable": _written(seen["floor_lendable"], "text"),
                "team": _written(seen["floor_team_key"] or "Model development", "text"),
                "waived": _written(see(viewer, "policy", "floor_waivers", waived), "text"),
            }
        )
    return found


def _waiver(waiver: Mapping[str, Any]) -> str:
    """`−8 accelerators 7–13 Dec 2026 (D-3)`."""
    weeks = figures.day_range(waiver["starts_date"], waiver["ends_date"], year=0)
    return f"−{waiver['accelerators']} accelerators {weeks} (D-{waiver['decision_number']})"


def _written(value: Any, kind: str) -> str | Absent:
    if isinstance(value, Absent):
        return value
    if value is None or value == "":
        return figures.NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item).replace("_", " ") for item in value)
    if kind == "share":
        return figures.share(value)
    if kind == "ratio":
        return figures.ratio(value, places=2)
    if kind == "usd":
        return figures.usd(value)
    return figures.thousands(value) if kind == "whole" else str(value)
