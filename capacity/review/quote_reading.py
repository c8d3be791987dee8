"""A quote as it is sent → the payload that is kept, or every sentence that says what is wrong with it.

What belongs here: the shape of what a form, a file or the API sends, its limits, and its rows held against a run's
inputs. Each error names its field (`contract.starts_date`, `price_lines.0.price`) and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports.cells import nearest
from capacity.imports.rows import cell_text
from capacity.imports.tables import tables
from capacity.review.input_edits import MOST_CHANGES, ChangesRefused
from capacity.review.inputs import Inputs
from capacity.review.quote_sizing import QuotedInputs, quoted_inputs
from contracts.domain.quote_checks import quote_errors
from contracts.domain.quote_payload import KEY, LINE_TABLES, VERSION, column, lines_of

MOST_LINES = MOST_CHANGES - 2
MOST_TEXT = 300
MOST_NAME = 160
MOST_BYTES = 64 * 1024
MOST_TERM_WEEKS = 520
# What a quote does not say of itself: it has no key, is of one version, and is nobody's contract yet.
_NOT_TYPED = {"key", "version", "state", "name", "owner", "provenance", "source_ref"}
_NOT_OF_LINES = {"contract", "version", "provenance", "note"}
# What a line is nothing without.
MUST = {
    "price_lines": ("kind", "price"),
    "commit_steps": ("kind", "quantity"),
    "sla_lines": ("metric", "below_share", "credit_share"),
}
_TOP = ("name", "target_margin_share", "contract", *LINE_TABLES)


@dataclass(frozen=True, slots=True)
class QuoteError:
    """field: where, "" for the whole quote."""

    field: str
    message: str


class QuoteRefused(Exception):
    """What is wrong with a quote, all of it."""

    def __init__(self, errors: Sequence[QuoteError]) -> None:
        super().__init__(" ".join(error.message for error in errors))
        self.errors = tuple(errors)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadQuote:
    """payload: as it is kept; target_share: None for the policy's."""

    payload: dict[str, Any]
    target_share: Decimal | None


def contract_columns() -> list[str]:
    """The columns of a contract that a quote may give."""
    return [each.name for each in tables()["contracts"].columns if each.name not in _NOT_TYPED]


def line_columns(table: str) -> list[str]:
    return [each.name for each in tables()[table].columns if each.name not in _NOT_OF_LINES]


def read_quote(sent: Any) -> ReadQuote:
    """Raises QuoteRefused."""
    errors: list[QuoteError] = []
    if not isinstance(sent, Mapping):
        raise QuoteRefused([QuoteError("", 'Send an object: {"name", "contract", "price_lines", "commit_steps"}.')])
    for name in sent:
        if name not in _TOP:
            errors.append(QuoteError(str(name)[:80], f'A quote has no "{_short(name)}".{nearest(str(name), _TOP)}'))
    name = _text(sent.get("name", ""), "name", errors, most=MOST_NAME) or "Quote"
    target = _target(sent.get("target_margin_share"), errors)
    contract = _columns(sent.get("contract"), "contract", contract_columns(), errors)
    starts = contract.get("starts_date", "")
    lines = {table: _lines(sent.get(table), table, starts, errors) for table in LINE_TABLES}
    count = sum(len(found) for found in lines.values())
    if count > MOST_LINES:
        errors.append(QuoteError("price_lines", f"A quote has at most {MOST_LINES} lines; this one has {count}."))
    if errors:
        raise QuoteRefused(errors)
    return ReadQuote(payload={"name": name, "contract": contract, **lines}, target_share=target)


def _text(value: Any, field: str, errors: list[QuoteError], *, most: int = MOST_TEXT) -> str:
    if isinstance(value, Mapping) or (isinstance(value, list) and not all(isinstance(each, str) for each in value)):
        errors.append(QuoteError(field, "Give a text, a number, a flag or a list of texts."))
        return ""
    text = cell_text(value).strip()
    if len(text) > most:
        errors.append(QuoteError(field, f"At most {most} characters."))
    if any(ord(each) < 32 and each not in "\t" for each in text):
        errors.append(QuoteError(field, "Leave out control characters."))
    return text


def _short(name: Any) -> str:
    return "".join(each for each in str(name)[:60] if each.isprintable())


def _target(value: Any, errors: list[QuoteError]) -> Decimal | None:
    """A share, or percent with its sign: 0.6 or 60%."""
    text = _text(value, "target_margin_share", errors)
    if not text:
        return None
    try:
        number = Decimal(text.rstrip("%").strip()) / (100 if text.endswith("%") else 1)
    except InvalidOperation:
        number = Decimal(-1)
    # Of five places: what rounds to all of the revenue is no target either.
    if number.is_finite() and 0 <= number < 1 and number.quantize(Decimal("0.00001")) < 1:
        return number.quantize(Decimal("0.00001"))
    errors.append(QuoteError("target_margin_share", "The target margin is a share of at least 0 and below 1: 0.6."))
    return None


def _columns(given: Any, place: str, known: Sequence[str], errors: list[QuoteError]) -> dict[str, str]:
    if given is None:
        errors.append(QuoteError(place, "Give the contract's columns as an object: column → value."))
        return {}
    if not isinstance(given, Mapping):
        errors.append(QuoteError(place, "Give an object: column → value."))
        return {}
    found = {}
    for name, value in given.items():
        if name not in known:
            errors.append(
                QuoteError(f"{place}.{_short(name)}", f'There is no "{_short(name)}".{nearest(str(name), known)}')
            )
            continue
        text = _text(value, f"{place}.{name}", errors)
        if text:
            found[str(name)] = text
    return found


def _lines(given: Any, table: str, starts: str, errors: list[QuoteError]) -> list[dict[str, str]]:
    if given is None:
        return []
    if not isinstance(given, list):
        errors.append(QuoteError(table, "Give a list of lines."))
        return []
    if len(given) > MOST_LINES:
        errors.append(QuoteError(table, f"A quote has at most {MOST_LINES} lines; this list has {len(given)}."))
        return []
    known = line_columns(table)
    found = []
    for position, line in enumerate(given):
        row = _columns(line, f"{table}.{position}", known, errors)
        if "starts_date" in known:
            row.setdefault("starts_date", starts)
        if "tier_from" in known:
            row.setdefault("tier_from", "0")
        for name in MUST[table]:
            # Half a line is no line that may be left out: somebody meant it.
            if name not in row:
                where = f"{table}.{position}.{name}"
                errors.append(
                    QuoteError(
                        where, f"Line {position + 1} says no {name.replace('_', ' ')}: give it, or empty the line."
                    )
                )
        found.append(row)
    return found


# --- held against a run ---------------------------------------------------------------------------------------------


def check_quote(*, inputs: Inputs, payload: Mapping[str, Any], viewer: Viewer) -> QuotedInputs:
    """The run's inputs with the quote in them. Raises QuoteRefused."""
    errors = _own_rows(inputs, payload, viewer)
    if errors:
        raise QuoteRefused(errors)
    try:
        found = quoted_inputs(inputs=inputs, payload=payload)
    except ChangesRefused as refused:
        raise QuoteRefused(_named(refused, payload)) from None
    row = found.rows["contracts"][0]
    if (row["ends_date"] - row["starts_date"]).days > MOST_TERM_WEEKS * 7:
        raise QuoteRefused([QuoteError("contract.ends_date", f"A term of at most {MOST_TERM_WEEKS} weeks, please.")])
    lines = {"prices": found.rows["price_lines"], "steps": found.rows["commit_steps"]}
    wrong = [QuoteError(field, said) for field, said in quote_errors(contract=row, **lines)]
    if wrong:
        raise QuoteRefused(wrong)
    return found


def _own_rows(inputs: Inputs, payload: Mapping[str, Any], viewer: Viewer) -> list[QuoteError]:
    """Of customers and use profiles sales name their own; a hint must not tell them other names."""
    errors = []
    for name, table, noun in (
        ("customer", "customers", "customer"),
        ("usage_profile", "usage_profiles", "use profile"),
    ):
        key = column(payload, name)
        if not key:
            continue
        is_there = any(row["key"] == key for row in inputs.tables.get(table, ()))
        if not is_there or not knows(viewer, table, key):
            errors.append(QuoteError(f"contract.{name}", f'You keep no {noun} "{_short(key)}" that the plan knows.'))
    return errors


def knows(viewer: Viewer, table: str, key: str) -> bool:
    """Whether the viewer may name the row: finance any, sales their own."""
    known = known_keys(viewer, table)
    return known is None or key in known


def known_keys(viewer: Viewer, table: str) -> frozenset[str] | None:
    """The keys of a table whose rows have owners that the viewer may name; None for all of them. A query for sales."""
    if Role.FINANCE in viewer.roles:
        return None
    model: Any = tables()[table].model
    return frozenset(model.objects.filter(owner__username=viewer.username).values_list("key", flat=True))


def _named(refused: ChangesRefused, payload: Mapping[str, Any]) -> list[QuoteError]:
    """Positions of changes as fields of the quote; what only follows from a refused contract is left out."""
    places = [] if column(payload, "customer") else ["contract"]
    places += ["contract", *(f"{table}.{n}" for table in LINE_TABLES for n in range(len(lines_of(payload, table))))]
    found = []
    for error in refused.errors:
        place = places[error.change] if error.change < len(places) else ""
        if error.column in ("version", "contract") and place != "contract":
            continue
        name = f"{place}.{error.column}" if error.column and error.column != "key" else place
        found.append(QuoteError(name, _plain(error.message)))
    return list(dict.fromkeys(found)) or [QuoteError("", "The quote cannot be read. Check its columns.")]


def _plain(message: str) -> str:
    return message.replace(f"{KEY}~{VERSION}", "the quote").replace(KEY, "the quote")


def days_of(payload: Mapping[str, Any]) -> tuple[date, date] | None:
    """The term, where both days can be read."""
    try:
        return date.fromisoformat(column(payload, "starts_date")), date.fromisoformat(column(payload, "ends_date"))
    except ValueError:
        return None
