"""The policy in force on a day, as one frozen value made of the policy rows. Pure: no database, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any


class NoPolicyInForce(ValueError):
    """No policy set has started on the day asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiver:
    """Accelerators by which a floor is lowered over `[starts_date, ends_date)`, Mondays both, by a recorded decision."""

    key: str
    starts_date: date
    ends_date: date
    accelerators: int
    decision_number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FloorRule:
    """F = max(share × allocatable of the floor's own pools, accelerators) − waived, for model development, or for one team."""

    key: str
    name: str
    pool_keys: tuple[str, ...]
    share: Decimal | None
    accelerators: int | None
    lendable: bool
    team_key: str | None = None
    waivers: tuple[Waiver, ...] = ()

    def waived_on(self, monday: date) -> int:
        """Accelerators waived in the week that starts on `monday` (methods: Floor waivers)."""
        return sum(each.accelerators for each in self.waivers if each.starts_date <= monday < each.ends_date)


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Every dated number the plan obeys. Shares are fractions of one; money in USD."""

    version: int
    effective_date: date
    tiers: tuple[str, ...]
    confirmed_counts_at: str
    ordered_counts_at: str
    utilisation: Mapping[str, Decimal]
    peak_factor: Mapping[str, Decimal]
    coincidence_factor: Decimal
    spare_replicas: int
    spare_replicas_large: int
    large_from_replicas: int
    hold_room_share: Decimal
    hold_weeks_ahead: int
    market_use_share: Decimal
    worst_use_multiple_metered: Decimal
    worst_use_multiple_flat: Decimal
    target_gross_margin_share: Decimal
    inference_ratio_amber_share: Decimal
    inference_ratio_red_share: Decimal
    idle_limit_share: Decimal
    loss_exposure_limit_usd: Decimal
    no_choice_limit_share: Decimal
    unexplained_frontier_limit_share: Decimal
    starvation_weeks: int
    starvation_share: Decimal
    deficit_limit_share: Decimal
    recall_notice_days: int
    restart_hours: Decimal
    floors: tuple[FloorRule, ...]

    def tier_of(self, kind: str) -> str | None:
        """The tier of that name, or None where the policy does not have it."""
        return kind if kind in self.tiers else None


_SAME_NAME = (
    "version",
    "effective_date",
    "confirmed_counts_at",
    "ordered_counts_at",
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
)
# Columns that the input documents of older runs do not have, with what held then.
_SINCE_LATER = {
    "hold_room_share": Decimal("0.5"),
    "hold_weeks_ahead": 4,
    "market_use_share": Decimal("0.5"),
    "starvation_weeks": 6,
    "starvation_share": Decimal("0.5"),
    "deficit_limit_share": Decimal("0.5"),
    "recall_notice_days": 7,
    "restart_hours": Decimal("0.5"),
}
# Offline work has no latency to keep and no peak of its own: it is sized like batch.
_CLASS_COLUMN = {"interactive": "interactive", "standard": "standard", "batch": "batch", "offline": "batch"}


def policy_in_force(
    *,
    policy_sets: Sequence[Mapping[str, Any]],
    policy_floors: Sequence[Mapping[str, Any]],
    floor_waivers: Sequence[Mapping[str, Any]] = (),
    on_date: date,
) -> Policy:
    """The policy with the latest start on or before `on_date`, with the waivers of its floors that are decided.

    Raises NoPolicyInForce with a sentence when there is none.
    """
    started = [row for row in policy_sets if row["effective_date"] <= on_date]
    if not started:
        raise NoPolicyInForce(f"No policy is in force on {on_date}: import one that starts on or before that day.")
    row = max(started, key=lambda each: (each["effective_date"], each["version"]))
    floors = [floor for floor in policy_floors if floor["policy"] == row["version"]]
    return Policy(
        **{name: row[name] for name in _SAME_NAME},
        **{name: row.get(name, value) for name, value in _SINCE_LATER.items()},
        tiers=tuple(row["tiers"]),
        utilisation={name: row[f"utilisation_{column}"] for name, column in _CLASS_COLUMN.items()},
        peak_factor={name: row[f"peak_factor_{column}"] for name, column in _CLASS_COLUMN.items()},
        floors=tuple(
            FloorRule(
                key=floor["key"],
                name=floor["name"],
                pool_keys=tuple(sorted(floor["pool_keys"])),
                share=floor["share"],
                accelerators=floor["accelerators"],
                lendable=floor["lendable"],
                team_key=floor.get("team_key") or None,
                waivers=_waivers(floor_waivers, policy=row["version"], floor=floor["key"]),
            )
            for floor in sorted(floors, key=lambda each: each["key"])
        ),
    )


def _waivers(rows: Sequence[Mapping[str, Any]], *, policy: int, floor: str) -> tuple[Waiver, ...]:
    """Those of the floor whose decision is recorded; an undecided one lowers nothing."""
    own = [row for row in rows if (row["policy"], row["floor"]) == (policy, floor) and row["is_decided"]]
    return tuple(
        Waiver(
            key=row["key"],
            starts_date=row["starts_date"],
            ends_date=row["ends_date"],
            accelerators=row["accelerators"],
            decision_number=row["decision_number"],
        )
        for row in sorted(own, key=lambda each: (each["starts_date"], each["key"]))
    )
