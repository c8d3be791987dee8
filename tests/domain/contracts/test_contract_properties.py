"""What holds for every contract, over drawn ones: bills, minimums, overage, credits, amendments, break-even use."""

from __future__ import annotations

import copy
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.domain.margin import assess_contract
from contracts.domain.month import ExposurePolicy, UsageProfile
from contracts.domain.streams import Stream
from contracts.domain.terms import ContractTerms, FixedFee, Shape
from tests.domain.contracts.examples import result
from workloads.domain.serving import Profile, RateLimit, SpareRule, Traffic

START = date(2027, 1, 15)
MONEY = st.integers(0, 10**7).map(lambda cents: cents / 100)
SHARE = st.integers(0, 100).map(lambda percent: percent / 100)
BELOW_ONE = st.integers(0, 99).map(lambda percent: percent / 100)
METERS = ["output_tokens", "input_uncached_tokens", "images"]


@st.composite
def price_lines(draw: Any, *, key: str, mode: str = "graduated") -> dict[str, Any]:
    bounds = sorted(draw(st.lists(st.integers(1, 5_000), max_size=3, unique=True)))
    tiers = [{"up_to": bound, "price": draw(MONEY)} for bound in bounds] + [{"price": draw(MONEY)}]
    line: dict[str, Any] = {
        "key": key,
        "meters": draw(st.lists(st.sampled_from(METERS), min_size=1, max_size=2, unique=True)),
        "tiers": tiers,
        "tier_mode": mode,
        "included_quantity": draw(st.sampled_from([0, 0, 10, 500])),
        "draws_down": draw(st.booleans()),
    }
    if draw(st.booleans()):
        line["max_amount"] = draw(MONEY)
    return line


@st.composite
def commitments(draw: Any, *, key: str) -> dict[str, Any]:
    is_free = draw(st.booleans())
    return {
        "key": key,
        "amount": draw(MONEY),
        "period_months": draw(st.sampled_from([1, 3, 12])),
        "discount_share": draw(BELOW_ONE),
        "overage_keeps_discount": draw(st.booleans()),
        "rolled_over_share": draw(SHARE),
        "priority": draw(st.integers(0, 2)),
        "is_free": is_free,
        "is_prepaid": not is_free and draw(st.booleans()),
    }


@st.composite
def contracts(draw: Any) -> dict[str, Any]:
    """A contract of price lines, fees, units, commitments, a minimum and take-or-pay, with use by month."""
    days = draw(st.integers(20, 500))
    version: dict[str, Any] = {
        "from": START.isoformat(),
        "price_lines": [draw(price_lines(key=f"line{n}")) for n in range(draw(st.integers(1, 3)))],
        "fixed_fees": [{"key": "fee", "price": draw(MONEY), "quantity": 2}] if draw(st.booleans()) else [],
        "unit_lines": [{"key": "units", "price": draw(MONEY), "units": 3}] if draw(st.booleans()) else [],
        "commitments": [draw(commitments(key=f"commitment{n}")) for n in range(draw(st.integers(0, 2)))],
        "multiplier": draw(st.sampled_from([0.5, 1, 1.1, 2])),
    }
    if draw(st.booleans()):
        version["minimum"] = {
            "amount": draw(MONEY),
            "every_months": draw(st.sampled_from([1, 3, 12])),
            "is_retroactive": draw(st.booleans()),
        }
    if draw(st.booleans()):
        version["take_or_pay"] = {
            "line_key": "line0",
            "quantity": draw(st.integers(0, 5_000)),
            "take_share": draw(SHARE),
            "makeup_months": draw(st.integers(0, 4)),
        }
    ends = START + timedelta(days=days)
    usage, first = [], START
    while first < ends:
        last = min(first + timedelta(days=draw(st.sampled_from([10, 31, 60, 400]))), ends)
        quantities = {meter: draw(st.integers(0, 10**10)) for meter in METERS}
        usage.append({"from": first.isoformat(), "to": last.isoformat(), "quantities": quantities})
        first = last
    return {
        "version": 1,
        "key": "drawn",
        "as_of": START.isoformat(),
        "starts": START.isoformat(),
        "ends": ends.isoformat(),
        "weeks": 1,
        "months": draw(st.sampled_from(["calendar", "anniversary"])),
        "versions": [version],
        "usage": usage,
    }


@settings(max_examples=80)
@given(contracts())
def test_the_lines_of_each_bill_sum_to_it_and_the_bills_to_the_total(contract: dict[str, Any]) -> None:
    found = result(contract)
    for bill in found["bills"]:
        assert sum((line["usd"] for line in bill["lines"]), Decimal(0)) == bill["charged_usd"]
    assert (
        abs(sum(bill["charged_usd"] for bill in found["bills"]) - found["totals"]["charged_usd"])
        <= len(found["bills"]) / 2
    )


@settings(max_examples=80)
@given(contracts())
def test_a_contract_never_bills_less_than_its_minimum_or_than_without_any_use(contract: dict[str, Any]) -> None:
    found = result(contract)
    charged = found["totals"]["charged_usd"]
    assert charged >= found["totals"]["guaranteed_usd"] - Decimal("0.01")
    minimum = contract["versions"][0].get("minimum")
    if minimum:
        shares = [_months(bill, contract["months"]) for bill in found["bills"]]
        due = Decimal(str(minimum["amount"])) / minimum["every_months"] * sum(shares, Decimal(0))
        assert charged >= due - Decimal("0.05")


def _months(bill: dict[str, Any], anchor: str) -> Decimal:
    """The part of its month that a bill covers, counted anew."""
    first, last = date.fromisoformat(bill["from"]), date.fromisoformat(bill["to"])
    if anchor == "calendar":
        start = first.replace(day=1)
        after = (start + timedelta(days=32)).replace(day=1)
    else:
        start = first
        after = date(first.year + (first.month == 12), first.month % 12 + 1, START.day)
    return Decimal((last - first).days) / Decimal((after - start).days)


@settings(max_examples=80)
@given(contracts(), st.integers(0, 2), st.integers(1, 10**10))
def test_more_use_never_bills_less_in_all(contract: dict[str, Any], meter: int, more: int) -> None:
    dearer = copy.deepcopy(contract)
    dearer["usage"][-1]["quantities"][METERS[meter]] += more
    before, after = result(contract), result(dearer)
    # Each bill is rounded to its cent, up or down by half of one, in both.
    off = len(before["bills"]) * Decimal("0.01")
    assert after["totals"]["charged_usd"] >= before["totals"]["charged_usd"] - off


@settings(max_examples=80)
@given(contracts(), st.integers(1, 499))
def test_an_amendment_that_changes_nothing_changes_no_bill(contract: dict[str, Any], after: int) -> None:
    amended = copy.deepcopy(contract)
    day = START + timedelta(days=after)
    if day.isoformat() >= contract["ends"]:
        return
    amended["versions"].append({"from": day.isoformat()})
    before, now = result(contract)["bills"], result(amended)["bills"]
    assert [bill["from"] for bill in before] == [bill["from"] for bill in now]
    for one, other in zip(before, now, strict=True):
        # Use is spread over the days of its row either way; half a cent may fall to the other side.
        assert abs(one["charged_usd"] - other["charged_usd"]) <= Decimal("0.01"), (one, other)


@settings(max_examples=60)
@given(contracts(), st.lists(SHARE, min_size=1, max_size=4), SHARE, MONEY)
def test_credits_are_never_above_the_fee(
    contract: dict[str, Any], uptimes: list[float], credit: float, least: float
) -> None:
    contract["versions"][0]["sla"] = {
        "uptime": [{"below_share": 0.999, "credit_share": credit}, {"below_share": 0.5, "credit_share": 1}],
        "minimum_credit": least,
        "chances": [{"probability": 0.5, "credit_share": 1}],
    }
    row = {"from": contract["starts"], "to": contract["ends"], "metric": "uptime"}
    contract["service"] = [row | {"share": share} for share in uptimes]
    found = result(contract)
    for bill in found["bills"]:
        assert 0 <= bill["credits_usd"] <= max(bill["charged_usd"], 0)
        assert bill["total_usd"] >= min(bill["charged_usd"], 0)


PROFILES = st.builds(
    Profile.of,
    replica_accelerators=st.integers(1, 16),
    prefill_tps=st.integers(100, 50_000),
    decode_tps=st.integers(100, 50_000),
    cached_cost_ratio=SHARE.map(lambda share: Decimal(str(share))),
    utilisation_target=st.integers(10, 100).map(lambda percent: Decimal(percent) / 100),
)
TRAFFIC = st.builds(
    Traffic.of,
    input_tps=st.integers(0, 100_000),
    output_tps=st.integers(1, 20_000),
    cache_hit_share=SHARE.map(lambda share: Decimal(str(share))),
    peak_factor=st.integers(100, 400).map(lambda percent: Decimal(percent) / 100),
)
LIMIT = st.none() | st.integers(1, 200_000).map(Fraction)
LIMITS = st.builds(RateLimit, input_tokens_per_second=LIMIT, output_tokens_per_second=LIMIT)
STREAMS = st.builds(Stream, traffic=TRAFFIC, profile=PROFILES, limit=LIMITS)


def _cost(streams: tuple[Stream, ...], multiple: Fraction, spares: SpareRule) -> Fraction:
    """What the month's accelerators cost at a multiple of use, counted anew without the code under test."""
    total = Fraction(0)
    for stream in streams:
        traffic, profile, limit = stream.traffic, stream.profile, stream.limit
        assert traffic is not None and profile is not None

        def load(sent: Fraction, back: Fraction, traffic: Traffic = traffic, profile: Profile = profile) -> Fraction:
            hit = traffic.cache_hit_share
            return (
                sent * ((1 - hit) + hit * profile.cached_cost_ratio) / profile.prefill_tps + back / profile.decode_tps
            )

        sent = traffic.input_tokens_per_second * multiple * traffic.peak_factor
        back = traffic.output_tokens_per_second * multiple * traffic.peak_factor
        most_in, most_out = limit.input_tokens_per_second, limit.output_tokens_per_second
        peak = min(load(sent, back), load(sent if most_in is None else most_in, back if most_out is None else most_out))
        work = -(-(peak / profile.utilisation_target) // 1)
        total += (work + spares.spares(int(work))) * profile.replica_accelerators * 730 * 2
    return total


@settings(max_examples=300)
@given(st.lists(STREAMS, min_size=1, max_size=3), st.integers(1, 10**7), st.integers(1, 5))
def test_break_even_use_is_the_largest_multiple_without_a_loss(drawn: list[Stream], fee: int, many_from: int) -> None:
    streams = tuple(
        Stream(key=f"s{n}", traffic=s.traffic, profile=s.profile, limit=s.limit) for n, s in enumerate(drawn)
    )
    spares = SpareRule(many_from=many_from)
    found = assess_contract(
        terms=ContractTerms(
            key="C",
            shape=Shape.FLAT_FEE,
            starts_date=START,
            fixed_fees=(FixedFee(key="fee", unit_price_usd=Decimal(fee)),),
        ),
        usage=UsageProfile(streams=streams, p95_multiple=Decimal(1)),
        profile=None,
        rate_usd_per_hour=Decimal(2),
        on_date=START,
        policy=ExposurePolicy(spares=spares),
    ).break_even
    if found.multiple is not None:
        assert found.multiple > 0
        assert _cost(streams, found.multiple, spares) <= fee
        assert _cost(streams, found.multiple * Fraction(1_000_001, 1_000_000), spares) > fee
    elif found.reason == "limit_holds":
        assert _cost(streams, Fraction(10**9), spares) <= fee
    else:
        assert found.reason == "fee_below_one_replica"
        assert _cost(streams, Fraction(1, 10**9), spares) > fee
