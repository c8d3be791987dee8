"""Public token price lists to token_list_prices: LiteLLM's catalogue (CSV or its own JSON), a history, a log of changes. Pure.

Prices are dollars per million tokens. A price of zero is a free variant and kept. Changes the source itself marks as
undone within 30 days are taken out in pairs; a price that a correction of units replaced is taken out too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from capacity.imports.cells import CellError
from capacity.imports.connectors.contract import AS_OF, Connector, Findings, Line, Option, Settings, Source
from capacity.imports.connectors.reading import head_of, header_of, number, open_csv, open_text, plain
from capacity.imports.connectors.sums import fingerprint, stable_id

TABLE = "token_list_prices"
_MILLION = 10**6
_PLACES = 8
# Price columns of the catalogue's CSV form, and of its JSON form (per token), with our kinds.
CATALOGUE = {
    "input_usd_per_1m_tokens": "uncached_input",
    "output_usd_per_1m_tokens": "output",
    "cached_input_usd_per_1m_tokens": "cached_input",
    "cache_write_usd_per_1m_tokens": "cache_write",
    "batch_input_usd_per_1m_tokens": "batch_input",
    "batch_output_usd_per_1m_tokens": "batch_output",
    "priority_input_usd_per_1m_tokens": "priority_input",
    "priority_output_usd_per_1m_tokens": "priority_output",
    "flex_input_usd_per_1m_tokens": "flex_input",
    "flex_output_usd_per_1m_tokens": "flex_output",
}
PER_TOKEN = {
    "input_cost_per_token": "uncached_input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached_input",
    "cache_creation_input_token_cost": "cache_write",
    "input_cost_per_token_batches": "batch_input",
    "output_cost_per_token_batches": "batch_output",
    "input_cost_per_token_priority": "priority_input",
    "output_cost_per_token_priority": "priority_output",
    "input_cost_per_token_flex": "flex_input",
    "output_cost_per_token_flex": "flex_output",
}
CHANGED = {
    "input": "uncached_input",
    "output": "output",
    "cached_input": "cached_input",
    "cache_write": "cache_write",
    "batch_input": "batch_input",
    "batch_output": "batch_output",
}
_MOST_JSON = 64 * 1024 * 1024


@dataclass(kw_only=True)
class _Writer:
    """Makes the rows; the same model, kind and day twice is counted and left out."""

    findings: Findings
    seen: set[int]

    def line(
        self, file: str, row: int | None, provider: str, model: str, kind: str, day: str, price: Decimal, note: str = ""
    ) -> Line | None:
        name = (provider, model, kind, day)
        mark = fingerprint(*name)
        if mark in self.seen:
            self.findings.count("prices that are in the files twice for one day, the first taken")
            return None
        self.seen.add(mark)
        if price == 0:
            self.findings.count("prices of zero (free variants), kept")
        cells = {
            "provider": provider,
            "model": model,
            "kind": kind,
            "as_of_date": day,
            "usd_per_million_tokens": plain(price, _PLACES),
            "external_id": stable_id("token", *name),
            "provenance": f"{file}{f': {note}' if note else ''}"[:200],
        }
        return Line(TABLE, cells, file, row)


def _price(cell: str) -> Decimal:
    price = number(cell)
    if price < 0:
        raise CellError("too_small", f"The price {cell} is below zero.")
    return price


def looks_like_catalogue(head: bytes) -> bool:
    """Whether the file is LiteLLM's price catalogue, as CSV with prices per million or as its JSON."""
    if {"model_key", "provider", "input_usd_per_1m_tokens"} <= header_of(head):
        return True
    text = head_of(head).lstrip()
    return text.startswith("{") and '"input_cost_per_token"' in text


def read_catalogue(sources: Sequence[Source], settings: Settings, findings: Findings) -> Iterator[Line]:
    """A row for each model and kind of price the catalogue states, as of the day given."""
    writer = _Writer(findings=findings, seen=set())
    day = settings.text("as_of_date")
    for source in sources:
        with source.open() as stream:
            is_json = head_of(stream.read(64 * 1024)).lstrip()[:1] == "{"
        yield from (_json_catalogue if is_json else _csv_catalogue)(writer, source, day)


def _csv_catalogue(writer: _Writer, source: Source, day: str) -> Iterator[Line]:
    file = open_csv(source, writer.findings, needed=("model_key", "provider"))
    if file is None:
        return
    model, provider = file.places("model_key", "provider")
    kinds = [(place, kind) for name, kind in CATALOGUE.items() if (place := file.place(name)) >= 0]
    for row, cells in file.rows:
        stated = [(kind, cells[place].strip()) for place, kind in kinds if cells[place].strip()]
        yield from _stated(writer, source.name, row, cells[provider], cells[model], day, stated, times=1)


def _json_catalogue(writer: _Writer, source: Source, day: str) -> Iterator[Line]:
    catalogue = _load(source, writer.findings)
    for position, (model, entry) in enumerate(catalogue.items(), start=1):
        if model == "sample_spec" or not isinstance(entry, dict):
            continue
        stated = [(kind, str(entry[name])) for name, kind in PER_TOKEN.items() if entry.get(name) is not None]
        if not stated:
            writer.findings.count("models without a price per token (images, audio, by the second …), left out")
        provider = str(entry.get("litellm_provider") or "")
        yield from _stated(writer, source.name, position, provider, model, day, stated, times=_MILLION)


def _load(source: Source, findings: Findings) -> Mapping[str, Any]:
    try:
        with open_text(source) as text:
            content = text.read(_MOST_JSON)
        value = json.loads(content, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, CellError, OSError, EOFError) as error:
        findings.say(source.name, "not_json", f"The file is not JSON that can be read ({str(error)[:100]}).")
        return {}
    if not isinstance(value, dict):
        findings.say(source.name, "not_json", "The file is no catalogue: an object with a model for each name.")
        return {}
    return value


def _stated(
    writer: _Writer,
    file: str,
    row: int,
    provider: str,
    model: str,
    day: str,
    stated: Sequence[tuple[str, str]],
    *,
    times: int,
) -> Iterator[Line]:
    for kind, cell in stated:
        try:
            price = _price(cell) * times
        except CellError as error:
            writer.findings.odd(file, error.code, error.message, row=row, column=kind)
            continue
        line = writer.line(file, row, provider.strip() or "(not named)", model.strip(), kind, day, price)
        if line is not None:
            yield line


def looks_like_history(head: bytes) -> bool:
    return {"snapshot_date", "model", "input_usd_per_1m_tokens", "output_usd_per_1m_tokens"} <= header_of(head)


def read_history(sources: Sequence[Source], settings: Settings, findings: Findings) -> Iterator[Line]:
    """A row for each day of the history, model and direction."""
    writer = _Writer(findings=findings, seen=set())
    for source in sources:
        file = open_csv(source, findings, needed=("snapshot_date", "model"))
        if file is None:
            continue
        day, model = file.places("snapshot_date", "model")
        kinds = [(place, kind) for name, kind in CATALOGUE.items() if (place := file.place(name)) >= 0]
        for row, cells in file.rows:
            stated = [(kind, cells[place].strip()) for place, kind in kinds if cells[place].strip()]
            provider = settings.text("provider")
            yield from _stated(writer, source.name, row, provider, cells[model], cells[day].strip(), stated, times=1)


@dataclass(frozen=True, kw_only=True)
class _Change:
    row: int
    day: str
    old: str
    new: str
    flag: str


def looks_like_changes(head: bytes) -> bool:
    return {"date", "model_key", "price_kind", "new_usd_per_1m_tokens", "quality_flag"} <= header_of(head)


def read_changes(sources: Sequence[Source], settings: Settings, findings: Findings) -> Iterator[Line]:
    """A row for each change that stands: the new price from its day on. Withdrawn prices bring no row."""
    writer = _Writer(findings=findings, seen=set())
    for source in sources:
        for (provider, model, kind), changes in _changes(source, findings).items():
            standing = standing_changes(changes, findings)
            # Of several changes on one day the last one is what held at its end.
            last = {change.day: change for change in standing}
            findings.count("earlier changes of the same day, left out", len(standing) - len(last))
            for change in last.values():
                if not change.new:
                    findings.count("withdrawn prices: no row, the last price stood until then")
                    continue
                note = f"marked {change.flag} by the source" if change.flag else ""
                line = writer.line(
                    source.name, change.row, provider, model, kind, change.day, Decimal(change.new), note
                )
                if line is not None:
                    yield line


def _changes(source: Source, findings: Findings) -> dict[tuple[str, str, str], list[_Change]]:
    file = open_csv(source, findings, needed=("date", "model_key", "provider", "price_kind", "new_usd_per_1m_tokens"))
    found: dict[tuple[str, str, str], list[_Change]] = {}
    if file is None:
        return found
    day, model, provider, kind, old, new, flag = file.places(
        "date",
        "model_key",
        "provider",
        "price_kind",
        "old_usd_per_1m_tokens",
        "new_usd_per_1m_tokens",
        "quality_flag",
    )
    for row, cells in file.rows:
        try:
            own = CHANGED[cells[kind].strip()]
            stated = cells[new].strip() and plain(_price(cells[new].strip()), _PLACES)
            before = cells[old].strip() and plain(_price(cells[old].strip()), _PLACES)
        except KeyError:
            message = f'"{cells[kind]}" is no kind of token price.'
            findings.odd(file.file, "unknown_choice", message, row=row, column="price_kind")
            continue
        except CellError as error:
            findings.odd(file.file, error.code, error.message, row=row, column="new_usd_per_1m_tokens")
            continue
        change = _Change(row=row, day=cells[day].strip(), old=before, new=stated, flag=cells[flag].strip())
        found.setdefault((cells[provider].strip(), cells[model].strip(), own), []).append(change)
    return found


def standing_changes(changes: Sequence[_Change], findings: Findings) -> list[_Change]:
    """The changes of one price that stand, in the order given (by day).

    A change and its undoing, both marked `reverted`, leave together. A correction of units takes out the wrong price
    before it. A withdrawal is a change without a new price.
    """
    standing: list[_Change] = []
    for change in changes:
        before = standing[-1] if standing else None
        if (
            before
            and before.flag == change.flag == "reverted"
            and before.new == change.old
            and before.old == change.new
        ):
            standing.pop()
            findings.count("changes undone within 30 days, left out", 2)
            continue
        if change.flag == "unit":
            findings.count("corrections of units: the corrected price is kept from its day on")
            if before and before.new == change.old:
                standing.pop()
                findings.count("prices in a wrong unit, left out for their correction")
        elif change.flag == "likely":
            findings.count("changes the source marks as likely corrections, kept and marked")
        standing.append(change)
    return standing


CATALOGUE_CONNECTOR = Connector(
    name="token_prices",
    label="Token price catalogue (LiteLLM)",
    help="model_prices_and_context_window.json of LiteLLM, or the same as CSV with prices per million tokens.",
    tables=(TABLE,),
    looks_like=looks_like_catalogue,
    read=read_catalogue,
    options=(AS_OF,),
)
HISTORY_CONNECTOR = Connector(
    name="token_price_history",
    label="History of token prices (snapshots)",
    help="snapshot_date, model and the prices per million tokens of each archived price list.",
    tables=(TABLE,),
    looks_like=looks_like_history,
    read=read_history,
    options=(Option(name="provider", required=True, help="Whose price list it is, such as openrouter."),),
)
CHANGES_CONNECTOR = Connector(
    name="token_price_changes",
    label="Log of token price changes",
    help="date, model, kind, old and new price, and the source's own mark of corrections.",
    tables=(TABLE,),
    looks_like=looks_like_changes,
    read=read_changes,
    reads_all_at_once=True,
)
