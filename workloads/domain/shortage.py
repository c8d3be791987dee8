"""What is served and what is not when there are fewer replicas than needed (methods: Shortage).

Shares only; what the unmet tokens would have earned is priced by the contracts.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from capacity.lib.money import to_decimal
from capacity.lib.units import Exact, exact
from workloads.domain.serving import Need, Profile, SpareRule, TrafficError


def replicas_in_fragments(*, free_by_domain: Iterable[int], replica_accelerators: int) -> int:
    """Whole replicas that free accelerators hold, domain by domain: 7 + 8 free offer one replica of 8."""
    return sum(free // replica_accelerators for free in free_by_domain)


def served_share(*, available_replicas: int, need: Need, profile: Profile, spares: SpareRule | None = None) -> Fraction:
    """Share of the peak load that fits: min(1, (N − s)·u ÷ L_peak), never below 0; 1 without load.

    s is the spares that the need's own work replicas keep. (methods: Shortage)
    """
    if need.load_peak == 0:
        return Fraction(1)
    kept = (spares or SpareRule()).spares(need.work_replicas)
    share = (available_replicas - kept) * profile.utilisation_target / need.load_peak
    return max(Fraction(0), min(Fraction(1), share))


def unmet_token_share(*, capacity_to_mean: Exact, peak_factor: Exact) -> Fraction:
    """Share of a day's tokens above the capacity when only the peak is known (triangular day profile).

    y = capacity ÷ mean load, p = peak ÷ mean. 0 for y ≥ p; for p ≤ 2: (p−y)² ÷ 4(p−1) down to y = 2−p, below
    that 1−y (short all day); for p > 2: (p−y)² ÷ p². (methods: Shortage)
    """
    y, p = max(Fraction(0), exact(capacity_to_mean)), exact(peak_factor)
    if p < 1:
        raise TrafficError(f"The peak is at least the average: a peak factor of {to_decimal(p)} is not.")
    if y >= p:
        return Fraction(0)
    if p > 2:
        return (p - y) ** 2 / p**2
    if y < 2 - p or p == 1:
        return 1 - y
    return (p - y) ** 2 / (4 * (p - 1))
