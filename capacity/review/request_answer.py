"""An answer to a request at once, from the plan that is there: the document that is shown, kept and sent by the API.

What belongs here: cells → the engine's request by the code that plans, the answer of the held plan in named parts, its
cost, each smallest change asked again. Words are request_words; the full answer is a what-if (methods: Asking for
accelerators).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.access.models import User
from capacity.access.visibility import Viewer, see_row
from capacity.allocation.domain.ask_request import FLOOR, RUN, Holder, NoPlace, RequestAnswer
from capacity.allocation.domain.problem import Experiment as AskedExperiment
from capacity.allocation.domain.problem import Placement
from capacity.allocation.models import WhatIf
from capacity.allocation.what_ifs import ask_what_if
from capacity.imports.rows import Row, decimal_text
from capacity.lib.horizon import Week
from capacity.lib.money import round_usd, to_decimal
from capacity.lib.units import HOURS_PER_WEEK, exact
from capacity.review.input_edits import ADDED, ChangesRefused, apply_changes
from capacity.review.reasons import change_row
from capacity.review.request_form import change_word, stored_row
from capacity.review.request_room import RequestRoom, request_room
from capacity.review.request_words import change_words, more_words, sentence
from capacity.review.what_if import WhatIfRefused
from capacity.review.what_if_asking import NoRun, asked_run_id
from workloads.demand import experiment_requests
from workloads.domain.request_form import unused_key
from workloads.domain.requests import request_cost
from workloads.models import Experiment as Request
from workloads.promises import promises_by_key
from workloads.request_moves import RequestError, RequestRefused

Document = dict[str, Any]
FITS, DISPLACES, PART, NO_PLACE = "fits", "displaces", "part", "no_place"
PLACED, FROM = "placed", "from"
NO_CLASS = "The policy in force plans no class {}."


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the plan would read it. row: of the inputs. key: its own, or one that no row has."""

    room: RequestRoom
    row: Row
    key: str

    @property
    def year(self) -> int:
        """Of whoever asks: weeks of another one are written with theirs."""
        return self.room.inputs.as_of.year

    def experiments(self, **cells: Any) -> list[AskedExperiment]:
        """The engine's request, with some values other than in the row; none where the policy plans no such class."""
        inputs = self.room.inputs
        tables = {**inputs.tables, "experiments": [{**self.row, **cells}]}
        return experiment_requests(tables=tables, policy=inputs.policy, horizon=inputs.horizon, as_of=inputs.as_of)


def asked_request(*, run_id: int, cells: Mapping[str, str]) -> Asked:
    """The cells judged by the rules that a file or form is held to, against the run's inputs.

    Raises RequestRefused with everything that is wrong, WhatIfRefused where the run cannot be asked.
    """
    room = request_room(run_id)
    key = unused_key([row["key"] for row in room.inputs.tables["experiments"]])
    try:
        inputs, _ = apply_changes(inputs=room.inputs, changes=[_added(key, cells)], viewer=None)
    except ChangesRefused as refused:
        raise RequestRefused(*(RequestError(each.column, each.message) for each in refused.errors)) from None
    row = next(row for row in inputs.tables["experiments"] if row["key"] == key)
    if row["experiment_priority"] not in inputs.policy.tiers:
        raise RequestRefused(RequestError("experiment_priority", NO_CLASS.format(row["experiment_priority"])))
    return Asked(room=room, row=row, key=key)


def _added(key: str, cells: Mapping[str, str]) -> dict[str, Any]:
    values = {name: text for name, text in cells.items() if text}
    # As if it were approved: what is asked is whether it would then have a place.
    return {"table": "experiments", "key": [key], "op": ADDED, "values": {**values, "key": key, "state": "approved"}}


def request_answer(*, run_id: int, cells: Mapping[str, str], instead_of: str = "") -> Document:
    """What the plan says to the request, everybody else held. JSON terms, before any visibility.

    instead_of: the request that it changes. Raises RequestRefused and WhatIfRefused.
    """
    return _answer(run_id, asked_request(run_id=run_id, cells=cells), instead_of)


def stored_answer(*, run_id: int, request: Request) -> Document:
    """The same of a request that is kept; where the plan has it, it takes its own place. Raises WhatIfRefused."""
    replaced = request.replaces.key if request.request_kind == "change" and request.replaces else ""
    room = request_room(run_id)
    instead_of = request.key if request.key in room.plan.requests else replaced
    return _answer(
        run_id, Asked(room=room, row=stored_row(request, today=room.inputs.as_of), key=request.key), instead_of
    )


def answer_now(request: Request) -> Document | None:
    """What the current plan says of a request that is still to be decided; None of others, and without a plan to ask."""
    if request.state not in ("draft", "submitted", "returned"):
        return None
    try:
        return stored_answer(run_id=asked_run_id(), request=request)
    except (NoRun, WhatIfRefused):
        return None


def _answer(run_id: int, asked: Asked, instead_of: str) -> Document:
    experiments = asked.experiments()
    if not experiments:
        raise WhatIfRefused(code="no_class", sentence=NO_CLASS.format(asked.row["experiment_priority"]))
    experiment = experiments[0]
    answer = asked.room.plan.answer(experiment, instead_of=instead_of)
    document = _document(asked, experiment, answer)
    changes = [_change(asked, change_row(change), instead_of) for change in answer.changes]
    document["changes"] = [change for change in changes if change is not None]
    return {"run": run_id, **document, "sentence": sentence(document, year=asked.year), "more": more_words(document)}


def visible_request_answer(viewer: Viewer, document: Mapping[str, Any]) -> Document:
    """The answer as its reader may see it: the cost is not everybody's."""
    names = ("run", "code", "placed", "displaces", "no_place", "changes", "ahead", "sentence", "more")
    kept = {name: document[name] for name in (*names, "accelerator_weeks") if name in document}
    return see_row(
        viewer, "request_answer", {**kept, "cost_usd": _money(document), "cost_basis": document["cost_basis"]}
    )


def _money(document: Mapping[str, Any]) -> Decimal | None:
    text = document.get("cost_usd")
    return None if text is None else Decimal(text)


def solve_with(
    *, run_id: int, cells: Mapping[str, str], user: User, now: Any, key: str = "", replaces: str = ""
) -> WhatIf:
    """The what-if that solves everything again with the request approved. key: of a request that is kept already.

    replaces: the request that it changes, which goes. Raises RequestRefused, WhatIfRefused and TooManyWaiting.
    """
    asked = asked_request(run_id=run_id, cells=cells)
    named = key or asked.key
    changes = [_added(named, cells)]
    inputs = asked.room.inputs
    if replaces and any(row["key"] == replaces for row in inputs.tables["experiments"]):
        changes.append({"table": "experiments", "key": [replaces], "op": "removed", "values": {}})
    try:
        _, rows = apply_changes(inputs=inputs, changes=changes, viewer=None)
    except ChangesRefused as refused:
        raise RequestRefused(*(RequestError(each.column, each.message) for each in refused.errors)) from None
    return ask_what_if(run_id=run_id, user=user, changes=changes, changed_rows=[row.as_json() for row in rows], now=now)


# --- the document -------------------------------------------------------------------------------------------------


def _document(asked: Asked, experiment: AskedExperiment, answer: RequestAnswer) -> Document:
    cost, basis = _cost(asked, experiment, answer.placed)
    return {
        "code": _code(experiment, answer),
        "accelerator_weeks": _size(experiment),
        "placed": [_placed(asked.room, row) for row in answer.placed],
        "displaces": [
            {
                "key": each.key,
                "name": asked.room.request_names.get(each.key, each.key),
                "tier": each.tier,
                "accelerator_weeks": each.accelerator_weeks,
            }
            for each in answer.displaces
        ],
        "no_place": None if answer.no_place is None else _no_place(asked, answer.no_place),
        "ahead": [
            {"tier": each.tier, "requests": each.requests, "accelerator_weeks": each.accelerator_weeks}
            for each in answer.ahead
        ],
        "cost_usd": None if cost is None else decimal_text(round_usd(cost)),
        "cost_basis": basis,
    }


def _code(experiment: AskedExperiment, answer: RequestAnswer) -> str:
    if not answer.placed:
        return NO_PLACE
    if sum(row.accelerators * row.weeks for row in answer.placed) < _size(experiment):
        return PART
    return DISPLACES if answer.displaces else FITS


def _size(experiment: AskedExperiment) -> int:
    return max((option.accelerators * option.weeks for option in experiment.options), default=0)


def _placed(room: RequestRoom, row: Placement) -> Document:
    return {
        "pool": row.pool,
        "pool_name": room.pool_names.get(row.pool, row.pool),
        "domain": row.domain,
        "start": row.start.key,
        "weeks": row.weeks,
        "accelerators": row.accelerators,
    }


def _no_place(asked: Asked, found: NoPlace) -> Document:
    room = asked.room
    return {
        "code": found.code,
        "pool": found.pool,
        "pool_name": room.pool_names.get(found.pool or "", found.pool),
        "domain": found.domain,
        "week": None if found.week is None else found.week.key,
        "needed": found.needed,
        "free": found.free,
        "short_by": found.short_by,
        "supply": found.supply,
        "holders": [_holder(room, each) for each in found.holders],
    }


def _holder(room: RequestRoom, holder: Holder) -> Document:
    return {
        "kind": holder.kind,
        "key": holder.key,
        "name": (room.floor_names if holder.kind == FLOOR else room.request_names).get(holder.key, holder.key),
        "accelerators": holder.accelerators,
        "promised": _promised(room, holder),
    }


def _promised(room: RequestRoom, holder: Holder) -> str:
    """Whose promise keeps the place of a start that is still to come: "the review of 16 Nov", or ""."""
    request = room.plan.requests.get(holder.key) if holder.kind == RUN else None
    if request is None or request.pinned is None or not request.pinned.promised:
        return ""
    return promises_by_key(room.inputs.tables)[holder.key].by(room.inputs.as_of.year)


def _change(asked: Asked, change: Mapping[str, Any], instead_of: str) -> Document | None:
    """The change with its button's word and where it then lies; None for one that does not fit when it is taken.

    Work that becomes preemptible leaves its class with it, so that nothing gives way to it any more.
    """
    pool = str(change.get("pool", ""))
    change = {**change, "text": change_words(change, asked.room.pool_names.get(pool, pool), year=asked.year)}
    word = change_word(change)
    if not word:
        return {**change, "word": ""}
    answer = asked.room.plan.answer(_changed(asked, change), instead_of=instead_of)
    if not answer.placed:
        return None
    first = min(answer.placed, key=lambda row: (row.start, row.pool))
    return {
        **change,
        "word": word,
        "fits_from": first.start.key,
        "fits_in": asked.room.pool_names.get(first.pool, first.pool),
        "displaces": len(answer.displaces),
    }


def _changed(asked: Asked, change: Mapping[str, Any]) -> AskedExperiment:
    """The engine's request with the change in it, as the form would send it."""
    match change["change"]:
        case "fewer_accelerators":
            return asked.experiments(accelerators=change["accelerators"])[0]
        case "later_start":
            return asked.experiments(latest_start_date=Week.parse(change["start"]).monday)[0]
        case "shorter":
            return asked.experiments(weeks=change["weeks"])[0]
        case "other_pool":
            return asked.experiments(pool_keys=[change["pool"]])[0]
    return asked.experiments(preemptible=True)[0]


# --- money ----------------------------------------------------------------------------------------------------------


def _cost(asked: Asked, experiment: AskedExperiment, placed: Sequence[Placement]) -> tuple[Decimal | None, str]:
    """(USD, basis): of the place found, week by week at its pool's rate; else from the cheapest pool it may use.

    None where a rate is not known. (methods: Experiment requests)
    """
    if placed:
        return _placed_cost(asked, placed), PLACED
    horizon = asked.room.inputs.horizon
    rates: list[Decimal] = []
    for option in experiment.options:
        for pool in option.pools:
            weeks = asked.room.run.pools.get(pool, ())
            at = min(max(0, horizon.first.weeks_until(experiment.earliest_start)), len(weeks) - 1)
            rate = weeks[at].usd if weeks else None
            if rate is not None:
                rates.append(rate)
    size = experiment.options[0] if experiment.options else None
    if size is None or not rates:
        return None, FROM
    return request_cost(accelerators=size.accelerators, weeks=size.weeks, rate_usd_per_hour=min(rates)), FROM


def _placed_cost(asked: Asked, placed: Sequence[Placement]) -> Decimal | None:
    first, total = asked.room.inputs.horizon.first, Fraction(0)
    for row in placed:
        weeks = asked.room.run.pools.get(row.pool, ())
        start = first.weeks_until(row.start)
        for at in range(start, start + row.weeks):
            rate = weeks[at].usd if 0 <= at < len(weeks) else None
            if rate is None:
                return None
            total += row.accelerators * HOURS_PER_WEEK * exact(rate)
    return to_decimal(total)
