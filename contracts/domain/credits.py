"""Service credits: from what was measured to a share of the fee, and what is to be expected (methods: Credits)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext

from capacity.lib.money import exact_context
from contracts.domain.terms import ZERO, Breach, SlaTier

MINUTES_PER_DAY = 1440


def sla_credit_share(*, tiers: Sequence[SlaTier], uptime_share: Decimal) -> Decimal:
    """The credit of the lowest bound the uptime is strictly below, else 0: 99.0 % exactly stays in the 10 % tier."""
    below = [tier for tier in tiers if uptime_share < tier.below_share]
    return min(below, key=lambda tier: tier.below_share).credit_share if below else ZERO


def credits_of_period(
    *, fee_usd: Decimal, credits_usd: Iterable[Decimal], minimum_usd: Decimal = ZERO, most_share: Decimal = Decimal(1)
) -> Decimal:
    """All credits of a period, at most a share of its fee; credits below the minimum are not paid. (methods: Credits)"""
    with localcontext(exact_context()):
        owed = min(sum(credits_usd, ZERO), fee_usd * min(Decimal(1), most_share))
        return owed if owed >= minimum_usd else ZERO


def expected_credit(
    *,
    chance: Decimal,
    credit_share: Decimal,
    fee_usd: Decimal,
    minimum_usd: Decimal = ZERO,
    most_share: Decimal = Decimal(1),
    owed_share: Decimal = ZERO,
) -> Decimal:
    """One SLA line: its chance × what a month that ends there credits beyond owed_share of the fee. (methods: Credits)

    The cap and the least amount are those of such a month, so they are inside the expectation: at most 20 % of $1,000
    with a chance of 90 % is $180, not the $200 that a cap on 90 % × $1,000 would leave.
    """
    with localcontext(exact_context()):
        owed = credits_of_period(
            fee_usd=fee_usd, credits_usd=[credit_share * fee_usd], minimum_usd=minimum_usd, most_share=most_share
        )
        return chance * max(ZERO, owed - owed_share * fee_usd)


def expected_credits(
    *,
    fee_usd: Decimal,
    chances: Iterable[tuple[Decimal, Decimal]],
    minimum_usd: Decimal = ZERO,
    most_share: Decimal = Decimal(1),
) -> Decimal:
    """Σ of what each line is expected to credit, at most the fee. chances: (probability, credit share).

    (methods: Credits)
    """
    with localcontext(exact_context()):
        each = (
            expected_credit(
                chance=chance, credit_share=share, fee_usd=fee_usd, minimum_usd=minimum_usd, most_share=most_share
            )
            for chance, share in chances
        )
        return min(fee_usd, sum(each, ZERO))


def outage_credit_share(*, breaches: Iterable[Breach], planned_share: Decimal = ZERO) -> Decimal:
    """Of the fee, what outages are expected to credit: Σ chance × share, no more than is left of it. (methods: Credits)

    planned_share: what comes back in any case because the plan leaves the service short. A tier of the same metric then
    adds only what it credits beyond that: the worse of the two decides, they are not both paid.
    """
    with localcontext(exact_context()):
        expected = sum(
            (
                expected_credit(
                    chance=each.chance,
                    credit_share=each.credit_share,
                    fee_usd=Decimal(1),
                    owed_share=planned_share if each.is_of_service else ZERO,
                )
                for each in breaches
            ),
            ZERO,
        )
        return max(ZERO, min(expected, 1 - planned_share))


def expected_make_good(*, breaches: Iterable[Breach]) -> Decimal | None:
    """Σ chance × what is owed besides the credit, USD a month; None where one is not known. (methods: Credits)"""
    total = ZERO
    with localcontext(exact_context()):
        for each in breaches:
            if each.make_good_usd is None:
                return None
            total += each.chance * each.make_good_usd
    return total


def uptime_share(*, availability: Sequence[Decimal]) -> Decimal | None:
    """The mean of the five-minute availabilities; None without any: a gap is not an outage."""
    if not availability:
        return None
    with localcontext(exact_context()):
        return sum(availability, ZERO) / len(availability)


def latency_attainment(*, tokens_per_second: Sequence[Decimal], target: Decimal) -> Decimal | None:
    """The share of minutes at or above the target speed; None without any."""
    if not tokens_per_second:
        return None
    with localcontext(exact_context()):
        return Decimal(sum(speed >= target for speed in tokens_per_second)) / len(tokens_per_second)


def allowed_downtime_minutes(*, below_share: Decimal, days: int) -> Decimal:
    """How long a service may be down before a bound is missed: 99.9 % of 30 days is 43.2 minutes."""
    with localcontext(exact_context()):
        return (1 - below_share) * days * MINUTES_PER_DAY
