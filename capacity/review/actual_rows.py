"""Sums of what was measured → the run's rows of actuals, each beside what was planned or forecast. Pure.

Reads the derived tables of the inputs (workloads/usage_inputs) and the plan's own cards, policy and profiles; the
arithmetic is workloads/domain/{actuals,accuracy,post_mortem}. Methods: Actuals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.lib.horizon import Week
from capacity.lib.money import to_decimal
from capacity.lib.units import exact
from capacity.review.plan_rows import PlanRows
from workloads.demand import NO_SPARES, forecast_step, profiles_of, spare_rule
from workloads.domain.accuracy import LEADS, Vintage, pairs_of, score
from workloads.domain.actuals import WeekUse, used_share
from workloads.domain.post_mortem import Finding, PastWeek, demand_there, post_mortem, week_capacity
from workloads.domain.serving import Profile, Traffic, peak_load
from workloads.usage_inputs import WEEKS

Row = dict[str, Any]
SECONDS_PER_HOUR = 3600
# Why a coincidence or a capacity is not known.
ONE_MEMBER, FEW_HOURS = "one_member", "few_hours"
# It is measured and yet no coincidence: the 99th percentile of a sum may lie above the sum of the 99th percentiles.
ABOVE_ONE = "above_one"
NO_COUNT, NO_PROFILE, NO_LOAD, NO_TOKENS = "no_count", "no_profile", "no_load", "no_tokens"


def actual_tables(rows: PlanRows) -> dict[str, list[Row]]:
    """Every table of actuals by its name among the result tables."""
    uses = week_uses(rows)
    # A year is shown; forecasts and short weeks are of the last quarter.
    since = Week.containing(rows.plan.inputs.as_of).plus(-WEEKS)
    lately = [use for use in uses if use.week >= since]
    return {
        "actuals": [_actual(use) for use in uses],
        "measured_peaks": _peaks(rows),
        "class_actuals": _classes(rows),
        "forecast_scores": _scores(rows, lately),
        "granted": _granted(rows),
        "post_mortems": _post_mortems(rows, lately),
    }


def week_uses(rows: PlanRows) -> list[WeekUse]:
    """The weeks of usage that the run read, of workloads it has a card of."""
    return [
        WeekUse(
            workload=row["workload"],
            week=Week.parse(row["week"]),
            **{name: row[name] for name in _SUMS},
            minutes_lost=None if row["minutes_lost"] is None else exact(row["minutes_lost"]),
        )
        for row in rows.tables.get("usage_weeks", ())
        if row["workload"] in rows.workloads
    ]


_SUMS = (
    "hours_covered",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "quality_hours",
    "requests",
    "throttled",
    "late",
    "accelerator_hours",
)


def _plain(value: Fraction | None) -> Decimal | None:
    return None if value is None else to_decimal(value)


def _actual(use: WeekUse) -> Row:
    return {
        "workload_key": use.workload,
        "week": use.week.key,
        "hours_covered": use.hours_covered,
        "is_partial": use.is_partial,
        "input_tokens": use.input_tokens,
        "cached_input_tokens": use.cached_input_tokens,
        "output_tokens": use.output_tokens,
        "requests": use.requests,
        "throttled": use.throttled,
        "late": use.late,
        "throttled_share": _plain(use.throttled_share),
        "late_share": _plain(use.late_share),
        "sla_minutes_lost": _plain(use.minutes_lost),
        "accelerators_ready": _plain(_ready(use)),
    }


def _ready(use: WeekUse) -> Fraction | None:
    """Accelerators that stood ready, mean of the counted hours; None of a partial week, whose parts count other hours."""
    if use.accelerator_hours is None or use.is_partial:
        return None
    return exact(use.accelerator_hours) / use.hours_covered


def _peaks(rows: PlanRows) -> list[Row]:
    found = []
    for row in rows.tables.get("usage_peaks", ()):
        card = rows.workloads.get(row["workload"])
        if card is None:
            continue
        found.append(
            {
                "workload_key": row["workload"],
                "peak_factor": row["peak_factor"],
                "hours": row["hours"],
                "is_partial": row["is_partial"],
                "planned_peak": planned_peak(rows, card),
                "from_card": card["peak_factor"] is not None,
            }
        )
    return sorted(found, key=lambda row: row["workload_key"])


def planned_peak(rows: PlanRows, card: Mapping[str, Any]) -> Decimal:
    """The card's peak factor, else the policy's for its latency class."""
    return Decimal(card["peak_factor"] or rows.plan.policy.peak_factor[card["latency_class"]])


def _classes(rows: PlanRows) -> list[Row]:
    return [
        {
            "serving_class": row["serving_class"],
            "members": row["members"],
            "hours": row["hours"],
            "coincidence": row["coincidence"],
            "planned": rows.plan.policy.coincidence_factor,
            "absent": _not_usable(row),
        }
        for row in sorted(rows.tables.get("usage_classes", ()), key=lambda row: row["serving_class"])
    ]


def _not_usable(row: Mapping[str, Any]) -> str:
    """Why no class may be planned with what was measured; "" where one may."""
    if row["coincidence"] is None:
        return ONE_MEMBER if row["members"] < 2 else FEW_HOURS
    return ABOVE_ONE if row["coincidence"] > 1 else ""


# --- forecasts ----------------------------------------------------------------------------------------------------


def vintages_of(rows: PlanRows) -> dict[tuple[str, str], list[Vintage]]:
    """(workload, source) → its vintages, oldest first. Sources whose forecasts are all older or later have none."""
    steps: dict[tuple[str, str], dict[Any, list[Row]]] = {}
    for row in (*rows.tables.get("forecasts", ()), *rows.tables.get("forecast_vintages", ())):
        if row["workload"] in rows.workloads:
            place = (row["workload"], row["source"])
            of_day = steps.setdefault(place, {}).setdefault(row["vintage_date"], [])
            # The latest vintage stands in both tables.
            if all(each["starts_date"] != row["starts_date"] for each in of_day):
                of_day.append(dict(row))
    return {
        place: [
            Vintage(
                source=place[1],
                vintage_date=day,
                steps=tuple(forecast_step(each, rows.workloads[place[0]]) for each in found),
            )
            for day, found in sorted(days.items())
        ]
        for place, days in sorted(steps.items())
    }


def _scores(rows: PlanRows, uses: Sequence[WeekUse]) -> list[Row]:
    """Every source of every workload at both leads, and every source over all workloads.

    What is forecast comes beside what contracts bring, so it is held against the tokens under no contract.
    """
    own = {
        (row["workload"], Week.parse(row["week"])): row["own_tokens"]
        for row in rows.tables.get("usage_weeks", ())
        if row["own_tokens"] is not None
    }
    actual: dict[str, dict[Week, int]] = defaultdict(dict)
    partial: dict[str, int] = defaultdict(int)
    for use in uses:
        if (use.workload, use.week) in own:
            if use.is_partial:
                partial[use.workload] += 1
            else:
                actual[use.workload][use.week] = own[use.workload, use.week]
    found = []
    for lead in LEADS:
        pairs_by_source: dict[str, list[tuple[Fraction, int]]] = defaultdict(list)
        left_out: dict[str, int] = defaultdict(int)
        used: dict[str, bool] = defaultdict(bool)
        for (workload, source), vintages in vintages_of(rows).items():
            mine = actual.get(workload, {})
            pairs = pairs_of(actual=mine, vintages=vintages, lead_weeks=lead)
            found.append(_score_row(workload, source, lead, pairs, has_actual=bool(mine), left_out=partial[workload]))
            pairs_by_source[source] += pairs
            left_out[source] += partial[workload]
            used[source] = used[source] or bool(mine)
        for source, pairs in pairs_by_source.items():
            found.append(_score_row("", source, lead, pairs, has_actual=used[source], left_out=left_out[source]))
    return sorted(found, key=lambda row: (row["workload_key"], row["source"], row["lead_weeks"]))


def _score_row(
    workload: str, source: str, lead: int, pairs: list[tuple[Fraction, int]], *, has_actual: bool, left_out: int
) -> Row:
    found = score(pairs=pairs, lead_weeks=lead, has_actual=has_actual)
    return {
        "workload_key": workload,
        "source": source,
        "lead_weeks": lead,
        "weeks": found.weeks,
        "left_out": left_out,
        "wape": _plain(found.wape),
        "bias": _plain(found.bias),
        "absent": found.absent,
    }


# --- granted ------------------------------------------------------------------------------------------------------


def _granted(rows: PlanRows) -> list[Row]:
    return [
        {
            "experiment_key": row["experiment"],
            "name": row["name"],
            "team_key": row["team"],
            "team_name": rows.teams.get(row["team"], row["team"]),
            "state": row["state"],
            "accelerators": row["accelerators"],
            "started_date": row["started_date"],
            "until_date": row["until_date"],
            "granted_hours": row["granted_hours"],
            "used_hours": row["used_hours"],
            "used_share": _plain(used_share(used=row["used_hours"], granted=row["granted_hours"])),
            "jobs": row["jobs"],
        }
        for row in sorted(rows.tables.get("granted_hours", ()), key=lambda row: row["experiment"])
    ]


# --- short weeks --------------------------------------------------------------------------------------------------


def _post_mortems(rows: PlanRows, uses: Sequence[WeekUse]) -> list[Row]:
    own = {(row["workload"], row["week"]): row["own_tokens"] or 0 for row in rows.tables.get("usage_weeks", ())}
    vintages: dict[str, list[Vintage]] = defaultdict(list)
    for (workload, _), found in vintages_of(rows).items():
        vintages[workload] += found
    serving = _Serving(rows)
    weeks: dict[str, list[PastWeek]] = defaultdict(list)
    reasons: dict[tuple[str, Week], str] = {}
    for use in uses:
        if use.is_partial:
            continue
        demand = demand_there(served_tps=_tps(use, use.tokens), throttled_share=use.throttled_share)
        capacity, reason = serving.capacity(use)
        weeks[use.workload].append(
            PastWeek(
                week=use.week,
                demand_tps=demand,
                throttled_share=use.throttled_share,
                capacity_tps=capacity,
                contracts_tps=_tps(use, use.tokens - own[use.workload, use.week.key]),
            )
        )
        reasons[use.workload, use.week] = reason
    return [
        {
            "workload_key": workload,
            **_finding(each),
            "lead_weeks": serving.lead_weeks(rows.workloads[workload]),
            "reason": reasons[workload, each.past.week],
        }
        for workload in sorted(weeks)
        for each in post_mortem(weeks=weeks[workload], vintages=vintages[workload])
    ]


def _tps(use: WeekUse, tokens: int) -> Fraction:
    return Fraction(tokens, use.hours_covered * SECONDS_PER_HOUR)


def _finding(found: Finding) -> Row:
    return {
        "week": found.past.week.key,
        # Not known where all was turned away; what was served stands in the week's row of actuals.
        "demand_tps": _plain(found.past.demand_tps),
        "capacity_tps": _plain(found.past.capacity_tps),
        "throttled_share": _plain(found.past.throttled_share),
        "visible_p50_weeks": found.p50_weeks,
        "visible_p90_weeks": found.p90_weeks,
        "vintages": [
            {
                "source": each.source,
                "vintage": each.vintage_date.isoformat(),
                "weeks_before": each.weeks_before,
                "p50_tps": round(each.p50_tps),
                "p90_tps": round(each.p90_tps),
            }
            for each in found.said
        ],
    }


class _Serving:
    """By which profile a card is served, and what accelerators of it carry."""

    def __init__(self, rows: PlanRows) -> None:
        self._rows = rows
        self._profiles = profiles_of(tables=rows.tables, policy=rows.plan.policy)
        # (model, latency class) → accelerator type → accelerators of this week.
        self._held: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for (class_key, pool, week), count in rows.allocated.items():
            for place in self._profiles:
                if week == rows.weeks[0] and class_key.startswith(".".join(place) + "."):
                    self._held[place][rows.pools[pool]["accelerator_type"]] += count

    def capacity(self, use: WeekUse) -> tuple[Fraction | None, str]:
        """(tokens a second that the accelerators ready in the week could carry, why that is not known).

        Of the mix that was served: work grows with tokens, so what was turned away does not change it.
        """
        ready, card, served = _ready(use), self._rows.workloads[use.workload], _tps(use, use.tokens)
        profile = self._profile(card)
        if ready is None or profile is None or not served:
            return None, NO_COUNT if ready is None else NO_PROFILE if profile is None else NO_TOKENS
        is_patient = card["latency_class"] in {"batch", "offline"}
        capacity = week_capacity(
            demand_tps=served,
            peak_load=peak_load(traffic=self._traffic(use, card), profile=profile),
            accelerators=ready,
            replica_accelerators=profile.replica_accelerators,
            spares=NO_SPARES if is_patient else spare_rule(self._rows.plan.policy),
            utilisation=profile.utilisation_target,
        )
        return capacity, "" if capacity is not None else NO_LOAD

    def _traffic(self, use: WeekUse, card: Mapping[str, Any]) -> Traffic:
        """The week's mix of tokens as served."""
        cached = use.cached_input_tokens
        unknown = cached is None or not use.input_tokens
        return Traffic.of(
            input_tps=_tps(use, use.input_tokens),
            output_tps=_tps(use, use.output_tokens),
            cache_hit_share=(card["cache_hit_share"] or 0) if unknown else Fraction(cached or 0, use.input_tokens),
            peak_factor=planned_peak(self._rows, card),
        )

    def _profile(self, card: Mapping[str, Any]) -> Profile | None:
        """The planned profile of the type that serves most of the model at that latency; None without any."""
        place = (card["model_version"], card["latency_class"])
        profiles, held = self._profiles.get(place, {}), self._held[place]
        best = min(profiles, key=lambda name: (-held[name], name), default=None)
        return None if best is None else profiles[best]

    def lead_weeks(self, card: Mapping[str, Any]) -> int | None:
        """The shortest P50 from order to acceptance of a type that serves the card; None where no row states one."""
        types = self._profiles.get((card["model_version"], card["latency_class"]), {})
        times = (row["p50_weeks"] for row in self._rows.tables["lead_times"] if row["accelerator_type"] in types)
        return min(times, default=None)
