"""What changed in the inputs between two runs: rows added, removed and changed, each value with who may see it. Pure.

A line is a JSON-ready dictionary: {group, table, kind (added | removed | changed), noun, subject, gate [resource,
field], owner, contract, fields [{label, kind, resource, field, before, after}]}. `contract` holds the names of the
contract the row belongs to, so that the line can be put in a viewer's words even after the contract is gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from capacity.imports.rows import as_json
from capacity.review.change_specs import (
    BOOKKEEPING,
    CAPACITY_COMMITMENT,
    CAPACITY_COMMITMENTS,
    GROUPS,
    TABLES,
    Entry,
    TableSpec,
)

Row = Mapping[str, Any]
Line = dict[str, Any]

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def input_changes(*, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Line]:
    """The lines of every known table, in the order of the groups. before, after: documents with `tables`."""
    old, new = as_json(before["tables"]), as_json(after["tables"])
    names = contract_names(old) | contract_names(new)
    lines = [
        line
        for table, spec in TABLES.items()
        for line in _table_lines(table, spec, old.get(table, []), new.get(table, []), names)
    ]
    if before.get("formula_version") != after.get("formula_version"):
        lines.append(_formula_line(before.get("formula_version"), after.get("formula_version")))
    order = list(GROUPS)
    return sorted(lines, key=lambda line: order.index(line["group"]))


def contract_names(tables: Mapping[str, Sequence[Row]]) -> dict[str, dict[str, str]]:
    """Contract key → its key, name, customer, alias and owner, of its last version in the tables."""
    customers = {row["key"]: row for row in tables.get("customers", [])}
    names = {}
    for row in sorted(tables.get("contracts", []), key=lambda row: (row["key"], row["version"])):
        customer = customers.get(row.get("customer"), {})
        names[row["key"]] = {
            "key": row["key"],
            "name": row["name"],
            "customer": customer.get("name", ""),
            "alias": customer.get("alias", ""),
            "owner": row.get("owner") or "",
        }
    return names


def value_kind(*values: Any) -> str:
    """How values are written: day, flag, list, number or text. None says nothing."""
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, bool) for value in known):
        return "flag"
    if any(isinstance(value, list) for value in known):
        return "list"
    if known and all(
        isinstance(value, int) or (isinstance(value, str) and _NUMBER.fullmatch(value)) for value in known
    ):
        return "number"
    return "text"


def _table_lines(
    table: str, spec: TableSpec, before: Sequence[Row], after: Sequence[Row], names: Mapping[str, dict[str, str]]
) -> Iterator[Line]:
    old, new = _by_key(before, spec), _by_key(after, spec)
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        if was is None and now is not None:
            yield _line(table, spec, "added", now, _fields(spec, None, now, _shown_when_whole(spec, now)), names)
        elif now is None and was is not None:
            yield _line(table, spec, "removed", was, _fields(spec, was, None, _shown_when_whole(spec, was)), names)
        elif was is not None and now is not None:
            yield from _changed_lines(table, spec, was, now, names)


def _by_key(rows: Sequence[Row], spec: TableSpec) -> dict[tuple[str, ...], Row]:
    # As text, numbers padded: keys sort, and version 10 comes after version 9. A document stored under an older formula
    # may lack a column of today's key: that is the same as its zero (the first tier of a price).
    return {tuple(_key_text(row.get(column)).rjust(12) for column in spec.key): row for row in rows}


def _key_text(value: Any) -> str:
    return "" if value in (None, 0, "0") else str(value)


def _changed_lines(
    table: str, spec: TableSpec, was: Row, now: Row, names: Mapping[str, dict[str, str]]
) -> Iterator[Line]:
    # A column that one side does not have is a change of the tables, not of the row: an older document lacks it.
    changed = [column for column in now if column in was and column not in BOOKKEEPING and was[column] != now[column]]
    forecast = [column for column in changed if column in spec.forecast_columns]
    rest = [column for column in changed if column not in spec.forecast_columns]
    for group, columns in (("forecasts", forecast), (spec.group, rest)):
        if columns:
            line = _line(table, spec, "changed", now, _fields(spec, was, now, columns), names)
            yield line | {"group": group}


def _shown_when_whole(spec: TableSpec, row: Row) -> list[str]:
    """The columns of an added or removed row worth a reader's time: what is set and is not its key."""
    first = [column for column in _WHOLE_FIRST if column in row and column not in spec.key]
    return [column for column in first if row[column] not in (None, "", [])]


# Of a whole row only its size and dates are shown; the row itself is on its own page.
_WHOLE_FIRST = (
    "pool",
    "team",
    "accelerators",
    "weeks",
    "state",
    "experiment_priority",
    "p50_date",
    "ends_date",
    "earliest_start_date",
    "quantity",
    "price",
    "share",
    "effective_date",
)


def _fields(spec: TableSpec, was: Row | None, now: Row | None, columns: Sequence[str]) -> list[dict[str, Any]]:
    is_capacity = "quantity" in spec.columns and (now or was or {}).get("kind") in CAPACITY_COMMITMENTS
    fields = []
    for column in columns:
        before, after = (was or {}).get(column), (now or {}).get(column)
        resource, name = CAPACITY_COMMITMENT if is_capacity else spec.entry(column)
        fields.append(
            {
                "label": column_label(column),
                "kind": "day" if column.endswith("_date") else value_kind(before, after),
                "resource": resource,
                "field": name,
                "before": before,
                "after": after,
            }
        )
    return fields


def column_label(column: str) -> str:
    """`p50_date` → "P50 date": the column's name in words."""
    words = column.replace("_usd", " USD").replace("usd_", "USD ").replace("_", " ").replace("h100e", "H100e").strip()
    words = re.sub(r"^p(\d\d)\b", r"P\1", words)
    return words[:1].upper() + words[1:]


def _line(
    table: str,
    spec: TableSpec,
    kind: str,
    row: Row,
    fields: list[dict[str, Any]],
    names: Mapping[str, dict[str, str]],
) -> Line:
    is_of_contract = spec.owner == "contract"
    contract = names.get(str(row.get("key" if table == "contracts" else "contract"))) if is_of_contract else None
    gate: Entry = spec.gate
    if table == "commit_steps" and row.get("kind") in CAPACITY_COMMITMENTS:
        gate = CAPACITY_COMMITMENT
    return {
        "group": spec.group,
        "table": table,
        "kind": kind,
        "noun": spec.noun,
        "subject": _subject(table, row),
        "key": [row.get(column) for column in spec.key],
        "gate": list(gate),
        "owner": _owner(spec, row, contract),
        "contract": contract,
        "fields": fields,
    }


def _owner(spec: TableSpec, row: Row, contract: Mapping[str, str] | None) -> str:
    if spec.owner == "contract":
        return (contract or {}).get("owner", "")
    return str(row.get(spec.owner) or "") if spec.owner else ""


def _subject(table: str, row: Row) -> str:
    """The row in words, after its noun; what belongs to a contract is named by the contract's label instead."""
    if table == "contracts":
        return f"version {row['version']}" if row["version"] != 1 else ""
    if table in {"price_lines", "commit_steps"}:
        tier = f", above {row['tier_from']} a month" if row.get("tier_from") not in (None, "0", 0) else ""
        return f"{str(row.get('kind', '')).replace('_', ' ')} from {row.get('starts_date', 'its start')}{tier}"
    if table == "sla_lines":
        return f"{row['metric']} below {row['below_share']}"
    if table == "network_domains":
        return f"{row['key']} of {row['pool']}"
    if table == "throughput_profiles":
        return f"{row['model_version']} on {row['accelerator_type']}, {row['latency_class']}"
    if table == "forecasts":
        return f"of {row['workload']} by {row['source']} from {row['starts_date']}"
    if table == "cost_rates":
        return f"{row['key']} from {row.get('starts_date', 'its start')}"
    if table == "lot_moves":
        return f"{row['lot']} to {row['to_domain']} of {row['to_pool']} from {row['starts_date']}"
    if table == "cost_lines":
        return f"{row['line']} of {row['rate']} from {row['rate_starts_date']}"
    if table == "fx_rates":
        return f"{row['currency']} of {row['as_of_date']}"
    if table == "policy_floors":
        return f"{row['name']} of policy {row['policy']}"
    if table == "policy_sets":
        return str(row["version"])
    name, key = row.get("name"), row["key"]
    return f"{name} ({key})" if name and name != key else str(key)


def _formula_line(before: str | None, after: str | None) -> Line:
    return {
        "group": "method",
        "table": "",
        "kind": "changed",
        "noun": "Formula version",
        "subject": "",
        "key": [],
        "gate": ["run", "formula_version"],
        "owner": "",
        "contract": None,
        "fields": [
            {
                "label": "Version",
                "kind": "text",
                "resource": "run",
                "field": "formula_version",
                "before": before,
                "after": after,
            }
        ],
    }
