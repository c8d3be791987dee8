"""What came out differently between two runs: capacity shortfall, placements, contracts, headline figures. Pure.

Two plans a week apart cover different weeks: shortfall and placements are compared over the weeks both cover. A cause is
named only where the rows themselves say it; else the line points to the input changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from capacity.imports.rows import as_json
from capacity.lib.figures import counted, week
from capacity.lib.horizon import Week
from capacity.review.placement_causes import NO_DOCUMENTS, Causes, Documents

Row = Mapping[str, Any]
Line = dict[str, Any]
Results = Mapping[str, Sequence[Row]]
Interval = tuple[str, str, Week, Week, int]

OUTCOME_GROUPS = {
    "headline": "Headline figures",
    "shortfall": "Capacity shortfall",
    "placements": "Experiments placed",
    "promises": "Contracts",
}
# A contract's sums move a little every week because the horizon moves: smaller moves than these are not told.
LEAST_MONEY_SHARE = Decimal("0.01")
LEAST_MONEY_USD = Decimal(1000)
LEAST_SHARE = Decimal("0.001")
# Of a request cut into more places than these the sum is told.
MOST_PLACES = 2

_EXPOSURE_FIELDS = (
    ("committed_accelerators", "Committed accelerators", "number"),
    ("planned_accelerators", "Planned accelerators", "number"),
    ("coverage_share", "Coverage, next 13 weeks", "share"),
    ("first_short_week", "First short week", "text"),
    ("margin_usd", "Margin, P50", "usd"),
    # The one of them that the chair reads, as a band.
    ("margin_share", "Margin of revenue, P50", "share"),
    ("loss_exposure_usd", "Loss exposure", "usd"),
)


def outcome_changes(
    *,
    before: Results,
    after: Results,
    inputs: Sequence[Line],
    contracts: Mapping[str, Mapping[str, str]],
    documents: Documents = NO_DOCUMENTS,
) -> list[Line]:
    """The lines of every kind of outcome, headline figures first.

    inputs: lines of input_changes; contracts: their names; documents: the inputs of both.
    """
    old = {name: as_json(list(rows)) for name, rows in before.items()}
    new = {name: as_json(list(rows)) for name, rows in after.items()}
    return [
        *figure_lines(old.get("figures", []), new.get("figures", [])),
        *shortfall_lines(old.get("pool_weeks", []), new.get("pool_weeks", [])),
        *placement_lines(before=old, after=new, inputs=inputs, documents=documents),
        *promise_lines(old.get("exposure", []), new.get("exposure", []), contracts),
    ]


def shared_weeks(before: Iterable[Row], after: Iterable[Row]) -> list[Week]:
    """The weeks both plans cover, in order."""
    both = {row["week"] for row in before} & {row["week"] for row in after}
    return sorted(Week.parse(key) for key in both)


def shortfall_lines(before: Sequence[Row], after: Sequence[Row]) -> Iterator[Line]:
    """Accelerator-weeks short by pool over the shared weeks, and the first short week of each plan."""
    weeks = {week.key for week in shared_weeks(before, after)}
    was, now = _short_sums(before, weeks), _short_sums(after, weeks)
    if sum(was.values()) != sum(now.values()):
        yield _shortfall_line(
            "All pools", f"over the {len(weeks)} weeks both plans cover", sum(was.values()), sum(now.values())
        )
    for pool in sorted(was.keys() | now.keys()):
        fields = []
        if was.get(pool, Decimal(0)) != now.get(pool, Decimal(0)):
            fields.append(_short_field(was.get(pool), now.get(pool)))
        first_was, first_now = _first_short(before, pool), _first_short(after, pool)
        if first_was != first_now:
            fields.append(_field("First short week", "text", "pool_week", "capacity_shortfall", first_was, first_now))
        if fields:
            kind = "added" if pool not in was else "removed" if pool not in now else "changed"
            yield _line("shortfall", kind, "Pool", pool, ("pool_week", "capacity_shortfall"), fields)


def placement_lines(
    *,
    before: Mapping[str, list[Row]],
    after: Mapping[str, list[Row]],
    inputs: Sequence[Line],
    documents: Documents = NO_DOCUMENTS,
) -> Iterator[Line]:
    """Experiments that moved, lost their place or gained one, each with the cause the rows themselves name."""
    weeks = shared_weeks(before.get("pool_weeks", []), after.get("pool_weeks", []))
    if not weeks:
        return
    span = (weeks[0], weeks[-1].plus(1))
    was, now = _places(before.get("placements", []), span), _places(after.get("placements", []), span)
    all_now = {row["experiment_key"] for row in after.get("placements", [])}
    unplaced_now = {row["experiment_key"] for row in after.get("unplaced", [])}
    keys = {week.key for week in weeks}
    causes = Causes(before=before, after=after, weeks=keys, inputs=inputs, documents=documents)
    rows = {row["experiment_key"]: row for row in [*before.get("placements", []), *after.get("placements", [])]}
    for key in sorted(was.keys() | now.keys()):
        old, new, row = was.get(key, ()), now.get(key, ()), rows[key]
        if old == new or (not new and key in all_now):
            continue
        if new and old:
            kind, cause = "moved", causes.of_move(key)
        elif new:
            kind, cause = "placed", causes.of_place(key)
        elif key in unplaced_now:
            kind, cause = "lost", causes.of_loss(key)
        else:
            kind, cause = "ended", "it is finished or withdrawn"
        field = _field("Place", "text", "placement", "pool_key", _place_text(old, causes), _place_text(new, causes))
        line = _line("placements", kind, "Request", f"{row['name']} ({key})", ("placement", "experiment_key"), [field])
        yield line | {"key": [key], "owner": row["team_key"], "cause": cause}


def promise_lines(
    before: Sequence[Row], after: Sequence[Row], contracts: Mapping[str, Mapping[str, str]]
) -> Iterator[Line]:
    """Contracts whose promised or planned accelerators, coverage, margin or loss exposure moved."""
    was = {row["contract_key"]: row for row in before}
    now = {row["contract_key"]: row for row in after}
    for key in sorted(was.keys() | now.keys()):
        old, new = was.get(key), now.get(key)
        fields = [
            _field(label, kind, "exposure", name, (old or {}).get(name), (new or {}).get(name))
            for name, label, kind in _EXPOSURE_FIELDS
            if _is_moved(kind, (old or {}).get(name), (new or {}).get(name))
        ]
        if not fields:
            continue
        kind = "added" if old is None else "removed" if new is None else "changed"
        row = new or old or {}
        # Everybody may know the accelerators of a contract without a name; the label says what they may call it.
        line = _line("promises", kind, "Contract", "", ("exposure", "planned_accelerators"), fields)
        yield line | {"owner": row.get("owner_username", ""), "contract": _names_of(row, contracts.get(key))}


def figure_lines(before: Sequence[Row], after: Sequence[Row]) -> Iterator[Line]:
    """The headline figures (keys `metric:…`) of both plans that differ."""
    was = {row["key"]: row for row in before if str(row["key"]).startswith("metric:")}
    now = {row["key"]: row for row in after if str(row["key"]).startswith("metric:")}
    for key in [*now, *(key for key in was if key not in now)]:
        old, new = was.get(key), now.get(key)
        if (old or {}).get("value") == (new or {}).get("value") and old and new:
            continue
        row = new or old or {}
        field = _field(
            "Value",
            _unit_kind(row.get("unit", "")),
            row["resource"],
            row["field"],
            (old or {}).get("value"),
            (new or {}).get("value"),
        )
        field["unit"] = row.get("unit", "")
        line = _line("headline", "changed", "", str(row["label"]), (row["resource"], row["field"]), [field])
        yield line | {"owner": row.get("owner_key", ""), "key": [key]}


def _short_sums(rows: Sequence[Row], weeks: set[str]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        if row["week"] in weeks:
            sums[row["pool_key"]] = sums.get(row["pool_key"], Decimal(0)) + Decimal(row["capacity_shortfall"])
    return sums


def _first_short(rows: Sequence[Row], pool: str) -> str | None:
    short = [row["week"] for row in rows if row["pool_key"] == pool and Decimal(row["capacity_shortfall"]) > 0]
    return min(short, default=None)


def _shortfall_line(noun: str, subject: str, was: Decimal | int, now: Decimal | int) -> Line:
    entry = ("pool_week", "capacity_shortfall")
    return _line("shortfall", "changed", noun, subject, entry, [_short_field(Decimal(was), Decimal(now))])


def _short_field(was: Decimal | None, now: Decimal | None) -> dict[str, Any]:
    return _field("Accelerator-weeks short", "whole", "pool_week", "capacity_shortfall", was, now)


def _places(rows: Sequence[Row], span: tuple[Week, Week]) -> dict[str, tuple[Interval, ...]]:
    """Experiment → where it runs inside the span: (pool, domain, start, end, accelerators), clipped to the span."""
    first, end = span
    found: dict[str, list[Interval]] = {}
    for row in rows:
        start = Week.parse(row["start_week"])
        stop = min(start.plus(row["weeks"]), end)
        start = max(start, first)
        if start < stop:
            place = (row["pool_key"], row["domain_key"], start, stop, row["accelerators"])
            found.setdefault(row["experiment_key"], []).append(place)
    return {key: tuple(sorted(places)) for key, places in found.items()}


def _place_text(places: Sequence[Interval], causes: Causes) -> str | None:
    """`H100 US East from 30 Nov for 4 weeks, 512 accelerators`; None for no place.

    A divisible request may be cut into dozens of places: then their sum.
    """
    if len(places) > MOST_PLACES:
        pools = len({pool for pool, *_ in places})
        first, end = min(start for _, _, start, _, _ in places), max(stop for _, _, _, stop, _ in places)
        total = sum(start.weeks_until(stop) * count for _, _, start, stop, count in places)
        return (
            f"{len(places)} places in {pools} pool{'' if pools == 1 else 's'} from {week(first, year=causes.year)} to "
            f"the week of {week(end.plus(-1), year=causes.year)}, {total:,} accelerator-weeks"
        )
    texts = [
        f"{causes.pool_name(pool)} from {week(start, year=causes.year)} for {counted(start.weeks_until(stop), 'week')}, "
        f"{count:,} accelerators"
        for pool, _, start, stop, count in places
    ]
    return "; ".join(texts) or None


def _is_moved(kind: str, was: Any, now: Any) -> bool:
    if was == now or (not was and not now and kind == "text"):
        return False
    if was is None or now is None or kind == "text":
        return True
    moved = abs(Decimal(now) - Decimal(was))
    if kind == "share":
        return moved >= LEAST_SHARE
    if kind == "usd":
        return moved >= max(LEAST_MONEY_USD, LEAST_MONEY_SHARE * abs(Decimal(was)))
    return moved > 0


def _names_of(row: Row, names: Mapping[str, str] | None) -> dict[str, str]:
    if names is not None:
        return dict(names)
    return {
        "key": row["contract_key"],
        "name": row.get("contract_name", ""),
        "customer": row.get("customer_name", ""),
        "alias": row.get("customer_alias", ""),
        "owner": row.get("owner_username", ""),
    }


def _unit_kind(unit: str) -> str:
    if unit in {"share", "%"}:
        return "share"
    return "usd" if unit.upper().startswith("USD") else "number"


def _field(label: str, kind: str, resource: str, name: str, before: Any, after: Any) -> dict[str, Any]:
    return {
        "label": label,
        "kind": kind,
        "resource": resource,
        "field": name,
        "before": as_json(before),
        "after": as_json(after),
    }


def _line(group: str, kind: str, noun: str, subject: str, gate: tuple[str, str], fields: list[dict[str, Any]]) -> Line:
    return {
        "group": group,
        "table": "",
        "kind": kind,
        "noun": noun,
        "subject": subject,
        "key": [],
        "gate": list(gate),
        "owner": "",
        "contract": None,
        "cause": "",
        "fields": fields,
    }
