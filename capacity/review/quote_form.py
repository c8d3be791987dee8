"""The form of a quote: its fields from a payload, a payload from what was typed, pasted or uploaded, or from a contract.

What belongs here: names of controls (`c-starts_date`, `price_lines-0-price`), which fields stand first, choices that the
reader may know. Judging what came is quote_reading.py's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports.described import column_label, column_unit, kind_of
from capacity.imports.rows import cell_text
from capacity.imports.tables import tables
from capacity.review.inputs import Inputs
from capacity.review.quote_reading import MOST_LINES, contract_columns, known_keys, line_columns
from contracts.domain.quote_payload import LINE_TABLES, lines_of

Payload = Mapping[str, Any]
Field = dict[str, Any]
FIRST = (
    *("shape", "customer", "starts_date", "ends_date", "workload", "accelerator_type"),
    *("input_tokens_per_second", "output_tokens_per_second", "cache_hit_share", "peak_factor", "p95_multiple"),
    *("latency_class", "regions", "seats", "unit_tokens_per_minute", "unit_output_weight", "has_sla"),
)
# Of a line: what stands on its row; the others are folded below it.
LINE_FIRST = {
    "price_lines": ("kind", "price", "tier_from"),
    "commit_steps": ("kind", "quantity", "starts_date"),
    "sla_lines": ("metric", "below_share", "credit_share", "chance"),
}
LINE_TITLES = {"price_lines": "Prices", "commit_steps": "Commitments", "sla_lines": "Service levels"}
# Rows that stand ready, and how many more than there are lines.
_READY, _SPARE = {"price_lines": 3, "commit_steps": 1, "sla_lines": 0}, 1
MOST_CONTRACTS = 300


def typed_quote(data: QueryDict) -> dict[str, Any]:
    """What the form sends, as a quote is sent by the API; lines in which nothing is typed left out."""
    contract = {name: data.get(f"c-{name}", "") for name in contract_columns() if data.get(f"c-{name}", "")}
    sent: dict[str, Any] = {
        "name": data.get("name", ""),
        "target_margin_share": _as_share(data.get("target", "")),
        "contract": contract,
    }
    for table in LINE_TABLES:
        lines = [
            {name: data.get(f"{table}-{n}-{name}", "").strip() for name in line_columns(table)}
            for n in _numbers(data, table)
        ]
        typed = [{name: text for name, text in line.items() if text} for line in lines]
        sent[table] = [line for line in typed if line]
    return sent


def _numbers(data: QueryDict, table: str) -> list[int]:
    """The lines of a table that the form had, typed in or not."""
    parts = (key.split("-") for key in data)
    return sorted({int(each[1]) for each in parts if each[0] == table and len(each) == 3 and _is_count(each[1])})[:60]


def longer_form(data: QueryDict) -> dict[str, int]:
    """Table → how many lines the form shows when somebody asks for one more of `add`."""
    asked = data.get("add", "")
    return {asked: len(_numbers(data, asked)) + 1} if asked in LINE_TABLES else {}


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 4


def _as_share(text: str) -> str:
    """People type percent: 60 is 60%."""
    plain = text.strip().rstrip("%").strip()
    return f"{plain}%" if plain else ""


def form_context(
    *,
    payload: Payload,
    inputs: Inputs,
    viewer: Viewer,
    target: str,
    errors: Sequence[Any] = (),
    least_lines: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Everything quotes/new.html shows. errors: QuoteError, each at its field, the others above. least_lines: by table."""
    least = least_lines or {}
    wrong: dict[str, list[str]] = {}
    for error in errors:
        wrong.setdefault(error.field, []).append(error.message)
    known = _known(inputs, viewer)
    contract = payload.get("contract", {})
    fields = [
        _field("contracts", f"c-{name}", name, contract.get(name, ""), known, wrong.get(f"contract.{name}", []))
        for name in contract_columns()
    ]
    by_name = {field["column"]: field for field in fields}
    lines = [_line_group(table, lines_of(payload, table), known, wrong, least.get(table, 0)) for table in LINE_TABLES]
    placed = {f"contract.{name}" for name in by_name} | {"name", "target_margin_share"}
    placed |= {f"{g['table']}.{n}.{f}" for g in lines for n in range(len(g["rows"])) for f in line_columns(g["table"])}
    return {
        "name": payload.get("name", ""),
        "name_errors": wrong.get("name", []),
        "target": target,
        "target_errors": wrong.get("target_margin_share", []),
        "first": [by_name[name] for name in FIRST if name in by_name],
        "rest": [field for field in fields if field["column"] not in FIRST],
        "rest_is_open": any(field["errors"] for field in fields if field["column"] not in FIRST),
        "lines": lines,
        "errors": [
            f"{_place(field)}{message}" for field, found in wrong.items() if field not in placed for message in found
        ],
    }


def _place(field: str) -> str:
    return f"{field.replace('_', ' ').replace('.', ' ')}: " if field else ""


def _known(inputs: Inputs, viewer: Viewer) -> dict[str, list[tuple[str, str]]]:
    """Column → what may be chosen: names of the run's inputs that the reader may know."""

    def mine(table: str) -> list[Any]:
        keys = known_keys(viewer, table)
        return [row for row in inputs.tables.get(table, ()) if keys is None or row["key"] in keys]

    found = inputs.tables
    models = [(row["key"], row["key"]) for row in found["model_versions"]]
    return {
        "customer": [("", "A new customer"), *_named(mine("customers"))],
        "usage_profile": [("", "—"), *_named(mine("usage_profiles"))],
        "workload": [("", "—"), *_named(found["workloads"])],
        "accelerator_type": [("", "—"), *_named(found["accelerator_types"])],
        "pinned_model_version": [("", "—"), *sorted(models)],
        "regions": [("", "As the workload's"), *sorted({(row["region"], row["region"]) for row in found["sites"]})],
    }


def _named(rows: Any) -> list[tuple[str, str]]:
    return sorted((str(row["key"]), str(row["name"])) for row in rows)


def _field(table: str, name: str, column: str, value: str, known: Mapping[str, Any], errors: list[str]) -> Field:
    kind = kind_of(tables()[table], column)
    choices = list(known.get(column, ())) or list(kind.choices)
    if kind.name == "boolean":
        choices = [("", "—"), ("true", "Yes"), ("false", "No")]
    elif choices and choices[0][0] and column != "shape":
        choices = [("", "—"), *choices]
    if choices and value and value not in {key for key, _ in choices}:
        choices.append((value, value))
    return {
        "name": name,
        "column": column,
        "label": column_label(column),
        "unit": column_unit(column),
        "value": value.lower() if kind.name == "boolean" else value,
        "type": "date" if kind.name == "date" else "text",
        "choices": choices,
        "errors": errors,
    }


def _line_group(
    table: str,
    lines: Sequence[Mapping[str, str]],
    known: Mapping[str, Any],
    wrong: Mapping[str, list[str]],
    least: int,
) -> dict[str, Any]:
    count = min(max(_READY[table], len(lines) + _SPARE if lines or _READY[table] else 1, least), MOST_LINES)
    count = max(count, len(lines))
    rows = []
    for n in range(count):
        line = lines[n] if n < len(lines) else {}
        fields = [
            _field(
                table,
                f"{table}-{n}-{column}",
                column,
                line.get(column, ""),
                known,
                wrong.get(f"{table}.{n}.{column}", []),
            )
            for column in line_columns(table)
        ]
        whole = wrong.get(f"{table}.{n}", [])
        first = [field for name in LINE_FIRST[table] for field in fields if field["column"] == name]
        more = [field for field in fields if field["column"] not in LINE_FIRST[table]]
        rows.append({"number": n + 1, "first": first, "more": more, "errors": whole, "is_set": bool(line)})
    return {
        "table": table,
        "title": LINE_TITLES[table],
        "rows": rows,
        "count": len(lines),
        "is_open": bool(_READY[table] or lines or least),
        "may_add": count < MOST_LINES,
    }


def known_contracts(inputs: Inputs, viewer: Viewer) -> list[tuple[str, str]]:
    """The contracts a quote may begin from, as (key~version, name)."""
    found = [
        (f"{row['key']}~{row['version']}", f"{row['key']} v{row['version']} {row['name']}")
        for row in inputs.tables["contracts"]
        if _may_copy(row, viewer)
    ]
    return sorted(found)[:MOST_CONTRACTS]


def _may_copy(row: Mapping[str, Any], viewer: Viewer) -> bool:
    return Role.FINANCE in viewer.roles or viewer.owns(Role.SALES, str(row["owner"] or ""))


def payload_of_contract(*, inputs: Inputs, key: str, version: int, viewer: Viewer) -> dict[str, Any] | None:
    """What a contract of the run says, as a quote; None for whoever may not know it, or its prices."""
    row = next((r for r in inputs.tables["contracts"] if (r["key"], r["version"]) == (key, version)), None)
    if row is None or not _may_copy(row, viewer):
        return None
    contract = {name: cell_text(row.get(name)) for name in contract_columns() if cell_text(row.get(name))}
    lines = {
        table: [
            {name: cell_text(line.get(name)) for name in line_columns(table) if cell_text(line.get(name))}
            for line in inputs.tables.get(table, ())
            if (line["contract"], line["contract_version"]) == (key, version)
        ]
        for table in LINE_TABLES
    }
    return {"name": f"{row['name']} anew"[:160], "contract": contract, **lines}


def blank_payload(inputs: Inputs) -> dict[str, Any]:
    """Where somebody begins who begins with nothing: pay as you go for a year from a month ahead."""
    starts = inputs.horizon.first.plus(5)
    return {
        "name": "",
        "contract": {
            "shape": "pay_as_you_go",
            "starts_date": starts.monday.isoformat(),
            "ends_date": starts.plus(52).monday.isoformat(),
        },
        "price_lines": [],
        "commit_steps": [],
        "sla_lines": [],
    }
