"""Lists: shown columns, filters, search, order, totals and words, without a database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from capacity.access.bands import BandUnit, band_of
from capacity.lib.figures import NOTHING, RESTRICTED, UNSIZED, Absent
from capacity.review.listing import (
    HiddenColumn,
    Listing,
    ListSpec,
    cell_text,
    heads,
    in_readers_order,
    read_list,
    sorted_visibly,
    total_of,
    written_totals,
)
from capacity.review.table_columns import Column
from capacity.review.verdicts import contract_verdict, request_verdict, runs_verdict, workload_verdict
from capacity.review.words import change_words, part, word

SPEC = ListSpec(
    name="pools",
    title="Pools",
    columns=(
        Column(name="name", label="Pool"),
        Column(name="kind", label="Kind"),
        Column(name="usd", label="Cost", unit="USD", kind="usd"),
    ),
    filters=("kind",),
    search=("name",),
    sort="-usd",
    totals=("usd",),
)


def rows(*usd: Any) -> list[dict[str, Any]]:
    return [
        {"name": f"Pool {at}", "kind": "owned" if at % 2 else "leased", "usd": value} for at, value in enumerate(usd)
    ]


def read(found: list[dict[str, Any]], hidden: frozenset[str] = frozenset(), **params: str) -> Listing:
    return read_list(
        spec=SPEC, rows=found, params=params, kept={"run": "7"}, is_filterable=lambda name: name not in hidden
    )


def names(listing: Listing) -> list[str]:
    return [row["name"] for row in listing.rows]


def test_a_list_starts_in_its_own_order_with_what_is_not_known_last() -> None:
    assert names(read(rows(Decimal(1), None, Decimal(3)))) == ["Pool 2", "Pool 0", "Pool 1"]
    assert names(read(rows(Decimal(1), None, Decimal(3)), sort="usd")) == ["Pool 0", "Pool 2", "Pool 1"]


def test_bands_are_ordered_by_their_lower_bound() -> None:
    small, large = (band_of(Decimal(size), unit=BandUnit.USD) for size in (30, 7_000))
    found = sorted_visibly(rows(small, RESTRICTED, large), key="usd", descending=True)
    assert [row["name"] for row in found] == ["Pool 2", "Pool 0", "Pool 1"]


def test_names_with_numbers_are_ordered_as_people_count() -> None:
    found = [{"name": name} for name in ("C-10", "C-2", "c-1")]
    assert [row["name"] for row in sorted_visibly(found, key="name", descending=False)] == ["c-1", "C-2", "C-10"]


def test_a_hidden_key_does_not_order_the_rows() -> None:
    found = [{"label": "C-2", "key": RESTRICTED}, {"label": "C-1", "key": RESTRICTED}]
    assert [row["label"] for row in in_readers_order(found, ("key",))] == ["C-1", "C-2"]
    seen = [{"label": "b", "key": "1"}, {"label": "a", "key": "2"}]
    assert in_readers_order(seen, ("key",)) == seen


def test_a_column_hidden_in_every_row_is_left_out_and_named() -> None:
    listing = read(rows(RESTRICTED, RESTRICTED), hidden=frozenset({"usd"}))
    assert [column.name for column in listing.columns] == ["name", "kind"]
    assert [column.label for column in listing.hidden] == ["Cost"]


def test_a_column_hidden_in_some_rows_stays() -> None:
    assert len(read(rows(Decimal(1), RESTRICTED), hidden=frozenset({"usd"})).columns) == 3


def test_filters_and_search_narrow_the_list() -> None:
    found = rows(Decimal(1), Decimal(2), Decimal(3))
    assert names(read(found, kind="leased")) == ["Pool 2", "Pool 0"]
    assert names(read(found, q="POOL 1")) == ["Pool 1"]
    assert names(read(found, kind="leased", q="1")) == []


def test_sorting_or_filtering_by_a_hidden_column_is_refused() -> None:
    hidden = frozenset({"usd", "kind"})
    with pytest.raises(HiddenColumn):
        read(rows(RESTRICTED), hidden=hidden, sort="usd")
    with pytest.raises(HiddenColumn):
        read(rows(Decimal(1)), hidden=hidden, kind="owned")


def test_an_unknown_sort_leaves_the_rows_as_they_come() -> None:
    assert names(read(rows(Decimal(1), Decimal(2)), sort="nothing")) == ["Pool 0", "Pool 1"]


def test_links_carry_the_run_the_filters_and_the_next_sort() -> None:
    listing = read(rows(Decimal(1), Decimal(2)), kind="owned", q="pool")
    assert [(head.sort, head.url) for head in heads(listing)] == [
        ("", "?run=7&kind=owned&q=pool&sort=name"),
        ("", "?run=7&kind=owned&q=pool&sort=kind"),
        ("descending", "?run=7&kind=owned&q=pool&sort=usd"),
    ]


def test_a_total_is_exact_hidden_with_any_part_and_unknown_with_all() -> None:
    assert total_of([Decimal("0.1")] * 3) == Decimal("0.3")
    assert total_of([Decimal(1), RESTRICTED]) is RESTRICTED
    assert total_of([Decimal(1), band_of(Decimal(5), unit=BandUnit.USD)]) is RESTRICTED
    assert total_of([Decimal(1), None, UNSIZED]) == Decimal(1)
    assert total_of([UNSIZED, UNSIZED]) is UNSIZED
    assert total_of([None]) is NOTHING


def test_the_totals_row_writes_cents_and_says_what_it_leaves_out() -> None:
    totals = written_totals(read(rows(Decimal("1234.561"), None)), label="Total")
    assert totals is not None
    assert [cell.text for cell in totals] == ["Total", "", "$1,234.56"]
    assert totals[2].title == "without 1 row of unknown value"
    assert written_totals(read([]), label="Total") is None


def test_a_guard_has_the_last_word_on_a_total() -> None:
    totals = written_totals(read(rows(Decimal(1))), label="Total", guard=lambda value: RESTRICTED)
    assert totals is not None
    assert totals[2].text is RESTRICTED


@pytest.mark.parametrize(
    ("name", "kind", "value", "text"),
    [
        ("usd", "usd", Decimal("4137193.31"), "$4.14M"),
        ("n", "thousands", 61840, "61,840"),
        ("n", "signed", -64, "−64"),
        ("n", "share", Decimal("0.876"), "87.6%"),
        ("n", "ratio", Decimal("1.04"), "1.04×"),
        ("week", "text", "2026-W53", "28 Dec"),
        ("is_sized", "text", True, "yes"),
        ("flags", "text", ["uncapped", "unsized"], "use is not capped; unsized: no throughput profile"),
        ("shape", "text", "flat_fee", "Flat fee"),
        ("name", "text", "flat_fee", "flat_fee"),
    ],
)
def test_cells_are_written_by_kind(name: str, kind: str, value: Any, text: str) -> None:
    assert cell_text(name, kind, value, year=2026) == text


def test_absent_and_empty_cells_are_no_text() -> None:
    assert cell_text("usd", "usd", RESTRICTED) is RESTRICTED
    assert isinstance(cell_text("flags", "text", []), Absent)
    assert isinstance(cell_text("usd", "usd", None), Absent)


def test_codes_nobody_listed_read_as_words() -> None:
    assert word("reason", "brand_new_reason") == "Brand new reason"
    assert change_words({"change": "brand_new"}, "") == "brand new"


def test_changes_and_blockers_are_sentences() -> None:
    assert part("blockers", {"label": "w.support", "accelerators": 1400}) == "support 1,400"
    assert change_words({"change": "shorter", "weeks": 1}, "") == "Run for 1 week"
    assert change_words({"change": "smaller_serving", "accelerators": 8, "text": "Serve 8 less"}, "C-7") == (
        "Serve 8 less: C-7"
    )


def test_the_request_verdict_counts_names_and_says_who_is_nearest() -> None:
    lacking = [
        {"experiment_key": "a", "name": "A", "priority": "P0", "reason": "region", "short_by": None},
        {"experiment_key": "b", "name": "B", "priority": "P1", "reason": "region", "short_by": 4},
    ]
    bold, more = request_verdict([{"experiment_key": "c"}, {"experiment_key": "c"}], lacking)
    assert bold == "2 of 3 requests have no place, 1 of them P0."
    assert more == "Why: no pool in its regions (2). Nearest to fitting: B, short by 4."
    assert request_verdict([{"experiment_key": "c"}], [])[0] == "The one open request has a place."


def test_the_workload_verdict_leaves_out_costs_it_may_not_know() -> None:
    row = {"name": "Bot", "h100e_now": Decimal(10), "purpose": "no_choice", "is_frontier_explained": False,
           "is_sized": True, "usd_per_week": RESTRICTED}  # fmt: skip
    bold, more = workload_verdict([row])
    assert bold == "1 workload takes 10 H100e this week."
    assert more == "Bot counts as no product choice. Frontier use without a reason in date: Bot."


def test_the_contract_verdict_names_the_first_broken_promise_and_the_largest_loss() -> None:
    base = {"committed_accelerators": 10, "first_short_week": "", "coverage_share": Decimal(1), "is_uncapped": False,
            "is_sized": True, "loss_exposure_usd": Decimal(0)}  # fmt: skip
    bold, more = contract_verdict(
        [
            {**base, "label": "A", "first_short_week": "2027-W01", "loss_exposure_usd": Decimal(5)},
            {**base, "label": "B", "loss_exposure_usd": band_of(Decimal(7_000), unit=BandUnit.USD)},
        ],
        year=2026,
    )
    assert bold == "1 promise of 2 cannot be kept, first A in the week of 4 Jan 2027."
    assert more == "2 contracts lose money at worst reasonable use, most B ($5k–$10k)."
    assert contract_verdict([{**base, "label": "A"}], year=2026)[0].endswith("Every sized promise is kept.")


def test_the_runs_verdict_names_the_newest_failure() -> None:
    found = [{"id": 3, "state": "dead"}, {"id": 2, "state": "done"}]
    assert runs_verdict(found, 2) == ("Pages read run 2.", "1 of the last 2 runs failed, the newest run 3.")
    assert runs_verdict([], None) == ("There is no plan yet.", "")
