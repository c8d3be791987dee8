"""Which role may do what, written out by hand."""

from __future__ import annotations

import pytest

from capacity.access.permissions import PERMISSIONS, landing_route, may, may_update_action, roles_for
from capacity.access.roles import Role

# C chair, F finance, S sales, R research, P product, E executive, A auditor, D administrator
EXPECTED = {
    "review.view": "CFSRPE",
    "review.freeze": "C",
    "decision.record": "CF",
    "action.update": "CFSRP",
    "run.request": "CFSRP",
    "run.view": "CFSRPE",
    "supply.view": "CFRPE",
    "contracts.view": "CFSRPE",
    "contracts.detail": "CFSE",
    "contracts.move": "FS",
    "pipeline.view": "CFSRPE",
    "exposure.view": "CFSE",
    "money.view": "CFE",
    "workloads.view": "CFSRPE",
    "requests.view": "CFRPE",
    "requests.submit": "CR",
    "moves.propose": "CP",
    "actuals.view": "CFRPE",
    "decisions.view": "CFSRPE",
    "policy.view": "CFSRPE",
    "methods.view": "CFSRPEAD",
    "supply_data.view": "CFRPE",
    "supply_data.change": "C",
    "cost_data.view": "CFE",
    "cost_data.change": "F",
    "model_data.view": "CFSRPE",
    "model_data.change": "CP",
    "workload_data.view": "CFSRPE",
    "workload_data.change": "CP",
    "forecast_data.view": "CFSRPE",
    "forecast_data.change": "CSP",
    "request_data.view": "CFRPE",
    "request_data.change": "CR",
    "team_data.change": "C",
    "contract_data.view": "CFSE",
    "contract_data.change": "FS",
    "price_data.view": "FS",
    "price_data.change": "FS",
    "usage_data.view": "CFPE",
    "usage_data.change": "CFP",
    "policy_data.view": "CFSRPE",
    "policy_data.change": "C",
    "start.view": "CFSRPE",
    "data.view": "CFSRPE",
    "scenario.view": "CFSRPE",
    "scenario.ask": "CFSRPE",
    "quotes.view": "CFSE",
    "quotes.ask": "FS",
    "tokens.own": "CFSRPEAD",
    "notices.own": "CFSRPEAD",
    "imports.use": "CFSRP",
    "imports.view": "CFSRP",
    "audit.view": "A",
    "users.manage": "D",
}
LETTERS = dict(zip("CFSRPEAD", Role, strict=True))


def test_the_table_is_as_written_out() -> None:
    assert {action: {LETTERS[letter] for letter in letters} for action, letters in EXPECTED.items()} == PERMISSIONS


def test_an_unknown_action_is_an_error_and_not_a_permission() -> None:
    with pytest.raises(KeyError):
        roles_for("review.unfreeze")
    assert not may([], "methods.view")


@pytest.mark.parametrize(
    ("roles", "allowed"),
    [
        ({Role.CHAIR}, True),
        ({Role.FINANCE}, True),
        ({Role.RESEARCH}, True),
        ({Role.SALES}, False),
        ({Role.EXEC}, False),
        ({Role.ADMIN}, False),
        (set(), False),
    ],
)
def test_an_action_is_closed_by_its_owner_role_the_chair_or_finance(roles: set[Role], allowed: bool) -> None:
    assert may_update_action(roles, owner_role="research") is allowed


def test_executives_read_even_what_their_role_owns() -> None:
    assert not may_update_action({Role.EXEC}, owner_role="exec")


def test_who_opens_no_data_starts_on_their_own_page() -> None:
    assert landing_route({Role.AUDITOR}) == "audit"
    assert landing_route({Role.ADMIN}) == "people"
    assert landing_route({Role.ADMIN, Role.CHAIR}) == "home"
    assert landing_route(set()) == "home"


def test_each_role_starts_on_its_own_page_and_whoever_holds_more_on_the_review() -> None:
    assert landing_route({Role.SALES}) == "quotes"
    assert landing_route({Role.RESEARCH, Role.ADMIN}) == "requests"
    assert landing_route({Role.PRODUCT}) == "workloads"
    assert landing_route({Role.CHAIR}) == landing_route({Role.FINANCE}) == landing_route({Role.EXEC}) == "home"
    assert landing_route({Role.SALES, Role.FINANCE}) == "home"
