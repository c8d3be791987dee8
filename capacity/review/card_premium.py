"""What a workload's tokens cost on its own model, and above the next lower model tier (methods: Workload map). Pure.

Both sides carry the same traffic under the same rules of peak, spares and whole replicas, each at the rate of pools the
workload may use. The arithmetic is workloads/domain/unit_cost.py and premium.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.lib.money import round_usd, to_decimal
from capacity.lib.units import exact
from capacity.review.map_use_rows import Use
from capacity.review.plan_rows import PlanRows
from workloads.demand import profiles_of
from workloads.domain.classes import ServingClass
from workloads.domain.premium import WeekTokens, lower_tiers, token_premium, tokens_cost
from workloads.domain.serving import Profile, pooled_need
from workloads.domain.unit_cost import TokenCosts, token_costs

Row = dict[str, Any]
FULLY_LOADED = "fully loaded"
# Why a card has no premium.
IS_SMALL, NO_PROFILE, NOT_SIZED, UNKNOWN_COST, NO_TOKENS = (
    "is_small",
    "no_profile",
    "not_sized",
    "unknown_cost",
    "no_tokens",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """A model on an accelerator type, and the pools of the type that a card may use."""

    model: str
    kind: str
    profile: Profile
    pools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """The tokens a card has in one class."""

    serving: ServingClass
    tokens: WeekTokens


class CardCosts:
    """The unit costs of a plan's workload cards. A card's class is the shared one that gives it most this week."""

    def __init__(self, rows: PlanRows, uses: Sequence[Use]) -> None:
        self.rows = rows
        self.week = rows.weeks[0]
        self.profiles = profiles_of(tables=rows.tables, policy=rows.plan.policy)
        held: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        for use in uses:
            if use.week == self.week and use.serving_class in rows.class_by_key and not _is_own(use.serving_class):
                held[use.workload_key][use.serving_class] += use.exact_accelerators
        self.class_of = {
            key: rows.class_by_key[min(found, key=lambda name, found=found: (-found[name], name))]  # type: ignore[misc]
            for key, found in held.items()
        }

    def own(self, workload: str) -> tuple[TokenCosts, ...]:
        """Dollars per million tokens on the class's reference type, on each basis; empty where nothing is sized or known."""
        serving = self.class_of.get(workload)
        return () if serving is None else self._own(serving)

    def _own(self, serving: ServingClass) -> tuple[TokenCosts, ...]:
        pools = [option.pool_key for option in serving.options if self._type(option.pool_key) == serving.reference_type]
        rate = self._rate(pools, serving.key)
        if rate is None:
            return ()
        return token_costs(profile=serving.reference, rate_usd_per_hour=rate, need=serving.weeks[0].total)

    def premium(self, card: Row, tokens: Mapping[str, WeekTokens]) -> Row:
        """{reason, next_tier, next_model, next_type, usd_per_week, usd_own, usd_next}; reason "" where there is one.

        tokens: by serving class. Those of shared classes at the card's latency count, each at the cost of its own class;
        what runs on replicas of its own or at another latency stays where it is, and is told as tokens_left_out.
        """
        model = self.rows.models[card["model_version"]]
        if not lower_tiers(model["model_tier"]):
            return _none(IS_SMALL)
        if card["key"] not in self.class_of:
            return _none(NOT_SIZED)
        own = _loaded(self.own(card["key"]))
        parts = [
            _Part(self.rows.class_by_key[key], amount)
            for key, amount in sorted(tokens.items())
            if amount.total and self._is_shared(key, card)
        ]
        if own is None or any(_loaded(self._own(part.serving)) is None for part in parts):
            return _none(UNKNOWN_COST)
        if not parts:
            return _none(NO_TOKENS)
        for tier in lower_tiers(model["model_tier"]):
            places = list(self._places(tier, card))
            if places:
                left = sum((each.total for each in tokens.values()), Fraction(0))
                left -= sum((part.tokens.total for part in parts), Fraction(0))
                return self._against(tier, places, parts) | ({"tokens_left_out": round(left)} if left else {})
        return _none(NO_PROFILE)

    def _is_shared(self, class_key: str, card: Row) -> bool:
        serving = self.rows.class_by_key.get(class_key)
        return serving is not None and not _is_own(class_key) and serving.latency_class == card["latency_class"]

    def _against(self, tier: str, places: Sequence[_Place], parts: Sequence[_Part]) -> Row:
        """The premium over the cheapest of the places of which the cost is known for every class."""
        found = {
            (place.model, place.kind): [each for each in lower if each is not None]
            for place in places
            if None not in (lower := [self._lower_costs(place, part.serving) for part in parts])
        }
        if not found:
            return _none(UNKNOWN_COST)
        costs = {where: _sum(parts, lower) for where, lower in found.items()}
        usd, (model, kind) = min((usd, where) for where, usd in costs.items())
        own = [each for part in parts if (each := _loaded(self._own(part.serving))) is not None]
        premium = [
            exact(token_premium(own=mine, lower=lower, tokens=part.tokens))
            for part, mine, lower in zip(parts, own, found[model, kind], strict=True)
        ]
        return {
            "reason": "",
            "next_tier": tier,
            "next_model": self.rows.models[model]["name"],
            "next_type": kind,
            "usd_per_week": _cents(to_decimal(sum(premium, Fraction(0)))),
            "usd_own": _cents(to_decimal(_sum(parts, own))),
            "usd_next": _cents(to_decimal(usd)),
        }

    def _lower_costs(self, place: _Place, serving: ServingClass) -> TokenCosts | None:
        """Fully loaded costs of the class's whole traffic at another place, sized by the class's own rules."""
        rate = self._rate(place.pools, "")
        if rate is None:
            return None
        profile = place.profile
        pairs = [member.source.loads(profile=profile, index=0) for member in serving.members]
        need = pooled_need(
            loads=[pair for pair in pairs if pair is not None and pair[1] > 0],
            profile=profile,
            spares=serving.spares,
            coincidence=serving.coincidence,
        )
        return _loaded(token_costs(profile=profile, rate_usd_per_hour=rate, need=need))

    def next_model(self, card: Row, premium: Row) -> str:
        """The key of the model that the card's premium is over, else the first one of the nearest lower tier that could
        serve the card; "" for none."""
        for tier in lower_tiers(self.rows.models[card["model_version"]]["model_tier"]):
            keys = [place.model for place in self._places(tier, card)]
            if keys:
                named = [key for key in keys if self.rows.models[key]["name"] == premium.get("next_model")]
                return (named or keys)[0]
        return ""

    def _places(self, tier: str, card: Row) -> Iterator[_Place]:
        """Where models of the tier that may be used are measured at the card's latency and have a pool in its regions."""
        day = self.rows.plan.inputs.as_of
        for key, model in sorted(self.rows.models.items()):
            if model["model_tier"] != tier or (model["retire_date"] is not None and model["retire_date"] <= day):
                continue
            if model["launch_date"] is not None and model["launch_date"] > day:
                continue
            for kind, profile in sorted(
                self.profiles.get((key, card["latency_class"]), {}).items(), key=lambda item: item[0]
            ):
                pools = tuple(
                    pool for pool in sorted(self.rows.pools) if self._type(pool) == kind and self._may(pool, card)
                )
                if pools:
                    yield _Place(model=key, kind=kind, profile=profile, pools=pools)

    def _may(self, pool: str, card: Row) -> bool:
        region = self.rows.plan.sites[self.rows.pools[pool]["site"]]["region"]
        return not card["regions"] or region in card["regions"]

    def _type(self, pool: str) -> str:
        return str(self.rows.pools[pool]["accelerator_type"])

    def _rate(self, pools: Sequence[str], class_key: str) -> Decimal | None:
        """USD per accelerator-hour this week: of the pools the class is in by what it holds there, else their mean.

        None of no pool, and as soon as one of them has no known rate.
        """
        held = {pool: self.rows.allocated.get((class_key, pool, self.week), 0) for pool in pools}
        weights = held if any(held.values()) else dict.fromkeys(pools, 1)
        rates = {pool: self.rows.plan.rates[pool, self.week] for pool, weight in weights.items() if weight}
        known = {pool: exact(rate) for pool, rate in rates.items() if rate is not None}
        if not rates or len(known) < len(rates):
            return None
        total = sum((known[pool] * weights[pool] for pool in known), Fraction(0))
        return to_decimal(total / sum(weights[pool] for pool in known))


def _sum(parts: Sequence[_Part], costs: Sequence[TokenCosts]) -> Fraction:
    """USD a week of the parts' tokens, each at its cost."""
    found = (exact(tokens_cost(costs=each, tokens=part.tokens)) for part, each in zip(parts, costs, strict=True))
    return sum(found, Fraction(0))


def _is_own(class_key: str) -> bool:
    return class_key.startswith("dedicated.")


def _loaded(costs: Iterable[TokenCosts]) -> TokenCosts | None:
    return next((each for each in costs if each.basis == FULLY_LOADED), None)


def _none(reason: str) -> Row:
    return {"reason": reason}


def _cents(value: Decimal) -> str:
    return f"{round_usd(value):f}"
