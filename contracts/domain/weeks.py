"""The accelerators a contract needs, week by week, read several ways (methods: Capacity by week).

Weeks are Monday weeks in UTC; the contract's days begin at its local midnight. A step in mid-week counts for the whole
week: capacity is held for the most that any day of it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from capacity.lib.horizon import Week
from capacity.lib.money import to_decimal
from capacity.lib.units import SECONDS_PER_MONTH, exact
from contracts.domain.agreement import Agreement, UseStep, Version
from contracts.domain.margin import committed_accelerators, worst_multiple
from contracts.domain.month import Month, UsageProfile, month_of, total_or_none
from contracts.domain.streams import Stream
from contracts.domain.terms import ONE
from contracts.domain.usage_by_days import growth_months, use_multiple

HALF = Decimal("0.5")


@dataclass(frozen=True, kw_only=True, slots=True)
class WeekCapacity:
    """Accelerators to hold in a week on each reading; None = not known. expected: weighted by the renewal's probability."""

    week: Week
    committed: int | None
    planned: int | None
    p10: int | None
    p90: int | None
    worst: int | None
    expected: Fraction | None


NOTHING = {"committed": 0, "planned": 0, "p10": 0, "p90": 0, "worst": 0}
Reading = dict[str, int | None]


def capacity_by_week(agreement: Agreement) -> tuple[WeekCapacity, ...]:
    """Every week of the horizon. After the end: as the renewal says. (methods: Capacity by week)

    P10 and P90 are those of use where its multiples are known; after the end nothing at P10 and the whole need at P90.
    """
    sizes: dict[tuple[object, ...], Reading] = {}
    return tuple(_week(agreement, week, sizes) for week in agreement.horizon)


def month_on(*, agreement: Agreement, version: Version, day: date, units_day: date | None = None) -> Month:
    """The contract's planning month as it stands on a day: expected use after its ramp and growth.

    units_day: the day whose units count, where it is another (after the end: the last in force).
    """
    return month_of(
        terms=version.terms,
        usage=usage_on(agreement=agreement, version=version, day=day),
        profile=None,
        rate_usd_per_hour=agreement.rate_usd_per_hour,
        on_date=units_day or day,
        policy=agreement.policy,
    )


def usage_on(*, agreement: Agreement, version: Version, day: date) -> UsageProfile:
    """Expected use on a day, for the results of the contract."""
    expected = agreement.expected
    streams = tuple(
        each.stream
        if each.stream.traffic is None
        else replace(each.stream, traffic=each.stream.traffic.times(use_multiple(stream=each, day=day)))
        for each in version.streams
    )
    return UsageProfile(
        p95_multiple=expected.p95_multiple,
        cap_multiple=_cap(expected.cap_multiple, version, streams),
        other_usage=expected.growing,
        fixed_usage=expected.fixed,
        streams=_sharing(version, streams),
    )


def _sharing(version: Version, streams: Sequence[Stream]) -> tuple[Stream, ...]:
    """The streams with the replicas they share named: of one model, region set, latency class and profile.

    A pinned version and a stream with units of its own stay apart.
    """
    shared: list[Stream] = []
    places: dict[tuple[object, ...], str] = {}
    for each, stream in zip(version.streams, streams, strict=True):
        if each.pin is not None or stream.profile is None or version.has_units(each):
            shared.append(stream)
            continue
        place = (each.model, each.latency_class, frozenset(each.regions), stream.profile, stream.spares)
        name = places.setdefault((*place, stream.rate_usd_per_hour), f"shared with {stream.key}")
        shared.append(replace(stream, pool=name))
    return tuple(shared)


def _cap(agreed: Decimal | None, version: Version, streams: Iterable[Stream]) -> Decimal | None:
    """The contract's own cap, or what fair use leaves of expected use, whichever is less. (methods: Expected use)"""
    fair, traffics = version.fair_use_tokens, [each.traffic for each in streams]
    if fair is None or any(each is None for each in traffics):
        return agreed
    expected = sum(
        (each.input_tokens_per_second + each.output_tokens_per_second for each in traffics if each is not None),
        Fraction(0),
    )
    if not expected:
        return agreed
    by_fair_use = to_decimal(fair / (expected * SECONDS_PER_MONTH))
    return by_fair_use if agreed is None else min(agreed, by_fair_use)


def _week(agreement: Agreement, week: Week, sizes: dict[tuple[object, ...], Reading]) -> WeekCapacity:
    inside, beyond = dict(NOTHING), dict(NOTHING)
    held: Reading = {**inside}
    after: Reading = {**beyond}
    for day in _local_days(week, agreement.time_zone):
        if day < agreement.starts:
            continue
        if agreement.version_on(day) is not None:
            held = _most(held, _sized(agreement, day, sizes))
        elif agreement.ends is not None:
            after = _most(after, _sized(agreement, day, sizes))
    return _with_renewal(agreement, week, held, after)


def _with_renewal(agreement: Agreement, week: Week, held: Reading, after: Reading) -> WeekCapacity:
    """What is in force, or what comes after: a signed renewal as it stands, else its probability."""
    renewal = agreement.renewal
    if renewal.is_signed:
        both = _most(held, after)
        return WeekCapacity(week=week, expected=_fraction(both["planned"]), **both)
    chance, need = renewal.probability, after["planned"]
    # At P90 it is renewed and used as much as it then is; without multiples of use, as much as expected.
    most_used = need if after["p90"] is None else after["p90"]
    renewed: Reading = {"committed": 0, "p10": 0, "p90": most_used, "worst": after["worst"], "planned": None}
    expected: Fraction | None = None
    if need == 0:
        renewed["planned"], expected = 0, Fraction(0)
    elif chance is not None and need is not None:
        renewed["planned"], expected = (need if chance >= HALF else 0), exact(chance) * need
    both = _most(held, renewed)
    in_force = _fraction(held["planned"])
    most = None if expected is None or in_force is None else max(expected, in_force)
    return WeekCapacity(week=week, expected=most, **both)


def _fraction(value: int | None) -> Fraction | None:
    return None if value is None else Fraction(value)


def _most(left: Reading, right: Reading) -> Reading:
    """The larger of each; not known where either is not known."""
    found: Reading = {}
    for name, one in left.items():
        other = right[name]
        found[name] = None if one is None or other is None else max(one, other)
    return found


def _sized(agreement: Agreement, day: date, sizes: dict[tuple[object, ...], Reading]) -> Reading:
    """The readings of one day; days that differ in nothing are sized once. After the end the last version stands."""
    version = agreement.version_on(day) or agreement.versions[-1]
    on_date = day if agreement.ends is None else min(day, agreement.ends - timedelta(days=1))
    facts = (
        version.from_date,
        tuple(line.units_on(on_date) for line in version.terms.unit_lines),
        tuple((growth_months(stream=each, day=day), _begun(each.ramp, day)) for each in version.streams),
    )
    if facts not in sizes:
        sizes[facts] = _readings(agreement, month_on(agreement=agreement, version=version, day=day, units_day=on_date))
    return sizes[facts]


def _begun(ramp: tuple[UseStep, ...], day: date) -> int:
    return sum(step.from_date <= day for step in ramp)


def _readings(agreement: Agreement, month: Month) -> Reading:
    planned = [each.at(Fraction(1)) for each in month.pools]
    committed = [committed_accelerators(month, each, need) for each, need in zip(month.pools, planned, strict=True)]
    worst = worst_multiple(month)
    return {
        "committed": total_or_none(committed),
        "planned": total_or_none([each.accelerators for each in planned]),
        "p10": _at(month, agreement.expected.p10_multiple),
        "p90": _at(month, agreement.expected.p90_multiple),
        "worst": _at(month, worst),
    }


def _at(month: Month, multiple: Fraction | Decimal | None) -> int | None:
    """Accelerators at a multiple; not known where the multiple is not, unless units fix the need."""
    if multiple is None:
        if any(each.stream.traffic is not None for each in month.pools):
            return None
        multiple = ONE
    return total_or_none([each.at(exact(multiple)).accelerators for each in month.pools])


def _local_days(week: Week, time_zone: str) -> Iterator[date]:
    """The contract's days that lie in the week in whole or in part: seven, or eight where midnight is not UTC's."""
    zone = ZoneInfo(time_zone)
    first = datetime.combine(week.start, datetime.min.time(), UTC).astimezone(zone).date()
    last = (datetime.combine(week.end, datetime.min.time(), UTC) - timedelta(microseconds=1)).astimezone(zone).date()
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
