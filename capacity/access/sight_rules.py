"""What a line of the visibility table is made of: sights, rules and the groups of roles that recur. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from capacity.access.bands import BandUnit
from capacity.access.roles import Role

CHAIR, FINANCE, SALES = Role.CHAIR, Role.FINANCE, Role.SALES
RESEARCH, PRODUCT, EXEC = Role.RESEARCH, Role.PRODUCT, Role.EXEC


class Sight(StrEnum):
    """How much of a field somebody sees."""

    FULL = "full"
    BAND = "band"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who sees a field. `own`: roles that see it in full on rows that are theirs (sales by username, research by team).

    `unit` says how a band is laid; a rule without bands needs none.
    """

    full: frozenset[Role] = frozenset()
    band: frozenset[Role] = frozenset()
    own: frozenset[Role] = frozenset()
    unit: BandUnit | None = None


def rule_of(*full: Role, band: tuple[Role, ...] = (), own: tuple[Role, ...] = (), unit: BandUnit | None = None) -> Rule:
    return Rule(full=frozenset(full), band=frozenset(band), own=frozenset(own), unit=unit)


def fields_of(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


ALL = rule_of(CHAIR, FINANCE, SALES, RESEARCH, PRODUCT, EXEC)
# The floor, the queue and suppliers: sales must not read how far research could be squeezed.
NOT_SALES = rule_of(CHAIR, FINANCE, RESEARCH, PRODUCT, EXEC)
# What the accelerators cost us. No revenue, no price.
COST = rule_of(CHAIR, FINANCE, EXEC)
COST_AND_RESEARCH = rule_of(CHAIR, FINANCE, EXEC, RESEARCH)
COST_AND_PRODUCT = rule_of(CHAIR, FINANCE, EXEC, PRODUCT)
WORKLOAD_COST = rule_of(CHAIR, FINANCE, EXEC, PRODUCT, RESEARCH)
# Who a customer is.
NAMES = rule_of(CHAIR, FINANCE, EXEC, own=(SALES,))
# Supply behind a contract. Sales read which pools their own stand on and until when, not what is bought from whom.
SUPPLY = rule_of(CHAIR, FINANCE, EXEC)
# What a contract takes: everything about its capacity, by name or alias.
PROMISE = rule_of(CHAIR, FINANCE, EXEC, PRODUCT, own=(SALES,))
# What a contract earns. With tokens beside it this is a price: never the chair, research or product.
REVENUE = rule_of(FINANCE, EXEC, own=(SALES,))
PRICES = rule_of(FINANCE, own=(SALES,))
# What a contract costs, which no price enters. Whoever plans accelerators can work it out: a band spares them that.
CONTRACT_COST = rule_of(FINANCE, EXEC, band=(CHAIR,), own=(SALES,), unit=BandUnit.USD)
# The one figure of a contract that depends on its price and that the chair reads whatever happens. Two bands of what one price
# makes cross, and where their edges lie close together they leave it to a percent; so all others are REVENUE's.
MARGIN_SHARE = rule_of(FINANCE, EXEC, band=(CHAIR,), own=(SALES,), unit=BandUnit.MARGIN)
# What a shortage of one contract loses, and with it a remedy that is such a loss: the penalty band, without which nobody
# could decide who goes short.
LOST = rule_of(FINANCE, EXEC, band=(CHAIR,), own=(SALES,), unit=BandUnit.USD)
REMEDY_COST = CONTRACT_COST
TOTAL_MONEY = rule_of(FINANCE, EXEC, band=(CHAIR,), unit=BandUnit.USD)
TOTAL_SHARE = rule_of(FINANCE, EXEC, band=(CHAIR,), unit=BandUnit.SHARE)
TOTAL_NUMBER = rule_of(FINANCE, EXEC, band=(CHAIR,), unit=BandUnit.NUMBER)
EVERYTHING = rule_of(FINANCE)
AUDIT = rule_of(Role.AUDITOR)
