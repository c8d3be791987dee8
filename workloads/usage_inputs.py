"""Sums of what was measured, as a run reads them: weeks of usage, peaks, coinciding peaks, granted hours, old forecasts.

What belongs here: reads of records and their sums (see `derived`). The arithmetic is domain/actuals and domain/usage;
what a run makes of the sums stands in the review. Only ended weeks are read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.apps import apps
from django.db.models import Count, F, Max, Min
from django.db.models.functions import TruncDate

from capacity.imports.rows import Row, table_rows
from capacity.lib.horizon import DAYS_PER_WEEK, Week
from capacity.lib.money import to_decimal
from capacity.lib.units import exact
from workloads.demand import class_key_of
from workloads.domain.actuals import DayUse, granted_hours, measured_coincidence, weeks_of_days
from workloads.domain.usage import PEAK_HOURS, DayCount, MeasuredPeak, measured_peak
from workloads.models import Experiment, Forecast, JobUsage, RequestMove, UsageDay, UsageHour, Workload

# The weeks that are shown; those that are compared with forecasts and granted hours; how far back a vintage may lie.
YEAR_WEEKS, WEEKS = 52, 13
VINTAGE_WEEKS = 27
FACTOR_STEP = Decimal("0.000001")
MINUTE_STEP = Decimal("0.0001")
HOUR_STEP = Decimal("0.0001")
# (workload, contract): whose hours they are.
Member = tuple[str, str]
Read = Callable[[Any], Any]
Hourly = dict[Member, dict[datetime, int]]

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

WEEK_COLUMNS: Mapping[str, Read] = {"minutes_lost": Decimal, "accelerator_hours": Decimal}
PEAK_COLUMNS: Mapping[str, Read] = {"peak_factor": Decimal}
CLASS_COLUMNS: Mapping[str, Read] = {"coincidence": Decimal}
GRANTED_COLUMNS: Mapping[str, Read] = {
    "started_date": date.fromisoformat,
    "until_date": date.fromisoformat,
    "used_hours": Decimal,
}
VINTAGE_COLUMNS: Mapping[str, Read] = {
    "vintage_date": date.fromisoformat,
    "starts_date": date.fromisoformat,
    **{f"{side}_{end}": Decimal for side in ("input", "output") for end in ("p10", "p50", "p90")},
}


def usage_rows(*, as_of: date) -> dict[str, list[Row]]:
    """All tables of this module. Weeks and peaks end with the Monday of the week of `as_of`."""
    now = Week.containing(as_of)
    weeks = usage_weeks(now=now)
    hourly = hourly_use(until=now.starts_at)
    return {
        "usage_weeks": weeks,
        "usage_peaks": usage_peaks(hourly),
        "usage_classes": usage_classes(hourly, as_of=as_of),
        "granted_hours": granted_rows(as_of=now.monday),
        "forecast_vintages": forecast_vintages(workloads=_used_lately(weeks, now=now), as_of=as_of, now=now),
    }


def _text_step(value: Fraction | Decimal | None, step: Decimal) -> Decimal | None:
    return None if value is None else to_decimal(exact(value)).quantize(step)


# --- weeks --------------------------------------------------------------------------------------------------------


def usage_weeks(*, now: Week) -> list[Row]:
    """Workload × ended week, a year of them. own_tokens: those under no contract, which forecasts are about."""
    found = days_of_use(first=now.plus(-YEAR_WEEKS), until=now)
    own: dict[tuple[str, Week], int] = defaultdict(int)
    for each in found:
        if not each.contract:
            own[each.workload, Week.containing(each.day)] += each.count.input_tokens + each.count.output_tokens
    return [
        {
            "workload": use.workload,
            "week": use.week.key,
            "hours_covered": use.hours_covered,
            "input_tokens": use.input_tokens,
            "cached_input_tokens": use.cached_input_tokens,
            "output_tokens": use.output_tokens,
            "own_tokens": own.get((use.workload, use.week)),
            "quality_hours": use.quality_hours,
            "requests": use.requests,
            "throttled": use.throttled,
            "late": use.late,
            "minutes_lost": _text_step(use.minutes_lost, MINUTE_STEP),
            "accelerator_hours": use.accelerator_hours,
        }
        for use in weeks_of_days(found)
    ]


def _used_lately(rows: Iterable[Row], *, now: Week) -> set[str]:
    """The workloads with use in the weeks that are compared with forecasts."""
    return {row["workload"] for row in rows if Week.parse(row["week"]) >= now.plus(-WEEKS)}


def days_of_use(*, first: Week, until: Week) -> list[DayUse]:
    """The counted days from the Monday of `first` up to that of `until`, by workload, contract and day."""
    days = UsageDay.objects.filter(day__gte=first.monday, day__lt=until.monday)
    named = ("workload__key", "contract", "day")
    sources = _hours_by_source(first=first, until=until)
    return [
        DayUse(
            workload=workload,
            contract=contract,
            day=day,
            count=_count(values),
            sources=sources.get((workload, contract, day), {}),
        )
        for workload, contract, day, *values in days.order_by(*named).values_list(*named, *_DAY_COLUMNS)
    ]


def _hours_by_source(*, first: Week, until: Week) -> dict[tuple[str, str, date], dict[str, int]]:
    """(workload, contract, day) → source → hours it counted, of what several sources count. A day's sum does not tell."""
    hours = UsageHour.objects.filter(hour_at__gte=first.starts_at, hour_at__lt=until.starts_at)
    shared = hours.values("workload__key", "contract").annotate(least=Min("source_ref"), most=Max("source_ref"))
    owners = list(shared.filter(least__lt=F("most")).values_list("workload__key", "contract"))
    counted = hours.filter(workload__key__in={workload for workload, _ in owners}).annotate(
        on=TruncDate("hour_at", tzinfo=UTC)
    )
    rows = counted.values_list("workload__key", "contract", "on", "source_ref").annotate(hours=Count("pk")).order_by()
    found: dict[tuple[str, str, date], dict[str, int]] = {}
    for workload, contract, on, source, count in rows if owners else ():
        if (workload, contract) in owners:
            found.setdefault((workload, contract, on), {})[source] = count
    return found


def _count(values: Iterable[Any]) -> DayCount:
    named = dict(zip(_DAY_COLUMNS, values, strict=True))
    minutes = named.pop("sla_minutes_lost")
    return DayCount(**named, sla_minutes_lost=None if minutes is None else exact(minutes))


# --- peaks --------------------------------------------------------------------------------------------------------


def hourly_use(*, until: datetime) -> Hourly:
    """Input and output tokens by hour over the 4 weeks before `until`, of all sources, by workload and contract."""
    since = until - timedelta(hours=PEAK_HOURS)
    rows = UsageHour.objects.filter(hour_at__gte=since, hour_at__lt=until).values_list(
        "workload__key", "contract", "hour_at", F("input_tokens") + F("output_tokens")
    )
    found: Hourly = {}
    for workload, contract, hour, tokens in rows.iterator(chunk_size=5000):
        mine = found.setdefault((workload, contract), {})
        mine[hour] = mine.get(hour, 0) + tokens
    return found


def measured_peaks(hourly: Hourly) -> dict[str, MeasuredPeak]:
    """Workload → its measured peak factor over all its contracts."""
    sums: dict[str, dict[datetime, int]] = {}
    for (workload, _), hours in hourly.items():
        mine = sums.setdefault(workload, {})
        for hour, tokens in hours.items():
            mine[hour] = mine.get(hour, 0) + tokens
    peaks = {key: measured_peak(list(hours.values())) for key, hours in sorted(sums.items())}
    return {key: peak for key, peak in peaks.items() if peak is not None}


def usage_peaks(hourly: Hourly) -> list[Row]:
    return [
        {
            "workload": key,
            "peak_factor": _text_step(peak.peak_factor, FACTOR_STEP),
            "hours": peak.hours,
            "is_partial": peak.is_partial,
        }
        for key, peak in measured_peaks(hourly).items()
    ]


def usage_classes(hourly: Hourly, *, as_of: date) -> list[Row]:
    """Serving class → ρ of its members' hours; coincidence None where two members do not share 160 hours."""
    place_of = _places(hourly, as_of=as_of)
    members: dict[str, dict[str, dict[datetime, int]]] = {}
    for member, hours in hourly.items():
        if member in place_of:
            members.setdefault(place_of[member], {})[" ".join(member)] = hours
    rows: list[Row] = []
    for key, found in sorted(members.items()):
        measured = measured_coincidence(found)
        rows.append(
            {
                "serving_class": key,
                "coincidence": None if measured is None else _text_step(measured.factor, FACTOR_STEP),
                "hours": len(set.intersection(*(set(each) for each in found.values()))),
                "members": len(found),
            }
        )
    return rows


def _places(hourly: Mapping[Member, object], *, as_of: date) -> dict[Member, str]:
    """Member → the serving class it shares. One with replicas of its own (a pin in force) shares none."""
    cards = {
        key: (model, latency, tuple(regions))
        for key, model, latency, regions in Workload.objects.values_list(
            "key", "model_version__key", "latency_class", "regions"
        )
    }
    terms = _contract_terms({contract for _, contract in hourly if contract})
    found: dict[Member, str] = {}
    for workload, contract in hourly:
        model, latency, regions = cards[workload]
        if contract in terms:
            own_latency, own_regions, pinned, pin_ends = terms[contract]
            if pinned and (pin_ends is None or pin_ends > as_of):
                continue
            latency, regions = own_latency or latency, tuple(own_regions) or regions
        found[workload, contract] = class_key_of(model_key=model, latency_class=latency, regions=regions)
    return found


def _contract_terms(keys: set[str]) -> dict[str, tuple[str, list[str], int | None, date | None]]:
    """Contract → (latency class, regions, pinned model, end of the pin) of its latest version."""
    # By name, because contracts stand above workloads.
    rows = apps.get_model("contracts", "Contract")._default_manager.filter(key__in=keys).order_by("version")
    columns = ("key", "latency_class", "regions", "pinned_model_version_id", "pin_ends_date")
    return {key: (latency, regions, pinned, ends) for key, latency, regions, pinned, ends in rows.values_list(*columns)}


# --- granted hours ------------------------------------------------------------------------------------------------


def granted_rows(*, as_of: date) -> list[Row]:
    """Requests that run, or ended in the last 13 weeks: accelerator-hours granted and used until `as_of`, a Monday.

    Ended weeks only, because accounts of jobs come late.

    used_hours None: no job names the request. until_date: its end, at the latest its asked weeks after the start.
    """
    ended = dict(
        RequestMove.objects.filter(from_state="running")
        .values("experiment_id")
        .annotate(at=Max("at"))
        .values_list("experiment_id", "at")
    )
    since = as_of - timedelta(weeks=WEEKS)
    requests = []
    for each in Experiment.objects.filter(started_date__isnull=False).select_related("team").order_by("key"):
        started = each.started_date
        if started is None or each.state not in _STARTED:
            continue
        until = started + timedelta(weeks=each.weeks)
        if each.state != "running" and each.pk in ended:
            until = min(until, ended[each.pk].astimezone(UTC).date())
        if until > since and started < as_of:
            requests.append((each, started, until))
    used = _used_hours([each.pk for each, _, _ in requests], as_of=as_of)
    return [
        {
            "experiment": each.key,
            "name": each.name,
            "team": each.team.key,
            "state": each.state,
            "accelerators": each.accelerators,
            "started_date": started,
            "until_date": until,
            "granted_hours": granted_hours(accelerators=each.accelerators, started=started, ended=until, as_of=as_of),
            "used_hours": used[each.pk][0] if each.pk in used else None,
            "jobs": used[each.pk][1] if each.pk in used else 0,
        }
        for each, started, until in requests
    ]


_STARTED = {"running", "done", "withdrawn"}


def _used_hours(experiments: list[int], *, as_of: date) -> dict[int, tuple[Decimal, int]]:
    """Request → (accelerator-hours of its jobs before `as_of`, how many jobs)."""
    before = datetime.combine(as_of, time(), UTC)
    jobs = JobUsage.objects.filter(experiment_id__in=experiments, starts_at__lt=before)
    found: dict[int, tuple[Fraction, int]] = {}
    columns = ("experiment_id", "starts_at", "ends_at", "accelerators", "accelerator_hours")
    for experiment, starts, ends, accelerators, hours in jobs.values_list(*columns).iterator(chunk_size=5000):
        total, count = found.get(experiment, (Fraction(0), 0))
        found[experiment] = (total + job_hours(starts, ends, accelerators, hours, before=before), count + 1)
    return {key: (to_decimal(total).quantize(HOUR_STEP), count) for key, (total, count) in found.items()}


def job_hours(
    starts: datetime, ends: datetime | None, accelerators: int, hours: Decimal, *, before: datetime
) -> Fraction:
    """Accelerator-hours of a job before a moment: what was counted, by time where it goes on; of a running one so far."""
    if ends is None:
        return accelerators * _hours_between(starts, before)
    if ends <= before or ends == starts:
        return exact(hours)
    return exact(hours) * _hours_between(starts, before) / _hours_between(starts, ends)


def _hours_between(start: datetime, end: datetime) -> Fraction:
    return Fraction((end - start) // timedelta(microseconds=1), 3_600_000_000)


# --- old forecasts ------------------------------------------------------------------------------------------------


def forecast_vintages(*, workloads: set[str], as_of: date, now: Week) -> list[Row]:
    """Forecast rows of used workloads that tell of the last 13 weeks: each vintage of the last 27 weeks and its steps."""
    first = now.plus(-WEEKS).monday
    rows = table_rows(
        Forecast,
        keys=["workload", "source", "vintage_date", "starts_date"],
        foreign={"workload": "workload__key"},
    )
    oldest = as_of - timedelta(days=DAYS_PER_WEEK * VINTAGE_WEEKS)
    kept = [
        row
        for row in rows
        if row["workload"] in workloads and oldest <= row["vintage_date"] <= as_of and row["starts_date"] < now.monday
    ]
    # Of the steps before the weeks that are looked at, the last one of each vintage still holds in them.
    held: dict[tuple[str, str, date], date] = {}
    for row in kept:
        if row["starts_date"] <= first:
            place = (row["workload"], row["source"], row["vintage_date"])
            held[place] = max(held.get(place, row["starts_date"]), row["starts_date"])
    columns = ("workload", "source", *VINTAGE_COLUMNS)
    return [
        {name: row[name] for name in columns}
        for row in kept
        if row["starts_date"] > first or row["starts_date"] == held[row["workload"], row["source"], row["vintage_date"]]
    ]
