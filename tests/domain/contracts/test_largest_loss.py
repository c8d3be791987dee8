"""The largest loss between expected and worst use: by hand, and the search against billing every replica step."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.lib.money import exact_context
from contracts.domain.largest_loss import MOST_STEPS, StepLosses, bill_cannot_fall
from contracts.domain.margin import assess_contract, worst_multiple
from contracts.domain.month import ExposurePolicy, Month, UsageCase, UsageProfile, month_of
from contracts.domain.streams import Stream
from contracts.domain.terms import (
    TOKEN_METERS,
    BundleUnit,
    BurndownRate,
    ContractTerms,
    FixedFee,
    Meter,
    PriceLine,
    PriceTier,
    Shape,
    SpendCommitment,
    TakeOrPay,
    TierMode,
    UnitLine,
    UnitStep,
)
from workloads.domain.serving import Profile, RateLimit, SpareRule, Traffic

START = date(2026, 11, 23)


def _every_step(month: Month, planned: UsageCase, worst: UsageCase) -> Decimal | None:
    """The same figure by billing the month at both ends and just above every step, one after the other."""
    if None in (planned.reserved_cost_usd, worst.reserved_cost_usd):
        return None
    with localcontext(exact_context()):
        found = [Decimal(0)]
        found += [case.reserved_cost_usd - case.revenue_usd for case in (planned, worst)]  # type: ignore[operator]
        if not all(each.is_sized for each in month.streams):
            return max(found)
        for stream, first, last in zip(month.streams, planned.needs, worst.needs, strict=True):
            assert first.need is not None and last.need is not None
            begin, end = first.need.work_replicas, last.need.work_replicas
            for full in range(begin, end, max(0, end - begin) // MOST_STEPS + 1):
                multiple = stream.multiple_that_fills(full)
                if multiple is None or not planned.multiple <= multiple < worst.multiple:
                    continue
                costs = [each.cost(each.accelerators_at_peak(multiple, just_above=True)) for each in month.streams]
                found.append(sum((each for each in costs if each is not None), Decimal(0)))
                found[-1] -= month.bill_at(multiple).total_usd
        return max(found)


# --- by hand ----------------------------------------------------------------------------------------------------------

# One replica = 1 accelerator = 1,000 output tokens a second, all of it usable; $1 an hour: $730 a month. No spares.
SIMPLE = Profile.of(
    replica_accelerators=1, prefill_tps=1_000, decode_tps=1_000, cached_cost_ratio=1, utilisation_target=1
)
POLICY = ExposurePolicy(spares=SpareRule(few=0, many=0))
# 10 replicas at expected use: 2,628 M tokens each a month.
TEN = Traffic.of(input_tps=0, output_tps=10_000)


def _loss(*lines: PriceLine, worst: str = "1.5", **fields: Any) -> Decimal | None:
    return assess_contract(
        terms=ContractTerms(
            key="C", shape=Shape.PAY_AS_YOU_GO, starts_date=START, price_lines=lines, **{"fixed_fees": (), **fields}
        ),
        usage=UsageProfile(traffic=TEN, p95_multiple=Decimal(worst)),
        profile=SIMPLE,
        rate_usd_per_hour=Decimal(1),
        on_date=START,
        policy=POLICY,
    ).loss_exposure_usd


def _output(*tiers: tuple[str, int | None], mode: TierMode = TierMode.GRADUATED, **fields: Any) -> PriceLine:
    """USD per million output tokens, each up to so many replicas' worth of them."""
    return PriceLine(
        key="output",
        meters=(Meter.OUTPUT,),
        tiers=tuple(
            PriceTier(unit_price_usd=Decimal(price), up_to=None if full is None else Decimal(2628 * full))
            for price, full in tiers
        ),
        tier_mode=mode,
        **fields,
    )


def test_a_price_above_cost_loses_only_the_replica_that_was_just_added() -> None:
    # $0.25 a million: $657 a replica, $730 paid: 10 replicas lose $730, 15 lose $1,095. Just above 14 full ones the
    # fifteenth is paid for: 15 × 730 − 14 × 657 = 1,752.
    assert _loss(_output(("0.25", None))) == 1_752


def test_the_largest_loss_may_lie_between_both_ends() -> None:
    # $0.20 ($525.60 a replica) up to 12 replicas, $0.50 ($1,314) above. Just above 12: 13 × 730 − 12 × 525.60 =
    # 3,182.80; at 10 it is 2,044, at 15: 10,950 − 6,307.20 − 3 × 1,314 = 700.80.
    assert _loss(_output(("0.20", 12), ("0.50", None))) == Decimal("3182.80")


def test_a_volume_price_that_falls_makes_steps_lose_more_than_both_ends() -> None:
    # All tokens at $0.40 up to 12 replicas, at $0.20 above. Just above 14: 15 × 730 − 14 × 525.60 = 3,591.60.
    line = _output(("0.40", 12), ("0.20", None), mode=TierMode.VOLUME)
    assert _loss(line) == Decimal("3591.60")
    # Above 13 the fee of 14 is not reached yet: 14 × 730 − 13 × 525.60 = 3,387.20, were worst use there.
    assert _loss(line, worst="1.35") == Decimal("3387.20")


def test_a_fee_loses_most_at_worst_use() -> None:
    assert _loss(fixed_fees=(FixedFee(key="fee", unit_price_usd=Decimal(8_000)),)) == 15 * 730 - 8_000


def test_worst_use_below_the_expected_has_no_step_between() -> None:
    # A cap at half of what is expected: 5 replicas against 10. At 10 the month loses 7,300 − 6,570 = 730.
    found = assess_contract(
        terms=ContractTerms(
            key="C", shape=Shape.PAY_AS_YOU_GO, starts_date=START, price_lines=(_output(("0.25", None)),)
        ),
        usage=UsageProfile(traffic=TEN, cap_multiple=Decimal("0.5")),
        profile=SIMPLE,
        rate_usd_per_hour=Decimal(1),
        on_date=START,
        policy=POLICY,
    )
    assert (found.worst.accelerators, found.loss_exposure_usd) == (5, 730)


def test_few_steps_of_many_are_billed(monkeypatch: pytest.MonkeyPatch) -> None:
    billed: list[Fraction] = []
    real = Month.bill_at

    def spy(self: Month, multiple: Fraction, **more: Any) -> Any:
        billed.append(multiple)
        return real(self, multiple, **more)

    monkeypatch.setattr(Month, "bill_at", spy)
    month = month_of(
        terms=ContractTerms(
            key="C", shape=Shape.PAY_AS_YOU_GO, starts_date=START, price_lines=(_output(("0.25", None)),)
        ),
        usage=UsageProfile(traffic=TEN.times(100)),
        profile=SIMPLE,
        rate_usd_per_hour=Decimal(1),
        on_date=START,
        policy=POLICY,
    )
    ends = month.at("planned", Fraction(1)), month.at("worst", Fraction(2))
    billed.clear()
    # 1,000 steps; just above 1,999 replicas the last is paid for: 2,000 × 730 − 1,999 × 657.
    assert StepLosses(month).largest(*ends) == 2_000 * 730 - 1_999 * 657
    assert len(set(billed)) < 100


# --- whether a bill can fall ------------------------------------------------------------------------------------------


def _can_fall(terms: dict[str, Any], usage: dict[str, Any] | None = None) -> bool:
    month = month_of(
        terms=ContractTerms(key="C", shape=Shape.MIXED, starts_date=START, **terms),
        usage=UsageProfile(**{"traffic": TEN, **(usage or {})}),
        profile=SIMPLE,
        rate_usd_per_hour=Decimal(1),
        on_date=START,
        policy=POLICY,
    )
    return not bill_cannot_fall(month)


def test_which_bills_can_fall_as_use_grows() -> None:
    volume = TierMode.VOLUME
    assert not _can_fall({"price_lines": (_output(("3", 5), ("1", None)),)})
    assert not _can_fall({"price_lines": (_output(("1", 5), ("3", None), mode=volume),)})
    assert _can_fall({"price_lines": (_output(("3", 5), ("1", None), mode=volume),)})
    assert _can_fall({"spill_lines": (_output(("3", 5), ("1", None), mode=volume),)})
    assert _can_fall({"usage_multiplier": Decimal(-1)})
    assert _can_fall({}, {"other_usage": {"images": Decimal(-1)}})
    cached = Traffic.of(input_tps=1, output_tps=1, cache_hit_share=Decimal("0.8"))
    assert not _can_fall({}, {"traffic": cached, "written_share": Decimal("0.2")})
    assert _can_fall({}, {"traffic": cached, "written_share": Decimal("0.3")})
    weights = (BurndownRate(from_date=START, weights=((Meter.OUTPUT, Decimal(5)),)),)
    assert not _can_fall({"burndown": weights})
    assert _can_fall({"burndown": weights}, {"fixed_usage": {Meter.OUTPUT: Decimal(5)}})
    assert _can_fall({"burndown": (BurndownRate(from_date=START, weights=((Meter.OUTPUT, Decimal(-1)),)),)})


# --- drawn contracts --------------------------------------------------------------------------------------------------

MONEY = st.integers(0, 500_000).map(lambda cents: Decimal(cents) / 100)
SHARE = st.integers(0, 100).map(lambda percent: Decimal(percent) / 100)
METERS = (Meter.OUTPUT, Meter.INPUT_UNCACHED, Meter.INPUT_CACHED, "images", "s1.output_tokens")
EQUIVALENTS = tuple((meter, Decimal(2)) for meter in TOKEN_METERS)


@st.composite
def _lines(draw: Any, *, key: str) -> PriceLine:
    bounds = sorted(draw(st.lists(st.integers(1, 50_000), max_size=3, unique=True)))
    most = draw(st.sampled_from([None, None, 20_000]))
    return PriceLine(
        key=key,
        meters=tuple(draw(st.lists(st.sampled_from(METERS), min_size=1, max_size=2, unique=True))),
        tiers=tuple(
            PriceTier(unit_price_usd=draw(MONEY) / 1000, up_to=None if bound is None else Decimal(bound))
            for bound in (*bounds, None)
        ),
        tier_mode=draw(st.sampled_from(TierMode)),
        included_quantity=draw(st.sampled_from([Decimal(0), Decimal(7_000)])),
        draws_down=draw(st.booleans()),
        max_quantity=None if most is None else Decimal(most),
        max_usd=draw(st.sampled_from([None, None, Decimal(9_000)])),
        takes_multiplier=draw(st.booleans()),
    )


@st.composite
def _commitments(draw: Any, *, key: str) -> SpendCommitment:
    return SpendCommitment(
        key=key,
        amount_usd=draw(MONEY) * 20,
        period_months=Decimal(draw(st.sampled_from([1, 12]))),
        discount_share=draw(st.integers(0, 99).map(lambda percent: Decimal(percent) / 100)),
        overage_keeps_discount=draw(st.booleans()),
        priority=draw(st.integers(0, 2)),
        is_free=draw(st.booleans()),
        line_keys=draw(st.sampled_from([None, None, ("line0",), ("line1", "line2")])),
    )


@st.composite
def _terms(draw: Any) -> ContractTerms:
    lines = tuple(draw(_lines(key=f"line{n}")) for n in range(draw(st.integers(0, 3))))
    counts_equivalents = draw(st.booleans())
    if counts_equivalents:
        lines += (
            PriceLine.flat(key="equivalents", meters=(Meter.INPUT_EQUIVALENT,), unit_price_usd=draw(MONEY) / 1000),
        )
    units, steps = draw(st.integers(0, 40)), (UnitStep(from_date=START, units=Decimal(draw(st.integers(1, 40)))),)
    promise = BundleUnit(input_tokens_per_minute=Decimal(9_000), output_tokens_per_minute=Decimal(3_000))
    is_taken = bool(lines) and lines[0].key == "line0" and draw(st.booleans())
    taken = TakeOrPay(line_key="line0", quantity=draw(MONEY) * 5, take_share=draw(SHARE)) if is_taken else None
    return ContractTerms(
        key="C",
        shape=Shape.MIXED,
        starts_date=START,
        price_lines=lines,
        fixed_fees=(FixedFee(key="fee", unit_price_usd=draw(MONEY)),) if draw(st.booleans()) else (),
        unit_lines=(UnitLine(key="units", steps=steps, price_usd=Decimal(1), promise=promise),) if units > 20 else (),
        spend_commitments=tuple(draw(_commitments(key=f"commitment{n}")) for n in range(draw(st.integers(0, 3)))),
        take_or_pay=taken,
        minimum_usd=draw(st.sampled_from([Decimal(0), Decimal(25_000)])),
        usage_multiplier=draw(st.sampled_from([Decimal("0.5"), Decimal(1), Decimal("1.1")])),
        spill_lines=(draw(_lines(key="spill")),) if draw(st.booleans()) else (),
        burndown=(BurndownRate(from_date=START, weights=EQUIVALENTS),) if counts_equivalents else (),
    )


PROFILES = st.builds(
    Profile.of,
    replica_accelerators=st.integers(1, 8),
    prefill_tps=st.integers(1_000, 50_000),
    decode_tps=st.integers(300, 5_000),
    cached_cost_ratio=SHARE,
    utilisation_target=st.integers(30, 100).map(lambda percent: Decimal(percent) / 100),
)
LIMIT = st.none() | st.integers(1, 60_000).map(Fraction)
STREAMS = st.builds(
    Stream,
    traffic=st.builds(
        Traffic.of,
        input_tps=st.integers(0, 30_000),
        output_tps=st.integers(1, 20_000),
        cache_hit_share=SHARE,
        peak_factor=st.integers(100, 300).map(lambda percent: Decimal(percent) / 100),
    ),
    profile=PROFILES,
    limit=st.builds(RateLimit, input_tokens_per_second=LIMIT, output_tokens_per_second=LIMIT),
    written_share=st.sampled_from([Decimal(0), Decimal(0), Decimal("0.1")]),
)


@st.composite
def _usage(draw: Any) -> UsageProfile:
    streams = tuple(
        Stream(key=f"s{n}", traffic=s.traffic, profile=s.profile, limit=s.limit, written_share=s.written_share)
        for n, s in enumerate(draw(st.lists(STREAMS, min_size=1, max_size=3)))
    )
    return UsageProfile(
        streams=streams,
        p95_multiple=draw(st.integers(50, 300)) / Decimal(100),
        cap_multiple=draw(st.none() | st.integers(50, 300).map(lambda percent: Decimal(percent) / 100)),
        other_usage=draw(st.sampled_from([{}, {"images": Decimal(4 * 10**9)}])),
        fixed_usage=draw(st.sampled_from([{}, {"seats": Decimal(5)}])),
    )


@settings(max_examples=250, deadline=None)
@given(terms=_terms(), usage=_usage(), rate=st.integers(0, 500), multiple=st.integers(1, 400))
def test_the_search_finds_what_billing_every_step_finds(
    terms: ContractTerms, usage: UsageProfile, rate: int, multiple: int
) -> None:
    month = month_of(
        terms=terms,
        usage=usage,
        profile=None,
        rate_usd_per_hour=Decimal(rate) / 100,
        on_date=START,
        policy=ExposurePolicy(spares=SpareRule(many_from=5)),
    )
    planned = month.at("planned", Fraction(1))
    cases = [
        month.at("worst", worst_multiple(month)),
        month.at("multiple", Fraction(multiple, 100)),
    ]
    losses = StepLosses(month)
    assert [losses.largest(planned, case) for case in cases] == [_every_step(month, planned, case) for case in cases]
