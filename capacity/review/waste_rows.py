"""A solved plan → what in it is wasteful, which work waits beside idle accelerators, and which moves its cards suggest. Pure.

Thresholds and arithmetic are workloads/domain/waste.py and moves.py (methods: Waste, Cheaper serving); work that waits is
waiting_rows'. Sentences name contracts and hold no dollars: whoever shows them passes them through the visibility policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.lib.figures import day as day_words
from capacity.lib.figures import share, thousands
from capacity.lib.horizon import Week
from capacity.lib.money import round_usd, to_decimal
from capacity.review.card_premium import CardCosts
from capacity.review.card_rows import tokens_this_week
from capacity.review.map_use_rows import MAP_WEEKS, Use
from capacity.review.move_changes import Terms
from capacity.review.move_paper import paper_of
from capacity.review.plan_rows import PlanRows
from capacity.review.waiting_rows import WaitingRows
from capacity.review.waste_row import Row, waste_row
from workloads.domain.classes import ServingClass
from workloads.domain.moves import Candidate, CardFacts, cache_gaps, candidates
from workloads.domain.premium import WeekTokens, lower_tiers
from workloads.domain.waste import (
    LOW_UTILISATION,
    Held,
    beyond_need,
    is_low,
    utilisation,
)

AMOUNT_STEP = Decimal("0.00001")


class WasteRows:
    """The findings of one plan. cards: its rows of workload cards (card_rows)."""

    def __init__(self, rows: PlanRows, uses: Sequence[Use], cards: Sequence[Row]) -> None:
        self.rows = rows
        self.uses = uses
        self.cards = {row["workload_key"]: row for row in cards}
        self.costs = CardCosts(rows, uses)
        self.weeks = rows.weeks[:MAP_WEEKS]
        self.tokens: dict[str, WeekTokens | None] = {
            key: tokens_this_week(rows, key)[0] for key in sorted(rows.workloads)
        }
        self._papers: dict[Candidate, Decimal | None] = {}
        self.facts = [self._facts(card) for _, card in sorted(rows.workloads.items())]

    # --- wasteful --------------------------------------------------------------------------------------------------

    def waste(self) -> list[Row]:
        """All findings, dearest first, then those of unknown cost, then those without one."""
        found = [
            *self._low_use(),
            *self._low_cache(),
            *self._smaller_passed(),
            *self._retired(),
            *WaitingRows(self.rows).found(),
        ]
        found.sort(
            key=lambda row: (
                row["usd_per_week"] is None,
                -(row["usd_per_week"] or 0),
                row["kind"],
                row["workload_key"],
                row["serving_class"],
                row["experiment_key"],
                row["pool_key"],
            )
        )
        return [{"position": position, **row} for position, row in enumerate(found)]

    def _low_use(self) -> Iterator[Row]:
        """Classes below 30 % that hold whole replicas beyond their need: a low share alone is peak and spares."""
        for key, serving in sorted(self.rows.class_by_key.items()):
            held = [self._held(serving, week) for week in self.weeks]
            needs = [serving.weeks[self.rows.horizon.index(week)].total for week in self.weeks]
            work = [sum((place.work for place in places), Fraction(0)) for places in held]
            used = utilisation(
                consumed=[
                    min(amount * self.rows.use_of_class(key, week)[0], need.consumed_accelerators)
                    for amount, need, week in zip(work, needs, self.weeks, strict=True)
                ],
                held=work,
            )
            beyond = beyond_need(needs=[need.accelerators for need in needs], held=held)
            if used is None or not is_low(used) or not beyond.accelerators:
                continue
            yield waste_row(
                "low_utilisation",
                serving_class=key,
                workload_key=self._only_workload(key),
                accelerators=beyond.accelerators,
                usd=beyond.usd_per_week,
                measured=used,
                peer=LOW_UTILISATION,
                sentence=self._low_use_words(serving, used, beyond.accelerators),
            )

    def _low_use_words(self, serving: ServingClass, used: Fraction, beyond: Fraction) -> str:
        """The share of one contract's own replicas is that customer's use: it stands in its column alone."""
        name, fewer = self._class_words(serving), f"its peak and its spares need {thousands(beyond, places=1)} fewer"
        if serving.key.startswith("dedicated."):
            return f"Of {name} little is at work, a mean of {MAP_WEEKS} weeks; {fewer}."
        return f"{share(to_decimal(used))} of what {name} holds is at work, a mean of {MAP_WEEKS} weeks; {fewer}."

    def _held(self, serving: ServingClass, week: Week) -> list[Held]:
        return [
            Held(
                accelerators=count,
                work_per_accelerator=option.work_per_accelerator,
                replica_accelerators=option.replica_accelerators,
                rate_usd=self.rows.plan.rates[option.pool_key, week],
            )
            for option in serving.options
            if (count := self.rows.allocated.get((serving.key, option.pool_key, week), 0))
        ]

    def _only_workload(self, class_key: str) -> str:
        """The workload of a class that serves one alone."""
        names = {member.workload_key for member in self.rows.class_by_key[class_key].members}
        return names.pop() if len(names) == 1 else ""

    def _low_cache(self) -> Iterator[Row]:
        hits = {card.key: card.cache_hit_share for card in self.facts}
        for key, middle in sorted(cache_gaps(self.facts).items()):
            own = hits[key]
            assert own is not None
            card = self.rows.workloads[key]
            yield waste_row(
                "low_cache",
                workload_key=key,
                usd=self._paper(Candidate(workload_key=key, kind="caching", amount=middle)),
                measured=own,
                peer=middle,
                sentence=f"{share(to_decimal(own))} of the prompt tokens of {card['name']} come from the cache; the middle of "
                f"its peers at {card['latency_class']} latency is {share(to_decimal(middle))}.",
            )

    def _paper(self, each: Candidate) -> Decimal | None:
        """As its what-if would say it, on one basis for every kind; each is sized once."""
        if each not in self._papers:
            terms = Terms(workload=each.workload_key, kind=each.kind, to_key=each.to_key, amount=_amount(each))
            self._papers[each] = paper_of(self.rows.plan, terms)
        return self._papers[each]

    def _smaller_passed(self) -> Iterator[Row]:
        for key, card in sorted(self.rows.workloads.items()):
            tier = self.rows.models[card["model_version"]]["model_tier"]
            if card["smaller_tier_tested"] != "pass" or not lower_tiers(tier):
                continue
            tested = card["smaller_tier_tested_date"]
            premium = self.cards[key]["premium"]
            sentence = f"{card['name']} stays on a {tier} model although a smaller one passed its test"
            sentence += f" on {self._day(tested)}." if tested else "."
            if premium["reason"]:
                sentence += f" {_NO_PREMIUM.get(premium['reason'], '')}"
            usd = None if premium["reason"] else Decimal(premium["usd_per_week"])
            yield waste_row("smaller_passed", workload_key=key, usd=usd, sentence=sentence.strip())

    def _retired(self) -> Iterator[Row]:
        """Contracts pinned to a retired model by what their own replicas cost, cards on one by their part of it."""
        day = self.rows.plan.inputs.as_of
        for contract in self.rows.plan.contracts:
            if contract.is_pinned and contract.days[0] and self._is_retired(contract.model_key, day):
                key = f"dedicated.{contract.row['key']}.v{contract.row['version']}"[:80]
                yield self._retired_row(
                    [use for use in self.uses if use.serving_class == key],
                    contract.workload["key"] if contract.workload else "",
                    f"{contract.row['name']} is pinned to",
                    contract.model_key,
                )
        for key, card in sorted(self.rows.workloads.items()):
            model = card["model_version"]
            if self._is_retired(model, day):
                classes = {
                    each.key
                    for each in self.rows.class_by_key.values()
                    if each.model_version == model and not each.key.startswith("dedicated.")
                }
                mine = [use for use in self.uses if use.workload_key == key and use.serving_class in classes]
                yield self._retired_row(mine, key, f"{card['name']} runs on", model)

    def _is_retired(self, model: str, day: Any) -> bool:
        retires = self.rows.models[model]["retire_date"] if model in self.rows.models else None
        return retires is not None and retires <= day

    def _retired_row(self, uses: Sequence[Use], workload: str, head: str, model: str) -> Row:
        """uses: what it takes of the model's classes; of them the run's first week counts."""
        mine = [use for use in uses if use.week == self.weeks[0] and use.exact_accelerators]
        classes = sorted({use.serving_class for use in mine})
        usd = [use.exact_usd for use in mine]
        known = None if None in usd else sum((each for each in usd if each is not None), Fraction(0))
        retired = self._day(self.rows.models[model]["retire_date"])
        return waste_row(
            "retired_pin",
            serving_class=classes[0] if len(classes) == 1 else "",
            workload_key=workload,
            accelerators=sum((use.exact_accelerators for use in mine), Fraction(0)) if mine else None,
            usd=to_decimal(known) if mine and known is not None else None,
            sentence=f"{head} {self.rows.models[model]['name']}, retired on {retired}: {self._served_beside(workload, mine)}.",
        )

    def _served_beside(self, workload: str, mine: Sequence[Use]) -> str:
        """Who else is on the same replicas."""
        if not mine:
            return "it holds nothing this week"
        classes = {use.serving_class for use in mine}
        others = {
            use.workload_key
            for use in self.uses
            if use.serving_class in classes and use.week == self.weeks[0] and use.workload_key != workload
        }
        if not others:
            return "its replicas serve nobody else"
        names = [str(self.rows.workloads[key]["name"]) for key in sorted(others & self.rows.workloads.keys())]
        return f"its part of replicas that also serve {', '.join(names) or 'contracts without a card'}"

    def _day(self, day: date) -> str:
        return day_words(day, year=self.rows.plan.inputs.as_of.year)

    def _class_words(self, serving: ServingClass) -> str:
        """The class by its model and latency; one of a contract's own by the contract, as tables put it to each reader."""
        own = next((member.contract_key for member in serving.members if member.contract_key), "")
        if serving.key.startswith("dedicated."):
            named = [each.row["name"] for each in self.rows.plan.contracts if each.row["key"] == own]
            return f"the own replicas of {named[0] if named else own}"
        regions = serving.key.rsplit(".", 1)[-1]
        words = f"{self.rows.models[serving.model_version]['name']} at {serving.latency_class} latency"
        return words if regions == "any" else f"{words} in {regions.replace('_', ', ')}"

    # --- what cards suggest -------------------------------------------------------------------------------------------

    def suggested(self) -> list[Row]:
        """Rows of RunMoveCandidate, dearest on paper first, unknown last."""
        found = [self._suggested_row(each) for each in candidates(self.facts)]
        found.sort(
            key=lambda row: (
                row["paper_usd_per_week"] is None,
                -(row["paper_usd_per_week"] or 0),
                row["workload_key"],
                row["kind"],
            )
        )
        return [{"position": position, **row} for position, row in enumerate(found)]

    def _suggested_row(self, each: Candidate) -> Row:
        card = self.rows.workloads[each.workload_key]
        usd = self._paper(each)
        if each.kind == "caching":
            assert each.amount is not None
            sentence = (
                f"Cache {share(to_decimal(each.amount))} of the prompt tokens of {card['name']}, as its peers do."
            )
        elif each.kind == "smaller_model":
            sentence = (
                f"Serve {card['name']} by {self.rows.models[each.to_key]['name']}: its card says that a smaller model "
                "passed, not which; this one is to be tested."
            )
        else:
            sentence = f"Answer {card['name']} within 24 hours: no peak and no spares are kept for it."
        return {
            "workload_key": each.workload_key,
            "kind": each.kind,
            "to_key": each.to_key,
            "amount": _amount(each),
            "paper_usd_per_week": None if usd is None else round_usd(usd),
            "sentence": sentence,
        }

    def _facts(self, card: Row) -> CardFacts:
        key, tokens = card["key"], self.tokens[card["key"]]
        read = tokens.input_uncached + tokens.input_cached if tokens else Fraction(0)
        tier = self.rows.models[card["model_version"]]["model_tier"]
        brought = any(each.workload is not None and each.workload["key"] == key for each in self.rows.plan.contracts)
        return CardFacts(
            key=key,
            model_tier=tier,
            latency_class=card["latency_class"],
            purpose=card["purpose"],
            smaller_tier_tested=card["smaller_tier_tested"],
            cache_hit_share=tokens.input_cached / read if tokens and read else None,
            smaller_model=self.costs.next_model(card, self.cards[key]["premium"]),
            has_batch=(card["model_version"], "batch") in self.costs.profiles,
            is_own=tokens is not None and not brought,
        )


_NO_PREMIUM = {
    "no_profile": "No smaller model is measured at its latency, so what that would save is not known.",
    "not_sized": "It has no size, so what that would save is not known.",
    "unknown_cost": "A pool has no complete cost rate, so what that would save is not known.",
    "no_tokens": "No tokens of it are known, so what that would save is not known.",
}


def _amount(each: Candidate) -> Decimal | None:
    return None if each.amount is None else round_usd(to_decimal(each.amount), step=AMOUNT_STEP)
