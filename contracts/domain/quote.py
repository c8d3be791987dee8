"""What a quote is judged by: the lowest price for a margin, weeks that are short, the largest and the earliest that fit.

Pure arithmetic over numbers and yes-or-no questions (methods: Quotes). Which offers there are is quote_offers.py, what
a question costs to answer is its asker's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from capacity.lib.units import ceil_fraction, exact

CENT, HUNDREDTH_OF_A_CENT = Decimal("0.01"), Decimal("0.0001")
FACTOR_STEP = Decimal("0.0001")


def lowest_price(
    *, price: Decimal, revenue_usd: Decimal, cost_usd: Decimal, target_share: Decimal, step: Decimal | None = None
) -> Decimal | None:
    """The least price, to the cent, that earns the target margin where it is all that is billed. (methods: Quotes)

    revenue_usd: at today's price, cost_usd: fully loaded, both at expected use. The bill grows in step with the price,
    so it is price × cost ÷ ((1 − target) × revenue), rounded up. Below a dollar the step is a hundredth of a cent. None
    without revenue, or for a target of 1 and above.
    """
    if revenue_usd <= 0 or price <= 0 or target_share >= 1:
        return None
    cents = step or (CENT if price >= 1 else HUNDREDTH_OF_A_CENT)
    asked = exact(price) * exact(cost_usd) / ((1 - exact(target_share)) * exact(revenue_usd))
    return ceil_fraction(asked / exact(cents)) * cents


def lowest_factor(*, revenue_usd: Decimal, cost_usd: Decimal, target_share: Decimal) -> Decimal | None:
    """What all prices, minimums and money commitments must be multiplied by for the target margin, up to four places.

    cost ÷ ((1 − target) × revenue): a bill grows in step with all of them together, and with no one of them alone.
    """
    if revenue_usd <= 0 or target_share >= 1:
        return None
    asked = exact(cost_usd) / ((1 - exact(target_share)) * exact(revenue_usd))
    return ceil_fraction(asked / exact(FACTOR_STEP)) * FACTOR_STEP


def times(amount: Decimal, factor: Decimal) -> Decimal:
    """A price or commitment × factor, rounded up to the cent, below a dollar to a hundredth of one."""
    step = CENT if amount >= 1 else HUNDREDTH_OF_A_CENT
    return ceil_fraction(exact(amount) * exact(factor) / exact(step)) * step


def margin_at(*, price: Decimal, at: Decimal, revenue_usd: Decimal, cost_usd: Decimal) -> Fraction | None:
    """The margin share if `price` became `at` and every other price moved with it. None without revenue."""
    revenue = exact(revenue_usd) * exact(at) / exact(price) if price else Fraction(0)
    return (revenue - exact(cost_usd)) / revenue if revenue > 0 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class ShortTime:
    """The first run of short weeks: from a week, for so many, at most so many accelerators; weeks short in all."""

    first: int
    weeks: int
    most: int
    in_all: int


def short_time(short: Mapping[int, int]) -> ShortTime | None:
    """Week index → accelerators short, as one sentence needs it. The most is over all weeks. None: nothing is short."""
    weeks = sorted(index for index, accelerators in short.items() if accelerators > 0)
    if not weeks:
        return None
    run = 1
    while weeks[0] + run in set(weeks):
        run += 1
    return ShortTime(first=weeks[0], weeks=run, most=max(short[index] for index in weeks), in_all=len(weeks))


def largest(fits: Callable[[int], bool], *, below: int) -> int:
    """The largest n in [0, below) that fits, 0 where not even 1 does: n was asked and fits, n + 1 was asked and does not.

    fits must not come back once it is lost: more of the same never fits better.
    """
    low, high = 0, below
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def earliest(
    last_short: Callable[[int], int | None], *, first: int, last: int, may_skip: bool, most: int | None = None
) -> tuple[int | None, int | None]:
    """(the smallest week in [first, last] to begin in so that no week is short, None where there is none; the last week
    looked at where the search stopped before it, after asking `most` times).

    last_short: begin → the last short week, None where it fits. may_skip: the need of a week is the same whatever week
    the term begins in, so that every begin up to a short week inside the term would meet that week too.
    """
    begin, asked = first, 0
    while begin <= last:
        if most is not None and asked >= most:
            return None, begin - 1
        found, asked = last_short(begin), asked + 1
        if found is None:
            return begin, None
        begin = max(begin + 1, found + 1) if may_skip else begin + 1
    return None, None


# --- what the floor must not be read from -----------------------------------------------------------------------------


def ladder_step(size: int) -> tuple[int, int]:
    """(above, up to) of the steps 1, 2, 5, 10, 20, 50, … that a shortage lies in. size: at least 1."""
    low, decade = 0, 1
    while True:
        for top in (decade, 2 * decade, 5 * decade):
            if size <= top:
                return low, top
            low = top
        decade *= 10


def two_digits_up(size: int) -> tuple[int, int]:
    """(above, up to) of two significant digits: 1,420 is above 1,400, up to 1,500. Below 100 the ladder's step."""
    if size < 100:
        return ladder_step(size)
    step: int = 10 ** (len(str(size)) - 2)
    top = -(-size // step) * step
    return top - step, top


def two_digits_down(size: int) -> int:
    """Room as whoever may not read the floor counts with it: 1,437 is 1,400; below 100 whole tens."""
    step: int = 10 ** max(1, len(str(size)) - 2)
    return size // step * step
