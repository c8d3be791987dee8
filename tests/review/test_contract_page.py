"""A contract's page in full: use at multiples, pools and lots, SLA, versions, changes; who reads what of it."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date, timedelta
from decimal import Decimal as D

import pgtrigger
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from capacity.access.models import AuditEvent
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.allocation.models import RunDocument
from capacity.lib.figures import RESTRICTED
from capacity.review.contract_supply import most_of, term_sentence
from capacity.review.contract_terms import penalty_facts
from capacity.review.contract_use import finding
from contracts.models import Contract, RunContractLot, RunContractMultiple, RunContractPool, RunContractSla
from tests.contracts.pipeline import make_world
from tests.factories import make_policy, make_review, make_run, make_user
from tests.factory_contract_rows import CURVE, USE_MONEY
from tests.review.pages_under_test import csv_rows, table_cells

pytestmark = pytest.mark.django_db

FLAT, OWN = "/contracts/cygnus_flat/", "/contracts/acme_pt/"
DETAIL_APIS = ("contract-multiples", "contract-pools", "contract-lots", "contract-slas")
MOST_QUERIES, MOST_ELEMENTS = 15, 2000


def page(client: Client, role: str, address: str = FLAT) -> str:
    client.force_login(make_user(role))
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_finance_read_the_worked_flat_fee_at_1_2_and_3_times_its_use(client: Client) -> None:
    make_run()
    make_policy()
    html = page(client, "finance")
    rows = table_cells(html, "Use at multiples")
    assert [row[1] for row in rows] == ["32", "48", "64", "64"]
    assert [row[2:5] for row in rows[:3]] == [
        ["$46.7k", "$90.0k", "$43.3k"],
        ["$70.1k", "$90.0k", "$19.9k"],
        ["$93.4k", "$90.0k", "−$3.44k"],
    ]
    assert [row[5] for row in rows] == ["48.1%", "22.1%", "−3.8%", "−3.8%"]
    assert [row[6] for row in rows] == ["$0", "$0", "$3.44k", "$3.44k"]
    assert [row[7] for row in rows] == ["0", "16", "32", "32"]


def test_the_margin_after_a_price_war_is_shown_to_whoever_reads_the_margin(client: Client) -> None:
    make_run()
    rows = {row[0]: row[1:] for row in table_cells(page(client, "finance"), "Money")}
    assert rows["Margin ÷ revenue"] == ["3.9%", "−188.3%"]
    # 1 − 0.961 ÷ 0.6 and 1 − 2.883 ÷ 0.6
    assert rows["Margin ÷ revenue, prices cut 40%"] == ["−60.2%", "−380.5%"]
    banded = {row[0]: row[1:] for row in table_cells(page(client, "chair"), "Money")}
    assert banded["Margin ÷ revenue, prices cut 40%"] == ["restricted", "restricted"]


def test_a_loss_is_said_by_its_sign_and_in_words_beside_its_colour(client: Client) -> None:
    make_run()
    make_policy(target_gross_margin_share="0.3000")
    html = page(client, "finance")
    names = [row[0] for row in table_cells(html, "Use at multiples")]
    assert names == ["1× expected usemeets target", "2×below target", "3×loses", "Worst reasonable, 3×loses"]
    assert '<td class="n use-loses" data-label="Margin">−$3.44k</td>' in html
    assert "the target is a margin of 30.0%" in html


def test_the_chart_marks_the_break_even_use_and_has_its_table(client: Client) -> None:
    make_run(changes={"exposure": {"cygnus_flat": {"break_even_multiple": D("2.635294")}}})
    html = page(client, "finance")
    assert "It pays for itself up to 2.64× its expected use. At 3× it loses $3.44k a month." in html
    drawn = json.loads(re.search(r'<script id="figure-use" type="application/json">(.*?)</script>', html)[1])  # type: ignore[index]
    line, dots = drawn["data"]
    assert line["x"] == [float(multiple) for multiple, _ in CURVE]
    assert (dots["x"], dots["y"]) == ([1, 2, 3, 3], [43_280, 19_920, -3_440, -3_440])
    assert any(note["text"] == "<b>break-even 2.64×</b>" for note in drawn["layout"]["annotations"])
    assert any(shape.get("x0") == 2.635294 for shape in drawn["layout"]["shapes"])
    assert "Multiple of expected use" in html


def test_a_contract_whose_revenue_follows_use_says_why_it_has_no_break_even(client: Client) -> None:
    make_run()
    html = page(client, "finance", "/contracts/borealis_api/")
    assert (
        "More use is paid for: there is no break-even use. At 3× it earns $143k a month, 77.7% of its revenue." in html
    )


def test_the_chair_reads_bands_and_no_curve(client: Client) -> None:
    make_run(changes={"exposure": {"cygnus_flat": {"break_even_multiple": D("2.635294")}}})
    html = page(client, "chair")
    rows = table_cells(html, "Use at multiples")
    assert [row[1] for row in rows] == ["32", "48", "64", "64"]
    # Costs in bands; margins at three uses, even in bands, would give the fee away.
    assert rows[0][2] == "$20k–$50k"
    assert all(row[3:7] == ["restricted"] * 4 for row in rows)
    assert "It pays for itself up to 2×–5× its expected use. At" not in html
    # A colour or a word beside a band would narrow it.
    assert "use-meets" not in html
    assert "below target" not in html
    assert "figure-use" not in html
    assert "would tell the fee" in html
    assert "2×–5×" not in html
    assert "What more use does to its margin is not for your role." in html


def test_the_finding_names_the_use_there_is_and_not_the_one_asked_for() -> None:
    row = {
        "basis": "multiple",
        "multiple": D(3),
        "used_multiple": D("2.25"),
        "margin_usd": D(-3_440),
        "margin_share": None,
    }
    rows = [{**row, "break_even_reason": ""}]
    assert finding(rows, None) == "At 2.25× it loses $3.44k a month."
    assert finding([{**rows[0], "used_multiple": D(3)}], None) == "At 3× it loses $3.44k a month."


def test_parts_of_lots_that_leave_in_different_weeks_are_no_more_than_it_ever_has() -> None:
    """20 of one lot move to the next when it leaves, which then has 32: 52 were never there."""
    shared = {"source_type": "leased", "lot_key": RESTRICTED, "usd_per_hour": None, "weeks_uncovered": 9}
    lots = [
        {**shared, "part_accelerators": D(20), "ends_date": date(2027, 1, 4)},
        {**shared, "part_accelerators": D(32), "ends_date": date(2027, 2, 1)},
    ]
    pools = [{"weekly": ["20", "0"]}, {"weekly": ["12", "32"]}]
    assert most_of(pools) == 32
    assert most_of([]) is None
    sentence, _ = term_sentence(lots, year=2026, most=most_of(pools))
    assert sentence.startswith(
        "2 of the 2 lots it stands on leave before the contract ends, with 32 accelerators of it"
    )


def test_it_says_which_pools_and_lots_it_stands_on_and_what_leaves_before_it_ends(client: Client) -> None:
    make_run()
    html = page(client, "finance")
    assert table_cells(html, "Pools it stands on")[0][:6] == ["B200 EU West", "4", "23 Nov", "14 Dec", "32", "32"]
    lots = table_cells(html, "Lots it stands on")
    assert lots[0] == ["b200_euw1", "b200_lot1", "Leased", "Northgate", "256", "20", "$3.31", "7 Apr 2027", "12"]
    # The rate of the other lot is not known, which is not the same as nothing.
    assert lots[1][6:] == ["—", "4 Dec 2028", "0"]
    assert (
        "1 of the 2 lots it stands on leaves before the contract ends, with 20 accelerators of it: b200_lot1 (lease) at "
        "$3.31 an hour ends 7 Apr 2027, 12 weeks before, 20 accelerators." in html
    )
    assert "Term mismatch." in html
    assert "12 weeks uncovered" in html


def test_sales_read_their_own_terms_and_neither_lot_nor_supplier_nor_rate(client: Client) -> None:
    make_run()
    client.force_login(make_user("sales", username="sales2"))
    html = client.get(FLAT).content.decode()
    assert "$90.0k" in html
    assert "lease ends 7 Apr 2027, 12 weeks before, 20 accelerators" in html
    assert [word for word in ("b200_lot1", "Northgate", "$3.31", "256") if word in html] == []
    assert 'href="/supply/' not in html


def test_an_sla_is_priced_by_tier_and_what_nobody_priced_says_so(client: Client) -> None:
    make_run()
    html = page(client, "finance", OWN)
    rows = table_cells(html, "SLA")
    assert [row[2:] for row in rows] == [
        ["99.90%", "43", "10.0%", "$8.93k", "—", "—", "—"],
        ["99.00%", "432", "25.0%", "$22.3k", "—", "—", "—"],
        ["95.00%", "2,160", "100.0%", "$89.3k", "—", "—", "—"],
    ]
    assert "the standard ones hold. One bad month credits up to $89.3k." in html
    penalty = html[html.index('id="penalty"') :]
    assert penalty.index("Expected credits") < penalty.index("not priced")
    assert "Loss exposure counts the credits of the weeks that the plan leaves short, no others." in penalty
    assert "No SLA: nothing is credited" in page(client, "exec", FLAT)


def test_chances_on_file_price_what_to_expect_of_a_month() -> None:
    fee = {"fee_usd": D("89317.13")}
    rows = [
        {**fee, "chance": D(chance), "expected_usd": D(usd), "expected_make_good_usd": D(more)}
        for chance, usd, more in (("0.04", "357.27", "0"), ("0.009", "200.96", "0"), ("0.001", "89.32", "25"))
    ]
    finance = Viewer("ann", frozenset({Role.FINANCE}))
    facts = dict(penalty_facts(finance, None, rows, year=2026))
    # 4 % of 10 %, 0.9 % of 25 % and 0.1 % of all of $89,317.13: $647.55 a month.
    assert (facts["Expected credits"], facts["Make-good"]) == ("$648 a month", "$25.0 a month")
    rows[1] |= dict.fromkeys(("chance", "expected_usd", "expected_make_good_usd"))
    facts = dict(penalty_facts(finance, None, rows, year=2026))
    assert [facts[name].word for name in ("Expected credits", "Make-good")] == ["not priced", "not priced"]
    blind = [
        {**row, "chance": D("0.04"), "expected_usd": RESTRICTED, "expected_make_good_usd": RESTRICTED} for row in rows
    ]
    facts = dict(penalty_facts(Viewer("chris", frozenset({Role.CHAIR})), None, blind, year=2026))
    assert (facts["Expected credits"], facts["Make-good"]) == (RESTRICTED, RESTRICTED)


def test_the_chair_reads_the_tiers_without_the_money(client: Client) -> None:
    make_run()
    html = page(client, "chair", OWN)
    assert "99.90%" in html
    assert [money for money in USE_MONEY if money in html] == []
    assert "$8.93k" not in html


@pytest.mark.parametrize("role", ["research", "product"])
def test_none_of_it_is_there_for_a_price_blind_role(client: Client, role: str) -> None:
    run = make_run()
    client.force_login(make_user(role))
    for address in (FLAT, OWN, f"{FLAT}?run={run.pk}", f"{FLAT}?format=csv&table=contract-multiples"):
        assert client.get(address).status_code == 404, address
    for name in DETAIL_APIS:
        answer = client.get(f"/api/v1/{name}/")
        assert answer.status_code == 403, name
        assert [word for word in ("cygnus", "Northgate", *USE_MONEY) if word in answer.content.decode()] == []
    listed = client.get("/contracts/").content.decode()
    assert "Concentration" not in listed
    assert "HHI" not in listed


@pytest.mark.security
def test_others_contracts_are_not_among_the_rows_that_sales_read(client: Client) -> None:
    make_run()
    client.force_login(make_user("sales"))
    assert client.get(FLAT).status_code == 404
    for name in DETAIL_APIS:
        rows = client.get(f"/api/v1/{name}/").json()["results"]
        assert {row["contract_key"] for row in rows} <= {"acme_pt", "borealis_api"}, name
        # Another's key and one that there is not give the same answer.
        answers = [client.get(f"/api/v1/{name}/?contract_key={key}") for key in ("cygnus_flat", "no_such")]
        assert [(each.status_code, each.json()["count"]) for each in answers] == [(200, 0), (200, 0)]


def test_the_api_gives_what_the_page_shows(client: Client) -> None:
    make_run()
    client.force_login(make_user("finance"))
    rows = client.get("/api/v1/contract-multiples/?contract_key=cygnus_flat").json()["results"]
    assert [(row["multiple"], row["accelerators"], row["margin_usd"]) for row in rows] == [
        ("1", 32, "43280"), ("2", 48, "19920"), ("3", 64, "-3440"), ("3", 64, "-3440"),
    ]  # fmt: skip
    assert rows[0]["curve"] == CURVE
    client.force_login(make_user("chair"))
    banded = client.get("/api/v1/contract-multiples/?contract_key=cygnus_flat").json()["results"]
    assert banded[0]["reserved_cost_usd"] == {"low": "20000", "high": "50000"}
    assert {"curve", "margin_usd", "margin_share", "loss_exposure_usd"} <= set(banded[0]["restricted"])


def test_each_table_is_a_file_and_taking_it_is_written_down(client: Client) -> None:
    run = make_run()
    client.force_login(make_user("finance"))
    multiples = csv_rows(client.get(f"{FLAT}?format=csv&table=contract-multiples").content)
    assert len(multiples) == 5
    at = multiples[0].index("Margin (USD a month)")
    assert [D(row[at]) for row in multiples[1:]] == [43_280, 19_920, -3_440, -3_440]
    lots = list(
        csv.reader(io.StringIO(client.get(f"{FLAT}?format=csv&table=contract-lots").content.decode("utf-8-sig")))
    )
    assert [row[1] for row in lots[1:]] == ["b200_lot1", "b200_lot2"]
    subjects = AuditEvent.objects.filter(action="exported").values_list("subject", flat=True)
    assert f"contract-multiples of run {run.pk}" in subjects


def test_an_unsized_contract_says_what_is_not_known(client: Client) -> None:
    make_run()
    html = page(client, "finance", "/contracts/delta_pilot/")
    rows = table_cells(html, "Use at multiples")
    assert [row[1] for row in rows] == ["unsized"] * 4
    assert "$0" not in "".join(cell for row in rows for cell in row)
    assert "What more use would do to its margin is not known." in html
    assert "there is nothing to draw" in html
    assert "The plan serves it from no pool" in html
    assert "No lot is counted under its pools." in html


def test_a_run_from_before_these_tables_says_so(client: Client) -> None:
    make_run()
    for model in (RunContractMultiple, RunContractPool, RunContractLot, RunContractSla):
        with pgtrigger.ignore(f"contracts.{model.__name__}:immutable"):
            model.objects.all().delete()
    html = page(client, "finance")
    assert "This run is from before use at multiples was kept." in html
    assert html.count("This run is from before this was kept.") >= 3
    for said in ("No SLA", "No lot is counted", "serves it from no pool"):
        assert said not in html
    assert "$1.72M" in html


def test_a_contract_that_no_plan_has_yet_has_its_versions_only(client: Client) -> None:
    make_world()
    html = page(client, "finance", "/contracts/deal-1/")
    assert "What-if: not in force." in html
    assert "Use at multiples" not in html


def amend(**columns: object) -> None:
    """Version 2 of c-1, a year later, with one price and two terms changed."""
    first = Contract.objects.get(key="c-1")
    lines = list(first.price_lines.all())
    starts = first.ends_date
    first.pk, first.version, first.starts_date = None, 2, starts
    first.ends_date, first.state = starts + timedelta(days=365), "signed"
    for name, value in columns.items():
        setattr(first, name, value)
    first.save(force_insert=True)
    for line in lines:
        line.pk, line.contract_id, line.starts_date = None, first.pk, starts
        line.price = D("12.5") if line.kind == "output" else line.price
        line.save(force_insert=True)


def make_c1(run_changes: dict[str, object] | None = None) -> None:
    """A run that has the sample tables' contract c-1 in force."""
    make_run(
        changes={"exposure": {"cygnus_flat": {"contract_key": "c-1", "owner_username": "", **(run_changes or {})}}}
    )


def test_versions_differ_field_by_field_in_words(client: Client) -> None:
    make_world()
    amend(p95_multiple=D("2.5"), name="Larger")
    make_c1()
    html = page(client, "finance", "/contracts/c-1/")
    part = html[html.index('id="differences"') :]
    assert "Version 2 against 1, from 1 Jan 2029" in part
    assert "<li>Name: " in part
    assert "→ Larger</li>" in part
    assert "→ 2.5</li>" in part
    assert re.search(r"Price of Larger output from 2029-01-01 changed: price [\d.]+ → 12.5\.", part)
    # Prices that an amendment takes over unchanged are no difference.
    assert "uncached input from 2029" not in part
    # Dates and states stand in the heads of the versions.
    assert "Starts date" not in part


@pytest.mark.security
def test_reading_a_price_in_the_versions_is_written_down_and_not_reading_it_is_not(client: Client) -> None:
    make_world()
    amend()
    make_c1()
    viewed = AuditEvent.objects.filter(action="price_viewed").values_list("user__username", "subject")
    page(client, "exec", "/contracts/c-1/")
    assert not viewed.exists()
    page(client, "finance", "/contracts/c-1/")
    assert list(viewed) == [("finance", "versions of contract c-1")]


def test_who_may_not_read_prices_reads_that_something_is_kept_back(client: Client) -> None:
    make_world()
    amend(p95_multiple=D("2.5"))
    make_c1()
    html = page(client, "exec", "/contracts/c-1/")
    part = html[html.index('id="differences"') :]
    assert "12.5" not in part
    assert "Some changes here are restricted to other roles." in part


def change(contract: str, label: str, before: str, after: str) -> dict[str, object]:
    field = {
        "label": label,
        "kind": "usd",
        "resource": "exposure",
        "field": "margin_usd",
        "before": before,
        "after": after,
    }
    names = {"key": contract, "name": contract, "customer": "", "alias": "C-9", "owner": "sales2"}
    return {
        "group": "promises", "table": "", "kind": "changed", "noun": "Contract", "subject": "", "key": [],
        "gate": ["exposure", "planned_accelerators"], "owner": "sales2", "contract": names, "cause": "", "fields": [field],
    }  # fmt: skip


def test_what_changed_since_the_last_review_is_this_contracts_only(client: Client) -> None:
    old = make_run(week="2026-W47")
    make_review(old)
    run = make_run()
    lines = [change("cygnus_flat", "Margin, P50", "120000", "35000"), change("acme_pt", "Margin, P50", "7", "9000")]
    with pgtrigger.ignore("allocation.RunDocument:immutable"):
        RunDocument.objects.filter(run=run).update(
            changes={"against": {"week": "2026-W47", "run": old.pk}, "is_first": False, "contracts": [], "lines": lines}
        )
    html = page(client, "finance")
    part = html[html.index('id="changed"') :]
    assert 'Against <a href="/reviews/2026-W47/">2026-W47</a>' in part
    assert "Contract cygnus_flat changed: margin, P50 $120k → $35.0k." in part
    assert "$9.00k" not in part
    assert "Nothing of this contract has changed since then." in page(client, "exec", "/contracts/borealis_api/")
    # The frozen page itself compares with nothing before it.
    assert "nothing to compare with" in client.get(f"{FLAT}?review=2026-W47").content.decode()


def test_the_page_stays_within_its_queries_and_elements(client: Client) -> None:
    make_world()
    amend()
    make_run(weeks=104, scale=3, changes={"exposure": {"cygnus_flat": {"contract_key": "c-1"}}})
    client.force_login(make_user("finance", "chair"))
    client.get("/methods/")
    for address in ("/contracts/c-1/", FLAT.replace("_flat", "_flat_2"), OWN):
        with CaptureQueriesContext(connection) as queries:
            html = client.get(address).content.decode()
        assert len(queries) <= MOST_QUERIES, (address, [each["sql"][:120] for each in queries])
        assert len(re.findall(r"<[a-z]", html)) <= MOST_ELEMENTS


def test_the_review_and_the_pipeline_lead_to_the_page(client: Client) -> None:
    make_run()
    assert 'href="/contracts/cygnus_flat/"' in page(client, "finance", "/")
    assert 'href="/contracts/acme_more/"' in page(client, "exec", "/pipeline/")


def test_days_of_the_detail_tables_come_back_as_days() -> None:
    run = make_run()
    assert RunContractLot.objects.filter(run=run, ends_date=date(2027, 4, 7)).exists()
