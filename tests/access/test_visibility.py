"""The visibility table against a written-out expectation, and the attacks it must withstand."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations, product

import pytest

from capacity.access import visibility
from capacity.access.roles import Role
from capacity.access.sight_table import TABLE
from capacity.access.visibility import (
    RESTRICTED,
    WHAT_ROLE_SEES,
    Banded,
    Sight,
    Viewer,
    action_resource,
    decision_resource,
    is_price_blind,
    label_of_contract,
    see,
    see_row,
    sight,
    suppress_cells,
    suppress_small,
    who_sees,
)
from tests.access.expected_sight import EXPECTED, ORDER

LETTERS = {"F": Sight.FULL, "B": Sight.BAND, "-": Sight.HIDDEN}
ROWS = [line.split() for line in EXPECTED.strip().splitlines()]
LISTED = {name for name, *_ in ROWS}
ALL_FIELDS = [(resource, field) for resource, fields in TABLE.items() for field in fields]
SECRET_WORDS = ("usd", "price", "margin", "floor", "cost", "discount", "terms", "revenue", "contract_", "customer_")
HARMLESS = {"exposure.contract_version", "lot.lot_key"}


def viewer(*roles: Role, username: str = "ann", team_key: str = "") -> Viewer:
    return Viewer(username, frozenset(roles), team_key)


@pytest.mark.parametrize(("name", "letters"), [(row[0], row[1:]) for row in ROWS], ids=[row[0] for row in ROWS])
def test_each_role_sees_the_field_as_written_down(name: str, letters: list[str]) -> None:
    resource, field = name.split(".")
    seen = [sight(viewer(role), resource, field, owner="bob") for role in ORDER]
    own = sight(viewer(Role.SALES), resource, field, owner="ann")
    assert [*seen, own] == [LETTERS[letter] for letter in letters]


def test_every_field_that_sounds_secret_is_written_down() -> None:
    secret = {f"{r}.{f}" for r, f in ALL_FIELDS if any(word in f for word in SECRET_WORDS)}
    unlisted = {name for name in secret - LISTED - HARMLESS if TABLE[name.split(".")[0]][name.split(".")[1]].full}
    grouped = {name for name in unlisted if name.startswith("policy.floor_")}
    assert unlisted - grouped == set()


def test_auditors_administrators_and_strangers_see_no_data() -> None:
    nobody = [viewer(), viewer(Role.ADMIN, team_key="t"), Viewer()]
    for resource, field in ALL_FIELDS:
        blind = nobody if resource == "audit" else [*nobody, viewer(Role.AUDITOR)]
        assert {sight(who, resource, field, owner="ann") for who in blind} == {Sight.HIDDEN}, (resource, field)


def test_two_roles_see_what_the_wider_of_them_sees() -> None:
    rank = {Sight.HIDDEN: 0, Sight.BAND: 1, Sight.FULL: 2}
    for (resource, field), pair in product(ALL_FIELDS, combinations(ORDER, 2)):
        both = sight(viewer(*pair), resource, field)
        widest = max(rank[sight(viewer(role), resource, field)] for role in pair)
        assert rank[both] == widest, (resource, field, pair)


def test_a_field_with_bands_says_how_they_are_laid() -> None:
    for resource, field in ALL_FIELDS:
        rule = TABLE[resource][field]
        assert bool(rule.band) == (rule.unit is not None), (resource, field)
        assert not rule.band & rule.full, (resource, field)


def test_an_unlisted_field_is_hidden_and_raises_while_developing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError, match="exposure.shoe_size"):
        sight(viewer(Role.FINANCE), "exposure", "shoe_size")
    monkeypatch.setattr(visibility, "_strict", False)
    assert sight(viewer(Role.FINANCE), "exposure", "shoe_size") is Sight.HIDDEN
    assert see(viewer(Role.FINANCE), "nothing", "at_all", 3) is RESTRICTED


def test_a_hidden_value_reads_restricted_and_never_zero() -> None:
    hidden = see(viewer(Role.RESEARCH), "exposure", "margin_usd", Decimal(0))
    assert hidden is RESTRICTED
    assert str(hidden) == "restricted"
    with pytest.raises(TypeError):
        hidden + 1


def test_a_missing_value_stays_missing_for_whom_it_is_not_hidden() -> None:
    assert see(viewer(Role.FINANCE), "exposure", "margin_usd", None) is None
    assert see(viewer(Role.CHAIR), "exposure", "margin_share", None) is None
    # Whoever may not know a margin may not know either that there is none.
    assert see(viewer(Role.RESEARCH), "exposure", "margin_usd", None) is RESTRICTED


def test_what_cannot_be_banded_is_hidden() -> None:
    assert see(viewer(Role.CHAIR), "exposure", "margin_share", "twelve") is RESTRICTED


def test_the_chair_sees_a_margin_as_a_band() -> None:
    seen = see(viewer(Role.CHAIR), "exposure", "margin_share", Decimal("0.6177"))
    assert isinstance(seen, Banded)
    assert str(seen) == "50–80%"
    assert str(see(viewer(Role.CHAIR), "exposure_total", "margin_usd", Decimal("1234567.89"))) == "$1M–$2M"


def test_the_chair_reads_one_figure_of_a_contract_that_its_price_makes_beside_the_penalty_band() -> None:
    """Costs are accelerators × rate, which who plans accelerators knows; all else that is banded here holds a price."""
    single = (
        "exposure",
        "exposure_scenario",
        "exposure_scenario_other",
        "contract_use",
        "contract_sla",
        "demand",
        "deal",
    )
    banded = {(name, field) for name in single for field, rule in TABLE[name].items() if Role.CHAIR in rule.band}
    costs = {
        (name, field) for name, field in banded if "cost" in field or field in ("reserved_low_usd", "reserved_cents")
    }
    costs |= {(name, field) for name, field in banded if field in ("reserved_high_usd", "consumed_cents")}
    # What a shortage loses is told only while there is one: the penalty band.
    assert banded - costs == {("exposure", "margin_share"), ("demand", "usd_lost")}


def test_sales_own_by_username_and_research_by_team_not_the_other_way_round() -> None:
    assert viewer(Role.SALES, username="ann", team_key="post-training").owns(Role.SALES, "ann")
    assert not viewer(Role.SALES, username="ann", team_key="post-training").owns(Role.SALES, "post-training")
    assert not viewer(Role.RESEARCH, username="ann", team_key="").owns(Role.RESEARCH, "")
    assert not viewer(Role.RESEARCH, username="ann").owns(Role.SALES, "ann")


LABELS = [
    (Role.CHAIR, "Acme flat"),
    (Role.FINANCE, "Acme flat"),
    (Role.EXEC, "Acme flat"),
    (Role.RESEARCH, "C-7"),
    (Role.PRODUCT, "C-7"),
    (Role.SALES, "committed"),
    (Role.AUDITOR, "restricted"),
    (Role.ADMIN, "restricted"),
]


@pytest.mark.parametrize(("role", "label"), LABELS)
def test_a_contract_is_called_by_what_the_role_may_know(role: Role, label: str) -> None:
    assert label_of_contract(viewer(role), name="Acme flat", alias="C-7", owner="bob") == label


def test_sales_call_their_own_contract_by_name_and_with_research_too_others_by_alias() -> None:
    assert label_of_contract(viewer(Role.SALES), name="Acme flat", alias="C-7", owner="ann") == "Acme flat"
    both = viewer(Role.SALES, Role.RESEARCH)
    assert label_of_contract(both, name="Acme flat", alias="C-7", owner="bob") == "C-7"


EXPOSURE = {
    "contract_name": "Acme flat",
    "customer_alias": "C-7",
    "committed_accelerators": 200,
    "revenue_usd": Decimal(90_000),
    "reserved_cost_usd": Decimal(46_720),
    "margin_usd": Decimal(43_280),
    "worst_margin_usd": Decimal(-3_440),
    "loss_exposure_usd": Decimal(3_440),
    "break_even_multiple": Decimal("2.635"),
    "terms": {"fee_usd": "90000"},
}
# The same contract at another price, every figure still on the same step of the ladder.
REPRICED = EXPOSURE | {
    "revenue_usd": Decimal(80_000),
    "margin_usd": Decimal(33_280),
    "worst_margin_usd": Decimal(-4_900),
    "loss_exposure_usd": Decimal(4_900),
    "break_even_multiple": Decimal("2.1"),
    "terms": {"fee_usd": "80000"},
}


@pytest.mark.parametrize("role", [Role.CHAIR, Role.SALES, Role.RESEARCH, Role.PRODUCT, Role.AUDITOR, Role.ADMIN])
def test_two_prices_of_one_contract_look_alike_to_whoever_may_not_know_the_price(role: Role) -> None:
    assert see_row(viewer(role), "exposure", EXPOSURE, owner="bob") == see_row(
        viewer(role), "exposure", REPRICED, owner="bob"
    )


def test_the_chair_is_given_no_exact_money_of_a_contract_to_difference_with() -> None:
    seen = see_row(viewer(Role.CHAIR), "exposure", EXPOSURE, owner="bob")
    assert {field for field, value in seen.items() if value == EXPOSURE[field]} == {
        "contract_name",
        "customer_alias",
        "committed_accelerators",
    }


def test_no_sum_of_research_or_product_figures_holds_revenue() -> None:
    """Dollars that these roles see are costs: none of their fields is earned, so none divides by tokens to a price."""
    for role in (Role.RESEARCH, Role.PRODUCT):
        seen = {(r, f) for r, f in ALL_FIELDS if "usd" in f and sight(viewer(role), r, f) is not Sight.HIDDEN}
        # What own products are worth by token is the product owner's own word: no customer pays it.
        seen -= {("input_workloads", "usd_value_per_million_tokens")}
        costs = {"pool_week", "placement", "workload", "workload_use", "workload_card", "spend", "request_answer"}
        costs |= {"move", "move_candidate", "waste", "input_workload_moves"}
        # What others charge in public is nobody's revenue here.
        assert {resource for resource, _ in seen} <= costs | {"input_token_list_prices"}


def test_sums_over_one_or_two_customers_are_hidden_from_price_blind_roles() -> None:
    research, finance = viewer(Role.RESEARCH), viewer(Role.FINANCE)
    assert suppress_small(research, customers=2, value=5) is RESTRICTED
    assert suppress_small(research, customers=3, value=5) == 5
    assert suppress_small(research, customers=0, value=0) == 0
    assert suppress_small(finance, customers=1, value=5) == 5
    assert [role for role in ORDER if not is_price_blind(viewer(role))] == [Role.FINANCE, Role.EXEC]


def test_one_small_part_takes_the_next_with_it() -> None:
    shown, total = suppress_cells(
        viewer(Role.CHAIR), customers={"eu": 1, "us": 9, "apac": 4}, values={"eu": 10, "us": 90, "apac": 40}
    )
    assert shown == {"eu": RESTRICTED, "us": 90, "apac": RESTRICTED}
    assert total


def test_without_enough_parts_to_hide_behind_the_total_goes_too() -> None:
    shown, total = suppress_cells(viewer(Role.CHAIR), customers={"eu": 1, "none": 0}, values={"eu": 10, "none": 0})
    assert shown == {"eu": RESTRICTED, "none": 0}
    assert not total


def test_total_minus_shown_never_gives_a_figure_of_fewer_than_three_customers() -> None:
    for counts in product(range(6), repeat=4):
        customers = {f"part{index}": count for index, count in enumerate(counts)}
        shown, total_may_be_shown = suppress_cells(viewer(Role.PRODUCT), customers=customers, values=customers)
        hidden = [part for part, value in shown.items() if value is RESTRICTED]
        assert all(customers[part] >= 3 or customers[part] == 0 for part in shown if part not in hidden), counts
        if total_may_be_shown and hidden:
            assert len(hidden) >= 2 and sum(customers[part] for part in hidden) >= 3, counts


def test_words_about_prices_and_about_the_floor_have_their_own_resource() -> None:
    assert decision_resource("price") == "decision_commercial"
    assert decision_resource("floor_waiver") == "decision_floor"
    assert decision_resource("allocation") == "decision"
    assert action_resource("contract") == "action_commercial"
    assert action_resource() == "action"


def test_a_tooltip_says_who_sees_a_field() -> None:
    assert who_sees("exposure", "margin_share") == (
        "Seen by finance and executives; the chair as a band; sales for their own contracts."
    )
    assert who_sees("audit", "at") == "Seen by auditor."
    assert who_sees("nothing", "here") == "Seen by nobody."
    assert set(WHAT_ROLE_SEES) == set(Role)
