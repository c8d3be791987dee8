"""From an Assessment to the document that is written: exact decimals, money to the cent, null where not known.

The form is docs/methods.md, "Contract file". Bills in cents are invoices.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any

from capacity.lib.money import exact_context, round_parts, round_usd, to_decimal
from contracts.domain.apart import NotPooled, PinCost
from contracts.domain.assessment import Assessment
from contracts.domain.balances import CommitmentState
from contracts.domain.billing import Bill, BillLine
from contracts.domain.credits import allowed_downtime_minutes
from contracts.domain.invoices import Invoice, invoices
from contracts.domain.month import UsageCase, total_or_none
from contracts.domain.price_war import CUTS, break_even_cut, margin_after_cut, months_until_cut
from contracts.domain.statements import Statement
from contracts.domain.streams import StreamNeed
from contracts.domain.terms import TermsError
from contracts.domain.weeks import WeekCapacity

PLACES = Decimal("0.000001")
NOTHING = Decimal("0.00")
MOST_SHOWN = Decimal(10) ** 40
# A decimal stands as a marked text until the document is text, because JSON has only one kind of number.
MARK = "\ue000"
_MARKED = re.compile(f'"{MARK}([^"]*)"')


def assessment_text(assessment: Assessment) -> str:
    """The document as JSON text, numbers exact as written. Raises TermsError where a figure is too large to mean anything."""
    text = json.dumps(assessment_to_json(assessment), indent=1, allow_nan=False, default=_written)
    return _MARKED.sub(r"\1", text.replace(f"\\u{ord(MARK):04x}", MARK))


def _written(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{MARK}{value:f}"
    raise TypeError(f"{type(value)} is no part of the document")


def assessment_to_json(found: Assessment) -> dict[str, Any]:
    """The document as plain values and Decimals."""
    for amount in (line.amount_usd for each in found.statements for line in each.lines):
        _check_size(amount)
    billed = invoices(found.statements)
    return {
        "version": 1,
        "key": found.agreement.key,
        "shape": found.agreement.shape.value,
        "as_of": _day(found.agreement.as_of),
        "on_date": _day(found.on_date),
        "results": _results(found),
        "streams": [_stream(need) for need in found.result.planned.needs],
        "bills": [_statement(found, *both) for both in zip(found.statements, billed, strict=True)],
        "totals": _totals(found, billed),
        "capacity": [_week(week) for week in found.weeks],
        "residency": [_not_pooled(group) for group in found.not_pooled],
        "pins": [_pin(pin) for pin in found.pins],
        "batch": [
            {
                "stream": fit.stream,
                "work_replica_days": _number(fit.work_replica_days),
                "overload_replica_seconds": _number(fit.overload_replica_seconds),
                "bought_replicas": fit.bought_replicas,
                "trough_cost_usd": _money(fit.trough_cost_usd),
                "bought_cost_usd": _money(fit.bought_cost_usd),
            }
            for fit in found.batch
        ],
        "cached_input": [
            {
                "stream": key,
                "price_usd_per_million": _number(each.price_usd),
                "cost_usd_per_million": _number(each.cost_usd),
                "margin_share": _number(each.margin_share),
                "caching_lowers_margin": each.caching_lowers_margin,
            }
            for key, each in found.cached.items()
        ],
        "seats": _seats(found),
        "orders": [
            {
                "line": order.line_key,
                "needed": _day(order.needed_date),
                "added": _number(order.added),
                "order_by_p50": _day(order.order_by_date),
                "order_by_p90": _day(order.safe_order_by_date),
            }
            for order in found.orders
        ],
        "renewal": {"notice_by": _day(found.notice_by), "stranded_usd": _money(found.stranded_usd)},
        "flags": [{"code": flag.code, "subject": flag.subject, "sentence": flag.sentence} for flag in found.flags],
    }


def _results(found: Assessment) -> dict[str, Any]:
    result, known = found.result, found.is_revenue_known
    return {
        "unknown_meters": list(found.unknown_meters),
        "committed": _case(result.committed, is_known=True),
        "planned": _case(result.planned, is_known=known),
        "worst": _case(result.worst, is_known=known),
        "at_multiples": [_case(case, is_known=known) for case in result.at_multiples],
        "capacity_gap_accelerators": result.capacity_gap_accelerators,
        "expected_credits_usd": _money(found.expected_credits_usd),
        "loss_exposure_usd": _money(result.loss_exposure_usd) if known else None,
        "margin_swing_usd": _money(result.margin_swing_usd) if known else None,
        "inference_cost_share": _number(result.inference_ratio) if known else None,
        "break_even": {
            "multiple": _number(result.break_even.multiple, rounding=ROUND_FLOOR),
            "reason": result.break_even.reason,
        },
        "price_cuts": _price_cuts(found) if known else None,
    }


def _price_cuts(found: Assessment) -> dict[str, Any]:
    """Expected use at lower prices, fully loaded. (methods: Price cuts)"""
    planned, fall = found.result.planned, found.agreement.expected.price_fall_share_per_year
    revenue, cost = planned.revenue_usd, planned.reserved_cost_usd
    most = break_even_cut(revenue_usd=revenue, cost_usd=cost)
    months = None if most is None or fall is None else months_until_cut(cut_share=most, fall_share_a_year=fall)
    return {
        "break_even_cut_share": _number(most),
        "months_to_break_even": _number(months),
        "at": [
            {
                "cut_share": _number(cut),
                "loaded_margin_share": _number(margin_after_cut(revenue_usd=revenue, cost_usd=cost, cut_share=cut)),
            }
            for cut in CUTS
        ],
    }


def _case(case: UsageCase, *, is_known: bool) -> dict[str, Any]:
    """One month on one basis; money that rests on use nobody knows is null, with what is owed in any case beside it."""
    return {
        "multiple": _number(case.multiple),
        "accelerators": case.accelerators,
        "revenue_usd": _money(case.revenue_usd) if is_known else None,
        "revenue_at_least_usd": _money(case.revenue_usd),
        "reserved_cost_usd": _money(case.reserved_cost_usd),
        "consumed_cost_usd": _money(case.consumed_cost_usd),
        "headroom_cost_usd": _money(case.headroom_cost_usd),
        "pooled_cost_usd": _money(case.pooled_cost_usd),
        "gross_margin_usd": _money(case.gross_margin_usd) if is_known else None,
        "loaded_margin_share": _number(case.loaded_margin_share) if is_known else None,
        "consumed_margin_share": _number(case.consumed_margin_share) if is_known else None,
        "pooled_margin_share": _number(case.pooled_margin_share) if is_known else None,
        "lines": _bill_lines(case.bill) if is_known else [],
    }


def _bill_lines(bill: Bill) -> list[dict[str, Any]]:
    for line in bill.lines:
        _check_size(line.amount_usd)
    return _lines(bill.lines, known=None, shown=round_parts({line.key: line.amount_usd for line in bill.lines}))


def _lines(lines: Sequence[BillLine], *, known: set[str] | None, shown: Mapping[str, Decimal]) -> list[dict[str, Any]]:
    """known: the lines whose amounts are certain; None = all. shown: each in cents."""
    return [
        {
            "key": line.key,
            "quantity": _number(line.quantity) if known is None or line.key in known else None,
            "refused": _number(line.refused) if known is None or line.key in known else None,
            "usd": shown[line.key] if known is None or line.key in known else None,
        }
        for line in lines
    ]


def _stream(need: StreamNeed) -> dict[str, Any]:
    """A stream at expected use, with those that share its replicas; nulls where its traffic or profile is not known."""
    sized = need.need
    return {
        "key": need.key,
        "shares_with": list(need.keys[1:]),
        "accelerators": need.accelerators,
        "load_average": None if sized is None else _number(sized.load_average),
        "load_peak": None if sized is None else _number(sized.load_peak),
        "work_replicas": None if sized is None else sized.work_replicas,
        "spare_replicas": None if sized is None else sized.spare_replicas,
        "marginal_accelerators": _number(need.marginal_accelerators),
        "reserved_cost_usd": _money(need.reserved_cost_usd),
        "consumed_cost_usd": _money(need.consumed_cost_usd),
        "pooled_cost_usd": _money(need.pooled_cost_usd),
    }


def _statement(found: Assessment, statement: Statement, billed: Invoice) -> dict[str, Any]:
    fixed = found.agreement.fixed_keys
    known = None if not statement.unknown else fixed
    certain = not statement.unknown
    taken = statement.take_or_pay
    return {
        "from": _day(statement.start),
        "to": _day(statement.end),
        "lines": _lines(statement.lines, known=known, shown=billed.lines),
        "fixed_usd": sum((usd for key, usd in billed.lines.items() if key in fixed), NOTHING),
        "charged_usd": billed.charged_usd,
        "credits_usd": _money(billed.credits_usd),
        "allowed_downtime_minutes": _allowed_downtime(found, statement),
        "total_usd": billed.total_usd,
        "take_or_pay": None
        if taken is None or not certain
        else {field.name: _number(getattr(taken, field.name)) for field in fields(taken)},
        "commitments": [_commitment(each) for each in statement.commitments] if certain else [],
        "unknown": list(statement.unknown),
    }


def _allowed_downtime(found: Assessment, statement: Statement) -> Decimal | None:
    """Minutes the service may be down in the bill's days before the first credit; None without tiers of uptime."""
    version = found.agreement.version_on(statement.end - timedelta(days=1))
    bounds = [tier.below_share for tier in version.service.uptime_tiers] if version else []
    if not bounds:
        return None
    return _number(allowed_downtime_minutes(below_share=max(bounds), days=(statement.end - statement.start).days))


def _commitment(state: CommitmentState) -> dict[str, Any]:
    amounts = {field.name: _money(getattr(state, field.name)) for field in fields(state) if field.name != "key"}
    return {"key": state.key, **amounts}


def _totals(found: Assessment, billed: Sequence[Invoice]) -> dict[str, Any]:
    """What the bills sum to as they are shown."""
    certain = not any(each.unknown for each in found.statements)
    last = [each.take_or_pay for each in found.statements if each.take_or_pay is not None]
    return {
        "charged_usd": total_or_none([*(each.charged_usd for each in billed), NOTHING]),
        "total_usd": total_or_none([*(each.total_usd for each in billed), NOTHING]),
        "guaranteed_usd": _money(found.guaranteed_usd),
        "makeup_left": _number(last[-1].makeup_left) if last and certain else None,
    }


def _week(week: WeekCapacity) -> dict[str, Any]:
    return {
        "week": week.week.monday.isoformat(),
        "committed": week.committed,
        "planned": week.planned,
        "p10": week.p10,
        "p90": week.p90,
        "worst": week.worst,
        "expected": _number(week.expected),
    }


def _not_pooled(group: NotPooled) -> dict[str, Any]:
    return {
        "streams": list(group.streams),
        "separate_accelerators": group.separate_accelerators,
        "pooled_accelerators": group.pooled_accelerators,
        "not_pooling_accelerators": group.accelerators,
        "not_pooling_usd_per_month": _money(group.usd),
    }


def _pin(pin: PinCost) -> dict[str, Any]:
    return {
        "stream": pin.stream,
        "own_accelerators": pin.own_accelerators,
        "own_cost_usd_per_week": _money(pin.own_cost_usd),
        "reserved_less_consumed_usd_per_week": _money(pin.reserved_less_consumed_usd),
        "premium_usd_per_week": None if pin.premium is None else _money(pin.premium.premium_usd),
        "premium_over_linear_share_usd_per_week": _money(pin.premium_over_linear_share_usd),
    }


def _seats(found: Assessment) -> dict[str, Any] | None:
    seats = found.seats
    if seats is None:
        return None
    return {
        "mean_million_tokens": _number(seats.mean_million_tokens),
        "revenue_usd": _money(seats.revenue_usd),
        "cost_usd": _money(seats.cost_usd),
        "margin_share": _number(seats.margin_share),
        "break_even_million_tokens": _number(seats.break_even_million_tokens),
        "margin_by_segment_usd": _by_key(seats.margin_by_segment_usd),
    }


def _by_key(amounts: Mapping[str, Decimal]) -> dict[str, Any]:
    return {key: _money(amount) for key, amount in amounts.items()}


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _money(amount: Decimal | None) -> Decimal | None:
    """Half-even to the cent."""
    if amount is None:
        return None
    _check_size(amount)
    return round_usd(amount)


def _number(value: Decimal | Fraction | int | None, *, rounding: str = ROUND_HALF_EVEN) -> Decimal | None:
    """To six decimals, without zeros at the end."""
    if value is None:
        return None
    exact = to_decimal(value)
    _check_size(exact)
    context = Context(prec=exact_context().prec, rounding=rounding)
    shown = exact.quantize(PLACES, context=context).normalize(context)
    return shown.quantize(Decimal(1), context=context) if shown == shown.to_integral_value() else shown


def _check_size(value: Decimal) -> None:
    if abs(value) > MOST_SHOWN:
        raise TermsError(
            "A figure of the result is above 10^40: look for a price, a quantity or a growth in other units."
        )
