"""A what-if as its reader may see it: changes, both answers and their sums, each value through the visibility table.

What belongs here: stored JSON in, visible rows out, for pages, files and API alike. Rows of which the reader sees no
value are left out and counted. Words for pages are what_if_words.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from capacity.access.roles import Role
from capacity.access.visibility import (
    RESTRICTED,
    ContractLabel,
    Sight,
    Viewer,
    label_of_contract,
    reads_floor,
    see,
    sight,
)
from capacity.imports.described import resource_of, title_of
from capacity.imports.tables import tables
from capacity.lib.horizon import Week
from capacity.review.coarse import coarse_sides, without_dollars

Row = dict[str, Any]
Document = Mapping[str, Any]
# These read everybody's what-ifs; everybody else their own.
SEES_ALL = frozenset({Role.CHAIR, Role.FINANCE, Role.EXEC})
_DIGITS = Decimal("0.000001")


def visible_changes(viewer: Viewer, changed_rows: list[Row]) -> list[Row]:
    """Each changed row: table, title, key, op, and of its columns those that differ, before and after."""
    return [_visible_change(viewer, row) for row in changed_rows]


def _visible_change(viewer: Viewer, row: Row) -> Row:
    table = tables().get(row["table"])
    before, after = row["before"] or {}, row["after"] or {}
    names = [name for name in (after or before) if before.get(name, "") != after.get(name, "")]

    def seen(name: str, text: str) -> Any:
        if table is None:
            return RESTRICTED
        allowed = sight(viewer, resource_of(table), name, owner=row.get("owner", ""))
        return text if allowed is Sight.FULL else RESTRICTED

    key = list(row["key"])
    if table is not None and any(seen(name, "") is RESTRICTED for name in table.key):
        key = []
    return {
        "table": row["table"],
        "title": title_of(table) if table else row["table"],
        "key": key,
        "op": row["op"],
        "columns": [
            {"name": name, "before": seen(name, before.get(name, "")), "after": seen(name, after.get(name, ""))}
            for name in names
        ],
    }


def visible_error(viewer: Viewer, error: str) -> str:
    """Why it could not be answered. The words may quote a row of the inputs, as a run's may."""
    if error and see(viewer, "run", "error", error) is RESTRICTED:
        return "With this change the inputs cannot be planned, or its worker was lost."
    return error


def visible_answer(viewer: Viewer, answer: Document | None) -> Row | None:
    """One answer: sums, tiers, demands, placements, pools, weeks and prices, as far as the viewer may read them.

    Whoever may not read the floor is not told either how many others are short, how many weeks had to be solved or how
    long that took: each says to the accelerator where the room ends.
    """
    if answer is None:
        return None
    demands = [_demand(viewer, row) for row in answer["demands"]]
    shown = [row for row in demands if not all(row[name] is RESTRICTED for name in ("short_after", "usd_after"))]
    has_research = sight(viewer, "placement", "experiment_key") is Sight.FULL
    is_told = reads_floor(viewer)
    return {
        "kind": answer["kind"],
        "basis": answer["basis"],
        "termination": answer["termination"] or "",
        "seconds": _number(answer["seconds"]) if is_told else RESTRICTED,
        "weeks_solved": answer["weeks_solved"] if is_told else RESTRICTED,
        **_pair(viewer, "what_if", "usd", answer, "usd"),
        "tiers": [_tier(viewer, row) for row in answer["tiers"] if row["unit"]],
        "demands": shown,
        "demands_hidden": len(demands) - len(shown) if is_told else RESTRICTED,
        "placements": [_placement(viewer, row) for row in answer["placements"]] if has_research else [],
        "not_placed": [_not_placed(key, cause) for key, cause in answer["not_placed"]] if has_research else [],
        "placements_hidden": not has_research,
        "pools": _seen([_pool(viewer, row) for row in answer["pools"]], but="pool_key"),
        "weeks": _seen([_week(viewer, row) for row in answer["weeks"]], but="week"),
        "prices": [row for row in (_price(viewer, each) for each in answer["prices"]) if row],
    }


def _seen(rows: list[Row], *, but: str) -> list[Row]:
    """The rows of which the viewer sees a value: that a week or pool differs says something too."""
    return [row for row in rows if any(value is not RESTRICTED for name, value in row.items() if name != but)]


def _pair(viewer: Viewer, resource: str, field: str, row: Document, name: str, *, owner: str = "") -> Row:
    """`name`_before, `name`_after and `name`_difference, each through one line of the table: of a banded figure the
    difference is a band of its own, never that of two bands."""
    values = {side: _number(row[f"{name}_{side}"]) for side in ("before", "after")}
    values["difference"] = _difference(values["before"], values["after"])
    return {f"{name}_{side}": see(viewer, resource, field, value, owner=owner) for side, value in values.items()}


def _difference(before: Decimal | None, after: Decimal | None) -> Decimal | None:
    return None if before is None or after is None else after - before


def _number(value: float | None) -> Decimal | None:
    """As a decimal of at most six places: what is behind them is the solver's."""
    if value is None:
        return None
    number = Decimal(repr(float(value))).quantize(_DIGITS).normalize()
    return Decimal(0) if number == 0 else Decimal(f"{number:f}")


def _tier(viewer: Viewer, row: Document) -> Row:
    return {
        "tier": see(viewer, "what_if", "tier", row["tier"]),
        "unit": row["unit"],
        "before": see(viewer, "what_if", "value", _number(row["before"])),
        "after": see(viewer, "what_if", "value", _number(row["after"])),
        "difference": see(viewer, "what_if", "value", _difference(_number(row["before"]), _number(row["after"]))),
        "unmet_before": see(viewer, "what_if", "short", _number(row["unmet_before"])),
        "unmet_after": see(viewer, "what_if", "short", _number(row["unmet_after"])),
        "gap_before": see(viewer, "what_if", "gap", _number(row["gap_before"])),
        "gap_after": see(viewer, "what_if", "gap", _number(row["gap_after"])),
    }


def _demand(viewer: Viewer, row: Document) -> Row:
    of = row["of"]
    owner = of.get("owner", "")
    label: Any = of.get("workload_key", "")
    contract_key: Any = of.get("contract_key", "")
    if contract_key:
        names = ContractLabel(contract_key, of["contract_name"], of["customer_name"], of["customer_alias"], owner)
        label = label_of_contract(viewer, name=names.name, alias=names.alias, owner=owner)
        contract_key = see(viewer, "demand", "contract_key", contract_key, owner=owner)
    short = _pair(viewer, "demand", "short_accelerators", row, "short", owner=owner)
    if contract_key and short["short_after"] is RESTRICTED:
        short = _pair(viewer, "exposure", "short_accelerator_weeks", row, "short", owner=owner)
    usd = _pair(viewer, "demand", "usd_lost", row, "usd", owner=owner)
    if not reads_floor(viewer):
        short = coarse_sides(short)
        usd = without_dollars(usd, short)
    return {
        "label": label,
        "contract_key": contract_key,
        "workload_key": see(viewer, "demand", "workload_key", of.get("workload_key", ""), owner=owner),
        "tier": see(viewer, "demand", "tier", row["tier"], owner=owner),
        **short,
        **usd,
    }


def _placement(viewer: Viewer, row: Document) -> Row:
    return {
        "experiment_key": row["key"],
        "name": see(viewer, "placement", "name", row["of"]["name"]),
        "team_name": see(viewer, "placement", "team_name", row["of"]["team_name"]),
        "tier": row["tier"],
        "change": row["change"],
        "before": [_place(each) for each in row["before"]],
        "after": [_place(each) for each in row["after"]],
        "cause": _cause(row["cause"]),
    }


def _place(row: Document) -> Row:
    week = Week(date.fromisoformat(row["start"])).key
    return {
        "pool_key": row["pool"],
        "domain_key": row["domain"] or "",
        "start_week": week,
        "weeks": row["weeks"],
        "accelerators": row["accelerators"],
    }


def _cause(cause: Document | None) -> Row | None:
    """The key of a cause is an experiment's or a floor's: never a contract's."""
    if cause is None:
        return None
    week = cause["week"]
    return {**cause, "week": Week(date.fromisoformat(week)).key if week else ""}


def _not_placed(key: str, cause: Document) -> Row:
    return {"experiment_key": key, "cause": _cause(cause)}


def _pool(viewer: Viewer, row: Document) -> Row:
    return {
        "pool_key": row["pool"],
        **_pair(viewer, "what_if", "idle", row, "idle"),
        **_pair(viewer, "what_if", "burst", row, "burst"),
        **_pair(viewer, "what_if", "burst_usd", row, "burst_usd"),
    }


def _week(viewer: Viewer, row: Document) -> Row:
    return {
        "week": Week(date.fromisoformat(row["week"])).key,
        **_pair(viewer, "what_if", "short", row, "short"),
        **_pair(viewer, "what_if", "usd", row, "usd"),
    }


def _price(viewer: Viewer, row: Document) -> Row | None:
    """None for whoever sees nothing of a price: that one is above zero would tell them something."""
    seen = {
        side: see(viewer, "scarcity", "usd_per_accelerator_week", _number(row[side])) for side in ("before", "after")
    }
    if seen["after"] is RESTRICTED:
        return None
    return {"pool_key": row["pool"], "week": Week(date.fromisoformat(row["week"])).key, **seen}
