"""What a month's measurements credit: uptime over its days, each SLA for the days it was in force (methods: Credits).

Shares and caps of one credit are credits.py; which rows may stand beside each other is contract_references.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from capacity.lib.money import exact_context
from contracts.domain.agreement import ServiceRow, ServiceTerms
from contracts.domain.credits import credits_of_period, sla_credit_share
from contracts.domain.periods import days_between
from contracts.domain.terms import ZERO, SlaTier


@dataclass(frozen=True, kw_only=True, slots=True)
class ServicePart:
    """Days `[start, end)` of one bill under one SLA."""

    start: date
    end: date
    terms: ServiceTerms

    @property
    def tiers(self) -> dict[str, tuple[SlaTier, ...]]:
        """Metric → tiers, of those the SLA promises."""
        both = {"uptime": self.terms.uptime_tiers, "latency": self.terms.latency_tiers}
        return {metric: tiers for metric, tiers in both.items() if tiers}


def credits_of_parts(*, parts: Sequence[ServicePart], rows: Sequence[ServiceRow], fee_usd: Decimal) -> Decimal | None:
    """The credits of a bill. None: an SLA is promised and nothing it is about was measured. (methods: Credits)

    Each part's fee is its days' share of the charge. A least amount is of the month: a part is paid where all parts
    together reach what its SLA names. $770 of January, half of the fee back to the 15th: 770 × 15/31 × 0.5 = $186.29.
    """
    with localcontext(exact_context()):
        length = (parts[-1].end - parts[0].start).days
        found = {
            place: _credit_of_part(part, rows, fee_usd * (part.end - part.start).days / length)
            for place, part in enumerate(parts)
            if part.tiers
        }
        owed = {place: credit for place, credit in found.items() if credit is not None}
        if not owed:
            return None if found else ZERO
        together = sum(owed.values(), ZERO)
        paid = [credit for place, credit in owed.items() if together >= parts[place].terms.minimum_credit_usd]
        return sum(paid, ZERO)


def _credit_of_part(part: ServicePart, rows: Sequence[ServiceRow], fee_usd: Decimal) -> Decimal | None:
    """Every region or model by its own mean; all together at most what the SLA gives back of the fee."""
    credits = [
        sla_credit_share(tiers=tiers, uptime_share=mean) * affected * fee_usd
        for metric, tiers in part.tiers.items()
        for mean, affected in _means(part, [row for row in rows if row.metric == metric])
    ]
    if not credits:
        return None
    return credits_of_period(fee_usd=fee_usd, credits_usd=credits, most_share=part.terms.most_share)


def _means(part: ServicePart, rows: Iterable[ServiceRow]) -> list[tuple[Decimal, Decimal]]:
    """(mean of what was measured, share of the fee) of every region or model; rows count by their days in the part."""
    measured: dict[str, list[tuple[int, ServiceRow]]] = {}
    for row in rows:
        days = days_between(start=row.start, end=row.end, first=part.start, last=part.end)
        if days:
            measured.setdefault(row.subject, []).append((days, row))
    means = []
    for found in measured.values():
        days = sum(days for days, _ in found)
        share = sum((row.share * days for days, row in found), ZERO) / days
        means.append((share, sum((row.affected_share * days for days, row in found), ZERO) / days))
    return means
