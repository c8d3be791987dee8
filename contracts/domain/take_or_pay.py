"""Take-or-pay with make-up: what a committed quantity bills, period by period (methods: Take-or-pay)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from contracts.domain.terms import ZERO, TakeOrPay

# (period it was born in, priced units left of it), oldest first.
Makeup = tuple[tuple[int, Decimal], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TakeOrPayPeriod:
    """One period, in priced units. makeup_left: what may still be taken free after it; expired: lost in it."""

    usage: Decimal
    billed: Decimal
    makeup_applied: Decimal
    makeup_created: Decimal
    makeup_left: Decimal
    expired: Decimal


def settle_take_or_pay(*, terms: TakeOrPay, usage: Sequence[Decimal]) -> tuple[TakeOrPayPeriod, ...]:
    """Period by period: billed = max(θ·commit, usage − make-up applied). (methods: Take-or-pay)

    Make-up is applied only to usage above θ·commit, oldest first, in the `makeup_periods` after its own; then it
    expires. Commit 10, θ 0.8, usage 6 → billed 8, make-up 2.
    """
    open_credits: Makeup = ()
    settled = []
    for period, used in enumerate(usage):
        found, open_credits = settle_period(
            used=used,
            taken=terms.take_share * terms.quantity,
            open_credits=open_credits,
            period=period,
            makeup_periods=terms.makeup_periods,
        )
        settled.append(found)
    return tuple(settled)


def settle_period(
    *, used: Decimal, taken: Decimal, open_credits: Makeup, period: int, makeup_periods: int
) -> tuple[TakeOrPayPeriod, Makeup]:
    """One period after another: its figures and the make-up still open. taken: θ × commitment of the period."""
    applied, left_over = _apply_makeup(open_credits, max(ZERO, used - taken))
    created = max(ZERO, taken - used)
    if created:
        left_over.append((period, created))
    expired = sum((left for born, left in left_over if period >= born + makeup_periods), ZERO)
    still_open = tuple((born, left) for born, left in left_over if period < born + makeup_periods)
    found = TakeOrPayPeriod(
        usage=used,
        billed=max(taken, used - applied),
        makeup_applied=applied,
        makeup_created=created,
        makeup_left=sum((left for _, left in still_open), ZERO),
        expired=expired,
    )
    return found, still_open


def _apply_makeup(open_credits: Makeup, wanted: Decimal) -> tuple[Decimal, list[tuple[int, Decimal]]]:
    applied, left_over = ZERO, []
    for born, left in open_credits:
        now = min(left, wanted - applied)
        applied += now
        if left > now:
            left_over.append((born, left - now))
    return applied, left_over
