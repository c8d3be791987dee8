"""The largest loss of a contract between expected and worst use, without billing every replica step (methods: Exposure).

Where the bill cannot fall as use grows, a range of steps loses at most its dearest cost less its first bill: a range
that cannot lose more than is found already is left out. A volume price that falls is bounded by its least price;
elsewhere every step is billed. All give the same dollars to the last digit. Not here: what a month bills and holds
(month.py), the four results (margin.py).
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction

from capacity.lib.money import exact_context
from capacity.lib.units import exact
from contracts.domain.month import Month, UsageCase, difference, total_or_none
from contracts.domain.streams import SizedStream
from contracts.domain.terms import ZERO, ContractTerms, PriceLine, PriceTier, TierMode

# Replica steps looked at per stream between P50 and worst use; beyond that every second, third … of them.
MOST_STEPS = 2_000
# What 50 digits may round off where a bill has differences in it, far below any cent. USD, and per USD.
ROUNDED_OFF = Decimal("1e-30")


class StepLosses:
    """Losses of a month just above the multiples that fill replicas; each multiple is billed at most once."""

    def __init__(self, month: Month) -> None:
        self.month = month
        # What is certainly billed: the month, or where a price falls for all of a quantity the month at its least price.
        self._least = month if bill_cannot_fall(month) else at_least_prices(month)
        self._costs: dict[Fraction, Decimal] = {}
        self._slack = ROUNDED_OFF if month.terms.spend_commitments or month.terms.burndown else ZERO
        self._is_rising = bill_cannot_fall(self._least)

    def largest(self, planned: UsageCase, worst: UsageCase) -> Decimal | None:
        """max over P50, worst use and each replica step between of (cost − revenue)⁺; None = unknown."""
        ends = [difference(case.reserved_cost_usd, case.revenue_usd) for case in (planned, worst)]
        known = [loss for loss in ends if loss is not None]
        if len(known) < len(ends):
            return None
        found = max(ZERO, *known)
        if not all(each.is_sized for each in self.month.pools):
            return found
        if self._is_rising and not self._may_lose_more(planned, worst, found):
            return found
        with localcontext(exact_context()):
            for stream, first, last in zip(self.month.pools, planned.needs, worst.needs, strict=True):
                if first.need is None or last.need is None:
                    continue
                # Worst use may be below the expected: then there is nothing between.
                steps = max(0, last.need.work_replicas - first.need.work_replicas)
                full = range(first.need.work_replicas, last.need.work_replicas, steps // MOST_STEPS + 1)
                inside = _Steps(stream, full, planned.multiple, worst.multiple)
                found = self._search(inside, found, planned.multiple) if self._is_rising else self._all(inside, found)
        return found

    def _may_lose_more(self, planned: UsageCase, worst: UsageCase, found: Decimal) -> bool:
        """Whether any step can: none holds more than the peak at worst use, or bills less than expected use."""
        with localcontext(exact_context()):
            most = worst.reserved_cost_usd
            assert most is not None  # The ends have a cost.
            revenue = self._least_revenue(planned.multiple)
            return most - revenue + self._slack_of(most, revenue) > found

    def _slack_of(self, cost: Decimal, revenue: Decimal) -> Decimal:
        return self._slack * (1 + abs(cost) + abs(revenue))

    def _all(self, steps: _Steps, found: Decimal) -> Decimal:
        return max([found, *(self._loss(steps[index]) for index in steps.indexes)])

    def _search(self, steps: _Steps, found: Decimal, first: Fraction) -> Decimal:
        """The range that may lose most first, cut in two at a billed step, until none may lose more than is found."""
        if not steps.indexes:
            return found
        ranges: list[tuple[Decimal, int, int, Decimal]] = []
        self._keep(ranges, steps, steps.indexes, self._least_revenue(first), found)
        while ranges:
            most, start, stop, revenue = heapq.heappop(ranges)
            if -most <= found:
                break
            # The last step first: it costs most, and where the bill stands still it is the answer.
            middle = stop - 1 if stop == steps.indexes.stop else (start + stop) // 2
            found = max(found, self._loss(steps[middle]))
            self._keep(ranges, steps, range(start, middle), revenue, found)
            self._keep(ranges, steps, range(middle + 1, stop), self._least_revenue(steps[middle]), found)
        return found

    def _keep(
        self,
        ranges: list[tuple[Decimal, int, int, Decimal]],
        steps: _Steps,
        indexes: range,
        revenue: Decimal,
        found: Decimal,
    ) -> None:
        """Remember the range with the most it may lose, unless that is no more than what is found."""
        if not indexes:
            return
        cost = self._cost(steps[indexes[-1]])
        most = cost - revenue + self._slack_of(cost, revenue)
        if most > found:
            heapq.heappush(ranges, (-most, indexes.start, indexes.stop, revenue))

    def _loss(self, multiple: Fraction) -> Decimal:
        return self._cost(multiple) - self.month.bill_at(multiple).total_usd

    def _least_revenue(self, multiple: Fraction) -> Decimal:
        """No bill of more use is smaller than this."""
        return self._least.bill_at(multiple).total_usd

    def _cost(self, multiple: Fraction) -> Decimal:
        """Just above a multiple that fills replicas the next is paid for while the bill has not grown yet."""
        if multiple not in self._costs:
            streams = self.month.pools
            held = [each.cost(each.accelerators_at_peak(multiple, just_above=True)) for each in streams]
            cost = total_or_none(held)
            assert cost is not None  # The ends have a cost, so every stream has a rate.
            self._costs[multiple] = cost
        return self._costs[multiple]


class _Steps:
    """The multiples that fill some numbers of work replicas of a stream, from one multiple to below another.

    They never fall as replicas are added, and beyond a rate limit there are none; computed only when asked for.
    """

    def __init__(self, stream: SizedStream, full: Sequence[int], first: Fraction, last: Fraction) -> None:
        self._stream, self._full = stream, full
        self._known: dict[int, Fraction | None] = {}
        begin = bisect_left(range(len(full)), True, key=lambda index: self._reaches(index, first))
        end = bisect_left(range(len(full)), True, key=lambda index: self._reaches(index, last))
        self.indexes = range(begin, max(begin, end))

    def __getitem__(self, index: int) -> Fraction:
        multiple = self._at(index)
        assert multiple is not None
        return multiple

    def _at(self, index: int) -> Fraction | None:
        if index not in self._known:
            self._known[index] = self._stream.multiple_that_fills(self._full[index])
        return self._known[index]

    def _reaches(self, index: int, multiple: Fraction) -> bool:
        found = self._at(index)
        return found is None or found >= multiple


def bill_cannot_fall(month: Month) -> bool:
    """Whether more use can never make the month's bill smaller; False where that is not sure. (methods: Exposure)

    Every step from use to dollars must keep the order: no meter may shrink, no price may fall for all of a quantity.
    Drawdown keeps it, whatever the balances: of a dollar more at list, 0 to 1 is billed.
    """
    terms, usage = month.terms, month.usage
    lines = (*terms.price_lines, *terms.spill_lines)
    grown = [*usage.other_usage.values(), terms.usage_multiplier]
    grown += [weight for rate in terms.burndown for _, weight in rate.weights]
    if any(each < 0 for each in grown) or not all(map(_keeps_order, lines)):
        return False
    if terms.burndown and (usage.other_usage or usage.fixed_usage):
        return False  # Given quantities may stand in place of a token meter whose parts still grow.
    if any(each.rate_usd_per_hour is not None and each.rate_usd_per_hour < 0 for each in month.pools):
        return False
    return _has_ordered_meters(terms, month.streams)


def at_least_prices(month: Month) -> Month:
    """The month with all use of a line at its least price, where a price of the line falls for all of a quantity."""

    def least(line: PriceLine) -> PriceLine:
        if _keeps_order(line):
            return line
        lowest = min(tier.unit_price_usd for tier in line.tiers)
        return replace(line, tiers=(PriceTier(unit_price_usd=lowest),), tier_mode=TierMode.GRADUATED)

    terms = month.terms
    lines, spilled = (tuple(map(least, lines)) for lines in (terms.price_lines, terms.spill_lines))
    return replace(month, terms=replace(terms, price_lines=lines, spill_lines=spilled), bills={})


def _keeps_order(line: PriceLine) -> bool:
    prices = [tier.unit_price_usd for tier in line.tiers]
    return line.tier_mode is TierMode.GRADUATED or prices == sorted(prices)


def _has_ordered_meters(terms: ContractTerms, streams: Iterable[SizedStream]) -> bool:
    """Whether no stream's meter shrinks: what is read from the cache and written to it are parts of what is sent."""
    shares = [
        (exact(each.stream.written_share), each.stream.traffic.cache_hit_share)
        for each in streams
        if each.stream.traffic is not None
    ]
    return all(written >= 0 and written + hit <= 1 for written, hit in shares)
