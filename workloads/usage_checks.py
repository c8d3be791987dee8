"""Warnings over hours of usage: contracts that had ended, and more work than the accelerators could have done.

They look a whole file over with a query each, because files of usage have a hundred thousand rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from django.apps import apps
from django.db.models import Max

from capacity.imports.tabular import WARNING, Issue, Row
from workloads.models import ThroughputProfile, Workload

SECONDS_PER_HOUR = 3600


def usage_of_ended_contracts(rows: Sequence[Row]) -> Iterator[Issue]:
    """One warning for each contract that was used after its last day, with the first such row and how many there are."""
    used = {str(row.values["contract"]) for row in rows if row.values.get("contract")}
    if not used:
        return
    # By name, because contracts stand above workloads.
    contracts = apps.get_model("contracts", "Contract")._default_manager.filter(key__in=used)
    ends: dict[str, date] = dict(contracts.values("key").annotate(last=Max("ends_date")).values_list("key", "last"))
    late: dict[str, list[Row]] = {}
    for row in rows:
        key, hour = str(row.values.get("contract") or ""), row.values.get("hour_at")
        if key in ends and isinstance(hour, datetime) and hour.astimezone(UTC).date() >= ends[key]:
            late.setdefault(key, []).append(row)
    for key, found in sorted(late.items()):
        yield Issue(
            file=found[0].file,
            row=found[0].number,
            column="contract",
            code="usage_after_end",
            severity=WARNING,
            message=f"Contract {key} ended on {ends[key]}, yet {len(found):,} hours of usage are later.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rates:
    """Accelerator seconds of one token, by kind, on the type that needs the fewest for that kind."""

    uncached: Decimal
    cached: Decimal
    output: Decimal

    def accelerators(self, row: Row) -> Decimal:
        """Accelerators at work on average over the hour, at the very least."""
        tokens_in, cached, out = (
            Decimal(int(str(row.values.get(name) or 0)))
            for name in ("input_tokens", "cached_input_tokens", "output_tokens")
        )
        seconds = (tokens_in - cached) * self.uncached + cached * self.cached + out * self.output
        return seconds / SECONDS_PER_HOUR


def usage_above_its_accelerators(rows: Sequence[Row]) -> Iterator[Issue]:
    """A warning for each workload whose tokens need more accelerators than stood ready, by the planned profiles.

    The number is shown as it is and not cut at 100 %: either the count or the profile is wrong.
    """
    counted = [row for row in rows if isinstance(row.values.get("accelerators"), Decimal)]
    if not counted:
        return
    rates = _rates({str(row.values["workload"]) for row in counted})
    above: dict[str, list[tuple[Decimal, Row]]] = {}
    for row in counted:
        key, ready = str(row.values["workload"]), Decimal(str(row.values["accelerators"]))
        if key in rates and ready > 0 and not row.broken:
            share = rates[key].accelerators(row) / ready
            if share > 1:
                above.setdefault(key, []).append((share, row))
    for key, found in sorted(above.items()):
        share, row = max(found, key=lambda each: (each[0], -each[1].number))
        yield Issue(
            file=row.file,
            row=row.number,
            column="accelerators",
            code="utilisation_above_one",
            severity=WARNING,
            message=f"{key} did {100 * share:.0f} % of what its accelerators can do by their profile, in {len(found):,} "
            "hours above 100 %. Either the count of accelerators or the profile is wrong.",
        )


def _rates(workload_keys: set[str]) -> Mapping[str, _Rates]:
    """Workload → its least accelerator seconds for each kind of token; workloads without a planned profile are left out."""
    places = {
        key: (model, latency)
        for key, model, latency in Workload.objects.filter(key__in=workload_keys).values_list(
            "key", "model_version_id", "latency_class"
        )
    }
    profiles: dict[tuple[int, str], list[ThroughputProfile]] = {}
    for profile in ThroughputProfile.objects.filter(
        is_planned=True, model_version_id__in={model for model, _ in places.values()}
    ):
        profiles.setdefault((profile.model_version_id, profile.latency_class), []).append(profile)
    return {
        key: _Rates(
            uncached=min(_seconds(each, each.prefill_tokens_per_second) for each in profiles[place]),
            cached=min(
                each.cached_cost_share * _seconds(each, each.prefill_tokens_per_second) for each in profiles[place]
            ),
            output=min(_seconds(each, each.decode_tokens_per_second) for each in profiles[place]),
        )
        for key, place in places.items()
        if place in profiles
    }


def _seconds(profile: ThroughputProfile, tokens_per_second: Decimal) -> Decimal:
    return profile.replica_accelerators / tokens_per_second
