"""Asking a quote: the quick answer of the terms code over what a run left, and the question put to the worker.

What belongs here: what pages and API share. No solver runs here: the quick answer counts with stored rows of the run
(methods: Quotes); the full one is quote_answer.py's, in the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from django.db import transaction

from capacity.access.models import User
from capacity.access.visibility import Viewer, reads_floor
from capacity.allocation.models import RunPoolWeek
from capacity.allocation.what_ifs import ask_what_if
from capacity.lib.units import ceil_fraction, exact, floor_fraction
from capacity.review.input_edits import apply_changes
from capacity.review.inputs import Inputs
from capacity.review.quote_answer import terms_document, terms_of_sized, work_document
from capacity.review.quote_reading import QuoteError, QuoteRefused, ReadQuote, check_quote
from capacity.review.quote_sizing import sized_quote
from capacity.review.what_if import run_inputs
from contracts.domain.quote import short_time, two_digits_down
from contracts.domain.quote_payload import changes_of
from contracts.models import Quote
from contracts.quotes import PoolRates, SizedQuote

KEPT_RUNS = 2


@dataclass(frozen=True, slots=True)
class PoolWeek:
    """What the run left of a pool in a week, as far as the quick answer counts."""

    allocatable: int
    firm: Decimal
    expected: Decimal
    floor: int
    usd: Decimal | None


@dataclass(frozen=True, slots=True)
class RunRoom:
    """A run's inputs and its pool-weeks: a run never changes, so a process keeps them."""

    inputs: Inputs
    pools: Mapping[str, tuple[PoolWeek, ...]]

    @property
    def rates(self) -> PoolRates:
        return PoolRates(
            by_pool={key: [(week.allocatable, week.usd) for week in weeks] for key, weeks in self.pools.items()}
        )


@lru_cache(maxsize=KEPT_RUNS)
def run_room(run_id: int) -> RunRoom:
    """Two queries the first time. Raises WhatIfRefused."""
    inputs = run_inputs(run_id)
    pools: dict[str, list[PoolWeek]] = {}
    rows = RunPoolWeek.objects.filter(run_id=run_id).order_by("pool_key", "week_index")
    columns = ("allocatable", "committed_need", "expected_need", "floor", "usd_per_accelerator_hour")
    for key, size, firm, expected, floor, usd in rows.values_list("pool_key", *columns):
        pools.setdefault(key, []).append(PoolWeek(size, firm, expected, floor or 0, usd))
    return RunRoom(inputs=inputs, pools={key: tuple(weeks) for key, weeks in pools.items()})


def quick_answer(*, run_id: int, quote: ReadQuote, viewer: Viewer) -> dict[str, Any]:
    """What the terms code says, and the need alone against what the run left, week by week: no plan is made.

    Raises QuoteRefused and WhatIfRefused.
    """
    room = run_room(run_id)
    quoted = check_quote(inputs=room.inputs, payload=quote.payload, viewer=viewer)
    policy, horizon = room.inputs.policy, room.inputs.horizon
    sized = sized_quote(quoted=quoted, policy=policy)
    if not sized.parts:
        raise QuoteRefused([QuoteError("contract.starts_date", sized.unsized)])
    target = policy.target_gross_margin_share if quote.target_share is None else quote.target_share
    try:
        terms = terms_of_sized(sized=sized, quoted=quoted, policy=policy, rates=room.rates, target_share=target)
    except (ValueError, ArithmeticError) as error:
        raise QuoteRefused([QuoteError("", f"With these terms no bill can be made ({error}).")]) from None
    need = () if sized.unsized else sized.need()
    # It is asked as one types, and nothing keeps who asked: what fits must not say what the floor is (methods: Quotes).
    known: Callable[[int], int] = int if reads_floor(viewer) else two_digits_down
    short = {index: max(0, size - known(_left(room, sized, index))) for index, size in enumerate(need) if size}
    first = short_time(short)
    return {
        "kind": "quick",
        "run": run_id,
        "unsized": sized.unsized,
        "tier": sized.tier,
        "fits": bool(need) and bool(sized.options) and first is None,
        "short": None
        if first is None
        else {
            "week": horizon.first.plus(first.first).key,
            "weeks": first.weeks,
            "most": first.most,
            "in_all": first.in_all,
        },
        "weeks": [
            {"week": week.key, "need": str(need[index]), "short": short[index]}
            for index, week in enumerate(horizon)
            if need and need[index]
        ],
        "pools": sorted(sized.options),
        "work": work_document(sized),
        "terms": terms_document(terms),
    }


def _left(room: RunRoom, sized: SizedQuote, index: int) -> int:
    """Reference accelerators that the run leaves beside the floor and what is served before the quote."""
    left = Fraction(0)
    is_first = sized.tier == room.inputs.policy.tiers[0]
    for pool, rate in sized.options.items():
        weeks = room.pools.get(pool, ())
        if index < len(weeks):
            week = weeks[index]
            taken = exact(week.firm if is_first else week.expected)
            left += Fraction(max(0, week.allocatable - week.floor - ceil_fraction(taken))) * rate
    return floor_fraction(left)


def ask_quote(
    *, run_id: int, quote: ReadQuote, viewer: Viewer, user: User, now: datetime, earlier: Quote | None = None
) -> Quote:
    """Keep the quote and put it to the worker. The same quote of the same run, while it is not answered, is one quote.

    Raises QuoteRefused, WhatIfRefused and TooManyWaiting.
    """
    room = run_room(run_id)
    check_quote(inputs=room.inputs, payload=quote.payload, viewer=viewer)
    changes = changes_of(quote.payload)
    if quote.target_share is not None:
        # Another target is another question, so that two of them do not share one answer.
        contract = next(change for change in changes if change["table"] == "contracts")
        contract["values"]["provenance"] = f"quote for a margin of {quote.target_share.normalize():f}"
    _, rows = apply_changes(inputs=room.inputs, changes=changes, viewer=None)
    mine = [{**row.as_json(), "owner": user.get_username()} for row in rows]
    with transaction.atomic():
        question = ask_what_if(run_id=run_id, user=user, changes=changes, changed_rows=mine, now=now)
        made, is_new = Quote.objects.get_or_create(
            what_if=question,
            defaults={
                "name": quote.payload["name"],
                "made_by": user,
                "made_at": now,
                "payload": quote.payload,
                "target_margin_share": quote.target_share,
                "earlier": earlier,
            },
        )
        if not is_new and earlier is not None and made.earlier_id is None and made.pk != earlier.pk:
            # The same question, not answered yet: that it is a version of somebody's quote is not lost with it.
            made.earlier = earlier
            made.save(update_fields=["earlier"])
    return made
