"""Loads that contracts bring to the serving classes: promised throughput at its worst mix, by week (methods: Committed capacity).

Traffic that is merely expected is a TrafficLoad of the workloads; dedicated accelerators are no load at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from contracts.domain.promises import provisioned_load
from contracts.domain.terms import ProvisionedUnit
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
