"""The form of a request: what was typed as cells of a row, the fields to show, and where somebody begins.

What belongs here: names of controls (the columns'), defaults of a team, taking a smallest change into the cells. Judging
the cells is the importer's, operations and windows are the pure form's (workloads/domain/request_form.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import QueryDict

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports.rows import cell_text, decimal_text
from capacity.review.inputs import Inputs
from workloads.domain.request_form import (
    BY_TIME,
    BY_TOKENS,
    USUAL_MFU,
    adopted,
    extension_window,
    flop_of,
    usual_window,
    whole_window,
)
from workloads.domain.requests import RequestError
from workloads.models import Experiment
from workloads.request_moves import Replaced, window_of_its_run
from workloads.request_moves import RequestError as FormError
from workloads.research_models import EXPERIMENT_PRIORITIES, EXPERIMENT_PURPOSES

Cells = dict[str, str]
# Columns that are typed as they are; ticks and lists come beside them.
TYPED = (
    *("name", "team", "experiment_priority", "purpose", "hypothesis", "informs_decision", "customer_outcome"),
    *("intended_metric", "accelerators", "accelerators_least", "weeks", "earliest_start_date", "latest_start_date"),
    *("least_gbit_per_second", "checkpoint_hours", "parameters", "training_tokens"),
)
TICKED = ("is_model_development", "preemptible", "divisible")
LISTED = ("accelerator_types", "pool_keys")
COLUMNS = (*TYPED, *TICKED, *LISTED)
# Of a change or an extension what stays as it is: the rest of a row is not asked again.
_COPIED = tuple(name for name in COLUMNS if name not in ("earliest_start_date", "latest_start_date"))
LONGEST_CELL = 4000
# The groups of the form; what is rarely asked for is folded.
WHAT = ("name", "team", "experiment_priority", "purpose")
WHY = ("hypothesis", "informs_decision", "customer_outcome", "intended_metric")
NEEDS = ("accelerators", "weeks", "earliest_start_date", "latest_start_date")
MORE = ("accelerators_least", "checkpoint_hours", "least_gbit_per_second", "parameters", "training_tokens")
# Column → label, unit or when to leave it empty, kind of control.
_FIELDS = {
    "name": ("Name", "", "text"),
    "team": ("Team", "", "text"),
    "experiment_priority": ("Class", "the plan places P0 first", "text"),
    "purpose": ("Purpose", "", "text"),
    "hypothesis": ("Why", "what it is expected to show", "long"),
    "informs_decision": ("Decision it informs", "optional", "text"),
    "customer_outcome": ("Intended outcome", "for customers; optional", "text"),
    "intended_metric": ("Measured by", "optional", "text"),
    "accelerators": ("Accelerators", "all at once", "number"),
    "weeks": ("Weeks", "without a break", "number"),
    "earliest_start_date": ("Start from", "Monday on or after", "date"),
    "latest_start_date": ("Start by", "Monday on or before", "date"),
    "accelerators_least": ("Could do with", "accelerators, for whoever decides", "number"),
    "checkpoint_hours": ("Hours between checkpoints", "empty: not known", "text"),
    "least_gbit_per_second": ("Link speed it needs", "Gbit/s; empty: any", "text"),
    "parameters": ("Parameters of the model", "empty: none, or not known", "text"),
    "training_tokens": ("Tokens it is trained on", "empty: not known", "text"),
}
_MISSING = {
    "name": "Give it a name.",
    "accelerators": "Say how many accelerators.",
    "weeks": "Say for how many weeks.",
}
_TICKS = {
    "is_model_development": ("Develops a model", "may stand on the floor that is kept for that"),
    "preemptible": ("May be stopped for other work", "finds room sooner; it stands below all classes"),
    "divisible": ("May run in parts", "takes whatever is free, week by week"),
}
_MODES = (("", "not counted"), (BY_TIME, "by accelerators × time"), (BY_TOKENS, "by 6 · parameters · tokens"))
TERA = Decimal(10) ** 12
# What decides which plan of operations is stored.
MODE = "flop_mode"
MFU = "mfu"


def last_of_team(viewer: Viewer) -> Experiment | None:
    """What the viewer's team asked for last; None without a team or request. One query."""
    if not viewer.team_key or Role.RESEARCH not in viewer.roles:
        return None
    return Experiment.objects.filter(team__key=viewer.team_key).order_by("-submitted_at", "-pk").first()


def blank_cells(*, viewer: Viewer, today: date, inputs: Inputs, before: Experiment | None) -> Cells:
    """Where somebody begins: as their team asked before, in the next eight weeks, on any type there are pools of."""
    first, last = usual_window(today=today)
    cells: Cells = dict.fromkeys(COLUMNS, "")
    cells |= {"experiment_priority": "P2", "purpose": "research", "weeks": "4"}
    cells |= {"earliest_start_date": first.isoformat(), "latest_start_date": last.isoformat()}
    cells["accelerator_types"] = ";".join(key for key, _ in types_with_pools(inputs))
    if viewer.team_key and Role.RESEARCH in viewer.roles:
        cells["team"] = viewer.team_key
    if before is not None:
        # Its class is argued anew each time: an urgent request must not make the next one urgent.
        for name in ("purpose", "weeks", "is_model_development", "accelerator_types"):
            cells[name] = cell_text(getattr(before, name))
    return cells


def cells_of_request(request: Experiment) -> Cells:
    """The request's own cells, as the form shows them."""
    cells = {name: cell_text(getattr(request, name)) for name in COLUMNS if name != "team"}
    return {**cells, "team": request.team.key}


def cells_to_replace(request: Experiment, kind: str, *, today: date) -> Cells:
    """What a change or an extension of a request begins with.

    An extension of a running request stands in its pool and starts as it ends, or now where it is past its end.
    """
    cells = {name: text for name, text in cells_of_request(request).items() if name in _COPIED}
    if kind == "extension" and request.started_date is not None:
        first, last = extension_window(started=request.started_date, weeks=request.weeks, today=today)
        cells |= {"earliest_start_date": first.isoformat(), "latest_start_date": last.isoformat()}
        cells["pool_keys"] = "" if request.pool is None else request.pool.key
        cells["name"] = f"{request.name}, extended"[:160]
        return cells
    first, last = usual_window(today=today)
    is_open = request.latest_start_date >= first
    earliest = max(request.earliest_start_date, first) if is_open else first
    latest = request.latest_start_date if is_open else last
    return cells | {"earliest_start_date": earliest.isoformat(), "latest_start_date": latest.isoformat()}


def moved_window(request: Experiment, today: date) -> dict[str, date]:
    """When an extension starts whose start has passed, as its approval writes it; nothing for any other request."""
    window = window_of_its_run(request, today)
    if window is None or request.earliest_start_date >= window[0]:
        return {}
    return {"earliest_start_date": window[0], "latest_start_date": window[1]}


def stored_row(request: Experiment, *, today: date) -> dict[str, Any]:
    """The request as a row of a run's inputs, as if it were approved: what is asked is whether it would have a place."""
    names = [name for name in COLUMNS if name != "team"]
    row = {name: getattr(request, name) for name in names} | moved_window(request, today)
    where = {"pool": None, "domain_key": "", "started_date": None}
    return {**row, **where, "key": request.key, "team": request.team.key, "state": "approved"}


def typed_cells(data: QueryDict, viewer: Viewer) -> Cells:
    """What the form sends, column → cell. Research asks for its own team, whatever was sent."""
    cells = {name: data.get(name, "").strip()[:LONGEST_CELL] for name in TYPED}
    cells |= {name: "true" if data.get(name) else "false" for name in TICKED}
    cells |= {
        name: ";".join(part.strip() for part in data.getlist(name) if part.strip())[:LONGEST_CELL] for name in LISTED
    }
    return _of_own_team(cells, viewer)


def sent_cells(body: Mapping[str, Any], viewer: Viewer) -> Cells:
    """What a program sends, column → cell: texts, numbers, true and false, lists. What is no column is for its caller."""
    return _of_own_team({name: cell_text(body.get(name)).strip()[:LONGEST_CELL] for name in COLUMNS}, viewer)


def _of_own_team(cells: Cells, viewer: Viewer) -> Cells:
    return cells if Role.CHAIR in viewer.roles else {**cells, "team": viewer.team_key}


def whole_cells(
    cells: Mapping[str, str], *, inputs: Inputs, mode: str = "", mfu: str = ""
) -> tuple[Cells, list[FormError]]:
    """The cells as a row is written: any two days as Mondays, operations counted. And what the form itself finds wrong."""
    found, errors = dict(cells), []
    if not found.get("accelerator_types"):
        errors.append(FormError("accelerator_types", "Choose at least one accelerator type it can run on."))
    if not found.get("team"):
        errors.append(FormError("team", "Your account names no team: ask an administrator for it."))
    try:
        days = [date.fromisoformat(found[name]) for name in ("earliest_start_date", "latest_start_date")]
        first, last = whole_window(*days)
        found |= {"earliest_start_date": first.isoformat(), "latest_start_date": last.isoformat()}
    except RequestError as error:
        errors.append(FormError("latest_start_date", str(error)))
    except (ValueError, OverflowError):
        pass  # the importer says what is wrong with a day
    try:
        counted = operations(found, inputs=inputs, mfu=mfu)[mode] if mode else None
    except RequestError as error:
        return found, [*errors, FormError(MFU, str(error))]
    if counted is not None:
        found["estimated_flop"] = decimal_text(counted.quantize(Decimal(1)))
    return found, errors


def operations(cells: Mapping[str, str], *, inputs: Inputs, mfu: str = "") -> dict[str, Decimal | None]:
    """Operations of the run by both counts; None where a number is missing. Raises RequestError for an impossible MFU.

    By time: the peak (dense, 16 bit) of the slowest type it accepts, so that the count holds wherever it lands.
    """
    share = USUAL_MFU if not mfu.strip() else _number(mfu)
    if share is None:
        raise RequestError("The share of peak reached (MFU) is a number such as 0.4.")
    size, weeks = _whole(cells.get("accelerators", "")), _whole(cells.get("weeks", ""))
    peak = _slowest_peak(cells, inputs) if size and weeks else None
    parameters, tokens = (_number(cells.get(name, "")) for name in ("parameters", "training_tokens"))
    return {
        mode: flop_of(
            mode=mode,
            accelerators=size or 0,
            weeks=weeks or 0,
            peak_operations_per_second=peak,
            mfu=share,
            parameters=parameters,
            tokens=tokens,
        )
        for mode in (BY_TIME, BY_TOKENS)
    }


def _slowest_peak(cells: Mapping[str, str], inputs: Inputs) -> Decimal | None:
    wanted = set(cells.get("accelerator_types", "").split(";"))
    peaks = [row["dense_bf16_tflops"] for row in inputs.tables["accelerator_types"] if row["key"] in wanted]
    return None if not peaks or None in peaks else min(peaks) * TERA


def taken_change(cells: Mapping[str, str], word: str) -> Cells:
    """The cells with the change that a button names (`fewer_accelerators:124`); as they are for no such change."""
    name, _, value = word.partition(":")
    column = {"fewer_accelerators": "accelerators", "later_start": "start", "shorter": "weeks", "other_pool": "pool"}
    if name not in column and name != "preemptible":
        return dict(cells)
    try:
        return adopted(cells, {"change": name, column.get(name, ""): value}) or dict(cells)
    except ValueError:
        return dict(cells)


def change_word(change: Mapping[str, Any]) -> str:
    """What a button says of a smallest change, for `taken_change`; "" for one that is not the asker's to make."""
    name = str(change["change"])
    value = {
        "fewer_accelerators": change.get("accelerators"),
        "later_start": change.get("start"),
        "shorter": change.get("weeks"),
        "other_pool": change.get("pool"),
        "preemptible": "",
    }
    return f"{name}:{value[name]}".rstrip(":") if name in value else ""


def types_with_pools(inputs: Inputs) -> list[tuple[str, str]]:
    """(key, name) of the accelerator types that some pool of the run has, in key order."""
    there = {row["accelerator_type"] for row in inputs.tables["pools"]}
    return sorted((row["key"], row["name"]) for row in inputs.tables["accelerator_types"] if row["key"] in there)


def form_context(
    *,
    cells: Mapping[str, str],
    inputs: Inputs,
    viewer: Viewer,
    form_key: str,
    errors: Sequence[FormError] = (),
    replaces: Replaced | None = None,
    mode: str = "",
    mfu: str = "",
) -> dict[str, Any]:
    """Everything requests/new.html shows of the form."""
    wrong: dict[str, list[str]] = {}
    errors = first_of_each(errors)
    for error in errors:
        wrong.setdefault(error.field, []).append(error.message)
    teams = sorted((row["key"], row["name"]) for row in inputs.tables["teams"])
    choices = {"experiment_priority": EXPERIMENT_PRIORITIES, "purpose": EXPERIMENT_PURPOSES, "team": teams}
    chairs = Role.CHAIR in viewer.roles

    first = next((name for group in (NEEDS, WHAT, WHY, MORE) for name in group if name in wrong), "")

    def fields(names: Sequence[str]) -> list[dict[str, Any]]:
        return [
            {**_field(name, cells, choices, wrong), "is_first_wrong": name == first}
            for name in names
            if name != "team" or chairs
        ]

    shown = {name for group in (WHAT, WHY, NEEDS, MORE) for name in group} | {*TICKED, *LISTED, MFU}
    shown -= set() if chairs else {"team"}
    return {
        "what": fields(WHAT),
        "why": fields(WHY),
        "needs": fields(NEEDS),
        "more": fields(MORE),
        "ticks": [(name, *_TICKS[name], cells.get(name) == "true") for name in TICKED],
        "types": _choices(types_with_pools(inputs), cells["accelerator_types"]),
        "pools": _choices(sorted((row["key"], row["name"]) for row in inputs.tables["pools"]), cells["pool_keys"]),
        "form_key": form_key,
        "wrong": {name: wrong.get(name, []) for name in (*LISTED, MFU)},
        "wrong_count": len(errors),
        "errors": [message for field, found in wrong.items() if field not in shown for message in found],
        "replaces": replaces,
        "modes": [(value, words, value == mode) for value, words in _MODES],
        "mfu": mfu or decimal_text(USUAL_MFU),
        "more_is_open": bool({*MORE, "pool_keys", MFU} & set(wrong)) or bool(mode),
    }


def _field(
    name: str,
    cells: Mapping[str, str],
    choices: Mapping[str, Sequence[tuple[str, str]]],
    wrong: Mapping[str, list[str]],
) -> dict[str, Any]:
    label, unit, kind = _FIELDS[name]
    return {
        "name": name,
        "label": label,
        "unit": unit,
        "type": kind,
        "value": cells.get(name, ""),
        "choices": choices.get(name, ()),
        "errors": wrong.get(name, []),
    }


def first_of_each(errors: Sequence[FormError]) -> list[FormError]:
    """One error a field, the first: what cannot be read breaks rules too. What is missing is asked for in the form's words."""
    found: dict[str, FormError] = {}
    for error in errors:
        is_missing = error.message == f"A new experiment request needs {error.field}."
        message = _MISSING.get(error.field, error.message) if is_missing else error.message
        found.setdefault(error.field or error.message, FormError(error.field, message))
    return list(found.values())


def said_of(error: FormError) -> str:
    """What is wrong, with the name of its field before it where the sentence stands away from the field."""
    return f"{_FIELDS[error.field][0]}: {error.message}" if error.field in _FIELDS else error.message


def _choices(rows: Sequence[tuple[str, str]], cell: str) -> list[tuple[str, str, bool]]:
    chosen = set(cell.split(";"))
    return [(key, name, key in chosen) for key, name in rows]


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 10 else None


def _number(text: str) -> Decimal | None:
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and found > 0 else None
