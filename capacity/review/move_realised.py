"""What came of moves that are done: the classes of their promises, as the run of the promise and the run shown plan them.

What belongs here: the difference of stored runs in the same weeks, and nothing else (methods: Cheaper serving). Who may
read it is move_page's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, Sum

from capacity.allocation.models import PLAN_SCOPE, Run, RunAllocation, RunDemand, RunPoolWeek, WhatIf
from capacity.lib.figures import Absent
from capacity.lib.horizon import Week
from capacity.lib.money import to_decimal
from capacity.lib.units import HOURS_PER_WEEK, exact
from workloads.domain.moves import MOVE_WEEKS, released
from workloads.models import RunWorkloadCard, WorkloadMove

NOT_DONE = Absent("not done yet", "plain", "What came of it is told once it is done.")
NO_RUN = Absent("n/a", "unknown", "It was brought in without the run that it was promised against.")
NO_CLASSES = Absent("n/a", "unknown", "Its what-if was answered before the classes that it changes were kept.")
NO_WEEKS = Absent("n/a", "unknown", "No plan since the promise tells any of its weeks.")
NO_RATE = Absent("not known", "unknown", "A pool of one of the two plans has no known cost rate.")
IS_SHORT = Absent(
    "n/a", "unknown", "Its classes are short of accelerators in one of the two plans: their cost says nothing."
)
NOT_READ = Absent("n/a", "plain", "It stands on the move's page.")
NO_TOKENS = Absent("n/a", "unknown", "The tokens of one of its workloads are not known in one of the two plans.")


@dataclass(frozen=True, kw_only=True)
class Realised:
    """What the classes of a promise need less now than in the run of the promise; Absent with the reason where not told.

    accelerators: whole ones, the fewest of the weeks, as promised; usd: a week, their mean; tokens_share: how much the
    tokens a week of the workloads in these classes grew since, as a fraction: the difference is not corrected for it.
    run_id: the run that "now" is read from; first_week: from when on both runs tell the weeks of the promise, `weeks` of
    them; promised: the fewest that its what-if freed in these.
    """

    accelerators: int | Absent
    usd: Decimal | Absent
    tokens_share: Decimal | Absent
    run_id: int | None = None
    first_week: str = ""
    weeks: int = 0
    promised: int = 0


def absent(why: Absent) -> Realised:
    return Realised(accelerators=why, usd=why, tokens_share=why)


def realised_of(move: WorkloadMove, *, current_id: int | None) -> Realised:
    """realised_of_all of one move."""
    return realised_of_all([move], current_id=current_id)[move.key]


def realised_of_all(
    moves: Iterable[WorkloadMove], *, current_id: int | None, with_cost: bool = True
) -> dict[str, Realised]:
    """Move → what came of it, seen from the run `current_id`. At most seven queries, however many moves.

    with_cost: whether dollars and tokens are told too, for three of these queries.
    """
    found = list(moves)
    told = {move.key: _why_not(move, current_id) for move in found}
    asked = [move for move in found if told[move.key] is None]
    scopes = _scopes(asked, current_id) if asked and current_id is not None else {}
    plans = _Plans([scope for scope in scopes.values() if isinstance(scope, _Scope)], with_cost=with_cost)
    result: dict[str, Realised] = {}
    for move in found:
        why = told[move.key]
        scope = why if why is not None else scopes[move.key]
        result[move.key] = absent(scope) if isinstance(scope, Absent) else plans.realised(scope)
    return result


def _why_not(move: WorkloadMove, current_id: int | None) -> Absent | None:
    if move.state != "done":
        return NOT_DONE
    if move.promised_run_id is None or move.what_if_uuid is None or current_id is None:
        return NO_RUN
    return NO_WEEKS if current_id < move.promised_run_id else None


# --- which classes, weeks and runs -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Scope:
    """The classes and weeks that are compared, and the two runs."""

    classes: tuple[str, ...]
    weeks: tuple[str, ...]
    before: int
    after: int
    promised: int


def _scopes(moves: Sequence[WorkloadMove], current_id: int) -> dict[str, _Scope | Absent]:
    """Weeks of the promise that the current run still plans; of a promise whose weeks are over, as the last run did."""
    answers: dict[UUID | None, Any] = {
        row["uuid"]: row["full__move"] or {}
        for row in WhatIf.objects.filter(uuid__in=[move.what_if_uuid for move in moves]).values("uuid", "full__move")
    }
    ids = {move.promised_run_id for move in moves if move.promised_run_id is not None} | {current_id}
    first = dict(Run.objects.filter(pk__in=ids).values_list("pk", "first_week"))
    later: dict[str, int] = {}
    if any(not _is_covered(first, move, current_id) for move in moves):
        later = dict(
            Run.objects.filter(scope=PLAN_SCOPE, state="done", reused_run=None, pk__lte=current_id)
            .values_list("first_week")
            .annotate(last=Max("pk"))
            .order_by("first_week")
        )
    found: dict[str, _Scope | Absent] = {}
    for move in moves:
        told, before = answers.get(move.what_if_uuid, {}), move.promised_run_id
        if "classes" not in told or before is None or before not in first:
            found[move.key] = NO_RUN if "classes" in told else NO_CLASSES
            continue
        found[move.key] = _scope(told, before, current_id, first, later) or NO_WEEKS
    return found


def _is_covered(first: Mapping[int, str], move: WorkloadMove, current: int) -> bool:
    """Whether the current run starts in the weeks of the promise."""
    start = first.get(move.promised_run_id or 0)
    return start is not None and 0 <= Week.parse(start).weeks_until(Week.parse(first[current])) < MOVE_WEEKS


def _scope(
    told: Mapping[str, Any], before: int, current: int, first: Mapping[int, str], later: Mapping[str, int]
) -> _Scope | None:
    start = Week.parse(first[before])
    weeks = [start.plus(offset).key for offset in range(len(told["released"]))]
    runs = {first[current]: current} if first[current] in weeks else later
    known = [week for week in weeks if week in runs and runs[week] >= before]
    if not known:
        return None
    place = weeks.index(known[-1])
    return _Scope(
        classes=tuple(told["classes"]),
        weeks=tuple(weeks[place:]),
        before=before,
        after=runs[known[-1]],
        promised=min(told["released"][place:]),
    )


# --- the two plans ---------------------------------------------------------------------------------------------------


class _Plans:
    """What the runs of these scopes say of their classes and weeks."""

    def __init__(self, scopes: Sequence[_Scope], *, with_cost: bool) -> None:
        self.with_cost = with_cost
        self.needs: dict[tuple[int, str, str], int] = {}
        self.short: set[tuple[int, str, str]] = set()
        self.workloads: dict[tuple[int, str], set[str]] = defaultdict(set)
        self.held: dict[tuple[int, str, str], list[tuple[str, int]]] = defaultdict(list)
        self.rates: dict[tuple[int, str, str], Decimal | None] = {}
        self.tokens: dict[tuple[int, str], int | None] = {}
        if not scopes:
            return
        runs = {run for scope in scopes for run in (scope.before, scope.after)}
        classes = {key for scope in scopes for key in scope.classes}
        weeks = {week for scope in scopes for week in scope.weeks}
        place = Q(run_id__in=runs, serving_class__in=classes, week__in=weeks)
        self._read_needs(place)
        if with_cost:
            self._read_costs(place, runs, weeks)

    def _read_costs(self, place: Q, runs: Collection[int], weeks: Collection[str]) -> None:
        for row in RunAllocation.objects.filter(place).values(
            "run_id", "serving_class", "week", "pool_key", "accelerators"
        ):
            self.held[row["run_id"], row["serving_class"], row["week"]].append((row["pool_key"], row["accelerators"]))
        pools = {pool for places in self.held.values() for pool, _ in places}
        for rate in RunPoolWeek.objects.filter(run_id__in=runs, week__in=weeks, pool_key__in=pools).values(
            "run_id", "pool_key", "week", "usd_per_accelerator_hour"
        ):
            self.rates[rate["run_id"], rate["pool_key"], rate["week"]] = rate["usd_per_accelerator_hour"]
        for card in RunWorkloadCard.objects.filter(run_id__in=runs).values("run_id", "workload_key", "tokens_per_week"):
            self.tokens[card["run_id"], card["workload_key"]] = card["tokens_per_week"]

    def _read_needs(self, place: Q) -> None:
        """A class's demands sum to its whole accelerators (of its reference type)."""
        rows = RunDemand.objects.filter(place).values("run_id", "serving_class", "week", "workload_key")
        sums: dict[tuple[int, str, str], Decimal] = defaultdict(Decimal)
        for row in rows.annotate(need=Sum("work"), short=Count("pk", filter=Q(short_accelerators__gt=0))):
            at = (row["run_id"], row["serving_class"], row["week"])
            sums[at] += row["need"]
            if row["short"]:
                self.short.add(at)
            if row["workload_key"]:
                self.workloads[at[0], at[1]].add(row["workload_key"])
        self.needs = {at: round(need) for at, need in sums.items()}

    def realised(self, scope: _Scope) -> Realised:
        by_week = released(before=self._needs(scope, scope.before), after=self._needs(scope, scope.after))
        return Realised(
            accelerators=min(by_week),
            usd=self._usd(scope) if self.with_cost else NOT_READ,
            tokens_share=self._tokens_share(scope) if self.with_cost else NOT_READ,
            run_id=scope.after,
            first_week=scope.weeks[0],
            weeks=len(scope.weeks),
            promised=scope.promised,
        )

    def _needs(self, scope: _Scope, run: int) -> list[int]:
        return [sum(self.needs.get((run, key, week), 0) for key in scope.classes) for week in scope.weeks]

    def _usd(self, scope: _Scope) -> Decimal | Absent:
        if any(
            (run, key, week) in self.short
            for run in (scope.before, scope.after)
            for key in scope.classes
            for week in scope.weeks
        ):
            return IS_SHORT
        before, after = self._cost(scope, scope.before), self._cost(scope, scope.after)
        return NO_RATE if before is None or after is None else to_decimal((before - after) / len(scope.weeks))

    def _cost(self, scope: _Scope, run: int) -> Fraction | None:
        """What the classes hold in these weeks, USD."""
        total = Fraction(0)
        for key in scope.classes:
            for week in scope.weeks:
                for pool, accelerators in self.held.get((run, key, week), ()):
                    rate = self.rates.get((run, pool, week))
                    if rate is None:
                        return None
                    total += accelerators * HOURS_PER_WEEK * exact(rate)
        return total

    def _tokens_share(self, scope: _Scope) -> Decimal | Absent:
        """Over the workloads that are in the classes in either run: what was routed over counts where it went."""
        names = {
            name for run in (scope.before, scope.after) for key in scope.classes for name in self.workloads[run, key]
        }
        sums = []
        for run in (scope.before, scope.after):
            # A workload that a run has no card of takes no tokens there.
            tokens = [self.tokens.get((run, name), 0) for name in sorted(names)]
            if None in tokens:
                return NO_TOKENS
            sums.append(sum(amount for amount in tokens if amount))
        return Decimal(sums[1]) / sums[0] - 1 if sums[0] else NO_TOKENS
