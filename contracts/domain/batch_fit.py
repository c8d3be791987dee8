"""Whether a batch stream's jobs fit the idle replicas by their deadlines, and what must be bought if not (methods: Batch)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from capacity.lib.units import SECONDS_PER_DAY, ceil_fraction
from contracts.domain.agreement import AgreedStream, BatchPlan
from contracts.domain.streams import SizedStream
from workloads.domain.batch import BatchWork, batch_overload, batch_work, replica_days


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchFit:
    """work_replica_days: of all jobs. overload: the most by which an interval of days lacks idle replica-seconds, 0 = fits.

    bought_replicas: whole replicas, there every day, with which all is in time. costs: of the work in troughs, and of
    what is bought for all days; None = no rate.
    """

    stream: str
    work_replica_days: Fraction
    overload_replica_seconds: Fraction
    bought_replicas: int
    trough_cost_usd: Decimal | None
    bought_cost_usd: Decimal | None


def batch_fit(*, agreed: AgreedStream, sized: SizedStream) -> BatchFit | None:
    """The fit of a stream's batch plan; None where it has none or no profile. (methods: Batch)"""
    plan, profile = agreed.batch, sized.stream.profile
    if plan is None or profile is None:
        return None
    jobs = [
        BatchWork(
            key=job.key,
            released=job.released,
            due=job.due,
            replica_seconds=batch_work(input_tokens=job.input_tokens, output_tokens=job.output_tokens, profile=profile),
        )
        for job in plan.jobs
    ]
    days = replica_days(sum((job.replica_seconds for job in jobs), Fraction(0)))
    bought = _bought(jobs, plan)
    per_day = sized.cost(24 * profile.replica_accelerators)
    hours = Fraction(24 * profile.replica_accelerators, sized.hours)
    return BatchFit(
        stream=sized.stream.key,
        work_replica_days=days,
        overload_replica_seconds=batch_overload(jobs=jobs, idle_replica_seconds=plan.idle_replica_seconds),
        bought_replicas=bought,
        trough_cost_usd=None if per_day is None else sized.cost(days * hours),
        bought_cost_usd=None if per_day is None else sized.cost(bought * len(plan.idle_replica_seconds) * hours),
    )


def _bought(jobs: list[BatchWork], plan: BatchPlan) -> int:
    """The most replicas that any interval of days lacks."""
    days, most = len(plan.idle_replica_seconds), 0
    for first in range(days):
        for last in range(first, days):
            inside = [job for job in jobs if first <= job.released and job.due <= last]
            if inside:
                lacks = batch_overload(
                    jobs=[
                        BatchWork(key=job.key, released=0, due=0, replica_seconds=job.replica_seconds) for job in inside
                    ],
                    idle_replica_seconds=[sum(plan.idle_replica_seconds[first : last + 1], Decimal(0))],
                )
                most = max(most, ceil_fraction(lacks / (SECONDS_PER_DAY * (last - first + 1))))
    return most
