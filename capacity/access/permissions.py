"""Which role may do what: one table of actions, asked by pages and API alike. No Django here.

A permission opens a page or a form; which fields then show is `visibility`'s. `admin` and `auditor` open no data page.
"""

from __future__ import annotations

from collections.abc import Iterable

from capacity.access.roles import Role

CHAIR, FINANCE, SALES = Role.CHAIR, Role.FINANCE, Role.SALES
RESEARCH, PRODUCT, EXEC = Role.RESEARCH, Role.PRODUCT, Role.EXEC
_MEETING = frozenset({CHAIR, FINANCE, SALES, RESEARCH, PRODUCT, EXEC})

PERMISSIONS: dict[str, frozenset[Role]] = {
    "review.view": _MEETING,
    "review.freeze": frozenset({CHAIR}),
    # The chair records; finance records what it decides (prices, contracts). Executives read.
    "decision.record": frozenset({CHAIR, FINANCE}),
    # Whose action it is decides further: see may_update_action.
    "action.update": _MEETING - {EXEC},
    "run.request": _MEETING - {EXEC},
    "run.view": _MEETING,
    "supply.view": _MEETING - {SALES},
    "contracts.view": _MEETING,
    # What a contract stands on, earns at more use and credits: for whoever may know whose it is.
    "contracts.detail": frozenset({CHAIR, FINANCE, SALES, EXEC}),
    # What contracts earn, cost and risk under scenarios: sales for their own; the portfolio's sums not for sales.
    "exposure.view": frozenset({CHAIR, FINANCE, SALES, EXEC}),
    "money.view": frozenset({CHAIR, FINANCE, EXEC}),
    # Deals on their way to a signature: everybody in the meeting, each as far as they may know whose they are.
    "pipeline.view": _MEETING,
    # Which move and whose contract is the workflow's own table (contracts/domain/workflow.py).
    "contracts.move": frozenset({FINANCE, SALES}),
    "workloads.view": _MEETING,
    # Experiment requests are the lab's research plans: not for sales.
    "requests.view": _MEETING - {SALES},
    # Asking for accelerators and moving a request on; which move and whose request is the workflow's own table
    # (workloads/domain/request_workflow.py).
    "requests.submit": frozenset({CHAIR, RESEARCH}),
    # Moves to cheaper serving: proposed and asked about by those who keep the cards; accepted by a decision.
    "moves.propose": frozenset({CHAIR, PRODUCT}),
    # What was measured beside what was planned: peaks, forecasts, granted hours; each field by its own rule.
    "actuals.view": _MEETING - {SALES},
    "decisions.view": _MEETING,
    "policy.view": _MEETING,
    "methods.view": frozenset(Role),
    # What-ifs about a run: each asks about what they read or keep, and reads the answer by the same rules as the plan.
    "scenario.view": _MEETING,
    "scenario.ask": _MEETING,
    # Quotes carry prices and margins: for those who sell, and those who read what was asked; each as far as they may.
    "quotes.view": frozenset({CHAIR, FINANCE, SALES, EXEC}),
    "quotes.ask": frozenset({FINANCE, SALES}),
    # A token opens what its owner's roles open, so that everybody with a role may have one.
    "tokens.own": frozenset(Role),
    # What somebody was told, in their own words of sight: everybody's own.
    "notices.own": frozenset(Role),
    # The tables behind the plan, by file, form and API: who reads and who keeps which (methods: Visibility).
    # The pages of all these tables; each table then asks its own action.
    "data.view": _MEETING,
    "supply_data.view": _MEETING - {SALES},
    "supply_data.change": frozenset({CHAIR}),
    "cost_data.view": frozenset({CHAIR, FINANCE, EXEC}),
    "cost_data.change": frozenset({FINANCE}),
    "model_data.view": _MEETING,
    "model_data.change": frozenset({CHAIR, PRODUCT}),
    "workload_data.view": _MEETING,
    "workload_data.change": frozenset({CHAIR, PRODUCT}),
    "forecast_data.view": _MEETING,
    "forecast_data.change": frozenset({CHAIR, SALES, PRODUCT}),
    "request_data.view": _MEETING - {SALES},
    "request_data.change": frozenset({CHAIR, RESEARCH}),
    "team_data.change": frozenset({CHAIR}),
    "contract_data.view": frozenset({CHAIR, FINANCE, SALES, EXEC}),
    "contract_data.change": frozenset({FINANCE, SALES}),
    "price_data.view": frozenset({FINANCE, SALES}),
    "price_data.change": frozenset({FINANCE, SALES}),
    "usage_data.view": frozenset({CHAIR, FINANCE, PRODUCT, EXEC}),
    "usage_data.change": frozenset({CHAIR, FINANCE, PRODUCT}),
    "policy_data.view": _MEETING,
    "policy_data.change": frozenset({CHAIR}),
    # The guide from nothing to the first review; each step says who may do it.
    "start.view": _MEETING,
    # Files and the log of what they changed; each row then asks its table's own action.
    "imports.use": _MEETING - {EXEC},
    "imports.view": _MEETING - {EXEC},
    "audit.view": frozenset({Role.AUDITOR}),
    "users.manage": frozenset({Role.ADMIN}),
}


def roles_for(action: str) -> frozenset[Role]:
    """The roles that may do it. KeyError for an action the table does not list."""
    return PERMISSIONS[action]


def may(roles: Iterable[Role], action: str) -> bool:
    """Whether somebody holding the roles may do it."""
    return not roles_for(action).isdisjoint(roles)


def may_update_action(roles: Iterable[Role], *, owner_role: str) -> bool:
    """An action is closed by the chair, by finance, or by a holder of its owner role; executives only read."""
    held = frozenset(roles)
    return bool(held & {CHAIR, FINANCE}) or (may(held, "action.update") and owner_role in held - {EXEC})


# Where somebody starts who holds one of these roles and no other.
_OWN_PAGES = {
    Role.SALES: "quotes",
    RESEARCH: "requests",
    PRODUCT: "workloads",
    Role.AUDITOR: "audit",
    Role.ADMIN: "people",
}


def landing_route(roles: Iterable[Role]) -> str:
    """The route name of the page somebody starts on: their role's own, the review for everybody else."""
    held = frozenset(roles)
    data = held & _MEETING
    if len(data) == 1:
        return _OWN_PAGES.get(next(iter(data)), "home")
    if data or not held:
        return "home"
    return _OWN_PAGES[Role.AUDITOR if Role.AUDITOR in held else Role.ADMIN]
