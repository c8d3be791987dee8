"""Loads that contracts bring to the serving classes: promised throughput at its worst mix, by week (methods: Committed capacity).

Traffic that is merely expected is a TrafficLoad of the workloads; dedicated accelerators are no load at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from contracts.domain.promises import bundle_load, provisioned_load
from contracts.domain.terms import BundleUnit, ProvisionedUnit
from workloads.domain.serving import Profile


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvisionedLoad:
    """All units in force at the worst mix they allow: reserved, so average and peak are the same. units: by week."""

    unit: ProvisionedUnit
    units: tuple[Decimal, ...]

    def loads(self, *, profile: Profile, index: int) -> tuple[Fraction, Fraction] | None:
        if not self.units[index]:
            return None
        load = provisioned_load(unit=self.unit, units=self.units[index], profile=profile)
        return load, load


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleLoad:
    """All bundles in force full at once, nothing cached: reserved, so average and peak are the same.

    bundles: (what one promises, how many by week), of input and of output.
    """

    bundles: tuple[tuple[BundleUnit, tuple[Decimal, ...]], ...]

    def loads(self, *, profile: Profile, index: int) -> tuple[Fraction, Fraction] | None:
        if not any(units[index] for _, units in self.bundles):
            return None
        load = sum(
            (bundle_load(unit=unit, units=units[index], profile=profile) for unit, units in self.bundles), Fraction(0)
        )
        return load, load
