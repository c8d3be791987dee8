"""A stored row of a contract in a scenario → its weeks, with the columns of the row. Pure.

The row keeps what cannot be derived, by week in cents; headroom, margins and swing follow from that. What its reader may
not see of the row they see of no week.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from capacity.lib.figures import RESTRICTED
from capacity.lib.horizon import Week
from contracts.domain.rollups import usd_of
from contracts.domain.scenarios import WORST

Row = dict[str, Any]
_COST, _CONSUMED, _REVENUE = "reserved_cents", "consumed_cents", "revenue_cents"
# Column → the list it is, or the two lists it is the difference of.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "revenue_usd": (_REVENUE,),
    "consumed_cost_usd": (_CONSUMED,),
    "headroom_cost_usd": (_COST, _CONSUMED),
    "reserved_cost_usd": (_COST,),
    "margin_usd": (_REVENUE, _COST),
    "consumed_margin_usd": (_REVENUE, _CONSUMED),
    "expected_credits_usd": ("credits_cents",),
    "loss_exposure_usd": ("loss_cents",),
}


def weeks_of_scenario(
    row: Mapping[str, Any], *, weeks: int, expected: Mapping[str, Any] | None = None
) -> Iterator[Row]:
    """The row's weeks: contract_key, scenario, week and its amounts in USD; None where not known.

    row: stored, or visible with the first week seen. expected: the contract's row at P50, for margin_swing_usd; without
    it, and at worst use (alone, not by week), the swing is None. In weeks of a renewal it is 0.
    """
    first = Week.parse(row["first_week"])
    for index in range(weeks):
        found: Row = {
            "contract_key": row["contract_key"],
            "scenario": row["scenario"],
            "week": first.plus(index).key,
            "capacity_gap_accelerators": _at(row, "gap_accelerators", index),
            "margin_swing_usd": _swing(row, expected, index),
        }
        for column, lists in _COLUMNS.items():
            found[column] = _usd(_difference(*(_at(row, name, index) for name in lists)))
        yield found


def _swing(row: Mapping[str, Any], expected: Mapping[str, Any] | None, index: int) -> Any:
    if expected is None or row["scenario"] == WORST:
        return None
    here, there = (_difference(_at(each, _REVENUE, index), _at(each, _COST, index)) for each in (row, expected))
    swing = _difference(there, here)
    # A contract in term has a gap, if only 0, in every week; out of term none.
    is_renewal = swing is not None and swing is not RESTRICTED and _at(expected, "gap_accelerators", index) is None
    return _usd(0 if is_renewal else swing)


def _at(row: Mapping[str, Any], name: str, index: int) -> Any:
    values = row[name]
    if values is RESTRICTED:
        return RESTRICTED
    return values[index] if values and index < len(values) else None


def _difference(left: Any, right: Any = 0) -> Any:
    if left is RESTRICTED or right is RESTRICTED:
        return RESTRICTED
    return None if left is None or right is None else left - right


def _usd(cents: Any) -> Any:
    return cents if cents is RESTRICTED else usd_of(cents)
