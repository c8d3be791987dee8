"""What a class holds → what each workload it serves takes, in whole accelerators and in cents (methods: Workload map).

Only the split and the shares made of it. What a class holds and what a pool's week costs come from a solved plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction

from capacity.lib.money import round_parts, to_decimal

# What is held but serves nobody is of no card.
NO_CARD = ""


def split_use(
    *, accelerators: int, cents: int | None, served: Mapping[str, Fraction]
) -> dict[str, tuple[int, int | None]]:
    """Member → (whole accelerators, cents) of what a class holds in a pool's week; both sum to what is given.

    served: the work the class did for each member, ≥ 0. Accelerators and cents follow the work, each by largest
    remainder, ties by key: 25 accelerators and $8,400 for work 1.5, 0.5 and 1 are 13, 4 and 8 accelerators and $4,200,
    $1,400 and $2,800. Without any work all of it is of no card. cents None: the cost is not known, of no part either.
    """
    work = sum(served.values(), Fraction(0))
    if not work:
        return {NO_CARD: (accelerators, cents)}
    whole = split_whole(accelerators, served)
    money: Mapping[str, int | None] = dict.fromkeys(served) if cents is None else split_whole(cents, served)
    return {key: (whole[key], money[key]) for key in served}


def split_whole(total: int, weights: Mapping[str, Fraction]) -> dict[str, int]:
    """Whole parts of a total in proportion to weights of which one is above 0: largest remainder, ties by key."""
    weight = sum(weights.values(), Fraction(0))
    exact_parts = {key: to_decimal(total * part / weight) for key, part in weights.items()}
    return {key: int(part) for key, part in round_parts(exact_parts, step=Decimal(1), total=Decimal(total)).items()}


def forecast_gap(*, planned: Fraction, other: Fraction) -> Fraction | None:
    """How far another source lies from the planned one: other ÷ planned − 1, of tokens at P50. None: nothing is planned.

    90 beside 120 planned: −0.25. (methods: Workload map)
    """
    return None if not planned else other / planned - 1


def frontier_share(amounts: Iterable[tuple[str, Decimal | int | None]]) -> Decimal | None:
    """The part of frontier models in a sum over workloads. amounts: (model tier, tokens or dollars; None: not known).

    What is not known is left out of both sides. None where nothing is left. 300 of 300 + 500 + 200: 0.3.
    """
    known = [(tier, Fraction(amount)) for tier, amount in amounts if amount is not None]
    whole = sum((amount for _, amount in known), Fraction(0))
    frontier = sum((amount for tier, amount in known if tier == "frontier"), Fraction(0))
    return to_decimal(frontier / whole) if whole else None
