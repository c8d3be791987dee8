"""SLA, penalty and the ways out of a contract, as its page shows them: what is owed when, and what is not priced. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from capacity.access.visibility import RESTRICTED, Viewer, see
from capacity.lib.figures import Absent, counted, day, share, usd
from capacity.review.tables import Row
from contracts.domain.workflow import IN_FORCE
from contracts.models import TERMINATION_RIGHTS, Contract

NOT_PRICED = Absent("not priced", "unknown", "Nothing on file says what it would cost, so no sum counts it.")
NO_CHANCE = NOT_PRICED.because(
    "A tier has no chance of a breach on file. Loss exposure counts the credits of the weeks that the plan leaves short, "
    "no others."
)
NO_FEE = NOT_PRICED.because("The monthly fee is not known, so no credit is.")
NO_MAKE_GOOD = NOT_PRICED.because("The terms on file name no make-good; loss exposure counts none.")
NO_MAKE_GOOD_CHANCE = NOT_PRICED.because("A tier has no chance of a breach on file; loss exposure counts no make-good.")
# What a run that has no such rows says of them, where every run since has some.
FROM_BEFORE = "This run is from before this was kept."
_RIGHTS = dict(TERMINATION_RIGHTS)


def version_in_force(versions: Sequence[Contract]) -> Contract | None:
    """The version whose terms bind now: the newest in force, else the newest at all. versions: the newest first."""
    return next((each for each in versions if each.state in IN_FORCE), versions[0] if versions else None)


def penalty_facts(viewer: Viewer, version: Contract | None, slas: Sequence[Row], *, year: int) -> list[tuple[str, Any]]:
    """(term, words or absence): what a breach, an early end and a renewal cost or bring."""
    facts: list[tuple[str, Any]] = []
    if slas:
        facts.append(("Expected credits", _expected_credits(slas)))
    facts.append(("Make-good", _expected_make_good(slas)))
    if version is None:
        return facts
    owner = version.owner.get_username() if version.owner else ""

    def seen(name: str) -> Any:
        return see(viewer, "input_contracts", name, getattr(version, name), owner=owner)

    facts += [
        ("Right to leave", _written(seen("termination_right"), lambda right: _RIGHTS.get(right, right))),
        ("Fee for leaving", _written(seen("termination_fee_usd"), usd, otherwise=NOT_PRICED)),
        ("Ends", day(version.ends_date, year=year)),
        ("Notice", _written(seen("notice_days"), lambda days: counted(days, "day") + " before")),
        ("Renewal", _written(seen("renewal_auto"), lambda auto: "by itself" if auto else "by agreement")),
        ("Chance of renewal", _written(seen("renewal_probability"), share)),
    ]
    return facts


def _expected_credits(slas: Sequence[Row]) -> Any:
    """Of a month with outages as likely as they are: Σ of the tiers, at most the fee; or why there is no such sum."""
    if any(row["chance"] is None for row in slas):
        return NO_CHANCE
    return _a_month([row["expected_usd"] for row in slas], most=slas[0]["fee_usd"], otherwise=NO_FEE)


def _expected_make_good(slas: Sequence[Row]) -> Any:
    if any(row["chance"] is None for row in slas):
        return NO_MAKE_GOOD_CHANCE
    return _a_month([row["expected_make_good_usd"] for row in slas], most=None, otherwise=NO_MAKE_GOOD)


def _a_month(parts: Sequence[Any], *, most: Any, otherwise: Absent) -> Any:
    hidden = next((each for each in parts if each is RESTRICTED or isinstance(each, Absent)), None)
    if hidden is not None:
        return hidden
    if not parts or None in parts:
        return otherwise
    total = sum(parts, Decimal(0))
    return f"{usd(total if most is None else min(total, most))} a month"


def _written(value: Any, write: Any, *, otherwise: Absent | None = None) -> Any:
    if value is RESTRICTED or isinstance(value, Absent):
        return value
    if value is None or value == "":
        return otherwise
    return write(value)


def sla_sentence(slas: Sequence[Row], *, is_kept: bool = True) -> str:
    """Whether there is an SLA, whose tiers it has, and the most that one month can cost. is_kept: whether the run has
    tables of single contracts at all."""
    if not is_kept:
        return FROM_BEFORE
    if not slas:
        return "No SLA: nothing is credited when it is down or slow."
    text = "It promises an SLA without tiers of its own: the standard ones hold." if slas[0]["is_standard"] else ""
    credits = [row["credit_usd"] for row in slas]
    known = [value for value in credits if value is not None and not isinstance(value, Absent)]
    if known:
        text += f" One bad month credits up to {usd(max(known))}."
    elif any(value is None for value in credits):
        text += " Its monthly fee is not known, so no tier is priced."
    return text.strip()
