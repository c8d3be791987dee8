"""What changed between two reviews, on small documents made here, and what each role may read of it."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from capacity.access.roles import Role
from capacity.access.sight_table import TABLE
from capacity.access.visibility import ContractLabel, Viewer
from capacity.decisions import selectors as decisions
from capacity.inventory import selectors as inventory
from capacity.lib.horizon import Week
from capacity.review.change_specs import BOOKKEEPING, FINANCE_ONLY, TABLES
from capacity.review.changes import compare
from capacity.review.changes_shown import HIDDEN_NOTE, visible_changes
from contracts import selectors as contracts
from workloads import selectors as workloads
from workloads.derived import DERIVED_COLUMNS
from workloads.models import PriorityOverride

CHAIR, FINANCE, RESEARCH = (
    Viewer(roles=frozenset({Role.CHAIR})),
    Viewer(roles=frozenset({Role.FINANCE})),
    Viewer(roles=frozenset({Role.RESEARCH}), team_key="alignment"),
)
SALES = Viewer(username="ann", roles=frozenset({Role.SALES}))
OTHER_SALES = Viewer(username="bob", roles=frozenset({Role.SALES}))
PRODUCT = Viewer(roles=frozenset({Role.PRODUCT}))
EVERYBODY = (CHAIR, FINANCE, RESEARCH, SALES, OTHER_SALES, PRODUCT, Viewer(roles=frozenset({Role.EXEC})))
W48 = Week.parse("2026-W48")


def inputs() -> dict[str, Any]:
    return {
        "formula_version": "1",
        "tables": {
            "lots": [{"key": "lot_a", "accelerators": 512, "p50_date": "2027-01-04", "state": "confirmed",
                      "pool": "h100", "provenance": "letter", "row_version": 1}],
            "customers": [{"key": "acme", "name": "Acme Robotics", "alias": "C-7"}],
            "contracts": [{"key": "acme_pt", "version": 1, "name": "Acme provisioned", "customer": "acme",
                           "owner": "ann", "state": "active", "output_tokens_per_second": "100.0000",
                           "discount_share": "0.10000", "row_version": 1}],
            "price_lines": [{"contract": "acme_pt", "contract_version": 1, "kind": "output",
                             "starts_date": "2026-01-01", "price": "12.34567"}],
            "experiments": [{"key": "e_rl", "name": "RL for Acme Robotics", "team": "alignment", "accelerators": 64,
                             "weeks": 2}],
            "policy_sets": [{"version": 1, "note": "first", "target_gross_margin_share": "0.5"}],
            "policy_floors": [{"policy": 1, "key": "dev", "name": "Model development", "share": "0.3"}],
        },
    }  # fmt: skip


def results(first: Week = W48, **changes: Any) -> dict[str, Any]:
    """Four weeks of one pool, one placement in its second week, one contract, two figures."""
    short = changes.pop("short", [0, 0, 0, 0])
    found: dict[str, Any] = {
        "pool_weeks": [
            {"pool_key": "h100", "week": first.plus(at).key, "capacity_shortfall": Decimal(short[at])}
            for at in range(4)
        ],
        "placements": [
            {"experiment_key": "e_rl", "name": "RL from feedback", "team_key": "alignment", "pool_key": "h100",
             "domain_key": "a", "start_week": W48.plus(1).key, "weeks": 2, "accelerators": 64, "is_running": False}
        ],
        "unplaced": [],
        "exposure": [
            {"contract_key": "acme_pt", "contract_name": "Acme provisioned", "customer_name": "Acme Robotics",
             "customer_alias": "C-7", "owner_username": "ann", "committed_accelerators": 100,
             "planned_accelerators": 120, "coverage_share": Decimal(1), "first_short_week": "",
             "margin_usd": Decimal("1500000"), "loss_exposure_usd": Decimal(0)}
        ],
        "figures": [
            {"key": "metric:H1", "label": "Promise coverage", "value": Decimal("0.95"), "unit": "share",
             "resource": "metric", "field": "H1", "owner_key": ""},
            {"key": "metric:H9", "label": "Serving margin", "value": Decimal("0.4275"), "unit": "share",
             "resource": "metric", "field": "H9", "owner_key": ""},
        ],
    }  # fmt: skip
    return {**found, **changes}


def compared(after: dict[str, Any], before_results: Any = None, after_results: Any = None) -> dict[str, Any]:
    return compare(
        before_inputs=inputs(),
        before_results=before_results or results(),
        after_inputs=after,
        after_results=after_results or results(),
        against={"week": "2026-W47", "run": 1},
    )


def sentences(viewer: Viewer, changes: dict[str, Any]) -> list[str]:
    return [line["sentence"] for group in visible_changes(viewer, changes) for line in group["lines"]]


def test_the_first_review_has_nothing_to_compare_with() -> None:
    changes = compare(before_inputs=None, before_results={}, after_inputs=inputs(), after_results=results())
    assert changes == {"against": None, "is_first": True, "contracts": [], "lines": []}
    assert visible_changes(FINANCE, changes) == []


def test_equal_inputs_and_results_change_nothing() -> None:
    changes = compared(inputs())
    assert (changes["against"], changes["is_first"], changes["lines"]) == ({"week": "2026-W47", "run": 1}, False, [])


def test_a_document_goes_through_json_unchanged() -> None:
    after = inputs()
    after["tables"]["lots"][0]["accelerators"] = 1024
    changes = compared(after, after_results=results(short=[5, 0, 0, 0]))
    assert json.loads(json.dumps(changes)) == changes


def test_provenance_and_row_versions_alone_are_no_change() -> None:
    after = inputs()
    after["tables"]["lots"][0] |= {"provenance": "phone call", "row_version": 7}
    assert compared(after)["lines"] == []


def test_an_added_lot_is_told_with_its_size_and_date() -> None:
    after = inputs()
    after["tables"]["lots"].append(
        {"key": "lot_b", "accelerators": 1024, "p50_date": "2027-01-18", "state": "ordered", "pool": "h100"}
    )
    assert sentences(CHAIR, compared(after)) == [
        "Lot lot_b new: pool h100, accelerators 1,024, state ordered, P50 date 18 Jan 2027."
    ]


def test_a_changed_lot_is_told_field_by_field() -> None:
    after = inputs()
    after["tables"]["lots"][0] |= {"accelerators": 1024, "p50_date": "2027-01-18"}
    assert sentences(RESEARCH, compared(after)) == [
        "Lot lot_a changed: accelerators 512 → 1,024, P50 date 4 Jan 2027 → 18 Jan 2027."
    ]


def test_a_lot_that_is_gone_is_told() -> None:
    after = inputs()
    after["tables"]["lots"] = []
    assert sentences(CHAIR, compared(after))[0].startswith("Lot lot_a gone:")


def test_sales_read_nothing_of_lots_but_that_something_is_kept_from_them() -> None:
    after = inputs()
    after["tables"]["lots"][0]["accelerators"] = 1024
    groups = visible_changes(SALES, compared(after))
    assert groups == [{"key": "supply", "title": "Supply", "lines": [], "hidden": HIDDEN_NOTE}]


def test_a_contract_s_use_is_told_under_forecasts_and_by_the_name_each_role_knows() -> None:
    after = inputs()
    after["tables"]["contracts"][0]["output_tokens_per_second"] = "150"
    changes = compared(after)
    assert [group["key"] for group in visible_changes(CHAIR, changes)] == ["forecasts"]
    told = "changed: output tokens per second 100 → 150."
    assert sentences(CHAIR, changes) == [f"Contract Acme provisioned {told}"]
    assert sentences(SALES, changes) == [f"Contract Acme provisioned {told}"]
    assert sentences(PRODUCT, changes) == [f"Contract C-7 {told}"]
    assert sentences(RESEARCH, changes) == []
    assert sentences(OTHER_SALES, changes) == []


def test_a_part_of_a_change_that_is_restricted_says_so() -> None:
    after = inputs()
    after["tables"]["contracts"][0] |= {"state": "notice", "discount_share": "0.2"}
    changes = compared(after)
    assert sentences(CHAIR, changes) == [
        "Contract Acme provisioned changed: state active → notice, discount share restricted."
    ]
    assert "0.1 → 0.2" in sentences(FINANCE, changes)[0]


def test_a_new_column_of_a_table_is_no_change_of_its_rows() -> None:
    """A frozen review may be older than a column, and older than a part of today's key."""
    after = inputs()
    after["tables"]["contracts"][0] |= {"price_multiplier": "1", "spill": ""}
    after["tables"]["price_lines"][0] |= {"tier_from": "0", "tier_mode": "graduated"}
    assert sentences(FINANCE, compared(after)) == []


def test_a_price_change_reaches_finance_and_the_contract_s_own_sales_only() -> None:
    after = inputs()
    after["tables"]["price_lines"][0]["price"] = "9.87654"
    changes = compared(after)
    told = ["Price of Acme provisioned output from 2026-01-01 changed: price 12.34567 → 9.87654."]
    for viewer in EVERYBODY:
        assert sentences(viewer, changes) == (told if viewer in (FINANCE, SALES) else []), viewer
    assert "9.87654" not in json.dumps(visible_changes(RESEARCH, changes), default=str)


def test_a_floor_is_no_business_of_sales() -> None:
    after = inputs()
    after["tables"]["policy_floors"][0]["share"] = "0.25"
    changes = compared(after)
    assert sentences(RESEARCH, changes) == ["Floor Model development of policy 1 changed: share 0.3 → 0.25."]
    assert sentences(SALES, changes) == []


def test_free_text_names_customers_only_to_those_who_may_know_them() -> None:
    after = inputs()
    after["tables"]["experiments"][0] |= {"weeks": 3}
    assert sentences(RESEARCH, compared(after)) == ["Request RL for C-7 (e_rl) changed: weeks 2 → 3."]
    assert "Acme" in sentences(CHAIR, compared(after))[0]


def test_a_customer_without_a_contract_is_not_named_either() -> None:
    after = inputs()
    after["tables"]["customers"].append({"key": "initech", "name": "Initech", "alias": "C-8"})
    after["tables"]["experiments"][0]["name"] = "RL for Initech"
    assert sentences(RESEARCH, compared(after)) == ["Request RL for C-8 (e_rl) changed: name RL for C-7 → RL for C-8."]


def test_labels_given_besides_are_put_in_the_viewer_s_words_too() -> None:
    after = inputs()
    after["tables"]["experiments"][0]["name"] = "RL for Globex"
    label = ContractLabel(key="globex_1", name="Globex flat", customer="Globex", alias="C-9")
    shown = visible_changes(RESEARCH, compared(after), [label])
    assert "Globex" not in json.dumps(shown, default=str)


def test_a_new_formula_version_is_told() -> None:
    after = inputs() | {"formula_version": "2"}
    assert sentences(SALES, compared(after)) == ["Formula version changed: version 1 → 2."]


def test_shortfall_is_compared_over_the_weeks_both_plans_cover() -> None:
    # W48 is past in the second plan: its 100 are left out; W49 to W51 sum to 10 + 20 before, 5 after.
    changes = compared(inputs(), results(short=[100, 10, 20, 0]), results(W48.plus(1), short=[5, 0, 0, 40]))
    assert sentences(SALES, changes) == [
        "All pools over the 3 weeks both plans cover changed: accelerator-weeks short 30 → 5.",
        "Pool h100 changed: accelerator-weeks short 30 → 5, first short week 2026-W48 → 2026-W49.",
    ]


def test_a_placement_that_moved_without_a_cause_of_its_own_points_to_the_inputs() -> None:
    after = results()
    after["placements"][0]["start_week"] = W48.plus(2).key
    assert sentences(RESEARCH, compared(inputs(), after_results=after)) == [
        "Request RL from feedback (e_rl) moved: place h100 from 30 Nov for 2 weeks, 64 accelerators → h100 "
        "from 7 Dec for 2 weeks, 64 accelerators. Cause: see the input changes."
    ]


def test_a_request_cut_into_many_places_is_told_by_their_sum() -> None:
    # Three places of 2 weeks each from W49 on, in one pool: 2 x (8 + 16 + 24) = 96 accelerator-weeks.
    after, was = results(), results()["placements"][0]
    starts = (W48.plus(1).key, W48.plus(1).key, W48.plus(2).key)
    after["placements"] = [
        was | {"start_week": start, "weeks": 2, "accelerators": count}
        for start, count in zip(starts, (8, 16, 24), strict=True)
    ]
    assert sentences(RESEARCH, compared(inputs(), after_results=after)) == [
        "Request RL from feedback (e_rl) moved: place h100 from 30 Nov for 2 weeks, 64 accelerators → 3 places in "
        "1 pool from 30 Nov to the week of 14 Dec, 96 accelerator-weeks. Cause: see the input changes."
    ]


def test_a_placement_that_moved_because_its_request_changed_says_what_changed() -> None:
    after, moved = inputs(), results()
    after["tables"]["experiments"][0]["accelerators"] = 32
    moved["placements"][0]["accelerators"] = 32
    told = sentences(CHAIR, compared(after, after_results=moved))
    assert "Cause: its request changed: accelerators." in told[-1]


def test_a_placement_that_lost_its_place_names_the_plan_s_own_reason() -> None:
    after = results(
        placements=[], unplaced=[{"experiment_key": "e_rl", "name": "RL", "reason": "blocked_by_commitment"}]
    )
    told = sentences(CHAIR, compared(inputs(), after_results=after))[0]
    assert (
        "lost its place: place h100 from 30 Nov for 2 weeks, 64 accelerators → —. Cause: blocked by commitment." in told
    )


def test_a_request_placed_for_the_first_time_is_new() -> None:
    after, placed = inputs(), results()
    after["tables"]["experiments"].append({"key": "e_new", "name": "New", "team": "alignment", "accelerators": 8})
    placed["placements"].append({**placed["placements"][0], "experiment_key": "e_new", "name": "New"})
    told = sentences(CHAIR, compared(after, after_results=placed))
    assert any(line.startswith("Request New (e_new) placed:") and "a new request" in line for line in told)


def test_a_run_that_goes_on_through_the_change_of_week_has_not_moved() -> None:
    before, after = results(), results(W48.plus(1))
    before["placements"][0] |= {"start_week": W48.key, "weeks": 4}
    after["placements"][0] |= {"start_week": W48.plus(1).key, "weeks": 3, "is_running": True}
    assert compared(inputs(), before, after)["lines"] == []


def test_a_run_that_ended_before_the_second_plan_starts_is_not_told() -> None:
    before = results()
    before["placements"][0] |= {"start_week": W48.key, "weeks": 1}
    assert compared(inputs(), before, results(W48.plus(1), placements=[]))["lines"] == []


def test_a_contract_s_money_moves_only_when_it_moves_by_more_than_a_rounding() -> None:
    after = results()
    after["exposure"][0]["margin_usd"] = Decimal("1505000")
    assert compared(inputs(), after_results=after)["lines"] == []
    after["exposure"][0]["margin_usd"] = Decimal("1700000")
    assert sentences(FINANCE, compared(inputs(), after_results=after)) == [
        "Contract Acme provisioned changed: margin, P50 $1.50M → $1.70M."
    ]


def test_the_chair_reads_a_margin_only_when_it_leaves_its_band() -> None:
    before, after = results(), results()
    before["exposure"][0]["margin_share"] = Decimal("0.6")
    after["exposure"][0] |= {"margin_usd": Decimal("1700000"), "margin_share": Decimal("0.7")}
    assert sentences(CHAIR, compared(inputs(), before_results=before, after_results=after)) == []
    after["exposure"][0] |= {"margin_usd": Decimal("2700000"), "margin_share": Decimal("0.85")}
    assert sentences(CHAIR, compared(inputs(), before_results=before, after_results=after)) == [
        "Contract Acme provisioned changed: margin, P50 restricted, margin of revenue, P50 50–80% → 80–90%."
    ]


def test_accelerators_of_a_contract_are_told_under_the_name_each_role_knows() -> None:
    after = results()
    after["exposure"][0]["planned_accelerators"] = 140
    changes = compared(inputs(), after_results=after)
    assert sentences(RESEARCH, changes) == ["Contract C-7 changed: planned accelerators 120 → 140."]
    assert sentences(OTHER_SALES, changes) == ["Contract committed changed: planned accelerators 120 → 140."]


def test_what_was_changed_is_told_before_headline_figures_and_those_by_each_one_s_rule() -> None:
    after = results()
    after["figures"][0]["value"], after["figures"][1]["value"] = Decimal("0.97"), Decimal("0.55")
    changed = inputs()
    changed["tables"]["lots"][0]["accelerators"] = 1024
    changes = compared(changed, after_results=after)
    assert sentences(FINANCE, changes)[0] == "Lot lot_a changed: accelerators 512 → 1,024."
    assert sentences(FINANCE, changes)[1:3] == ["Promise coverage: 95.0% → 97.0%.", "Serving margin: 42.8% → 55.0%."]
    assert sentences(CHAIR, changes)[1:3] == ["Promise coverage: 95.0% → 97.0%.", "Serving margin: 40–50% → 50–60%."]
    assert sentences(RESEARCH, changes)[1] == "Promise coverage: 95.0% → 97.0%."
    assert not any("Serving margin" in line for line in sentences(RESEARCH, changes))


def test_a_removed_contract_keeps_its_alias_for_those_who_know_no_more() -> None:
    after = inputs()
    after["tables"]["contracts"], after["tables"]["price_lines"] = [], []
    changes = compared(after, after_results=results(exposure=[]))
    for viewer in (RESEARCH, PRODUCT, OTHER_SALES):
        assert "Acme" not in json.dumps(visible_changes(viewer, changes), default=str)


def test_comparing_changes_neither_document() -> None:
    before, after = inputs(), inputs()
    after["tables"]["lots"][0]["accelerators"] = 1
    kept = deepcopy((before, after))
    compare(before_inputs=before, before_results=results(), after_inputs=after, after_results=results())
    assert (before, after) == kept


def test_every_entry_the_comparison_names_is_in_the_visibility_table() -> None:
    entries = {FINANCE_ONLY} | {entry for spec in TABLES.values() for entry in (spec.gate, *spec.columns.values())}
    assert {entry for entry in entries if entry[1] not in TABLE.get(entry[0], {})} == set()


def input_columns(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Input table → its columns, as the selectors ask for them. No database."""

    kept = {"state": "approved", "is_planned": True, "vintage_date": date.min}

    def one_row(model: Any, *, keys: Any, foreign: Any = None) -> list[dict[str, Any]]:
        own = [field.name for field in model._meta.concrete_fields if not field.is_relation]
        return [dict.fromkeys([*own, *(foreign or {})]) | {name: kept[name] for name in own if name in kept}]

    override = one_row(PriorityOverride, keys=["key"], foreign={"experiment": "experiment__key"})[0]
    monkeypatch.setattr(workloads, "override_rows", lambda: [override | {"is_decided": True}])
    found: dict[str, set[str]] = {}
    for module in (inventory, workloads, contracts, decisions):
        monkeypatch.setattr(module, "table_rows", one_row)
        asked = {"as_of": date.max} if module is workloads else {}
        found |= {table: set(rows[0]) for table, rows in module.input_rows(**asked).items() if rows}
    return found


@pytest.mark.django_db
def test_every_input_table_and_column_is_compared_under_an_entry_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    found = input_columns(monkeypatch)
    # Sums of records nobody edits are told by what they do, not row by row.
    assert set(found) - DERIVED_COLUMNS.keys() == set(TABLES)
    missing = {
        f"{table}.{column}"
        for table, columns in found.items()
        if table in TABLES
        for column in columns - BOOKKEEPING - {"submitted_at", "submission_key", "submission_hash", "request_kind"}
        if column not in TABLES[table].columns
    }
    assert missing == set()
