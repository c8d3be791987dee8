"""Quotes over the small world of deals: what fits and one more does not, the same answer twice, refusals, sight, deals.

The world is tests/contracts/pipeline.py's: 112 H100 allocatable in nodes of 8, the floor left out. A quote of n
dedicated accelerators takes n and one spare node.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from capacity.access.models import AuditEvent
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.allocation.models import CurrentRun, Run, WhatIf
from capacity.imports.limits import KEY as KEY_FORM
from capacity.review import quote_page, what_if
from capacity.review import quote_words as words
from capacity.review.compute import prepare_inputs
from capacity.review.inputs import Inputs, read_inputs
from capacity.review.plan_source import ReviewPlanSource
from capacity.review.quote_answer import quote_answer, terms_of_sized
from capacity.review.quote_asking import ask_quote, quick_answer, run_room
from capacity.review.quote_reading import MOST_LINES, QuoteRefused, ReadQuote, read_quote
from capacity.review.quote_rows import visible_quote_answer, visible_terms
from capacity.review.quote_sizing import FitCheck, quoted_inputs, sized_quote
from capacity.review.what_if import HotRuns, answer_question
from contracts.domain.quote_payload import KEY, changes_of, later, with_volume
from contracts.models import Contract, Quote
from contracts.quote_deals import make_deal
from contracts.quote_floor import PriceFloor
from contracts.quotes import PoolRates, QuoteTerms
from contracts.services import makers_of
from tests.contracts.pipeline import ALLOCATABLE, NODE, NOW, TODAY, make_world, people
from tests.factories import make_user

pytestmark = pytest.mark.django_db

MOST_QUERIES = 15
CUSTOMER_WORDS = ("Secretive Bank", "secretive", "4321.17")


def quiet(_stage: str, _share: float) -> None:
    """Progress that nobody watches."""


def pod(accelerators: int, **columns: str) -> dict[str, Any]:
    return {
        "name": "A pod",
        "contract": {
            "shape": "dedicated_accelerators",
            "accelerator_type": "h100",
            "starts_date": "2027-01-04",
            "ends_date": "2027-07-05",
            **columns,
        },
        "price_lines": [{"kind": "accelerator_hour", "price": "4"}],
        "commit_steps": [{"kind": "accelerators", "quantity": str(accelerators)}],
    }


def read(sent: dict[str, Any]) -> ReadQuote:
    return read_quote(sent)


@pytest.fixture
def world() -> None:
    make_world(deals=0)


@pytest.fixture
def check(world: None) -> FitCheck:
    inputs = read_inputs(as_of=TODAY).in_order()
    return FitCheck(inputs=inputs, prepared=prepare_inputs(inputs=inputs, progress=quiet))


@pytest.fixture
def run(world: None) -> Run:
    """A plan of the world, published."""
    source = ReviewPlanSource()
    inputs = source.read(as_of=TODAY)
    plan = source.compute(inputs=inputs, progress=quiet)
    made = Run.objects.create(
        state="done", reason="test", input_hash="a", result_hash="b", fencing_token=1, inputs_version=inputs.version,
        first_week=inputs.first_week.key, weeks=104, started_at=NOW, finished_at=NOW, as_of_date=TODAY,
    )  # fmt: skip
    plan.write(made)
    CurrentRun.objects.create(scope="plan", run=made, fencing_token=1, inputs_version=inputs.version)
    return made


def free_in(check: FitCheck, weeks: set[int]) -> int:
    """By hand: whole nodes that what is promised leaves in the tightest of the weeks."""
    used = [
        sum(float(each.work[week]) for each in check.prepared.problem.serving if each.tier == "committed")
        for week in weeks
    ]
    nodes = -(-int(max(used) + 0.999999) // NODE)
    return ALLOCATABLE - nodes * NODE


# --- what fits --------------------------------------------------------------------------------------------------------


def test_a_quote_fits_up_to_the_last_node_and_one_accelerator_more_does_not(check: FitCheck) -> None:
    whole = check.tried(read(pod(8)).payload)
    room = free_in(check, {week for week, amount in enumerate(whole.work) if amount})
    # One node is the spare; what is left may be promised.
    assert check.tried(read(pod(room - NODE)).payload).fits
    tight = check.tried(read(pod(room - NODE + 1)).payload)
    assert not tight.fits
    assert set(tight.short.values()) - {0} != set()


def test_the_problem_with_a_quote_is_the_one_a_what_if_of_its_rows_prepares(check: FitCheck) -> None:
    payload = read(pod(24)).payload
    hot = what_if.HotRun(
        inputs=check.inputs, prepared=check.prepared, problem=check.prepared.problem, solution=None, plan=None
    )  # type: ignore[arg-type]
    prepared = what_if.prepare_changed(run=hot, changes=changes_of(payload))
    assert sorted(check.tried(payload).problem.serving, key=lambda each: each.key) == sorted(
        prepared.problem.serving, key=lambda each: each.key
    )


def answered(check: FitCheck, sent: dict[str, Any], target: Decimal | None = None) -> dict[str, Any]:
    return quote_answer(
        inputs=check.inputs, prepared=check.prepared, payload=read(sent).payload, target_share=target, progress=quiet
    )


def test_what_does_not_fit_comes_with_offers_that_do_and_are_least(check: FitCheck) -> None:
    answer = answered(check, pod(200))
    assert answer["fits"] is False and answer["short"]["most"] > 0
    kinds = [offer["kind"] for offer in answer["offers"]]
    assert "smaller" in kinds and len(kinds) <= 3
    for offer in answer["offers"]:
        assert check.tried(offer["payload"]).fits
    smaller = next(offer for offer in answer["offers"] if offer["kind"] == "smaller")
    part = smaller["says"]["part"]
    assert not check.tried(with_volume(read(pod(200)).payload, part=part + 1, of=200)).fits


def test_the_earliest_start_is_the_smallest_week_that_fits(check: FitCheck) -> None:
    answer = answered(check, pod(24))
    # It asks to begin in 2027-W01: earlier starts are not looked for.
    assert answer["fits"] and answer["earliest"] == answer["weeks"][0]["week"] == "2027-W01"
    assert answer["earliest_weeks"] == 26


def priced(check: FitCheck, price: Decimal, target: Decimal) -> QuoteTerms:
    """24 dedicated accelerators and 8 spare ones at $2.00 an hour in every pool."""
    sent = pod(24)
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
    sent = pod(24) | {"sla_lines": [line | {"chance": "0.04", "make_good_usd": "500"}]}
    terms = answered(check, sent)["terms"]
    revenue, hours = Decimal(24 * 4 * 168 * 26), Decimal(168 * 26)
    # 4 % of a tenth of what it earns, and of $500 a month; it earns more than it costs, so that is all there is to lose.
    assert Decimal(terms["expected_credits_usd"]) == revenue * Decimal("0.004")
    assert abs(Decimal(terms["make_good_usd"]) - 20 * hours / 730) < Decimal("1e-9")
    lost = Decimal(terms["expected_credits_usd"]) + Decimal(terms["make_good_usd"])
    assert abs(Decimal(terms["loss_exposure_usd"]) - lost) < Decimal("1e-9")
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


def test_the_same_quote_of_the_same_run_has_the_same_answer(check: FitCheck) -> None:
    again = FitCheck(inputs=check.inputs, prepared=check.prepared)
    assert json.dumps(answered(check, pod(200))) == json.dumps(answered(again, pod(200)))


def test_words_say_what_moves_together_in_which_currency_and_how_much_is_planned() -> None:
    floor = {"kind": "accelerator_hour", "currency": "EUR", "moves": "one", "factor": None, "price": Decimal("2.31")}
    assert words.least_words(floor) == "EUR 2.31 per accelerator-hour"
    assert words.least_words({**floor, "currency": "USD"}) == "$2.31 per accelerator-hour"
    together = {**floor, "moves": "commitments", "factor": Decimal("1.38")}
    assert words.least_words(together) == "all prices and commitments × 1.38"
    assert words.least_words({**together, "moves": "all", "factor": Decimal("1.4063")}) == "all prices × 1.4063"
    assert words.planned_words({"weeks": 91, "term_weeks": 104}) == "91 of 104 weeks are planned"
    assert words.planned_words({"weeks": 104, "term_weeks": 104}) == ""


def test_offers_say_how_much_of_them_is_planned_and_earn_by_the_week(check: FitCheck) -> None:
    """Three years asked of a plan of two: what fits begins later, so that fewer of its weeks are planned."""
    sent = pod(200, ends_date="2030-01-07")
    answer = answered(check, sent)
    who = viewer(Role.FINANCE)
    shown = visible_quote_answer(who, answer, owner="ann", is_typed_target=False)
    for offer in shown["offers"]:
        terms = offer["terms"]
        assert terms["weeks"] < terms["term_weeks"]
        assert offer["revenue_usd_per_week"] * terms["weeks"] == pytest.approx(terms["expected"]["revenue_usd"])
        assert offer["payload"]["contract"]["ends_date"] >= "2030-01-07"
    assert shown["offers"]


def test_a_search_that_stopped_says_where() -> None:
    answer = {"earliest": None, "earliest_stopped": "2027-W40", "earliest_weeks": 0, "terms": {"term_weeks": 104}}
    assert words._earliest(answer) == "No start up to 2027-W40 fits; later ones were not looked at. "
    found = answer | {"earliest": "2027-W20", "earliest_stopped": None, "earliest_weeks": 80}
    assert words._earliest(found) == "The earliest start that fits is 2027-W20, with 80 of 104 weeks planned. "


# --- the question and its life ----------------------------------------------------------------------------------------


def viewer(*roles: Role, username: str = "ann") -> Viewer:
    return Viewer(username=username, roles=frozenset(roles))


def work(row: WhatIf) -> str:
    return answer_question(what_if_id=row.pk, worker="w", clock=lambda: NOW, runs=HotRuns(most=1))


def test_a_quote_is_answered_by_the_worker_and_kept_with_its_run(run: Run) -> None:
    ann = make_user("sales", username="ann")
    quote = ask_quote(run_id=run.pk, quote=read(pod(200)), viewer=viewer(Role.SALES), user=ann, now=NOW)
    assert work(quote.what_if) == "done"
    quote.what_if.refresh_from_db()
    assert quote.what_if.full is not None
    assert quote.what_if.full["quote"]["fits"] is False
    assert quote.what_if.run_id == run.pk
    again = ask_quote(run_id=run.pk, quote=read(pod(200)), viewer=viewer(Role.SALES), user=ann, now=NOW)
    assert again.pk != quote.pk
    assert work(again.what_if) == "done"
    again.what_if.refresh_from_db()
    assert again.what_if.full is not None
    assert again.what_if.full["quote"] == quote.what_if.full["quote"]


def test_a_double_click_asks_one_quote_and_another_target_is_another(run: Run) -> None:
    ann = make_user("sales", username="ann")

    def ask(sent: dict[str, Any]) -> Quote:
        return ask_quote(run_id=run.pk, quote=read(sent), viewer=viewer(Role.SALES), user=ann, now=NOW)

    first = ask(pod(8))
    assert ask(pod(8)).pk == first.pk
    assert ask(pod(8) | {"target_margin_share": "0.7"}).pk != first.pk


def test_the_quick_answer_counts_stored_rows_and_agrees_with_the_full_one(run: Run) -> None:
    quote = read(pod(24))
    quick = quick_answer(run_id=run.pk, quote=quote, viewer=viewer(Role.SALES))
    inputs: Inputs = run_room(run.pk).inputs
    full = quote_answer(
        inputs=inputs, prepared=prepare_inputs(inputs=inputs, progress=quiet), payload=quote.payload,
        target_share=None, progress=quiet,
    )  # fmt: skip
    assert quick["terms"] == full["terms"]
    assert quick["fits"] is full["fits"] is True
    assert quick_answer(run_id=run.pk, quote=read(pod(400)), viewer=viewer(Role.SALES))["short"]["most"] > 0


def test_sales_cannot_work_out_the_floor_from_what_is_short(run: Run) -> None:
    """A node more or less moves nothing that they read; finance reads the count."""
    shown = {}
    for role in (Role.SALES, Role.FINANCE):
        who = viewer(role)
        answers = [quick_answer(run_id=run.pk, quote=read(pod(size)), viewer=who) for size in (360, 368)]
        seen = [visible_quote_answer(who, each, owner="ann", is_typed_target=False) for each in answers]
        shown[role] = [(str(each["short"]["most"]), {str(week["short"]) for week in each["weeks"]}) for each in seen]
    assert shown[Role.SALES][0] == shown[Role.SALES][1] == ("up to 500", {"up to 500"})
    assert shown[Role.FINANCE][0] != shown[Role.FINANCE][1]


def test_a_kept_quote_that_does_not_fit_is_in_the_audit_log(run: Run) -> None:
    quote = kept(run)
    event = AuditEvent.objects.get(action="quote.refused")
    assert event.user == quote.made_by and str(quote.number) in event.subject
    assert event.detail["short"] == quote_document(quote)["short"]["most"]


def test_a_contract_or_customer_called_like_a_quote_stops_none(run: Run, check: FitCheck) -> None:
    assert not re.match(KEY_FORM, KEY)
    pattern = Contract.objects.get(key="c-1")
    Contract.objects.filter(pk=pattern.pk).update(key="new-quote")
    inputs = read_inputs(as_of=TODAY).in_order()
    quoted = quoted_inputs(inputs=inputs, payload=read(pod(8)).payload)
    assert [row["key"] for row in quoted.rows["contracts"]] == [KEY]


# --- refusals ---------------------------------------------------------------------------------------------------------


def errors_of(sent: Any, *, run: Run | None = None) -> dict[str, str]:
    with pytest.raises(QuoteRefused) as refused:
        quote = read_quote(sent)
        assert run is not None
        quick_answer(run_id=run.pk, quote=quote, viewer=viewer(Role.SALES))
    return {error.field: error.message for error in refused.value.errors}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda q: q.update(nme="x"), "nme"),
        (lambda q: q["contract"].update(state="signed"), "contract.state"),
        (lambda q: q["contract"].update(shape="a\x00b"), "contract.shape"),
        (lambda q: q["contract"].update(exclusivity="x" * 301), "contract.exclusivity"),
        (lambda q: q.update(target_margin_share="1.5"), "target_margin_share"),
        (lambda q: q.update(target_margin_share="NaN"), "target_margin_share"),
        (lambda q: q.update(target_margin_share="99.9999%"), "target_margin_share"),
        (lambda q: q.update(price_lines=[{"kind": "output"}] * (MOST_LINES + 1)), "price_lines"),
        (lambda q: q.update(price_lines="x"), "price_lines"),
        (lambda q: q.update(commit_steps=[{"kind": {"a": 1}}]), "commit_steps.0.kind"),
        (lambda q: q.update(contract=None), "contract"),
        (lambda q: q["price_lines"].append({"kind": "output"}), "price_lines.1.price"),
        (lambda q: q["commit_steps"].append({"starts_date": "2027-02-01"}), "commit_steps.1.kind"),
        (lambda q: q.update(sla_lines=[{"metric": "uptime", "below_share": "0.99"}]), "sla_lines.0.credit_share"),
    ],
)
def test_a_quote_that_cannot_be_read_names_its_field(change: Callable[[dict[str, Any]], Any], field: str) -> None:
    sent = deepcopy(pod(8))
    change(sent)
    assert field in errors_of(sent)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda q: q["contract"].update(ends_date="2026-12-01"), "contract.ends_date"),
        (lambda q: q["contract"].update(starts_date="soon"), "contract.starts_date"),
        (lambda q: q["contract"].update(accelerator_type="h1000"), "contract.accelerator_type"),
        (lambda q: q["contract"].pop("accelerator_type"), "contract.accelerator_type"),
        (lambda q: q["contract"].update(customer="acme"), "contract.customer"),
        (lambda q: q["price_lines"][0].update(price="-1"), "price_lines.0.price"),
        (lambda q: q["price_lines"][0].update(price="1e400"), "price_lines.0.price"),
        (lambda q: q["commit_steps"][0].update(quantity="many"), "commit_steps.0.quantity"),
        (lambda q: q["contract"].update(ends_date="2060-01-01"), "contract.ends_date"),
        (lambda q: q["contract"].update(starts_date="2040-01-02", ends_date="2041-01-01"), "contract.starts_date"),
    ],
)
def test_a_quote_that_cannot_be_planned_names_its_field(
    run: Run, change: Callable[[dict[str, Any]], Any], field: str
) -> None:
    sent = deepcopy(pod(8))
    change(sent)
    assert field in errors_of(sent, run=run)


def test_sales_do_not_learn_another_customer_from_a_refusal(run: Run) -> None:
    key = Contract.objects.get(key="c-1").customer.key
    said = " ".join(errors_of(pod(8, customer=key[:-1] + "x"), run=run).values())
    assert key not in said


# --- pages, API, sight ------------------------------------------------------------------------------------------------


def signed_in(role: str, username: str = "") -> Client:
    client = Client()
    client.force_login(make_user(role, username=username or role))
    return client


def kept(run: Run, username: str = "sales") -> Quote:
    """An answered quote with a telling name and price."""
    sent = pod(200) | {"name": "Secretive Bank"}
    sent["price_lines"][0]["price"] = "4321.17"
    user = make_user("sales", username=username)
    quote = ask_quote(run_id=run.pk, quote=read(sent), viewer=viewer(Role.SALES, username=username), user=user, now=NOW)
    assert work(quote.what_if) == "done"
    return quote


def addresses(quote: Quote) -> tuple[str, ...]:
    number = quote.number
    return (
        "/quotes/",
        f"/quotes/{number}/",
        f"/quotes/{number}/answer/",
        f"/quotes/{number}/sheet/",
        f"/quotes/compare/?a={number}&b={number}",
        "/api/v1/quotes/",
        f"/api/v1/quotes/{number}/",
    )


@pytest.mark.parametrize("role", ["research", "product"])
def test_research_and_product_get_no_word_of_a_quote(run: Run, role: str) -> None:
    quote = kept(run)
    client = signed_in(role)
    number = quote.what_if.uuid
    for address in (*addresses(quote), f"/scenarios/{number}/", "/scenarios/", f"/api/v1/what-ifs/{number}/"):
        answer = client.get(address)
        assert answer.status_code in (403, 404) or address == "/scenarios/"
        assert not any(word in answer.content.decode() for word in CUSTOMER_WORDS)
    for address in (
        "/quotes/new/",
        "/quotes/quick/",
        f"/quotes/{quote.number}/adopt/",
        f"/quotes/{quote.number}/deal/",
    ):
        assert client.post(address, {"name": "x"}).status_code == 403
    assert client.post("/api/v1/quotes/", pod(8), content_type="application/json").status_code == 403


def test_another_salesperson_gets_the_answer_of_a_missing_one(run: Run) -> None:
    quote = kept(run)
    client = signed_in("sales", "bob")
    for address in addresses(quote):
        answer = client.get(address)
        assert answer.status_code == (200 if address in ("/quotes/", "/api/v1/quotes/") else 404)
        assert not any(word in answer.content.decode() for word in CUSTOMER_WORDS)


def test_the_chair_sees_bands_and_no_price_and_an_executive_no_price(run: Run) -> None:
    quote = kept(run)
    for role in ("chair", "exec"):
        client = signed_in(role)
        for address in addresses(quote):
            text = client.get(address).content.decode()
            assert "4321.17" not in text and "4,321.17" not in text
        body = client.get(f"/api/v1/quotes/{quote.number}/").json()
        assert "terms.floor.price" in body["full"]["restricted"]
        assert body["payload"]["price_lines"][0]["price"] is None
    revenue = body["full"]["terms"]["expected"]["revenue_usd"]
    assert Decimal(revenue) > 0
    document = quote_document(quote)
    for name in ("committed", "expected", "heavy"):
        document["terms"][name] |= {"margin_usd": "1234567", "margin_share": "0.6177"}
    shown = visible_quote_answer(viewer(Role.CHAIR), document, owner="sales", is_typed_target=False)
    assert {str(shown["terms"][name]["margin_usd"]) for name in ("committed", "expected", "heavy")} == {"restricted"}
    # One band of what the price makes: two would cross.
    shares = [str(shown["terms"][name]["margin_share"]) for name in ("committed", "expected", "heavy")]
    assert shares == ["restricted", "50–80%", "restricted"]


def quote_document(quote: Quote) -> dict[str, Any]:
    quote.what_if.refresh_from_db()
    assert quote.what_if.full is not None
    return dict(quote.what_if.full["quote"])


def test_the_figure_counts_every_pool_by_what_an_accelerator_there_does(run: Run) -> None:
    document = quote_document(kept(run))
    (pool,) = document["pools"]
    assert Decimal(document["work"][pool]) == 1
    who = viewer(Role.FINANCE)
    tops = []
    for rate in ("1", "0.5"):
        answer = visible_quote_answer(who, document | {"work": {pool: rate}}, owner="sales", is_typed_target=False)
        figure = quote_page._figure(run.pk, answer)
        assert figure is not None
        tops.append(next(line["y"][0] for line in figure["data"] if line["name"] == "Allocatable supply"))
    assert tops == [ALLOCATABLE, ALLOCATABLE // 2]


def test_pages_of_quotes_keep_to_their_budget_of_queries(run: Run) -> None:
    quote = kept(run)
    client = Client()
    client.force_login(quote.made_by)
    client.get("/quotes/new/")
    for address in (*addresses(quote), "/quotes/new/", f"/quotes/new/?quote={quote.number}"):
        with CaptureQueriesContext(connection) as found:
            assert client.get(address).status_code == 200
        assert len(found) <= MOST_QUERIES, (address, len(found))


def test_a_quote_of_an_older_plan_says_so_and_is_asked_again_of_the_current(run: Run) -> None:
    quote = kept(run)
    client = Client()
    client.force_login(quote.made_by)
    address = f"/quotes/{quote.number}/"
    assert "Older plan" not in client.get(address).content.decode()
    newer = Run.objects.create(
        state="done", reason="test", input_hash="b", result_hash="c", fencing_token=2, inputs_version=2,
        first_week=run.first_week, weeks=104, started_at=NOW, finished_at=NOW, as_of_date=TODAY,
    )  # fmt: skip
    source = ReviewPlanSource()
    source.compute(inputs=source.read(as_of=TODAY), progress=quiet).write(newer)
    CurrentRun.objects.filter(scope="plan").update(run=newer, fencing_token=2)
    assert "Older plan" in client.get(address).content.decode()
    assert client.get(f"/api/v1/quotes/{quote.number}/").json()["is_stale"] is True
    client.post(f"{address}again/")
    again = Quote.objects.order_by("-pk").first()
    assert again is not None
    assert again.what_if.run_id == newer.pk and again.earlier_id == quote.pk


def test_what_is_typed_into_a_quote_is_text_on_every_page(run: Run) -> None:
    nasty = '<script>alert("x")</script>'
    user = make_user("sales")
    sent = pod(8, exclusivity=nasty) | {"name": nasty}
    quote = ask_quote(run_id=run.pk, quote=read(sent), viewer=viewer(Role.SALES), user=user, now=NOW)
    client = Client()
    client.force_login(user)
    for address in (*addresses(quote)[:5], f"/quotes/new/?quote={quote.number}"):
        assert nasty not in client.get(address).content.decode()
    form = {"name": nasty, "c-shape": nasty, "price_lines-0-price": nasty}
    assert nasty not in client.post("/quotes/quick/", form).content.decode()
    assert nasty not in client.post("/quotes/new/", form).content.decode()


def test_a_line_is_added_to_the_form_without_losing_what_is_typed(run: Run) -> None:
    client = signed_in("sales")
    assert 'name="price_lines-2-tier_mode"' in client.get("/quotes/new/").content.decode()
    form = {"name": "A pod", "c-shape": "pay_as_you_go", "price_lines-0-price": "4.75", "price_lines-2-price": ""}
    shown = client.post("/quotes/new/", form | {"price_lines-1-kind": "", "add": "price_lines"})
    page = shown.content.decode()
    assert shown.status_code == 200 and "4.75" in page and "errorlist" not in page
    assert 'name="price_lines-3-price"' in page and 'name="price_lines-4-price"' not in page
    assert (
        'name="sla_lines-1-metric"'
        in client.post("/quotes/new/", {"sla_lines-0-metric": "", "add": "sla_lines"}).content.decode()
    )
    asked = client.post("/quotes/new/", form)
    assert asked.status_code == 400 and "Line 1 says no kind" in asked.content.decode()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"contract": {"a\\u0000": "b"}}', '{"versions": 1}', "x" * 70_000])
def test_what_cannot_be_pasted_is_said_in_words(run: Run, text: str) -> None:
    client = signed_in("sales")
    answer = client.post("/quotes/new/", {"op": "paste", "text": text})
    assert answer.status_code == 400
    assert 'class="errors"' in answer.content.decode()


def test_the_api_answers_as_the_page_does(run: Run) -> None:
    user = make_user("sales")
    client = Client()
    client.force_login(user)
    asked = client.post("/api/v1/quotes/", pod(200), content_type="application/json", headers={"Idempotency-Key": "k"})
    assert asked.status_code == 202
    body = asked.json()
    again = client.post("/api/v1/quotes/", pod(200), content_type="application/json", headers={"Idempotency-Key": "k"})
    assert again.json()["id"] == body["id"]
    quote = Quote.objects.get(number=body["id"])
    assert body["quick"]["terms"]["expected"]["revenue_usd"]
    assert work(quote.what_if) == "done"
    full = client.get(f"/api/v1/quotes/{body['id']}/").json()
    assert full["state"] == "done" and full["full"]["fits"] is False
    page = client.get(f"/quotes/{body['id']}/").content.decode()
    assert full["full"]["verdict"].split(".")[0] in page
    offer = full["full"]["offers"][0]
    taken = client.post(f"/quotes/{body['id']}/adopt/", {"offer": offer["number"]})
    made = Quote.objects.order_by("-pk").first()
    assert made is not None and taken.status_code == 302
    assert made.earlier_id == quote.pk
    offered = {**offer["payload"], "name": "Again"}
    assert client.post("/api/v1/quotes/", offered, content_type="application/json").status_code == 202
    digits = client.post(f"/quotes/{body['id']}/adopt/", {"offer": "1" * 5_000})
    assert digits.status_code == 302


def test_the_api_names_the_field_that_is_wrong(run: Run) -> None:
    client = signed_in("sales")
    sent = pod(8)
    sent["price_lines"][0]["price"] = "dear"
    answer = client.post("/api/v1/quotes/", sent, content_type="application/json")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["price_lines.0.price"]
    assert client.post("/api/v1/quotes/", pod(8) | {"run": 99999}, content_type="application/json").status_code == 404


# --- the deal ---------------------------------------------------------------------------------------------------------


def test_a_quote_becomes_a_draft_with_its_lines_once(run: Run) -> None:
    ann = people()["ann"][0]
    customer = Contract.objects.get(key="c-1").customer
    customer.owner = ann
    customer.save()
    quote = ask_quote(run_id=run.pk, quote=read(pod(24)), viewer=viewer(Role.SALES), user=ann, now=NOW)
    assert work(quote.what_if) == "done"
    client = Client()
    client.force_login(ann)
    address = f"/quotes/{quote.number}/deal/"
    assert client.post(address, {"key": "pod-1", "customer": "nobody"}).status_code == 422
    assert not Contract.objects.filter(key="pod-1").exists()
    for _ in range(2):
        assert client.post(address, {"key": "pod-1", "customer": customer.key}).status_code == 302
    deal = Contract.objects.get(key="pod-1")
    assert (deal.state, deal.owner, deal.shape) == ("draft", ann, "dedicated_accelerators")
    assert [line.price for line in deal.price_lines.all()] == [Decimal(4)]
    assert [step.quantity for step in deal.commit_steps.all()] == [Decimal(24)]
    taken = client.post(f"/quotes/{kept(run, 'ann2').number}/deal/", {"key": "pod-1", "customer": customer.key})
    assert taken.status_code == 404


def test_who_asked_a_quote_does_not_approve_its_deal_and_the_customers_owner_keeps_it(run: Run) -> None:
    who = people()
    customer = Contract.objects.get(key="c-1").customer
    customer.owner = who["ann"][0]
    customer.save()
    fin = who["fin"][0]
    first = ask_quote(run_id=run.pk, quote=read(pod(24)), viewer=who["fin"][1], user=fin, now=NOW)
    quote = ask_quote(
        run_id=run.pk, quote=read(pod(16)), viewer=who["con"][1], user=who["con"][0], now=NOW, earlier=first
    )
    make_deal(quote_id=quote.pk, key="pod-2", customer=customer.key, user=who["con"][0], viewer=who["con"][1])
    deal = Contract.objects.get(key="pod-2")
    assert deal.owner == who["ann"][0]
    assert makers_of(deal) == {fin.pk, who["con"][0].pk}


def test_a_later_start_keeps_the_length_of_the_term() -> None:
    moved = later(read(pod(8)).payload, weeks=5)["contract"]
    assert (moved["starts_date"], moved["ends_date"]) == ("2027-02-08", "2027-08-09")
