"""How the versions of a contract differ, field by field in words, and what of it changed since the last frozen review.

Both are put in the reader's words by the machinery of "What changed" (input_changes, changes_shown): a value that the
visibility table hides reads "restricted" here as there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject

from capacity.access.visibility import RESTRICTED, Viewer, see
from capacity.allocation.models import RunDocument
from capacity.decisions.models import PolicySet
from capacity.imports.rows import as_json
from capacity.lib.figures import day
from capacity.review.changes_shown import ARROW, visible_changes
from capacity.review.chosen import ChosenRun
from capacity.review.input_changes import contract_names, input_changes
from capacity.review.models import Review
from contracts.models import CommitStep, Contract, PriceLine, SlaLine

_FOREIGN = {
    "customer": "customer__key",
    "workload": "workload__key",
    "pinned_model_version": "pinned_model_version__key",
    "usage_profile": "usage_profile__key",
    "accelerator_type": "accelerator_type__key",
    "owner": "owner__username",
}
# Lines of a version: table → model, columns. Within a table the first columns are what a line is known by.
_LINES: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "price_lines": (
        PriceLine,
        ("kind", "tier_from", "starts_date", "ends_date", "price", "tier_mode", "included_quantity"),
    ),
    "commit_steps": (CommitStep, ("kind", "starts_date", "quantity")),
    "sla_lines": (SlaLine, ("metric", "below_share", "region", "credit_share", "chance", "make_good_usd")),
}
# What every version has of its own; its dates and state stand in its head.
_OWN = frozenset({"version", "state", "starts_date", "id"})

Row = dict[str, Any]


def version_differences(viewer: Viewer, key: str, *, year: int) -> list[dict[str, Any]]:
    """The newest first: {version, before, starts, lines, hidden, shows_price} of each version against the one before it.
    One query.

    lines: sentences, old → new. hidden: the note that some differences are kept back, or "". shows_price: whether the
    viewer reads a unit price in them, which is to be written down.
    """
    versions = sorted(_versions(key), key=lambda each: each["row"]["version"])
    found = []
    for old, new in zip(versions, versions[1:], strict=False):
        lines = input_changes(before=_as_one(old, new), after=_as_one(new, new))
        names = contract_names({"contracts": [new["row"]], "customers": []})
        groups = visible_changes(viewer, {"lines": lines, "contracts": list(names.values())})
        found.append(
            {
                "version": new["row"]["version"],
                "before": old["row"]["version"],
                "starts": day(new["row"]["starts_date"], year=year),
                "lines": [text for group in groups for line in group["lines"] for text in _texts(line)],
                "hidden": next((group["hidden"] for group in groups if group["hidden"]), ""),
                "shows_price": any(_shows_price(viewer, line) for line in lines),
            }
        )
    return found[::-1]


def _shows_price(viewer: Viewer, line: Mapping[str, Any]) -> bool:
    return line["table"] == "price_lines" and any(
        field["field"] == "price" and see(viewer, field["resource"], "price", "", owner=line["owner"]) is not RESTRICTED
        for field in line["fields"]
    )


def _texts(line: Mapping[str, Any]) -> list[str]:
    """The line in words: of the contract's own row one text a field, since the heading names it already."""
    if not line["subject"].startswith("Contract "):
        return [line["sentence"]]
    return [f"{each['label']}: {each['before']} {ARROW} {each['after']}" for each in line["fields"]]


def _versions(key: str) -> list[dict[str, Any]]:
    """Every version's row and lines, the lines read inside the one query."""
    columns = [f.name for f in Contract._meta.concrete_fields if not f.is_relation and f.name != "id"]
    rows: QuerySet[Any, Any] = Contract.objects.filter(key=key).annotate(
        **{
            f"its_{table}": ArraySubquery(
                model._default_manager.filter(contract=OuterRef("pk"))
                .order_by(*names)
                .values(line=JSONObject(**{name: F(name) for name in names}))
            )
            for table, (model, names) in _LINES.items()
        }
    )
    return [
        {
            "row": {**{name: row[name] for name in columns}, **{name: row[path] for name, path in _FOREIGN.items()}},
            **{table: [_typed(line) for line in row[f"its_{table}"]] for table in _LINES},
        }
        for row in rows.values(*columns, *_FOREIGN.values(), *(f"its_{table}" for table in _LINES))
    ]


def _typed(line: Mapping[str, Any]) -> Row:
    """A line with its numbers as the decimals they are stored as, so that 12 and 12.00 are one price."""
    return {
        name: Decimal(str(value)).normalize() if isinstance(value, int | float) else value
        for name, value in line.items()
    }


def _as_one(version: Mapping[str, Any], newest: Mapping[str, Any]) -> dict[str, Any]:
    """A version's tables as if it were the newest one, so that the two are compared as one row that changed."""
    shared = {name: newest["row"][name] for name in _OWN if name in newest["row"]}
    owned = {"contract": newest["row"]["key"], "contract_version": newest["row"]["version"]}
    starts = newest["row"]["starts_date"].isoformat()
    tables: dict[str, list[Row]] = {"contracts": [{**version["row"], **shared}]}
    for table in _LINES:
        lines = version[table]
        alone = _only_one_date(lines)
        tables[table] = [
            {**line, **owned, **({"starts_date": starts} if "starts_date" in line and _name(line) in alone else {})}
            for line in lines
        ]
    return {"tables": as_json(tables)}


def _only_one_date(lines: Sequence[Row]) -> set[tuple[str, str]]:
    """The kinds of line that have one date only: these are one line that an amendment takes over from its own start."""
    counts: dict[tuple[str, str], int] = {}
    for line in lines:
        counts[_name(line)] = counts.get(_name(line), 0) + 1
    return {name for name, count in counts.items() if count == 1}


def _name(line: Row) -> tuple[str, str]:
    return str(line.get("kind", "")), str(line.get("tier_from", ""))


def changes_of_contract(viewer: Viewer, chosen: ChosenRun, key: str) -> dict[str, Any]:
    """{week: of the review compared with, "" without one; lines: sentences; hidden; target}, as stored. One query.

    target: the margin that the policy of the run asks for, None where the reader may not know it.
    """
    stored: QuerySet[Any, Any] = (
        Review.objects.filter(week=chosen.review_week)
        if chosen.review_week
        else RunDocument.objects.filter(run_id=chosen.run_id)
    )
    policy = PolicySet.objects.filter(version=OuterRef("run__policy_version"))
    found = stored.annotate(target=Subquery(policy.values("target_gross_margin_share")[:1]))
    row = found.values_list("changes", "target").first()
    document: Mapping[str, Any] = (row[0] if row else None) or {}
    target = row[1] if row else None
    lines = [line for line in document.get("lines", []) if (line.get("contract") or {}).get("key") == key]
    groups = visible_changes(viewer, {**document, "lines": lines})
    return {
        "target": None if see(viewer, "policy", "target_gross_margin_share", target) is RESTRICTED else target,
        "week": (document.get("against") or {}).get("week", ""),
        "lines": [line["sentence"] for group in groups for line in group["lines"]],
        "hidden": next((group["hidden"] for group in groups if group["hidden"]), ""),
    }
