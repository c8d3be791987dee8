"""Contracts of a plan → rows of the table of use at multiples: 1 ×, 2 ×, 3 × and worst use, and the margin's curve.

Pure. Each contract alone, one planning month at the terms, prices and rate of its first week in the horizon (methods:
Use at multiples). Sums over the horizon are exposure.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, Protocol

from capacity.lib.horizon import Week
from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import exact
from contracts.domain.margin import ContractResult, assess_contract
from contracts.domain.month import ExposurePolicy, UsageCase, UsageProfile, month_of, usage_cap
from contracts.domain.use_curve import use_curve
from contracts.inputs import BROKEN, ContractInForce
from workloads.domain.serving import Profile

MULTIPLES = (Fraction(1), Fraction(2), Fraction(3))
# The curve ends a little beyond its last figure, so that the break-even use is not on its edge.
BEYOND = Fraction(11, 10)
# A break-even use beyond this is off the chart: nobody uses a contract ten times over by surprise.
LONGEST = Fraction(6)

Row = dict[str, Any]


class MeasuredContract(Protocol):
    """A contract version against the plan: the first week it is in force, and the rate of what serves it."""

    contract: ContractInForce
    indexes: list[int]

    @property
    def profile(self) -> Profile | None: ...

    @property
    def month_policy(self) -> ExposurePolicy: ...

    def rate(self, index: int) -> Decimal | None: ...

    def leave_out_terms(self, error: Exception) -> None: ...


def multiple_rows(*, contracts: Iterable[Sequence[MeasuredContract]], first_week: Week) -> list[Row]:
    """Four rows a contract, in the order of the contracts: 1 ×, 2 ×, 3 × and its worst reasonable use."""
    with localcontext(exact_context()):
        return [
            row for versions in contracts for row in _known_rows(min(versions, key=lambda v: v.indexes[0]), first_week)
        ]


def _known_rows(measured: MeasuredContract, first_week: Week) -> list[Row]:
    """The rows of a contract; without its money where its terms cannot be worked out at one of the multiples."""
    try:
        return _rows(measured, first_week)
    except BROKEN as error:
        measured.leave_out_terms(error)
        return _rows(measured, first_week)


def month_figures(measured: MeasuredContract, first_week: Week) -> Row:
    """The arguments of month_of: the contract's planning month as of its first week in the horizon."""
    contract, index = measured.contract, measured.indexes[0]
    terms, cap = contract.terms[index], contract.fair_use_multiple(index)
    assert terms is not None
    return {
        "terms": terms,
        "usage": UsageProfile(
            traffic=contract.traffic[index] if contract.traffic else None,
            p95_multiple=contract.usage["p95_multiple"],
            cap_multiple=None if cap is None else to_decimal(cap),
            written_share=contract.usage["cache_write_share"] or Decimal(0),
        ),
        "profile": measured.profile,
        "rate_usd_per_hour": measured.rate(index),
        "on_date": max(first_week.plus(index).monday, contract.starts),
        "policy": measured.month_policy,
    }


def _rows(measured: MeasuredContract, first_week: Week) -> list[Row]:
    arguments = month_figures(measured, first_week)
    cap = usage_cap(terms=arguments["terms"], usage=arguments["usage"])
    used = [multiple if cap is None else min(multiple, cap) for multiple in MULTIPLES]
    result = assess_contract(**arguments, multiples=used)
    is_priced = not measured.contract.gaps[measured.indexes[0]]
    policy: ExposurePolicy = arguments["policy"]
    shared = {
        "contract_key": measured.contract.row["key"],
        "owner_username": measured.contract.row["owner"] or "",
        "on_date": arguments["on_date"],
        "hours": policy.hours,
    }
    cases = zip(MULTIPLES, result.at_multiples, result.losses_at_multiples, strict=True)
    rows = [
        {**shared, **_figures(case, asked, loss, result, is_priced), "basis": "multiple"} for asked, case, loss in cases
    ]
    worst = _figures(result.worst, result.worst.multiple, result.loss_exposure_usd, result, is_priced)
    rows.append({**shared, **worst, "basis": "worst"})
    rows[0]["break_even_reason"] = result.break_even.reason
    rows[0]["curve"] = _curve(arguments, result, cap) if is_priced else []
    return [{**row, "position": position} for position, row in enumerate(rows)]


def _figures(case: UsageCase, asked: Fraction, loss: Decimal | None, result: ContractResult, is_priced: bool) -> Row:
    planned = result.planned.accelerators
    gap = None if case.accelerators is None or planned is None else max(0, case.accelerators - planned)
    return {
        "multiple": to_decimal(asked),
        "used_multiple": to_decimal(case.multiple),
        "accelerators": case.accelerators,
        "capacity_gap_accelerators": gap,
        "revenue_usd": case.revenue_usd if is_priced else None,
        "reserved_cost_usd": case.reserved_cost_usd,
        "consumed_cost_usd": case.consumed_cost_usd,
        "margin_usd": case.gross_margin_usd if is_priced else None,
        "margin_share": case.loaded_margin_share if is_priced else None,
        "loss_exposure_usd": loss if is_priced else None,
        "break_even_reason": "",
        "curve": [],
    }


def _curve(arguments: Row, result: ContractResult, cap: Fraction | None) -> list[list[str]]:
    """[[multiple, margin in USD], …] in words of four and two places: what a chart can show."""
    broken = result.break_even.multiple
    ends = [MULTIPLES[-1], result.worst.multiple]
    if broken is not None and broken <= LONGEST:
        ends.append(broken)
    top = max(ends) * BEYOND
    points = use_curve(month=month_of(**arguments), top=top if cap is None else min(top, cap))
    return [[_places(point.multiple, 4), _places(exact(point.margin_usd), 2)] for point in points]


def _places(value: Fraction, places: int) -> str:
    return f"{to_decimal(value):.{places}f}"
