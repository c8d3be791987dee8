"""A move → the changes of rows that carry it out, made of a run's own inputs (methods: Cheaper serving). Pure.

What belongs here: which rows each kind changes. Whether they may be asked is input_edits', what they save move_answer's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from capacity.imports.rows import cell_text
from capacity.imports.tables import tables
from capacity.review.input_edits import ADDED, CHANGED, MOST_CHANGES, REMOVED
from contracts.inputs import usage_of
from workloads.domain.forecasts import planned_source
from workloads.domain.moves import KINDS

Row = Mapping[str, Any]
Change = dict[str, Any]
TOKENS = ("input_tokens_per_second", "output_tokens_per_second")
RATE_STEP, SHARE_STEP = Decimal("0.0001"), Decimal("0.00001")
_FORECAST = ("input_p10", "input_p50", "input_p90", "output_p10", "output_p50", "output_p90")
_PROFILE_KEY = ("model_version", "accelerator_type", "latency_class", "precision", "parallelism", "context_tokens")
MOST_KEY = 80


class MoveRefused(Exception):
    """The move changes nothing in these inputs, or something is missing for it; the message says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What a move would change: its workload, its kind, and what the kind names."""

    workload: str
    kind: str
    to_key: str = ""
    amount: Decimal | None = None


def changes_of_move(*, terms: Terms, inputs: Mapping[str, Sequence[Row]]) -> list[Change]:
    """The changes, as what-ifs take them. inputs: a run's input tables. Raises MoveRefused."""
    card = next((row for row in inputs["workloads"] if row["key"] == terms.workload), None)
    if card is None:
        raise MoveRefused(f"The plan has no workload {terms.workload}.")
    found = list(_BY_KIND[terms.kind](_Inputs(card, terms, inputs)))
    if not found:
        raise MoveRefused(f"{KINDS[terms.kind].name}: {card['name']} is served so already, nothing would change.")
    if len(found) > MOST_CHANGES:
        raise MoveRefused(f"The move changes {len(found)} rows; at most {MOST_CHANGES} can be asked about at once.")
    return found


class _Inputs:
    """The rows a move touches."""

    def __init__(self, card: Row, terms: Terms, inputs: Mapping[str, Sequence[Row]]) -> None:
        self.card, self.terms, self.inputs = card, terms, inputs
        self.usage_profiles = {row["key"]: row for row in inputs.get("usage_profiles", ())}

    @property
    def amount(self) -> Decimal:
        if self.terms.amount is None:
            raise MoveRefused("The move names no amount: give one.")
        return self.terms.amount

    @property
    def model(self) -> str:
        return str(self.card["model_version"])

    def contracts(self) -> list[tuple[Row, dict[str, Any]]]:
        """The contracts on the card whose use is known, each with its use."""
        found = []
        for row in self.inputs.get("contracts", ()):
            if row["workload"] != self.card["key"]:
                continue
            use = usage_of(row=row, profiles=self.usage_profiles)
            if use["input_tokens_per_second"] is not None:
                found.append((row, use))
        return found

    def forecasts(self) -> list[Row]:
        """The rows of the source that the plan takes."""
        rows = [row for row in self.inputs.get("forecasts", ()) if row["workload"] == self.card["key"]]
        source = planned_source(sources={row["source"] for row in rows}, named=self.card["forecast_source"])
        return [row for row in rows if row["source"] == source]

    def has_own(self) -> bool:
        return self.card["input_tokens_per_second"] is not None or bool(self.forecasts())

    def profiles(self, latency: str = "") -> list[Row]:
        """The planned profiles of the card's model at its own or another latency."""
        place = (self.model, latency or self.card["latency_class"])
        return [
            row for row in self.inputs["throughput_profiles"] if (row["model_version"], row["latency_class"]) == place
        ]

    def of_card(self, **values: Any) -> Change:
        return _changed("workloads", (self.card["key"],), values)

    def of_contract(self, row: Row, **values: Any) -> Change:
        return _changed("contracts", (row["key"], row["version"]), values)


def _changed(table: str, key: Sequence[Any], values: Mapping[str, Any]) -> Change:
    return {
        "table": table,
        "key": [cell_text(part) for part in key],
        "op": CHANGED,
        "values": {name: cell_text(value) for name, value in values.items()},
    }


def _smaller_model(of: _Inputs) -> Iterator[Change]:
    models = {row["key"] for row in of.inputs["model_versions"]}
    if of.terms.to_key not in models:
        raise MoveRefused(f"The plan knows no model {of.terms.to_key}.")
    if not _has_profile(of, of.terms.to_key, of.card["latency_class"]):
        raise MoveRefused(
            f"{of.terms.to_key} is not measured at {of.card['latency_class']} latency: add a planned throughput profile."
        )
    if of.terms.to_key != of.model:
        yield of.of_card(model_version=of.terms.to_key)


def _has_profile(of: _Inputs, model: str, latency: str) -> bool:
    return any(
        (row["model_version"], row["latency_class"]) == (model, latency) for row in of.inputs["throughput_profiles"]
    )


def _other_hours(of: _Inputs) -> Iterator[Change]:
    """The latency class, and no peak to keep room for; contracts that name a latency of their own keep it."""
    latency = "offline" if of.terms.kind == "offline" else "batch"
    if of.card["latency_class"] == latency:
        return
    if not of.profiles(latency):
        raise MoveRefused(f"{of.model} is not measured at {latency} latency: add a planned throughput profile.")
    values = {"latency_class": latency}
    if of.card["peak_factor"] is not None:
        values["peak_factor"] = "1"
    yield of.of_card(**values)
    for row, use in of.contracts():
        if not row["latency_class"] and use["peak_factor"] is not None and use["peak_factor"] > 1:
            yield of.of_contract(row, peak_factor=1)


def _accelerator_type(of: _Inputs) -> Iterator[Change]:
    """Every other type's planned profile goes; the one named stays."""
    profiles = of.profiles()
    if not any(row["accelerator_type"] == of.terms.to_key for row in profiles):
        raise MoveRefused(
            f"{of.model} has no planned throughput profile on {of.terms.to_key} at {of.card['latency_class']} latency: "
            "add a measured one."
        )
    for row in profiles:
        if row["accelerator_type"] != of.terms.to_key:
            key = [cell_text(row[name]) for name in _PROFILE_KEY]
            yield {"table": "throughput_profiles", "key": key, "op": REMOVED, "values": {}}


def _caching(of: _Inputs) -> Iterator[Change]:
    """Whoever caches less caches this much; what is written to a cache cannot be more than what misses it."""
    share = of.amount.quantize(SHARE_STEP)
    if of.has_own() and (of.card["cache_hit_share"] or 0) < share:
        yield of.of_card(cache_hit_share=share)
    for row, use in of.contracts():
        if (use["cache_hit_share"] or 0) >= share:
            continue
        values: dict[str, Any] = {"cache_hit_share": share}
        if use["cache_write_share"] is not None and use["cache_write_share"] > 1 - share:
            values["cache_write_share"] = 1 - share
        yield of.of_contract(row, **values)


def _faster(of: _Inputs) -> Iterator[Change]:
    columns = ["decode_tokens_per_second"]
    if of.terms.kind == "quantisation":
        columns.append("prefill_tokens_per_second")
    for row in of.profiles():
        key = [row[name] for name in _PROFILE_KEY]
        yield _changed("throughput_profiles", key, {name: _times(row[name], of.amount) for name in columns})


def _context_length(of: _Inputs) -> Iterator[Change]:
    """Prompts keep a share of their tokens. A contract that has its use from a profile is given it as its own."""
    share = of.amount
    if of.card["input_tokens_per_second"] is not None:
        yield of.of_card(input_tokens_per_second=_times(of.card["input_tokens_per_second"], share))
    for row in of.forecasts():
        values = {name: _times(row[name], share) for name in _FORECAST[:3] if row[name] is not None}
        yield _changed("forecasts", _forecast_key(row), values)
    for row, use in of.contracts():
        cells = {"input_tokens_per_second": _times(use["input_tokens_per_second"], share)}
        if row["input_tokens_per_second"] is None and row["output_tokens_per_second"] is None:
            names = ("output_tokens_per_second", "growth_share_per_month", "usage_basis", "usage_date")
            cells |= {name: use[name] for name in names}
        yield of.of_contract(row, **cells)


def _routing(of: _Inputs) -> Iterator[Change]:
    """A card of its own for the share that goes over; what contracts bring cannot be split."""
    if not of.has_own():
        raise MoveRefused(
            f"{of.card['name']} has no tokens of its own: what contracts bring cannot be split. Move the contract's "
            "workload instead."
        )
    if not _has_profile(of, of.terms.to_key, of.card["latency_class"]):
        raise MoveRefused(
            f"{of.terms.to_key} is not measured at {of.card['latency_class']} latency: add a planned throughput profile."
        )
    share = of.amount
    key = f"{of.card['key'][: MOST_KEY - 7]}-routed"
    if any(row["key"] == key for row in of.inputs["workloads"]):
        raise MoveRefused(f"The plan has a workload {key} already: change that one instead.")
    columns = [column.name for column in tables()["workloads"].columns]
    new = {name: cell_text(of.card[name]) for name in columns}
    new |= {"key": key, "name": f"{of.card['name'][:100]}, routed", "model_version": of.terms.to_key}
    known = {name: of.card[name] for name in TOKENS if of.card[name] is not None}
    new |= {name: cell_text(_times(value, share)) for name, value in known.items()}
    yield {"table": "workloads", "key": [key], "op": ADDED, "values": new}
    if known:
        yield of.of_card(**{name: _times(value, 1 - share) for name, value in known.items()})
    for row in of.forecasts():
        figures = {name: row[name] for name in _FORECAST if row[name] is not None}
        moved = {name: cell_text(_times(value, share)) for name, value in figures.items()}
        place = dict(zip(("workload", "source", "vintage_date", "starts_date"), _forecast_key(row), strict=True))
        place = {name: cell_text(value) for name, value in {**place, "workload": key}.items()}
        yield {"table": "forecasts", "key": list(place.values()), "op": ADDED, "values": {**place, **moved}}
        kept = {name: _times(value, 1 - share) for name, value in figures.items()}
        yield _changed("forecasts", _forecast_key(row), kept)


def _forecast_key(row: Row) -> tuple[Any, ...]:
    return (row["workload"], row["source"], row["vintage_date"], row["starts_date"])


def _times(value: Decimal | int, factor: Decimal) -> Decimal:
    return (Decimal(value) * factor).quantize(RATE_STEP, rounding=ROUND_HALF_EVEN)


_BY_KIND = {
    "smaller_model": _smaller_model,
    "offline": _other_hours,
    "batch_hours": _other_hours,
    "accelerator_type": _accelerator_type,
    "caching": _caching,
    "batching": _faster,
    "quantisation": _faster,
    "routing": _routing,
    "context_length": _context_length,
}
