"""The periods of a contract's spend commitments over its versions, and what is committed on a day (methods: Committed spend).

An amendment counts from its date: a period's amount is each version's, pro rata by actual days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from capacity.lib.money import to_decimal
from capacity.lib.units import exact
from contracts.domain.agreement import Agreement, Version
from contracts.domain.periods import days_between, month_after
from contracts.domain.terms import SpendCommitment

# Three hundred years of monthly periods: a horizon ends long before.
MOST_PERIODS = 3_600


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitmentPeriod:
    """`[start, end)` of one commitment as agreed, in parts by version; closes: when it ends after all amendments."""

    key: str
    start: date
    end: date
    closes: date
    contract_end: date
    parts: tuple[tuple[date, date, SpendCommitment], ...]

    def on(self, day: date) -> SpendCommitment | None:
        """The commitment as agreed on the day; None before it begins and after it closes."""
        return next((agreed for first, last, agreed in self.parts if first <= day < last), None)

    def committed_usd(self, day: date) -> Decimal:
        """All that is committed for the period as agreed on the day: earlier parts by their days, then today's to its end."""
        total, length = Fraction(0), (self.end - self.start).days
        for first, last, agreed in self.parts:
            if first > day:
                break
            until = last if last <= day else min(self.end, self.contract_end)
            total += exact(agreed.amount_usd) * Fraction(
                days_between(start=first, end=until, first=first, last=self.end), length
            )
        return to_decimal(total)


def commitment_periods(agreement: Agreement) -> tuple[CommitmentPeriod, ...]:
    """Every period of every commitment that begins before the last bill, by key of first appearance and date."""
    keys = list(dict.fromkeys(each.key for version in agreement.versions for each in version.terms.spend_commitments))
    return tuple(period for key in keys for period in _periods_of(agreement, key))


def _periods_of(agreement: Agreement, key: str) -> Sequence[CommitmentPeriod]:
    parts = _parts(agreement, key)
    if not parts:
        return []
    begins, _, agreed = parts[0]
    start = agreed.starts_date or begins
    last = max(part[1] for part in parts)
    found: list[CommitmentPeriod] = []
    for number in range(MOST_PERIODS):
        first, after = _bounds(start, number, agreed)
        if first >= min(last, agreement.billed_until) or (number and agreed.ends_date):
            break
        inside = tuple(
            (max(left, first), min(right, after), terms)
            for left, right, terms in parts
            if left < after and right > first
        )
        if inside:
            found.append(
                CommitmentPeriod(
                    key=key,
                    start=first,
                    end=after,
                    closes=inside[-1][1],
                    parts=inside,
                    contract_end=agreement.ends or date.max,
                )
            )
    return found


def _bounds(start: date, number: int, agreed: SpendCommitment) -> tuple[date, date]:
    if agreed.ends_date is not None:
        return start, agreed.ends_date
    months = int(agreed.period_months)
    return month_after(start, months * number), month_after(start, months * (number + 1))


def _parts(agreement: Agreement, key: str) -> list[tuple[date, date, SpendCommitment]]:
    """(from, until, terms) in every version that has the commitment."""
    parts = []
    for version, until in versions_with_ends(agreement):
        for each in version.terms.spend_commitments:
            if each.key == key:
                first = max(version.from_date, each.starts_date or version.from_date)
                last = min(until, each.ends_date or until)
                if first < last:
                    parts.append((first, last, each))
    return parts


def versions_with_ends(agreement: Agreement) -> list[tuple[Version, date]]:
    """Every version and the day it is superseded or ends."""
    froms = [version.from_date for version in agreement.versions[1:]]
    return list(zip(agreement.versions, [*froms, agreement.ends or date.max], strict=True))
