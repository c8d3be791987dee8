"""What a workload's tokens cost above the next lower model tier (methods: Workload map).

Only tokens × differences of unit costs; which model is the next one, and at which rate, is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from capacity.lib.money import to_decimal
from capacity.lib.units import SECONDS_PER_WEEK, TOKENS_PER_MILLION, exact
from workloads.domain.serving import Traffic
from workloads.domain.unit_cost import TokenCosts

# From the most capable on.
MODEL_TIERS = ("frontier", "mid", "small")


@dataclass(frozen=True, kw_only=True, slots=True)
class WeekTokens:
    """Tokens of a week: prompts read anew, prompts read from the cache, answers."""

    input_uncached: Fraction = Fraction(0)
    input_cached: Fraction = Fraction(0)
    output: Fraction = Fraction(0)

    @classmethod
    def of(cls, traffic: Traffic, *, share_of_week: Fraction = Fraction(1)) -> WeekTokens:
        """A week of the traffic, or the part of a week that it lasts."""
        seconds = SECONDS_PER_WEEK * share_of_week
        read = traffic.input_tokens_per_second * seconds
        return cls(
            input_uncached=read * (1 - traffic.cache_hit_share),
            input_cached=read * traffic.cache_hit_share,
            output=traffic.output_tokens_per_second * seconds,
        )

    def __add__(self, other: WeekTokens) -> WeekTokens:
        return WeekTokens(
            input_uncached=self.input_uncached + other.input_uncached,
            input_cached=self.input_cached + other.input_cached,
            output=self.output + other.output,
        )

    @property
    def total(self) -> Fraction:
        return self.input_uncached + self.input_cached + self.output


def tokens_cost(*, costs: TokenCosts, tokens: WeekTokens) -> Decimal:
    """USD a week of these tokens at these dollars per million, unrounded."""
    usd = (
        tokens.input_uncached * exact(costs.input_uncached_usd)
        + tokens.input_cached * exact(costs.input_cached_usd)
        + tokens.output * exact(costs.output_usd)
    )
    return to_decimal(usd / TOKENS_PER_MILLION)


def token_premium(*, own: TokenCosts, lower: TokenCosts, tokens: WeekTokens) -> Decimal:
    """USD a week above the lower tier: Σ kinds of tokens × (own − lower) per million, both on the same basis.

    2,000 M output tokens at $6.972 beside $1.587 per million: $10,770 a week. Negative where the lower tier costs more.
    """
    return to_decimal(exact(tokens_cost(costs=own, tokens=tokens)) - exact(tokens_cost(costs=lower, tokens=tokens)))


def lower_tiers(tier: str) -> tuple[str, ...]:
    """The tiers below one, nearest first; none below the lowest."""
    return MODEL_TIERS[MODEL_TIERS.index(tier) + 1 :]
