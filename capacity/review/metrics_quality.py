"""The headline metric of what customers felt: H3, of the newest whole week. With its formula, terms and limit. Pure."""

from __future__ import annotations

from decimal import Decimal

from capacity.lib.horizon import Week
from capacity.lib.money import to_decimal
from capacity.review.actual_rows import week_uses
from capacity.review.figure_terms import figure, term
from capacity.review.metric_sums import Row, Tables
from capacity.review.plan_rows import PlanRows
from workloads.domain.actuals import FELT_LIMIT, Felt, felt

_FELT = ("metric", "H3")


def felt_degradation(rows: PlanRows, tables: Tables) -> Row:
    """H3 = throttled or late ÷ all requests, and the minutes of the workload that lost most."""
    found = felt(week_uses(rows), now=Week.containing(rows.plan.inputs.as_of))
    allowed = min(
        (row["allowed_minutes"] for row in tables["contract_slas"] if row["allowed_minutes"] is not None), default=None
    )
    names = {key: card["name"] for key, card in rows.workloads.items()}
    left_out = ", ".join(names[key] for key in found.left_out)
    basis = f"week {found.week.key}" if found.week else "no whole week"
    return figure(
        key="metric:H3",
        label="Customer-felt degradation, last whole week",
        value=None if found.share is None else to_decimal(found.share),
        absent=found.absent,
        unit="share",
        formula="requests throttled or late ÷ all requests, over the hours that say them",
        terms=[
            term("Requests", found.requests or None, "requests", basis, ("actual", "requests")),
            term("Throttled", found.throttled if found.week else None, "requests", basis, ("actual", "throttled")),
            term("Late", found.late if found.week else None, "requests", basis, ("actual", "late")),
            term(
                "SLA minutes lost, worst workload",
                None if found.minutes is None else to_decimal(found.minutes).quantize(Decimal("0.01")),
                "minutes",
                names.get(found.worst, "usage"),
                _FELT,
            ),
            term("Least allowance of an SLA tier", allowed, "minutes a month", "contracts", ("actual", "allowed")),
            term("Left out, partial or without counts", left_out or "none", "", "usage by day", _FELT),
        ],
        state=_state(found, allowed),
        threshold="above 0.1%, or minutes of a week reach an SLA tier's monthly allowance",
        basis=basis + (f"; left out: {left_out}" if left_out else ""),
        anchor="actuals",
        sight=_FELT,
    )


def _state(found: Felt, allowed: Decimal | None) -> str:
    if found.share is None:
        return ""
    reached = allowed is not None and found.minutes is not None and found.minutes >= Decimal(allowed)
    return "bad" if found.share > FELT_LIMIT or reached else "good"
