"""Who sees which field, asked one question at a time: pages, plots, API, files and error texts all ask here. Pure.

Nothing is decided in this module: it reads the one table in `sight_table`. An unlisted field is hidden; in strict
mode (development and tests) it raises, so that nobody forgets to list a new one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from capacity.access.bands import Banded, BandUnit, band_of
from capacity.access.roles import ROLE_NAMES, Role
from capacity.access.sight_rules import Rule, Sight
from capacity.access.sight_table import COMMERCIAL_DECISIONS, FLOOR_DECISIONS, TABLE
from capacity.lib.figures import RESTRICTED

__all__ = [
    "COMMITTED",
    "RESTRICTED",
    "WHAT_ROLE_SEES",
    "BandUnit",
    "Banded",
    "ContractLabel",
    "Sight",
    "Viewer",
    "action_resource",
    "be_strict",
    "decision_resource",
    "is_price_blind",
    "label_blockers",
    "label_of_contract",
    "redact",
    "scenario_resource",
    "see",
    "see_row",
    "sight",
    "suppress_cells",
    "suppress_small",
    "who_sees",
]

# RESTRICTED is the value of a hidden field: an absent value like any other, told by identity (`value is RESTRICTED`).
# It joins no sum: arithmetic with it raises.

# What sales read in place of another account's name.
COMMITTED = "committed"
# An aggregate over fewer customers than this is one customer's figure for whoever knows the others.
FEWEST_CUSTOMERS = 3


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: the open roles of a signed-in person, and the research team they belong to ("" for none)."""

    username: str = ""
    roles: frozenset[Role] = frozenset()
    team_key: str = ""

    def owns(self, role: Role, owner: str) -> bool:
        """Whether the row is theirs in that role: sales by username, research by team. "" belongs to nobody."""
        if not owner or role not in self.roles:
            return False
        return owner == (self.team_key if role is Role.RESEARCH else self.username)


@dataclass(frozen=True, slots=True)
class ContractLabel:
    """The names of one contract, for label_blockers and redact. `key` is the contract's key, `owner` a username."""

    key: str
    name: str
    customer: str
    alias: str
    owner: str = ""


_strict = False


def be_strict(strict: bool = True) -> None:
    """Raise KeyError for a field the table does not list, instead of hiding it. Set once, at start."""
    global _strict
    _strict = strict


def sight(viewer: Viewer, resource: str, field: str, *, owner: str = "") -> Sight:
    """How the viewer sees the field. owner: the salesperson's username, or the team's key, the row belongs to.

    Of several roles the widest sight counts. Raises KeyError in strict mode when the table has no such field.
    """
    rule = TABLE.get(resource, {}).get(field)
    if rule is None:
        if _strict:
            raise KeyError(f"{resource}.{field} is not in the visibility table")
        return Sight.HIDDEN
    if viewer.roles & rule.full or any(viewer.owns(role, owner) for role in rule.own):
        return Sight.FULL
    return Sight.BAND if viewer.roles & rule.band else Sight.HIDDEN


def reads_floor(viewer: Viewer) -> bool:
    """Whether they know what is kept for model development, so that an exact shortage tells them nothing new."""
    return sight(viewer, "pool_week", "floor") is Sight.FULL


def see(viewer: Viewer, resource: str, field: str, value: Any, *, owner: str = "") -> Any:
    """The value as the viewer may see it: itself, its Banded, or RESTRICTED.

    None stays None for whoever has sight of the field: a missing value is not a hidden one. For whoever has none it is
    RESTRICTED too, or "missing" would tell them something. What has no band (a list, a text) is then restricted.
    """
    allowed = sight(viewer, resource, field, owner=owner)
    if allowed is Sight.HIDDEN:
        return RESTRICTED
    if allowed is Sight.FULL or value is None:
        return value
    unit = TABLE[resource][field].unit
    return (band_of(value, unit=unit) if unit else None) or RESTRICTED


def see_row(viewer: Viewer, resource: str, row: Mapping[str, Any], *, owner: str = "") -> dict[str, Any]:
    """Each value of the row as the viewer may see it; keys are field names of the resource."""
    return {field: see(viewer, resource, field, value, owner=owner) for field, value in row.items()}


def label_of_contract(viewer: Viewer, *, name: str, alias: str, owner: str = "") -> str:
    """What the viewer calls a contract: its name, its alias (research, product), or "committed" (sales, others')."""
    if sight(viewer, "exposure", "contract_name", owner=owner) is Sight.FULL:
        return name
    if sight(viewer, "exposure", "customer_alias", owner=owner) is Sight.FULL:
        return alias
    if Role.SALES in viewer.roles:
        return COMMITTED
    return str(RESTRICTED)


def label_blockers(
    viewer: Viewer, blockers: Iterable[Mapping[str, Any]], *, contracts: Mapping[str, ContractLabel]
) -> list[dict[str, Any]]:
    """Blockers (or smallest changes) with the keys of contracts' demands replaced by the label for this viewer.

    contracts: demand key → labels of its contract. Each result has a `label`; `key` stays only where it is not a
    contract's or the viewer may know whose it is.
    """
    shown = []
    for blocker in blockers:
        row = dict(blocker)
        found = contracts.get(str(row.get("key", "")))
        if found is None:
            row["label"] = row.get("key", "")
        else:
            row["label"] = label_of_contract(viewer, name=found.name, alias=found.alias, owner=found.owner)
            if row["label"] != found.name:
                row.pop("key")
        shown.append(row)
    return shown


def redact(viewer: Viewer, text: str, *, contracts: Iterable[ContractLabel]) -> str:
    """The text with every contract's key and name and every customer's name put in the viewer's own words."""
    words: dict[str, str] = {}
    for found in contracts:
        label = label_of_contract(viewer, name=found.name, alias=found.alias, owner=found.owner)
        if label != found.name:
            words.update({word.casefold(): label for word in (found.key, found.name, found.customer) if word})
    if not words:
        return text
    # The longest first, so that "Acme Europe" is not left as "C-7 Europe"; whole words only.
    pattern = "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", lambda hit: words[hit.group().casefold()], text, flags=re.IGNORECASE)


def decision_resource(kind: str) -> str:
    """The table's resource for a decision of this kind: its words may speak of a price, or of the floor."""
    return f"decision{_speaks_of(kind)}"


def action_resource(kind: str = "") -> str:
    """The table's resource for an action; kind: that of the decision it carries out, "" without one."""
    return f"action{_speaks_of(kind)}"


def scenario_resource(scenario: str) -> str:
    """The table's resource for a contract in a scenario of use: bands of one are shown at two uses, not at six."""
    return "exposure_scenario" if scenario in ("p50", "worst") else "exposure_scenario_other"


def _speaks_of(kind: str) -> str:
    if kind in COMMERCIAL_DECISIONS:
        return "_commercial"
    return "_floor" if kind in FLOOR_DECISIONS else ""


def is_price_blind(viewer: Viewer) -> bool:
    """Whether sums over few customers must be kept from the viewer: everybody but finance and executives."""
    return not viewer.roles & {Role.FINANCE, Role.EXEC}


def suppress_small(viewer: Viewer, *, customers: int, value: Any) -> Any:
    """An aggregate over one or two customers is RESTRICTED for price-blind roles. Over none it tells nothing."""
    return RESTRICTED if is_price_blind(viewer) and 0 < customers < FEWEST_CUSTOMERS else value


def suppress_cells(
    viewer: Viewer, *, customers: Mapping[str, int], values: Mapping[str, Any]
) -> tuple[dict[str, Any], bool]:
    """Parts of one total with the small ones hidden, and as many more as keep total − shown from giving them away.

    customers: part → how many customers it sums over; values: part → figure (same keys). Returns the parts as shown,
    and whether the total may be shown beside them: hidden parts must be two or more and hold three customers or more.
    """
    if not is_price_blind(viewer):
        return dict(values), True
    counted = sorted((part for part in values if customers[part] > 0), key=lambda part: (customers[part], part))
    hidden = [part for part in counted if customers[part] < FEWEST_CUSTOMERS]
    others = [part for part in counted if part not in hidden]
    while hidden and others and not _hides_enough(hidden, customers):
        hidden.append(others.pop(0))
    shown = {part: RESTRICTED if part in hidden else value for part, value in values.items()}
    return shown, not hidden or _hides_enough(hidden, customers)


def _hides_enough(hidden: list[str], customers: Mapping[str, int]) -> bool:
    return len(hidden) >= 2 and sum(customers[part] for part in hidden) >= FEWEST_CUSTOMERS


WHAT_ROLE_SEES = {
    Role.CHAIR: "All capacity, need, experiments and costs; contracts by name, their margins as bands; no prices.",
    Role.FINANCE: "Everything.",
    Role.SALES: "Own accounts in full; other accounts as committed accelerators; no floor, no experiments, no costs.",
    Role.RESEARCH: "Pools, floor, queue, cost per accelerator-hour and of experiments; contracts by alias, no money.",
    Role.PRODUCT: "Capacity, workloads and what model tiers cost; contracts by alias; no prices, margins or exposure.",
    Role.EXEC: "Everything but price lines; changes nothing.",
    Role.AUDITOR: "The audit log only.",
    Role.ADMIN: "People and roles only; no right to see data.",
}

_OWN_ROWS = {Role.SALES: "sales for their own contracts", Role.RESEARCH: "research for their own team"}


def who_sees(resource: str, field: str) -> str:
    """One sentence for a tooltip: `Seen by finance and executives; the chair as a band.`"""
    rule = TABLE.get(resource, {}).get(field) or Rule()
    parts = []
    if rule.full:
        parts.append(_list_roles(rule.full))
    if rule.band:
        parts.append(f"{_list_roles(rule.band)} as a band")
    parts += [_OWN_ROWS[role] for role in Role if role in rule.own]
    sentence = "; ".join(parts) or "nobody"
    return f"Seen by {sentence}."


def _list_roles(roles: frozenset[Role]) -> str:
    names = [_SHORT_NAMES[role] for role in Role if role in roles]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


_SHORT_NAMES = {role: name.lower() for role, name in ROLE_NAMES.items()} | {
    Role.CHAIR: "the chair",
    Role.EXEC: "executives",
}
