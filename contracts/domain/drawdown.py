"""Committed spend drawn down by usage at list prices: one commitment, or several in burn order (methods: Committed spend).

Balances are in discounted dollars. When a commitment is invoiced and what its end leaves is statements.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from capacity.lib.money import exact_context
from contracts.domain.terms import ZERO, SpendCommitment


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawdown:
    """billed = drawn + true_up + overage. breakage: paid, unused and not rolled over."""

    billed_usd: Decimal
    drawn_usd: Decimal
    true_up_usd: Decimal
    overage_usd: Decimal
    breakage_usd: Decimal


def draw_down(
    *, commitment: SpendCommitment, list_usage_usd: Decimal, committed_usd: Decimal | None = None
) -> Drawdown:
    """What a committed spend bills for usage at list prices. committed_usd: the period's part (default: all of it).

    Discounted usage draws down the commitment; what is unused is trued up; overage is discounted too, or at list.
    $1.2 M at 10 % off: 1.0 M list → billed 1.2 M, true-up 300 k; 1.5 M list → 1,366,666.67. (methods: Committed spend)
    """
    with localcontext(exact_context()):
        commit = commitment.amount_usd if committed_usd is None else committed_usd
        discounted = list_usage_usd * (1 - commitment.discount_share)
        drawn = min(commit, discounted)
        over = discounted - drawn
        overage = over if commitment.overage_keeps_discount else over / (1 - commitment.discount_share)
        true_up = commit - drawn
        return Drawdown(
            billed_usd=drawn + true_up + overage,
            drawn_usd=drawn,
            true_up_usd=true_up,
            overage_usd=overage,
            breakage_usd=true_up * (1 - commitment.rolled_over_share),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Balance:
    """What is left of one commitment, or of what an earlier period of it rolled over."""

    commitment: SpendCommitment
    left_usd: Decimal
    ends: date | None = None
    is_rolled: bool = False

    @property
    def key(self) -> str:
        return f"{self.commitment.key}.rolled" if self.is_rolled else self.commitment.key

    @property
    def is_settled(self) -> bool:
        """Whether what is drawn costs nothing more: it is free, or was paid before."""
        return self.is_rolled or self.commitment.is_free or self.commitment.is_prepaid

    @property
    def burn_rank(self) -> tuple[int, bool, date, str]:
        """Priority, zero cost first, earliest end, key."""
        is_paid = not (self.is_rolled or self.commitment.is_free)
        return (self.commitment.priority, is_paid, self.ends or date.max, self.key)

    def covers(self, line_key: str) -> bool:
        return self.commitment.line_keys is None or line_key in self.commitment.line_keys


@dataclass(frozen=True, kw_only=True, slots=True)
class Burn:
    """drawn: balance → discounted dollars drawn from it. adjustments: balance → what its draw adds to the list bill.

    An adjustment is never positive: the discount, or for a free balance all of what was drawn at list.
    """

    drawn: Mapping[str, Decimal]
    adjustments: Mapping[str, Decimal]


def burn(*, balances: Sequence[Balance], list_usd: Mapping[str, Decimal]) -> Burn:
    """Draws list amounts (line → dollars) from the balances in burn order. (methods: Committed spend)

    What no balance holds is overage: at list, or at the discount of the first paid commitment that keeps it.
    """
    with localcontext(exact_context()):
        left = dict(list_usd)
        ordered = sorted(balances, key=lambda balance: balance.burn_rank)
        drawn = {balance.key: ZERO for balance in balances}
        adjustments = dict(drawn)
        for balance in ordered:
            paid_share = 1 - balance.commitment.discount_share
            for key in sorted(left):
                if not balance.covers(key):
                    continue
                taken = min(balance.left_usd - drawn[balance.key], left[key] * paid_share)
                at_list = left[key] if taken == left[key] * paid_share else taken / paid_share
                drawn[balance.key] += taken
                adjustments[balance.key] += -at_list if balance.is_settled else taken - at_list
                left[key] -= at_list
        for balance in ordered:
            if balance.commitment.is_free or balance.is_rolled or not balance.commitment.overage_keeps_discount:
                continue
            for key in sorted(left):
                if balance.covers(key):
                    adjustments[balance.key] -= left[key] * balance.commitment.discount_share
                    left[key] = ZERO
        return Burn(drawn=drawn, adjustments=adjustments)
