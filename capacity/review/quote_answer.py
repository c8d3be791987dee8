"""The full answer to a quote, as the worker makes it: does it fit, from when, at what price and cost, and what would fit.

Pure but for the engine: a prepared run and a payload → a JSON document without any clock, so that the same question of
the same run has the same answer (methods: Quotes). What each reader sees of it is quote_rows.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import HOURS_PER_WEEK, ceil_fraction, exact
from capacity.review.compute import PreparedPlan
from capacity.review.inputs import Inputs
from capacity.review.quote_offers import Offer, Start, earliest_start, nearest_offers
from capacity.review.quote_sizing import FitCheck, QuotedInputs, Tried, quoted_inputs
from contracts.domain.quote import short_time
from contracts.domain.quote_payload import Payload
from contracts.quotes import PoolRates, QuoteCase, QuoteTerms, SizedQuote, quote_terms

Document = dict[str, Any]
Progress = Callable[[str, float], None]
NEXT_WEEKS = 13


def quote_answer(
    *,
    inputs: Inputs,
    prepared: PreparedPlan,
    payload: Payload,
    target_share: Decimal | None,
    progress: Progress,
    in_steps: bool = False,
) -> Document:
    """Everything the engine and the terms say of a quote. target_share None: the policy's. Raises ChangesRefused.

    in_steps: its maker may not read the floor, so the largest that fits is offered in steps (methods: Quotes).
    """
    check = FitCheck(inputs=inputs, prepared=prepared)
    target = prepared.policy.target_gross_margin_share if target_share is None else target_share
    progress("Looking for room, week by week", 0.0)
    tried = check.tried(payload)
    if not tried.sized.parts:
        return {"unsized": tried.sized.unsized, "fits": False, "weeks": [], "offers": [], "terms": None}
    progress("Looking for the earliest start", 0.15)
    start = Start(None, 0) if tried.sized.unsized else earliest_start(check, tried)
    offers: list[Offer] = []
    if not tried.fits and not tried.sized.unsized:
        offers = nearest_offers(
            check=check,
            tried=tried,
            begin=start.week,
            in_steps=in_steps,
            progress=lambda stage, share: progress(stage, 0.3 + 0.6 * share),
        )
    progress("Pricing", 0.95)
    horizon = inputs.horizon
    short = short_time(tried.short)
    return {
        "unsized": tried.sized.unsized,
        "tier": tried.sized.tier,
        "fits": tried.fits,
        "earliest": None if start.week is None else horizon.first.plus(start.week).key,
        "earliest_weeks": start.weeks,
        "earliest_stopped": None if start.stopped is None else horizon.first.plus(start.stopped).key,
        "short": None
        if short is None
        else {
            "week": horizon.first.plus(short.first).key,
            "weeks": short.weeks,
            "most": short.most,
            "in_all": short.in_all,
            "held_only": tried.held_only,
        },
        "weeks": [
            {"week": week.key, "need": _text(tried.work[index]), "short": tried.short.get(index, 0)}
            for index, week in enumerate(horizon)
            if tried.work[index]
        ],
        "pools": sorted(tried.sized.options),
        "work": work_document(tried.sized),
        "terms": terms_document(terms_of(check, tried, target)),
        "cost": _costs(check, tried),
        "headline": _headline(check, tried),
        "offers": [_offer(check, offer, target) for offer in offers],
    }


def terms_of(check: FitCheck, tried: Tried, target: Decimal) -> QuoteTerms:
    quoted = quoted_inputs(inputs=check.inputs, payload=tried.payload)
    return terms_of_sized(sized=tried.sized, quoted=quoted, policy=check.policy, rates=check.rates, target_share=target)


def terms_of_sized(
    *, sized: SizedQuote, quoted: QuotedInputs, policy: Any, rates: PoolRates, target_share: Decimal
) -> QuoteTerms:
    """The terms code over the run's inputs; the quote's own rows stand in for the tables of contracts."""
    inputs = quoted.inputs
    return quote_terms(
        sized=sized,
        tables={**inputs.tables, **quoted.rows},
        policy=policy,
        horizon=inputs.horizon,
        as_of=inputs.as_of,
        rates=rates,
        target_share=target_share,
    )


def terms_document(terms: QuoteTerms) -> Document:
    """The terms as JSON: money as texts, None where not known."""
    return {
        "weeks": terms.weeks,
        "term_weeks": terms.term_weeks,
        **{name: _case(getattr(terms, name)) for name in ("committed", "expected", "heavy")},
        "heavy_multiple": _text(terms.heavy_multiple),
        "break_even_multiple": _text(terms.break_even_multiple),
        "expected_credits_usd": _text(terms.expected_credits_usd),
        "make_good_usd": _text(terms.make_good_usd),
        "loss_exposure_usd": _text(terms.loss_exposure_usd),
        "target_share": _text(terms.target_share),
        "floor": {
            "kind": terms.floor.kind,
            "asked": _text(terms.floor.asked),
            "price": _text(terms.floor.price),
            "reason": terms.floor.reason,
            "currency": terms.floor.currency,
            "moves": terms.floor.moves,
            "factor": _text(terms.floor.factor),
            "lines": [
                {
                    "kind": line.kind,
                    "starts_date": line.starts.isoformat(),
                    "tier_from": _text(line.tier_from),
                    "asked": _text(line.asked),
                    "least": _text(line.least),
                    "is_commitment": line.is_commitment,
                }
                for line in terms.floor.lines
            ],
        },
        "flags": [list(flag) for flag in terms.flags],
    }


def work_document(sized: SizedQuote) -> dict[str, str | None]:
    """Pool → reference accelerators' work one accelerator there does: what sums over unlike pools count in."""
    return {pool: _text(to_decimal(rate)) for pool, rate in sorted(sized.options.items())}


def _case(case: QuoteCase) -> Document:
    return {
        "accelerators": case.accelerators,
        "revenue_usd": _text(case.revenue_usd),
        "reserved_cost_usd": _text(case.reserved_cost_usd),
        "consumed_cost_usd": _text(case.consumed_cost_usd),
        "margin_usd": _text(case.margin_usd),
        "margin_share": _text(case.margin_share),
    }


def _text(value: Decimal | None) -> str | None:
    """To ten places: more than anybody reads, and the same on every machine."""
    return None if value is None else f"{Decimal(value).quantize(Decimal('1e-10')).normalize():f}"


def _costs(check: FitCheck, tried: Tried) -> Document:
    """Cost over the planned weeks: alone, as a share of its class (average), and what it adds to it (marginal).

    USD an hour of each accelerator alone, so that the three compare. None where a rate is not known.
    """
    before = {each.key: each for each in check.prepared.classes}
    rates, sized = check.rates, tried.sized
    keys = sized.demand_keys
    alone, average, marginal = Fraction(0), Fraction(0), Fraction(0)
    accelerator_weeks, added_weeks = 0, 0
    need = sized.need()
    for index in sorted(sized.weeks()):
        rate = rates.hourly(sized.options, index)
        if rate is None:
            return {"alone_usd": None, "average_usd": None, "marginal_usd": None}
        usd = exact(rate) * HOURS_PER_WEEK
        added, share = _added(tried, before, keys, index)
        accelerator_weeks += need[index]
        added_weeks += added
        alone, average, marginal = alone + need[index] * usd, average + share * usd, marginal + added * usd
    with localcontext(exact_context()):
        return {
            "alone_usd": _text(to_decimal(alone)),
            "average_usd": _text(to_decimal(average)),
            "marginal_usd": _text(to_decimal(marginal)),
            "accelerator_weeks": accelerator_weeks,
            "added_accelerator_weeks": added_weeks,
        }


def _added(tried: Tried, before: Mapping[str, Any], keys: set[str], index: int) -> tuple[int, Fraction]:
    """(accelerators the plan needs more, its share of all its class needs) in a week."""
    added, share = 0, Fraction(0)
    for each in tried.classes:
        known, week = before.get(each.key), each.weeks[index]
        was = known.weeks[index].total.accelerators if known else 0
        added += max(0, week.total.accelerators - was)
        part = sum((week.shares.get(key, Fraction(0)) for key in keys), Fraction(0))
        share += week.total.accelerators * part
    for demand in tried.sized.dedicated:
        added += int(demand.work[index])
        share += int(demand.work[index])
    return added, share


def _headline(check: FitCheck, tried: Tried) -> Document:
    """What is committed, of all contracts together, without the quote and with it."""
    problem = check.prepared.problem
    tier = problem.tiers[0]
    weeks = set(range(problem.weeks))
    before = check.unmet_before(tier, weeks)
    if tried.sized.tier != tier:
        after: Mapping[int, Any] = before
    else:
        after = {**before, **check.unmet_after(tried, tier)}
    return {"before": _promises(check, before), "after": _promises(check, after)}


def _promises(check: FitCheck, unmet: Mapping[int, Any]) -> Document:
    first = next((index for index in sorted(unmet) if unmet[index].accelerators), None)
    near = [row.accelerators for index, row in unmet.items() if index < NEXT_WEEKS]
    return {
        "most_short_next_weeks": ceil_fraction(max(near, default=Fraction(0))),
        "first_short_week": "" if first is None else check.inputs.horizon.first.plus(first).key,
        "short_accelerator_weeks": _text(to_decimal(sum((row.accelerators for row in unmet.values()), Fraction(0)))),
    }


def _offer(check: FitCheck, offer: Offer, target: Decimal) -> Document:
    return {
        "kind": offer.kind,
        "says": dict(offer.says),
        "payload": dict(offer.payload),
        "is_least": offer.is_least,
        "distance": _text(to_decimal(offer.distance)),
        "accelerators": max(offer.tried.sized.need()),
        "terms": terms_document(terms_of(check, offer.tried, target)),
    }
