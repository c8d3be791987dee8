"""Batch work in the troughs: how much there is, and whether it fits by its deadlines (methods: Batch).

Batch has no peak; it is tested over every interval of days, never over the month.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from capacity.lib.units import SECONDS_PER_DAY, Exact, exact
from workloads.domain.serving import Profile


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchWork:
    """Work of a batch job in replica-seconds, that may run from day `released` to day `due`, both included."""

    key: str
    released: int
    due: int
    replica_seconds: Fraction


def batch_work(*, input_tokens: Exact, output_tokens: Exact, profile: Profile) -> Fraction:
    """(in ÷ R_in + out ÷ R_out) ÷ u replica-seconds, on the batch profile; batch has no peak. (methods: Batch)"""
    work = exact(input_tokens) / profile.prefill_tps + exact(output_tokens) / profile.decode_tps
    return work / profile.utilisation_target


def batch_overload(*, jobs: Sequence[BatchWork], idle_replica_seconds: Sequence[Exact]) -> Fraction:
    """The most by which the work due inside some interval of days exceeds the idle inside it; 0 = everything fits.

    idle_replica_seconds: one figure a day. The test is over every interval, never over the month. (methods: Batch)
    """
    days = len(idle_replica_seconds)
    worst = Fraction(0)
    for first in range(days):
        for last in range(first, days):
            inside = [job.replica_seconds for job in jobs if first <= job.released and job.due <= last]
            idle = sum((exact(day) for day in idle_replica_seconds[first : last + 1]), Fraction(0))
            worst = max(worst, sum(inside, Fraction(0)) - idle)
    return worst


def replica_days(replica_seconds: Fraction) -> Fraction:
    return replica_seconds / SECONDS_PER_DAY
