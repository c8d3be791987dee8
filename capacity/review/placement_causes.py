"""Why a request stands elsewhere than in the last frozen review: the cause that the rows of both plans name. Pure.

Looked for in one order (methods: Moved since last week): it runs or starts as promised; its own row changed; a decision
weighs it; its pool is gone; in the weeks it had there is less supply than would hold it, somebody else in its place,
more serving or a larger floor; in the weeks it has now there is more supply, somebody gone, less serving. Where the rows
name none: the input changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from capacity.lib.figures import counted, thousands
from capacity.lib.horizon import Week
from capacity.review.cause_words import event_words, week_words
from capacity.review.input_changes import column_label
from workloads.promises import promises_by_key
from workloads.request_weights import overrides_on

Row = Mapping[str, Any]
Line = Mapping[str, Any]
# (pool, week key)
Cell = tuple[str, str]
# (lot, week key, accelerators): below zero where it leaves
Event = tuple[str, str, int]
# The inputs of both plans: documents with `tables`.
Documents = tuple[Mapping[str, Any], Mapping[str, Any]]
NO_DOCUMENTS: Documents = ({}, {})
SEE_INPUTS = "see the input changes"
# What of a request's row says where, when and with what it can stand; its other words move nobody.
ASKED = frozenset(
    column_label(name)
    for name in [
        "accelerators",
        "accelerators_least",
        "weeks",
        "earliest_start_date",
        "latest_start_date",
        "accelerator_types",
        "pool_keys",
        "least_gbit_per_second",
        "experiment_priority",
        "is_model_development",
        "preemptible",
        "divisible",
        "state",
        "pool",
        "domain_key",
        "started_date",
    ]
)
# What of it is written as it begins.
BEGINS = frozenset(column_label(name) for name in ("state", "pool", "domain_key", "started_date"))
SERVING = ("serving", "product", "internal", "no_choice")


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One plan: by pool and week its row and who holds how much (request → accelerators), by request where it stands."""

    cells: Mapping[Cell, Row]
    held: Mapping[Cell, Mapping[str, int]]
    spots: Mapping[str, Mapping[Cell, int]]
    domains: Mapping[str, frozenset[tuple[str, str]]]
    lots: Mapping[str, frozenset[tuple[str, str, int]]]

    @classmethod
    def of(cls, results: Mapping[str, Sequence[Row]], weeks: Collection[str]) -> Side:
        """weeks: those that both plans cover; nothing else is compared."""
        held: dict[Cell, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        spots: dict[str, dict[Cell, int]] = defaultdict(lambda: defaultdict(int))
        domains: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for row in results.get("placements", ()):
            start = Week.parse(row["start_week"])
            domains[row["experiment_key"]].add((row["pool_key"], row["domain_key"]))
            for offset in range(row["weeks"]):
                key = start.plus(offset).key
                if key in weeks:
                    held[row["pool_key"], key][row["experiment_key"]] += row["accelerators"]
                    spots[row["experiment_key"]][row["pool_key"], key] += row["accelerators"]
        lots: dict[str, set[tuple[str, str, int]]] = defaultdict(set)
        for row in results.get("lot_events", ()):
            lots[row["pool_key"]].add((row["lot_key"], row["week"], row["accelerators"]))
        return cls(
            cells={
                (row["pool_key"], row["week"]): row for row in results.get("pool_weeks", ()) if row["week"] in weeks
            },
            held=held,
            spots=spots,
            domains={key: frozenset(found) for key, found in domains.items()},
            lots={pool: frozenset(found) for pool, found in lots.items()},
        )


class Causes:
    """Causes of moves between two plans. before, after: results by table in JSON terms. inputs: lines of input_changes."""

    def __init__(
        self,
        *,
        before: Mapping[str, Sequence[Row]],
        after: Mapping[str, Sequence[Row]],
        weeks: Collection[str],
        inputs: Sequence[Line],
        documents: Documents = NO_DOCUMENTS,
    ) -> None:
        self.before, self.after = Side.of(before, weeks), Side.of(after, weeks)
        self.weeks = weeks
        self.inputs = inputs
        both = (before, after)
        self.names = {row["experiment_key"]: row["name"] for side in both for row in side.get("placements", ())}
        self.names |= {row["experiment_key"]: row["name"] for side in both for row in side.get("unplaced", ())}
        self.reasons = {row["experiment_key"]: row["reason"] for row in after.get("unplaced", ())}
        self.teams = {
            row["experiment_key"]: row.get("team_key", "") for side in both for row in side.get("placements", ())
        }
        self.classes = {
            row["experiment_key"]: row.get("priority", "") for side in both for row in side.get("placements", ())
        }
        asked = [row for document in documents for row in document.get("tables", {}).get("experiments", ())]
        self.preemptible = {row["key"]: bool(row.get("preemptible")) for row in asked}
        placed = {row["experiment_key"] for row in after.get("placements", ()) if row["is_running"]}
        self.pinned = {key for key in placed if not self.preemptible.get(key)}
        self.promised = _promised(documents[1], after)
        self.yielding = {row["key"] for row in asked if row.get("state") == "running" and row.get("preemptible")}
        pools = (row for document in documents for row in document.get("tables", {}).get("pools", ()))
        self.pools = {row["key"]: row.get("name") or row["key"] for row in pools}
        self.year = min((Week.parse(key).monday.year for key in weeks), default=None)
        self.overrides = tuple(_in_force(document) for document in documents)
        self.weights = tuple({row["team_key"]: row["engine_weight"] for row in side.get("teams", ())} for side in both)
        self.was_unplaced = {row["experiment_key"] for row in before.get("unplaced", ())}

    def of_move(self, key: str) -> str:
        """Of one that stands elsewhere, or at another time, or with another size."""
        cause = self._own(key) or self._lost_room(key) or self._gained_room(key) or self._same_pool(key)
        return cause or self._fair_share(key) or SEE_INPUTS

    def of_place(self, key: str) -> str:
        """Of one that has a place now and had none."""
        return self._own(key) or self._gained_room(key) or self._fair_share(key) or SEE_INPUTS

    def of_loss(self, key: str) -> str:
        """Of one that lost its place: what is in its way there, with the plan's own reason."""
        reason = str(self.reasons.get(key, "")).replace("_", " ")
        cause = self._own(key) or self._lost_room(key)
        return "; ".join(part for part in (cause, reason) if part) or SEE_INPUTS

    # --- the request itself ---------------------------------------------------------------------------------------

    def _own(self, key: str) -> str:
        if key in self.pinned:
            return "it is running now, and stays where it runs"
        if key in self.promised:
            return f"it starts where {self.promised[key]} promised"
        line = self._line("experiments", key)
        if line is not None and line["kind"] == "added" and key not in self.was_unplaced:
            return "it is a new request"
        if line is not None and line["kind"] == "changed":
            # That preemptible work has begun keeps no room for it: what is in its way does.
            labels = ASKED - BEGINS if key in self.yielding else ASKED
            asked = [field["label"] for field in line["fields"] if field["label"] in labels]
            if asked:
                return "its request changed: " + ", ".join(label.lower() for label in asked)
        return self._override(key)

    def _line(self, table: str, key: str) -> Line | None:
        return next((line for line in self.inputs if line["table"] == table and line["key"] == [key]), None)

    def _override(self, key: str) -> str:
        """Of the overrides in force on the day of each plan; one that does not weigh yet, or no more, is none."""
        was, now = (overrides.get(key) for overrides in self.overrides)
        if now is not None and (was is None or was[1] != now[1]):
            return f"a decision weighs it otherwise (override {now[0]})"
        if was is not None and now is None:
            return f"the decision that weighed it has ended (override {was[0]})"
        return ""

    # --- where it was ---------------------------------------------------------------------------------------------

    def _left(self, key: str) -> list[Cell]:
        """Pool-weeks in which it has less than it had, in order of time."""
        was, now = self.before.spots.get(key, {}), self.after.spots.get(key, {})
        return sorted((cell for cell in was if now.get(cell, 0) < was[cell]), key=_in_time)

    def _taken(self, key: str) -> list[Cell]:
        """Pool-weeks in which it has more than it had."""
        was, now = self.before.spots.get(key, {}), self.after.spots.get(key, {})
        return sorted((cell for cell in now if was.get(cell, 0) < now[cell]), key=_in_time)

    def _lost_room(self, key: str) -> str:
        cells = self._left(key)
        gone = sorted({pool for pool, _ in cells} - {pool for pool, _ in self.after.cells})
        if gone:
            return f"pool {self.pool_name(gone[0])} is gone"
        near = self._successor(key, cells, nearness=(True,)) if self._is_gang(key) else ""
        return (
            self._less_supply(key, cells)
            or near
            or self._less_of_domain(key, cells)
            or self._successor(key, cells, nearness=(True, False))
            or self._more_of(cells, grew=True)
        )

    def _is_gang(self, key: str) -> bool:
        """Whether it stood in network domains, of which the sums of a pool say nothing."""
        return any(domain for _, domain in self.before.domains.get(key, frozenset()))

    def _less_of_domain(self, key: str, cells: Sequence[Cell]) -> str:
        """Of a gang any loss of its pool: what is left of the pool may hold it, and none of its domains."""
        return self._less_supply(key, cells, is_any=True) if self._is_gang(key) else ""

    def _holds(self, key: str, cell: Cell) -> bool:
        """Whether what is left holds it still beside serving, idle floor and all who stood there, not below it."""
        was = self.before.cells.get(cell, {})
        stood = sum(count for other, count in self.before.held.get(cell, {}).items() if not self._is_below(other, key))
        others = sum(int(was.get(name) or 0) for name in (*SERVING, "idle_floor")) - int(was.get("burst") or 0)
        return stood + others <= int(self.after.cells.get(cell, {}).get("allocatable") or 0)

    def _less_supply(self, key: str, cells: Sequence[Cell], *, is_any: bool = False) -> str:
        for pool, at in cells:
            change = self._change((pool, at), "allocatable")
            if change < 0 and (is_any or not self._holds(key, (pool, at))):
                return f"{self.pool_name(pool)} has {thousands(-change)} fewer in {self._at(at)}{self._lots(pool)}"
        return ""

    def _more_supply(self, cells: Sequence[Cell]) -> str:
        for pool, at in cells:
            change = self._change((pool, at), "allocatable")
            if change > 0:
                return f"{self.pool_name(pool)} has {thousands(change)} more in {self._at(at)}{self._lots(pool)}"
        return ""

    def _lots(self, pool: str) -> str:
        """Which lots of the pool come, leave or count otherwise: `: lot L9 comes in the week of 7 Dec instead of 23 Nov`."""
        was, now = self.before.lots.get(pool, frozenset()), self.after.lots.get(pool, frozenset())
        changed = sorted({lot for lot, _, _ in was ^ now})
        told = {lot: self._event(lot, was=was, now=now) for lot in changed}
        changed = [lot for lot in changed if told[lot]]
        named = [lot for lot in changed if self._line("lots", lot)] or changed
        if not named:
            return self._outage(pool)
        more = f" (and {counted(len(named) - 1, 'other lot')})" if len(named) > 1 else ""
        return f": lot {named[0]} {told[named[0]]}{more}"

    def _event(self, lot: str, *, was: frozenset[Event], now: frozenset[Event]) -> str:
        """The events of a lot that only one of the plans has, comings and leavings each by themselves, in words."""
        parts: list[str] = []
        for sign in (1, -1):
            before, after = (
                [(week, count) for name, week, count in sorted(side) if name == lot and count * sign > 0]
                for side in (was - now, now - was)
            )
            for old, new in zip_longest(before, after):
                words = event_words(old, new, self.year)
                if not self._is_outside(old, new) and words not in parts:
                    parts.append(words)
        return " and ".join(parts)

    def _is_outside(self, old: tuple[str, int] | None, new: tuple[str, int] | None) -> bool:
        """Whether only one plan could have the event: it lies before the weeks that both cover, or after them."""
        at = old or new
        return (old is None or new is None) and at is not None and at[0] not in self.weeks

    def _outage(self, pool: str) -> str:
        for line in self.inputs:
            of_pool = any(
                each["label"] == "Pool" and pool in (each["before"], each["after"]) for each in line["fields"]
            )
            if (line["table"] == "outages" and of_pool) or (line["table"] == "pools" and line["key"] == [pool]):
                return f": {line['noun'].lower()} {line['key'][0]} {line['kind']}"
        return ""

    def _successor(self, key: str, cells: Sequence[Cell], *, nearness: tuple[bool, ...]) -> str:
        """Who has the place now: of its own network domain first; the one with most of it."""
        for is_near in nearness:
            more: dict[str, int] = defaultdict(int)
            for cell in cells:
                was = self.before.held.get(cell, {})
                for other, count in self.after.held.get(cell, {}).items():
                    is_more = other != key and count > was.get(other, 0) and not self._is_below(other, key)
                    if is_more and (not is_near or self._is_near(key, other)):
                        more[other] += count - was.get(other, 0)
            if more:
                other = max(sorted(more), key=lambda each: more[each])
                return f"{self._named(other)} has its place now{self._why(other)}"
        return ""

    def _is_below(self, other: str, key: str) -> bool:
        """Whether the other is of a lower class, which can displace nobody: where it stands is a consequence."""
        return self._tier(other) > self._tier(key)

    def _tier(self, key: str) -> tuple[bool, str]:
        """In the order in which the plan gives places: preemptible work after every class."""
        return self.preemptible.get(key, False), self.classes.get(key, "")

    def _is_near(self, key: str, other: str) -> bool:
        """Whether the other stands now in a domain in which this one stood."""
        return bool(self.before.domains.get(key, frozenset()) & self.after.domains.get(other, frozenset()))

    def _predecessor(self, key: str, cells: Sequence[Cell]) -> str:
        """Who had the place that it has now."""
        less: dict[str, int] = defaultdict(int)
        for cell in cells:
            now = self.after.held.get(cell, {})
            for other, count in self.before.held.get(cell, {}).items():
                if other != key and count > now.get(other, 0) and not self._is_below(other, key):
                    less[other] += count - now.get(other, 0)
        if not less:
            return ""
        other = max(sorted(less), key=lambda each: less[each])
        return f"{self._named(other)} left the room it has now{self._why(other)}"

    def _why(self, other: str) -> str:
        """The other's own cause, one step and no further."""
        cause = self._own(other)
        if not cause:
            was, now = self._left(other), self._taken(other)
            cause = (
                self._less_supply(other, was)
                or self._less_of_domain(other, was)
                or self._more_supply(now)
                or self._more_of(was, grew=True)
            )
        if not cause and other in self.before.spots and other in self.after.spots:
            first, then = _first(self.before.spots[other]), _first(self.after.spots[other])
            cause = self._moved(first, then) if first != then else ""
        if not cause and other not in self.after.spots:
            cause = "it is finished or withdrawn" if other not in self.reasons else "it lost its place"
        return f": {cause}" if cause else ""

    # --- where it is ----------------------------------------------------------------------------------------------

    def _gained_room(self, key: str) -> str:
        cells = self._taken(key)
        return self._more_supply(cells) or self._predecessor(key, cells) or self._more_of(cells, grew=False)

    def _more_of(self, cells: Sequence[Cell], *, grew: bool) -> str:
        """Serving or the floor took more of the room, or less."""
        sign, word = (1, "more") if grew else (-1, "less")
        for pool, at in cells:
            change = sum(self._change((pool, at), name) for name in SERVING) * sign
            if change > 0:
                return f"serving takes {thousands(change)} {word} of {self.pool_name(pool)} in {self._at(at)}"
            floor = self._change((pool, at), "floor") * sign
            if floor > 0:
                return f"the floor keeps {thousands(floor)} {word} of {self.pool_name(pool)} in {self._at(at)}"
        return ""

    def _same_pool(self, key: str) -> str:
        """It has the same accelerators of the same pools in the same weeks: another domain, or other pieces."""
        if self._left(key) or self._taken(key):
            return ""
        domains = sorted(domain for _, domain in self.after.domains.get(key, frozenset()) if domain)
        return f"same pool and weeks, now in {', '.join(domains)}" if domains else "same pool and weeks in other pieces"

    def _fair_share(self, key: str) -> str:
        """Its team's weight in the plan differs: what it used against its share has changed."""
        team = self.teams.get(key, "")
        was, now = (weights.get(team) for weights in self.weights)
        return f"its team weighs {now} instead of {was} by fair share" if was and now and was != now else ""

    # --- parts ----------------------------------------------------------------------------------------------------

    def _change(self, cell: Cell, column: str) -> int:
        was, now = self.before.cells.get(cell), self.after.cells.get(cell)
        if was is None or now is None:
            return 0
        return int(now.get(column) or 0) - int(was.get(column) or 0)

    def _named(self, key: str) -> str:
        return f"{self.names.get(key, key)} ({key})"

    def pool_name(self, key: str) -> str:
        """What people call the pool."""
        return self.pools.get(key, key)

    def _at(self, week_key: str) -> str:
        return week_words(week_key, self.year)

    def _moved(self, first: Cell, then: Cell) -> str:
        was, now = (f"{self.pool_name(pool)} in {self._at(week_key)}" for pool, week_key in (first, then))
        return f"it moved from {was} to {now}"


def _in_force(document: Mapping[str, Any]) -> dict[str, tuple[str, Decimal]]:
    """Request → key and weight of its override in force on the day of the plan."""
    rows = document.get("tables", {}).get("priority_overrides", ())
    if not rows or not document.get("as_of"):
        return {}
    dates = ("starts_date", "ends_date")
    typed = [{**row, **{name: date.fromisoformat(str(row[name])) for name in dates}} for row in rows]
    found = overrides_on(tables={"priority_overrides": typed}, day=date.fromisoformat(str(document["as_of"])))
    return {key: (row["key"], Decimal(str(row["weight"]))) for key, row in found.items()}


def _promised(document: Mapping[str, Any], after: Mapping[str, Sequence[Row]]) -> dict[str, str]:
    """Request → the review that promised the start it has in the plan after, in words."""
    if not document.get("as_of"):
        return {}
    promises, year = promises_by_key(document.get("tables", {})), date.fromisoformat(str(document["as_of"])).year
    rows = {row["experiment_key"]: row for row in after.get("placements", ()) if not row["is_running"]}
    return {key: each.by(year) for key, each in promises.items() if key in rows and each.is_of(rows[key])}


def _in_time(cell: Cell) -> tuple[Any, str]:
    return Week.parse(cell[1]).monday, cell[0]


def _first(spots: Mapping[Cell, int]) -> Cell:
    return min(spots, key=_in_time)
