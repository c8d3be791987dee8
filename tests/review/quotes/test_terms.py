"""What a quote earns and costs, and its price floor."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from capacity.access.roles import Role
from capacity.access.visibility import RESTRICTED
from capacity.review import quote_words as words
from capacity.review.quote_answer import terms_of_sized
from capacity.review.quote_page import verdict_kind
from capacity.review.quote_rows import visible_quote_answer, visible_terms
from capacity.review.quote_sizing import FitCheck, quoted_inputs, sized_quote
from contracts.quote_floor import PriceFloor
from contracts.quotes import PoolRates, QuoteTerms
from tests.review.quotes.asking import answered, pod, read, viewer

pytestmark = pytest.mark.django_db


def priced(check: FitCheck, price: Decimal, target: Decimal, **lines: Any) -> QuoteTerms:
    """24 dedicated accelerators and 8 spare ones at $2.00 an hour in every pool."""
    sent = pod(24) | lines
    sent["price_lines"][0]["price"] = str(price)
    quoted = quoted_inputs(inputs=check.inputs, payload=read(sent).payload)
    rates = PoolRates(by_pool={pool.key: [(112, Decimal(2))] * 104 for pool in check.prepared.problem.pools})
    sized = sized_quote(quoted=quoted, policy=check.policy)
    return terms_of_sized(sized=sized, quoted=quoted, policy=check.policy, rates=rates, target_share=target)


def test_the_price_floor_met_in_the_bill_meets_the_target_and_a_cent_less_does_not(check: FitCheck) -> None:
    target = Decimal("0.55")
    # 32 × $2 an hour ÷ 0.45 ÷ 24 = $5.9259 an accelerator-hour.
    price = priced(check, Decimal(4), target).floor.price
    assert price == Decimal("5.93")
    at, below = (priced(check, each, target).expected.margin_share for each in (price, price - Decimal("0.01")))
    assert at is not None and below is not None
    assert below < target <= at


def test_with_a_minimum_the_single_price_does_not_carry_the_bill(check: FitCheck) -> None:
    """The minimum is billed whatever the price is: only all of it together, × one factor, meets the target."""
    sent = pod(24)
    sent["commit_steps"].append({"kind": "minimum_usd_month", "quantity": "100000"})
    sent["contract"]["currency"] = "USD"
    found = floor_of(check, sent)
    assert (found.moves, found.currency) == ("commitments", "USD")
    assert {line.kind: line.asked for line in found.lines} == {
        "accelerator_hour": Decimal(4),
        "minimum_usd_month": Decimal(100_000),
    }
    moved = deepcopy(sent)
    moved["price_lines"][0]["price"] = str(found.lines[0].least)
    moved["commit_steps"][1]["quantity"] = str(found.lines[1].least)
    assert floor_of(check, moved).factor in (Decimal("0.9999"), Decimal(1))
    alone = deepcopy(sent)
    alone["price_lines"][0]["price"] = str(found.price)
    assert floor_of(check, alone).factor == found.factor


def test_of_use_that_grows_the_lowest_break_even_of_all_weeks_is_told(check: FitCheck) -> None:
    """The same fee over a longer term: its last weeks leave the least room before it no longer pays."""
    found = []
    for ends in ("2027-02-01", "2027-07-05"):
        sent = pod(8, shape="flat_fee", workload="chat", ends_date=ends, growth_share_per_month="0.2")
        sent["contract"] |= {"input_tokens_per_second": "1000", "output_tokens_per_second": "300"}
        del sent["contract"]["accelerator_type"]
        sent |= {"commit_steps": [], "price_lines": [{"kind": "fee_month", "price": "900000"}]}
        found.append(terms_at(check, sent))
    short, long = found
    assert short.break_even_multiple is not None and long.break_even_multiple is not None
    assert long.break_even_multiple < short.break_even_multiple
    assert long.heavy_multiple >= short.heavy_multiple


def floor_of(check: FitCheck, sent: dict[str, Any]) -> PriceFloor:
    return terms_at(check, sent).floor


def terms_at(check: FitCheck, sent: dict[str, Any]) -> QuoteTerms:
    """At $2.00 an hour in every pool and a target of 55%."""
    quoted = quoted_inputs(inputs=check.inputs, payload=read(sent).payload)
    rates = PoolRates(by_pool={pool.key: [(112, Decimal(2))] * 104 for pool in check.prepared.problem.pools})
    sized = sized_quote(quoted=quoted, policy=check.policy)
    return terms_of_sized(sized=sized, quoted=quoted, policy=check.policy, rates=rates, target_share=Decimal("0.55"))


def test_money_over_the_planned_weeks_is_the_bill_by_hand(check: FitCheck) -> None:
    terms = priced(check, Decimal(4), Decimal("0.5"))
    # 26 weeks of 168 hours: 24 × $4 earned, 32 × $2 reserved.
    assert terms.weeks == terms.term_weeks == 26
    assert terms.expected.revenue_usd == 24 * 4 * 168 * 26
    assert terms.expected.reserved_cost_usd == 32 * 2 * 168 * 26
    assert terms.expected.accelerators == 32


def test_a_quote_prices_its_outages_by_their_chances_and_without_one_not_at_all(check: FitCheck) -> None:
    line = {"metric": "uptime", "below_share": "0.999", "credit_share": "0.1"}
    terms = priced(check, Decimal(4), Decimal("0.1"), sla_lines=[line | {"chance": "0.04", "make_good_usd": "500"}])
    revenue, hours = Decimal(24 * 4 * 168 * 26), Decimal(168 * 26)
    # 4 % of a tenth of what it earns, and of $500 a month; it earns more than it costs, so that is all there is to lose.
    assert terms.expected_credits_usd == revenue * Decimal("0.004")
    assert terms.make_good_usd is not None and abs(terms.make_good_usd - 20 * hours / 730) < Decimal("1e-9")
    assert terms.loss_exposure_usd is not None
    assert abs(terms.loss_exposure_usd - terms.expected_credits_usd - terms.make_good_usd) < Decimal("1e-9")
    without = answered(check, pod(24) | {"sla_lines": [line]})["terms"]
    assert (without["expected_credits_usd"], without["make_good_usd"]) == (None, None)
    shown = visible_terms(viewer(Role.FINANCE), without, owner="", is_typed_target=False)
    assert str(shown["expected_credits_usd"]) == "not priced"


def test_a_quote_whose_need_is_not_known_is_unsized_and_never_zero(check: FitCheck) -> None:
    sent = pod(8)
    sent["contract"] = {"shape": "pay_as_you_go", "starts_date": "2027-01-04", "ends_date": "2027-07-05"}
    sent["commit_steps"], sent["price_lines"] = [], [{"kind": "output", "price": "15"}]
    answer = answered(check, sent)
    assert answer["unsized"] and answer["fits"] is False
    assert answer["terms"]["expected"]["reserved_cost_usd"] is None
    assert answer["terms"]["floor"]["price"] is None


def test_words_say_what_moves_together_in_which_currency_and_how_much_is_planned() -> None:
    floor = {"kind": "accelerator_hour", "currency": "EUR", "moves": "one", "factor": None, "price": Decimal("2.31")}
    assert words.least_words(floor) == "EUR 2.31 per accelerator-hour"
    assert words.least_words({**floor, "currency": "USD"}) == "$2.31 per accelerator-hour"
    together = {**floor, "moves": "commitments", "factor": Decimal("1.38")}
    assert words.least_words(together) == "all prices and commitments × 1.38"
    assert words.least_words({**together, "moves": "all", "factor": Decimal("1.4063")}) == "all prices × 1.4063"
    assert words.planned_words({"weeks": 91, "term_weeks": 104}) == "91 of 104 weeks are planned"
    assert words.planned_words({"weeks": 104, "term_weeks": 104}) == ""


def test_a_quote_that_fits_below_the_target_margin_says_so_and_is_not_green(check: FitCheck) -> None:
    document = answered(check, pod(8))
    shown = visible_quote_answer(viewer(Role.FINANCE), document, owner="", is_typed_target=True)
    for share, kind in (("0.5", "warn"), ("0.6", "good")):
        shown["terms"]["expected"]["margin_share"], shown["terms"]["target_share"] = Decimal(share), Decimal("0.6")
        lead, besides = words.verdict(shown, year=2027)
        assert lead.startswith("Fits from")
        assert ("less than the target margin" in besides) == (kind == "warn")
        assert verdict_kind(shown) == kind
    # Whoever does not see the margin is not told by the colour.
    shown["terms"]["expected"]["margin_share"] = RESTRICTED
    assert verdict_kind(shown) == "good"
