"""What an import of supply and cost says beyond single cells, and what it refuses."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from capacity.imports.tabular import Issue
from tests.imports.world import GOOD, import_texts

pytestmark = pytest.mark.django_db

LOT = "key,pool,domain,supplier,state,accelerators,control_grade,ordered_date,p50_date,p90_date,accepted_date,cost_rate_key"
MOVE = "lot,starts_date,accelerators,to_pool,to_domain\n"


@pytest.fixture(autouse=True)
def world() -> None:
    assert import_texts(GOOD).applied


def day(weeks: int) -> date:
    return timezone.now().date() + timedelta(weeks=weeks)


def said(**files: str) -> list[Issue]:
    return list(import_texts({f"{name}.csv": text for name, text in files.items()}).issues)


def codes(**files: str) -> list[str]:
    return [issue.code for issue in said(**files)]


def lot(state: str, *, ordered: date, p50: date | None, rate: str = "owned-1", more: str = "", cells: str = "") -> str:
    return f"{LOT}{more}\nx,pool-1,dom-a,acme,{state},32,1,{ordered},{p50 or ''},{day(90)},,{rate}{cells}\n"


def test_a_lot_past_its_date_and_not_accepted_is_late() -> None:
    (issue,) = said(lots=lot("confirmed", ordered=day(-60), p50=day(-1)))
    assert (issue.code, issue.severity, issue.column, issue.row) == ("late", "W", "p50_date", 2)
    assert codes(lots=lot("confirmed", ordered=day(-60), p50=day(0))) == []


def test_a_lot_without_a_cost_rate_has_an_unknown_cost() -> None:
    assert codes(lots=lot("confirmed", ordered=day(-60), p50=day(1), rate="")) == ["lot_without_cost"]


def test_a_lot_expected_before_the_lead_time_of_its_type_has_passed_is_inside_it() -> None:
    """Acme takes 26 weeks for this type and 20 for others; the type's own counts."""
    (issue,) = said(lots=lot("ordered", ordered=day(0), p50=day(25)))
    assert (issue.code, issue.severity) == ("inside_lead_time", "W")
    assert f"takes 26 weeks (P50), until {day(26)}, not {day(25)}" in issue.message
    assert codes(lots=lot("ordered", ordered=day(0), p50=day(26))) == []


def test_without_a_lead_time_of_its_type_the_suppliers_own_counts() -> None:
    other = (
        "key,name,manufacturer,dense_bf16_tflops,h100e_factor,h100e_as_of_date\nb200,B200,NVIDIA,2250,2,2026-01-01\n"
    )
    pool = "key,name,accelerator_type,site,source_type,node_size,availability_share\npool-2,P,b200,site-1,owned,8,1\n"
    place = {"accelerator_types": other, "pools": pool, "network_domains": "pool,key\npool-2,d\n"}
    rows = lot("ordered", ordered=day(0), p50=day(19)).replace("pool-1,dom-a", "pool-2,d")
    (issue,) = said(**place, lots=rows)
    assert (issue.code, "takes 20 weeks" in issue.message) == ("inside_lead_time", True)


def test_a_pool_without_a_network_domain_is_said_unless_the_same_files_bring_one() -> None:
    pool = "key,name,accelerator_type,site,source_type,node_size,availability_share\npool-2,P,h100,site-1,owned,8,1\n"
    assert codes(pools=pool, network_domains="pool,key\npool-2,d\n") == []
    assert codes(pools=pool.replace("pool-2", "pool-3")) == ["pool_without_domain"]


def test_one_delivery_written_twice_is_refused_with_both_named() -> None:
    first = lot("confirmed", ordered=day(-60), p50=day(1), more=",purchase_order", cells=",PO-7")
    again = first + first.splitlines()[1].replace("x,", "y,", 1) + "\n"
    found = said(lots=again)
    assert {(issue.code, issue.severity) for issue in found} == {("repeated_delivery", "E")}
    assert "Lots x and y are the same delivery" in found[0].message


def test_two_lots_of_one_serial_are_refused() -> None:
    first = lot("confirmed", ordered=day(-60), p50=day(1), more=",serial_ref", cells=",SN-1..32")
    again = first + first.splitlines()[1].replace("x,", "y,", 1) + "\n"
    assert "one_lot_per_serial" in codes(lots=again)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("lot-1,2026-07-01,49,pool-1,row-2", "move_exceeds_lot"),
        ("lot-1,2026-01-05,8,pool-1,row-2", "move_before_arrival"),
        ("lot-3,2026-09-07,8,pool-1,row-2", "move_after_end"),
    ],
)
def test_a_move_that_the_lot_cannot_make_is_refused(row: str, code: str) -> None:
    """Lot 1 has 64 from 2 February, of which 16 moved to row 2 already; lot 3 ended on 7 September."""
    ended = "key,pool,domain,supplier,state,accelerators,control_grade,accepted_date,ends_date,cost_rate_key\n"
    assert import_texts(
        {"lots.csv": ended + "lot-3,pool-1,dom-a,acme,retired,8,1,2026-02-02,2026-09-07,owned-1\n"}
    ).applied
    (issue,) = said(lot_moves=f"{MOVE}{row}\n")
    assert (issue.code, issue.severity, issue.row) == (code, "E", 2)


def test_a_move_to_another_accelerator_type_is_refused() -> None:
    other = (
        "key,name,manufacturer,dense_bf16_tflops,h100e_factor,h100e_as_of_date\nb200,B200,NVIDIA,2250,2,2026-01-01\n"
    )
    pool = "key,name,accelerator_type,site,source_type,node_size,availability_share\npool-2,P,b200,site-1,owned,8,1\n"
    place = {"accelerator_types": other, "pools": pool, "network_domains": "pool,key\npool-2,d\n"}
    assert codes(**place, lot_moves=f"{MOVE}lot-1,2026-07-01,8,pool-2,d\n") == ["move_changes_type"]


def test_a_smaller_lot_than_its_moves_is_said_and_not_refused() -> None:
    (issue,) = said(lots="key,accelerators\nlot-1,8\n")
    assert (issue.code, issue.severity) == ("move_exceeds_lot", "W")


def test_an_outage_of_more_than_the_lots_there_hold_is_said() -> None:
    rows = "key,pool,kind,accelerators,starts_date\no-2,pool-1,maintenance,{},2026-12-07\n"
    assert codes(outages=rows.format(96)) == []
    assert codes(outages=rows.format(97)) == ["outage_exceeds_lots"]


OWNED = (
    "key,kind,starts_date,capex_usd,accelerator_capex_usd,residual_usd,life_years,wacc_share,power_kw,load_share,pue,"
    "usd_per_kwh,usd_per_kw_month,support_usd_per_year,staff_usd_per_hour\n"
    "own-2,owned,2026-01-01,48180,{},4380,5,0.10,1.25,1,1.2,0.08,146,876,0.10\n"
)


def test_a_share_of_silicon_outside_30_to_45_percent_is_said() -> None:
    """Of $1.87 an hour: 30,000 is 36.6 %, 40,000 is 48.8 %, 20,000 is 24.4 %."""
    assert codes(cost_rates=OWNED.format(30000)) == []
    (issue,) = said(cost_rates=OWNED.format(40000))
    assert (issue.code, issue.severity, "48.8%" in issue.message) == ("silicon_share", "W", True)
    assert codes(cost_rates=OWNED.format(20000)) == ["silicon_share"]


def test_a_line_that_mends_the_share_of_silicon_ends_the_warning() -> None:
    line = "rate,rate_starts_date,line,component,usd_per_hour\nown-2,2026-01-01,building,facility,0.20\n"
    assert codes(cost_rates=OWNED.format(40000), cost_lines=line) == []


def test_a_rate_in_a_currency_without_an_exchange_rate_is_said() -> None:
    rows = "key,kind,starts_date,currency,lease_usd_per_hour\nlease-{0},leased,2026-01-01,{0},2.00\n"
    assert codes(cost_rates=rows.format("EUR")) == []
    assert codes(cost_rates=rows.format("GBP")) == ["no_fx_rate"]


def test_a_charge_of_the_future_is_refused() -> None:
    rows = "provider,external_id,day,charge_kind,billed_usd\nnimbus,n-9,{},usage,5\n"
    (issue,) = said(actual_costs=rows.format(day(1)))
    assert (issue.code, issue.severity, issue.column) == ("in_the_future", "E", "day")
    assert codes(actual_costs=rows.format(day(0))) == []


def test_charges_in_an_unknown_currency_are_said_once_a_file() -> None:
    rows = "provider,external_id,day,charge_kind,billed_usd,currency\n"
    rows += "".join(f"nimbus,g-{n},2026-11-02,usage,5,GBP\n" for n in range(3))
    assert codes(actual_costs=rows) == ["no_fx_rate"]
