"""What a contract that is not renewed leaves behind, and by when notice is due (methods: Renewal and termination)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

from capacity.lib.horizon import DAYS_PER_WEEK
from capacity.lib.money import to_decimal
from capacity.lib.units import HOURS_PER_WEEK, exact
from contracts.domain.agreement import Agreement
from contracts.domain.periods import days_after, days_between


def stranded_usd(agreement: Agreement) -> Decimal | None:
    """max(0, Σ weeks of what was bought for it beyond its end × 168 × c × (1 − reuse) − termination fee).

    Weeks by actual days. None: open-ended, no termination terms, or the reuse or the rate is not known.
    """
    left, ends, rate = agreement.termination, agreement.ends, agreement.rate_usd_per_hour
    if left is None or ends is None or left.reuse_share is None or rate is None:
        return None
    weeks = (
        sum(
            (
                exact(each.accelerators) * days_between(start=each.start, end=each.end, first=ends, last=date.max)
                for each in left.bought
            ),
            Fraction(0),
        )
        / DAYS_PER_WEEK
    )
    cost = weeks * HOURS_PER_WEEK * exact(rate) * (1 - exact(left.reuse_share))
    return to_decimal(max(Fraction(0), cost - exact(left.fee_usd)))


def notice_by(agreement: Agreement) -> date | None:
    """The last day on which notice can be given; None where there is no end or no notice is agreed."""
    if agreement.ends is None or agreement.renewal.notice_days is None:
        return None
    return days_after(agreement.ends, -agreement.renewal.notice_days)
