"""What falling prices do to a contract: its margin after a cut, how far it may fall, and when it does (methods: Price cuts).

Pure arithmetic over the revenue and the fully loaded cost of a month. Use is held as it is; what a market does is the
reader's to say.
"""

from __future__ import annotations

from decimal import Decimal, localcontext

from capacity.lib.money import exact_context
from contracts.domain.month import cost_share, margin_share
from contracts.domain.terms import ONE, ZERO

CUTS = (Decimal("0.1"), Decimal("0.2"), Decimal("0.4"))
MONTHS_PER_YEAR = 12


def margin_after_cut(*, revenue_usd: Decimal, cost_usd: Decimal | None, cut_share: Decimal) -> Decimal | None:
    """1 − cost ÷ (revenue × (1 − x)); None without revenue or with an unknown cost. (methods: Price cuts)

    $122,202 on $46,720 after a cut of 40 %: 36.3 %.
    """
    with localcontext(exact_context()):
        return margin_share(revenue_usd=revenue_usd * (1 - cut_share), cost_usd=cost_usd)


def break_even_cut(*, revenue_usd: Decimal, cost_usd: Decimal | None) -> Decimal | None:
    """1 − cost ÷ revenue: the cut that leaves nothing; below 0 where prices would have to rise. (methods: Price cuts)"""
    share = cost_share(revenue_usd=revenue_usd, cost_usd=cost_usd)
    return None if share is None else 1 - share


def price_after(*, price_usd: Decimal, fall_share_a_year: Decimal, months: Decimal) -> Decimal:
    """p(t) = p0 × (1 − d)^(t ÷ 12): $15.00 falling 79 % a year is $3.15 in 12 months. (methods: Price cuts)"""
    with localcontext(exact_context()):
        return price_usd * (1 - fall_share_a_year) ** (months / MONTHS_PER_YEAR)


def months_until_cut(*, cut_share: Decimal, fall_share_a_year: Decimal) -> Decimal | None:
    """After how many months prices that fall by d a year are cut by x: 12 × ln(1 − x) ÷ ln(1 − d). (methods: Price cuts)

    Half at 79 % a year: 5.33. 0 where nothing has to fall, None where they do not fall, or never so far.
    """
    if cut_share <= 0:
        return ZERO
    if cut_share >= 1 or not 0 < fall_share_a_year < 1:
        return None
    with localcontext(exact_context()):
        return MONTHS_PER_YEAR * (ONE - cut_share).ln() / (ONE - fall_share_a_year).ln()
