"""What is done with measurements: operating points become throughput profiles, hours of usage become days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from django.db import transaction

from capacity.imports.edits import Actor, Cells, RowsOutcome, apply_rows
from capacity.imports.rows import decimal_text
from capacity.imports.tables import tables
from capacity.lib.money import to_decimal
from workloads.domain.fitting import Fit, FitRefused, Point, fit_throughputs
from workloads.domain.usage import DayCount, HourCount, days_of_hours
from workloads.models import OperatingPoint, ThroughputProfile, UsageDay, UsageHour

# A fit that misses its points by more than this (root mean square) is flagged.
MOST_RESIDUAL = Decimal("0.1")
CACHED_COST_SHARE = Decimal("0.1")
RATE_STEP = Decimal("0.0001")
SHARE_STEP = Decimal("0.000001")
MINUTE_STEP = Decimal("0.0001")
BATCH_ROWS = 2000
_DAY_COLUMNS = (
    "hours_covered",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "quality_hours",
    "requests",
    "throttled_requests",
    "late_requests",
    "sla_minutes_lost",
    "accelerator_hours",
)

Place = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class PointSet:
    """The points that one profile is fitted from: of one model, accelerator type, latency class, precision and replica."""

    place: Place
    precision: str
    replica_accelerators: int
    points: tuple[OperatingPoint, ...]

    @property
    def name(self) -> str:
        return f"{self.place[0]} on {self.place[1]}, {self.place[2]}, {self.precision}, {self.parallelism}"

    @property
    def parallelism(self) -> str:
        """What the profile says of its parallelism: it keeps replicas of different size, and rows kept by hand, apart."""
        return f"fitted, {self.replica_accelerators} accelerators"


@dataclass(frozen=True, kw_only=True, slots=True)
class FitOutcome:
    """What fitting did. refused: (set of points, reason). outcome: how the profiles were written; None without any."""

    fitted: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    flagged: tuple[str, ...]
    outcome: RowsOutcome | None


def fit_profiles(*, actor: Actor, dry_run: bool = False) -> FitOutcome:
    """Fit every set of unflagged operating points and write its throughput profile through the actor's own rights.

    A set has a profile of its own, beside those kept by hand. It is planned where nothing else is; who wants it planned
    elsewhere says so on the row. Running it again with the same points changes nothing. (methods: Fitting throughputs)
    """
    held = {_place(each): each for each in _profiles() if each.is_planned}
    kept = {(_place(each), each.precision, each.parallelism) for each in _profiles()}
    rows: list[Cells] = []
    fitted, refused, flagged = [], [], []
    for group in point_sets():
        try:
            fit = fit_throughputs([_point(each) for each in group.points])
        except FitRefused as error:
            refused.append((group.name, str(error)))
            continue
        planned = held.get(group.place)
        row = _profile_cells(group, fit, planned.cached_cost_share if planned else None)
        if (group.place, group.precision, group.parallelism) not in kept:
            row["is_planned"] = (
                "false" if group.place in held or any(_same_place(each, row) for each in rows) else "true"
            )
        rows.append(row)
        fitted.append(group.name)
        if row["quality_flag"]:
            flagged.append(group.name)
    table = tables()["throughput_profiles"]
    outcome = apply_rows(table=table, rows=rows, actor=actor, dry_run=dry_run) if rows else None
    return FitOutcome(fitted=tuple(fitted), refused=tuple(refused), flagged=tuple(flagged), outcome=outcome)


def point_sets() -> list[PointSet]:
    """The operating points without a quality flag, by what they belong to, in a fixed order."""
    grouped: dict[tuple[Place, str, int], list[OperatingPoint]] = {}
    points = OperatingPoint.objects.filter(quality_flag="").select_related("model_version", "accelerator_type")
    for point in points.order_by("key"):
        place = (point.model_version.key, point.accelerator_type.key, point.latency_class)
        grouped.setdefault((place, point.precision, point.replica_accelerators), []).append(point)
    return [
        PointSet(place=place, precision=precision, replica_accelerators=count, points=tuple(found))
        for (place, precision, count), found in sorted(grouped.items(), key=lambda item: item[0])
    ]


def _profiles() -> Sequence[ThroughputProfile]:
    return list(ThroughputProfile.objects.select_related("model_version", "accelerator_type"))


def _place(profile: ThroughputProfile) -> Place:
    return (profile.model_version.key, profile.accelerator_type.key, profile.latency_class)


def _same_place(one: Cells, other: Cells) -> bool:
    return all(one[name] == other[name] for name in ("model_version", "accelerator_type", "latency_class"))


def _point(point: OperatingPoint) -> Point:
    return Point(
        key=point.key,
        input_tokens=point.input_tokens,
        output_tokens=point.output_tokens,
        output_tokens_per_second=Fraction(point.output_tokens_per_second),
    )


def _profile_cells(group: PointSet, fit: Fit, cached_cost_share: Decimal | None) -> Cells:
    """The profile as cells. The date of a measured one is its latest point's; an undated point makes it estimated."""
    dates = [point.measured_date for point in group.points if point.measured_date is not None]
    is_dated = len(dates) == len(group.points)
    residual = fit.residual_share.quantize(SHARE_STEP)
    is_poor = residual > MOST_RESIDUAL
    worst = f"{100 * float(fit.worst_share):+.1f} %"
    assumed = "" if cached_cost_share is not None else " κ = 0.1 assumed."
    return {
        "model_version": group.place[0],
        "accelerator_type": group.place[1],
        "latency_class": group.place[2],
        "precision": group.precision,
        "parallelism": group.parallelism,
        "context_tokens": "0",
        "replica_accelerators": str(group.replica_accelerators),
        "prefill_tokens_per_second": _cell(fit.prefill_tps),
        "decode_tokens_per_second": _cell(fit.decode_tps),
        "cached_cost_share": decimal_text(CACHED_COST_SHARE if cached_cost_share is None else cached_cost_share),
        "basis": "measured" if is_dated else "estimated",
        "measured_date": max(dates).isoformat() if is_dated else "",
        "formula": "in/R_in + out/R_out = out/Q by least squares over "
        f"{', '.join(point.key for point in group.points)}: residual {100 * residual:.2f} %, "
        f"worst {fit.worst_key} ({worst}).{assumed}",
        "residual_share": decimal_text(residual),
        "points": str(fit.points),
        "quality_flag": f"residual {100 * residual:.1f} % is above {100 * MOST_RESIDUAL:.0f} %" if is_poor else "",
        "provenance": f"{'measured' if is_dated else 'estimated'}: fitted from operating points",
    }


def _cell(rate: Fraction) -> str:
    return decimal_text(to_decimal(rate).quantize(RATE_STEP))


# --- usage ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class RollUp:
    """How many days of usage were written, were as they are, and were removed because no hour of them is left."""

    written: int
    unchanged: int
    removed: int


def roll_up_usage(*, batch_id: int | None = None, days: Iterable[date] | None = None) -> RollUp:
    """Sum hours into days, for the days an import touched or for the days given (of all workloads); else for all days.

    After an undo give the days: the batch has no rows any more. Nothing is written where nothing changed.
    """
    touched = set(days) if days is not None else None
    if batch_id is not None:
        mine = UsageHour.objects.filter(batch_id=batch_id).values_list("hour_at__date", flat=True)
        touched = set(mine.distinct()) | (touched or set())
    hours, before = UsageHour.objects.all(), UsageDay.objects.all()
    if touched is not None:
        hours, before = hours.filter(hour_at__date__in=touched), before.filter(day__in=touched)
    with transaction.atomic():
        return _write_days(_counted(hours.values_list(*_HOUR_COLUMNS)), list(before.select_for_update()))


_HOUR_COLUMNS = (
    "workload_id",
    "contract",
    "hour_at",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "requests",
    "throttled_requests",
    "late_requests",
    "accelerators",
)
Owner = tuple[int, str]


def _counted(rows: Iterable[tuple[object, ...]]) -> dict[tuple[int, str, date], DayCount]:
    counts: dict[Owner, list[HourCount]] = {}
    for workload_id, contract, *values in rows:
        named = dict(zip(_HOUR_COLUMNS[2:], values, strict=True))
        counts.setdefault((workload_id, contract), []).append(HourCount(**named))  # type: ignore[arg-type]
    return {
        (workload_id, contract, day): count
        for (workload_id, contract), found in counts.items()
        for day, count in days_of_hours(found).items()
    }


def _write_days(counted: dict[tuple[int, str, date], DayCount], before: Sequence[UsageDay]) -> RollUp:
    existing = {(each.workload_id, each.contract, each.day): each for each in before}
    new = []
    for (workload_id, contract, day), count in counted.items():
        old = existing.get((workload_id, contract, day))
        values = {name: _stored(getattr(count, name)) for name in _DAY_COLUMNS}
        if old is None or any(getattr(old, name) != value for name, value in values.items()):
            new.append(UsageDay(workload_id=workload_id, contract=contract, day=day, **values))
    gone = [each.pk for key, each in existing.items() if key not in counted]
    UsageDay.objects.bulk_create(
        new,
        batch_size=BATCH_ROWS,
        update_conflicts=True,
        unique_fields=["workload", "contract", "day"],
        update_fields=list(_DAY_COLUMNS),
    )
    UsageDay.objects.filter(pk__in=gone).delete()
    return RollUp(written=len(new), unchanged=len(counted) - len(new), removed=len(gone))


def _stored(value: object) -> object:
    if isinstance(value, Fraction):
        return to_decimal(value).quantize(MINUTE_STEP)
    return value
