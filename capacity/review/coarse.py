"""What is short as it is told to whoever may not read the floor: in steps, so that the floor cannot be worked out of it.

What belongs here: exact sizes in, what is shown of them out, for quotes and what-ifs alike (methods: Visibility). The
steps themselves are contracts/domain/quote.py's.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from capacity.access.bands import Banded, BandUnit
from capacity.lib.figures import MINUS, RESTRICTED, thousands
from capacity.lib.units import ceil_fraction, exact
from contracts.domain.quote import ladder_step

Row = dict[str, Any]
WHY_COARSE = "Rounded up: to the accelerator it would say what the floor holds, which your role does not read."


def up_to(bounds: tuple[int, int], *, more: Decimal | int = 0) -> Banded:
    """ "up to 500": what lies above the one bound, up to and with the other. more: known, and added to both."""
    low, high = (each + Decimal(more) for each in bounds)
    return _banded(f"up to {thousands(high)}", low, high)


def coarse_sides(short: Row) -> Row:
    """Of `short_before`, `short_after` and `short_difference` what a question adds, in steps of 1, 2, 5; known: before.

    Nothing is told twice in two steps, which together would be a finer one: the side after is the side before and the
    step. What is taken away is told by the step of what is left, nothing left being nothing.
    """
    before, after = short["short_before"], short["short_after"]
    if not isinstance(before, Decimal) or not isinstance(after, Decimal) or before == after:
        return short
    if after > before:
        step = ladder_step(ceil_fraction(exact(after - before)))
        return {**short, "short_after": up_to(step, more=before), "short_difference": up_to(step)}
    if after <= 0:
        return short
    low, high = ladder_step(ceil_fraction(exact(after)))
    least, most = max(Decimal(0), before - high), before - low
    fewer = _banded(f"{MINUS}{thousands(most)} at most", -most, -least)
    return {**short, "short_after": up_to((low, high)), "short_difference": fewer}


def without_dollars(usd: Row, short: Row) -> Row:
    """Dollars lost of what is told in steps are hidden: by what an accelerator brings they would say how many there are.

    usd: usd_before, usd_after and usd_difference of the same row.
    """
    if not isinstance(short["short_difference"], Banded):
        return usd
    return {**usd, "usd_after": RESTRICTED, "usd_difference": RESTRICTED}


def _banded(word: str, low: Decimal, high: Decimal) -> Banded:
    return Banded(word=word, kind="banded", reason=WHY_COARSE, low=low, high=high, unit=BandUnit.NUMBER)
