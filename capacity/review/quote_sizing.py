"""Whether a quote fits a plan: its rows in the run's inputs, its class sized with it, the engine asked week by week.

What belongs here: one quote, and variations of it, against one prepared run. The problem with a quote in it is the one
that a what-if of its rows prepares (a test holds the two together), only its own class is sized anew. Judging what
comes out, and offers, is quote_answer.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.allocation.domain.problem import Problem, ServingDemand
from capacity.allocation.domain.room import Unmet, unmet_of_tier
from capacity.decisions.policy import Policy
from capacity.imports.rows import Row
from capacity.lib.units import ceil_fraction
from capacity.review.compute import HOLDS, PreparedPlan
from capacity.review.input_edits import apply_changes
from capacity.review.inputs import Inputs
from contracts.domain.quote_payload import KEY, Payload, changes_of
from contracts.quotes import CONTRACT_TABLES, PoolRates, SizedQuote, size_quote
from workloads.demand import ClassLoad, serving_classes, serving_demands
from workloads.domain.classes import ServingClass

Tables = Mapping[str, list[Row]]
# A run keeps rates to this many places: the worker counts with what a page would read.
RATE_STEP = Decimal("1e-10")
MOST_HARD = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotedInputs:
    """A run's inputs with the quote's rows in them; rows: the quote's own, by table."""

    inputs: Inputs
    rows: Tables


def quoted_inputs(*, inputs: Inputs, payload: Payload) -> QuotedInputs:
    """The inputs with the quote as if it were signed. Raises ChangesRefused (positions are those of `changes_of`)."""
    changed, _ = apply_changes(inputs=inputs, changes=changes_of(payload), viewer=None)
    own = {name: [row for row in changed.tables[name] if _is_own(name, row)] for name in CONTRACT_TABLES}
    return QuotedInputs(inputs=changed, rows=own)


def _is_own(table: str, row: Row) -> bool:
    return bool(row["key" if table == "contracts" else "contract"] == KEY)


def sized_quote(*, quoted: QuotedInputs, policy: Policy) -> SizedQuote:
    inputs = quoted.inputs
    return size_quote(
        contract_rows=quoted.rows, tables=inputs.tables, policy=policy, horizon=inputs.horizon, as_of=inputs.as_of
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """A quote against the plan.

    short: week index → accelerators that the quote's tier, or what is held for deals, lacks more than without it;
    held_only: all of that is held for other deals. work: what the quote asks by week. classes: those it shares, sized
    with it.
    """

    payload: Payload
    sized: SizedQuote
    short: Mapping[int, int]
    work: tuple[Decimal, ...]
    classes: tuple[ServingClass, ...]
    problem: Problem
    held_only: bool = False

    @property
    def fits(self) -> bool:
        return not self.sized.unsized and bool(self.sized.options) and not any(self.short.values())

    @property
    def last_short(self) -> int | None:
        """The last week in which it is short; the last of the plan where it cannot be placed at all. None: it fits."""
        if self.fits:
            return None
        return max((week for week, size in self.short.items() if size), default=len(self.work))


class FitCheck:
    """One run, asked about one quote after another. What holds without any quote is worked out once."""

    def __init__(self, *, inputs: Inputs, prepared: PreparedPlan) -> None:
        self.inputs, self.prepared, self.policy = inputs, prepared, prepared.policy
        self._before: dict[tuple[str, int], Unmet] = {}
        self._whole: dict[str, Tried] = {}
        self.hard: list[int] = []

    @property
    def rates(self) -> PoolRates:
        return rates_of(self.prepared)

    def fits(self, payload: Payload) -> bool:
        """Whether it fits in every planned week of its term; the weeks that were short before are asked first."""
        hard = set(self.hard)
        if hard and any(self.tried(payload, only=hard).short.values()):
            return False
        return self.tried(payload).fits

    def tried(self, payload: Payload, *, only: set[int] | None = None) -> Tried:
        """The engine's answer for the whole planned term, or for these weeks of it. Raises ChangesRefused.

        What was asked for the whole term is not asked again: an offer is what the search for it found.
        """
        if only is not None:
            return self._asked(payload, only)
        key = json.dumps(payload, sort_keys=True)
        if key not in self._whole:
            self._whole[key] = self._asked(payload, None)
        return self._whole[key]

    def _asked(self, payload: Payload, only: set[int] | None) -> Tried:
        sized = sized_quote(quoted=quoted_inputs(inputs=self.inputs, payload=payload), policy=self.policy)
        problem, classes = self._problem(sized)
        keys = sized.demand_keys
        mine = [each for each in problem.serving if each.key in keys]
        work = tuple(
            sum((Decimal(str(each.work[index])) for each in mine), Decimal(0)) for index in range(problem.weeks)
        )
        weeks = {index for index, amount in enumerate(work) if amount and (only is None or index in only)}
        by_tier = {sized.tier: {week: ceil_of(work[week]) for week in weeks}}
        if sized.options:
            by_tier = self._short(problem, sized, weeks)
        short = {week: sum(found.get(week, 0) for found in by_tier.values()) for week in sorted(weeks)}
        self._note_hard(short)
        held_only = any(short.values()) and not any(by_tier[sized.tier].values())
        return Tried(
            payload=payload,
            sized=sized,
            short=short,
            work=work,
            classes=classes,
            problem=problem,
            held_only=held_only,
        )

    def _note_hard(self, short: Mapping[int, int]) -> None:
        """Keep the weeks that are short of most: whatever does not fit is most likely short there."""
        worst = sorted((week for week, size in short.items() if size), key=lambda week: (-short[week], week))
        self.hard = sorted({*self.hard[-MOST_HARD:], *worst[:2]})[-MOST_HARD:]

    def _problem(self, sized: SizedQuote) -> tuple[Problem, tuple[ServingClass, ...]]:
        """The run's problem with the quote in it: its class sized again with all who share it."""
        keys = {load.class_key for load in sized.loads}
        there = {each.key: each for each in self.prepared.classes if each.key in keys}
        loads = [*sized.loads]
        for load in sized.loads:
            known = there.get(load.class_key)
            loads += [_beside(load, member) for member in (known.members if known else ())]
        # A quote in two parts shares a class with itself.
        loads = list({each.load.key: each for each in loads}.values())
        classes = serving_classes(
            loads=loads, tables=self.inputs.tables, policy=self.policy, weeks=self.prepared.problem.weeks
        )
        committed = self.policy.tier_of("committed") or self.policy.tiers[0]
        sized_again = serving_demands(
            classes=classes,
            committed_tier=committed,
            forecast_tier=self.policy.tier_of("forecast") or committed,
            holds_tier=self.policy.tier_of(HOLDS) or committed,
        )
        others = [each for each in self.prepared.problem.serving if each.class_ not in keys]
        serving: tuple[ServingDemand, ...] = (*others, *sized_again, *sized.dedicated)
        return replace(self.prepared.problem, serving=serving), classes

    def _short(self, problem: Problem, sized: SizedQuote, weeks: set[int]) -> dict[str, dict[int, int]]:
        """Tier → week → what more is unmet in the quote's own tier, and of what is held for deals: neither may pay."""
        tiers = [sized.tier]
        if sized.tier != HOLDS and any(each.tier == HOLDS for each in problem.serving):
            tiers.append(HOLDS)
        found: dict[str, dict[int, int]] = {}
        for tier in tiers:
            before = self.unmet_before(tier, weeks)
            after = unmet_of_tier(problem=problem, tier=tier, weeks=weeks)
            found[tier] = {
                week: max(0, ceil_fraction(Fraction(row.accelerators - before[week].accelerators)))
                for week, row in after.items()
            }
        return found

    def unmet_after(self, tried: Tried, tier: str) -> dict[int, Unmet]:
        """What the tier leaves unmet with the quote, in the weeks that it touches."""
        weeks = {index for index, amount in enumerate(tried.work) if amount}
        return unmet_of_tier(problem=tried.problem, tier=tier, weeks=weeks)

    def unmet_before(self, tier: str, weeks: set[int]) -> dict[int, Unmet]:
        """What the tier leaves unmet without any quote."""
        missing = {week for week in weeks if (tier, week) not in self._before}
        if missing:
            problem = self.prepared.problem
            if any(each.tier == tier for each in problem.serving):
                found = unmet_of_tier(problem=problem, tier=tier, weeks=missing)
            else:
                found = {week: Unmet(accelerators=Fraction(0), demands={}, free={}) for week in missing}
            self._before |= {(tier, week): row for week, row in found.items()}
        return {week: self._before[tier, week] for week in weeks}


def _beside(load: ClassLoad, member: Any) -> ClassLoad:
    """A member of the class as the load it was."""
    return ClassLoad(
        model_key=load.model_key, latency_class=load.latency_class, regions=load.regions, own=load.own, load=member
    )


def ceil_of(amount: Decimal) -> int:
    return ceil_fraction(Fraction(amount))


def rates_of(prepared: PreparedPlan) -> PoolRates:
    """Sizes and hourly rates of every pool by week, to as many places as a run keeps."""
    horizon = prepared.inputs.horizon
    by_pool: dict[str, list[tuple[int, Decimal | None]]] = {}
    for pool in prepared.problem.pools:
        weeks = []
        for index, week in enumerate(horizon):
            rate = prepared.rates[pool.key, week]
            weeks.append((pool.allocatable[index], None if rate is None else rate.quantize(RATE_STEP)))
        by_pool[pool.key] = weeks
    return PoolRates(by_pool=by_pool)


def as_week(inputs: Inputs, index: int) -> date:
    return inputs.horizon.first.plus(index).monday
