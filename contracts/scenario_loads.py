"""Serving classes at another use: what each contract takes of the replicas it shares when all use P10, P90 or heavily.

Pure: classes and contracts in force → average, peak and need by week (methods: Scenarios of use). What it costs is
scenario_costing.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from fractions import Fraction

from capacity.lib.money import exact_context, to_decimal
from contracts.domain.scenarios import HEAVY, P10, P90
from contracts.domain.streams import let_through
from contracts.measured import MeasuredContract
from workloads.domain.classes import ServingClass, ServingLoad, TrafficLoad
from workloads.domain.serving import PoolMember, Profile, Traffic, average_load, peak_load, size_pool

Pair = tuple[Fraction, Fraction]
# The ends of the band that own products and held deals take: heavy use is the contracts', the rest stays expected.
_END = {P10: "p10", P90: "p90", HEAVY: ""}


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractUse:
    """How a contract version is used in a scenario: multiple of P50 by week, and in weeks after its end the week it
    goes on as (None: nothing). Weeks out of term without one ask for nothing."""

    measured: MeasuredContract
    multiples: tuple[Fraction, ...]
    goes_on_as: int | None = None
    goes_on_from: int = 0

    def week_like(self, index: int) -> int | None:
        """The week whose terms and traffic hold in a week; None out of term."""
        if self.measured.contract.days[index]:
            return index
        return self.goes_on_as if self.goes_on_as is not None and index >= self.goes_on_from else None


@dataclass(frozen=True, slots=True)
class MemberWeek:
    """accelerators: its share, by peak load, of the class's whole replicas; average: accelerators at work on average."""

    accelerators: Decimal
    average: Decimal


def class_at_use(
    *, serving: ServingClass, uses: Mapping[str, ContractUse], scenario: str, weeks: int
) -> list[dict[str, MemberWeek]]:
    """By week: load key → its part of the class's need at the scenario. uses: the contracts of the class by load key.

    A contract that is owed its capacity holds at least what it holds at P50.
    """
    columns = {load.key: _pairs(load, serving, uses.get(load.key), scenario, weeks) for load in serving.members}
    found: list[dict[str, MemberWeek]] = []
    before: dict[str, Pair] = {}
    with localcontext(exact_context()):
        for index in range(weeks):
            now = {key: pair for key, column in columns.items() if (pair := column[index]) is not None}
            if index and now == before:
                found.append(found[-1])
                continue
            found.append(_shared(serving, now))
            before = now
    return found


def _shared(serving: ServingClass, pairs: Mapping[str, Pair]) -> dict[str, MemberWeek]:
    """What the members take of the replicas that their loads need together."""
    if not pairs:
        return {}
    sized = size_pool(
        members=[PoolMember(key=key, load_average=one[0], load_peak=one[1]) for key, one in pairs.items()],
        profile=serving.reference,
        spares=serving.spares,
        coincidence=serving.coincidence,
    ).need
    size = serving.reference.replica_accelerators
    peaks = sum((peak for _, peak in pairs.values()), Fraction(0))
    by_peak = to_decimal(Fraction(sized.accelerators) / peaks)
    return {
        key: MemberWeek(accelerators=by_peak * to_decimal(peak), average=to_decimal(average) * size)
        for key, (average, peak) in pairs.items()
    }


def _pairs(
    load: ServingLoad, serving: ServingClass, use: ContractUse | None, scenario: str, weeks: int
) -> list[Pair | None]:
    """(average, peak) of a member by week; None where it asks for nothing. Weeks like the one before are sized once."""
    profile = serving.reference
    found: list[Pair | None] = []
    seen: tuple[object, ...] = ()
    for index in range(weeks):
        like = index if use is None else use.week_like(index)
        if like is None:
            found.append(None)
            continue
        if use is None:
            pair = _of_others(load, serving, scenario, index)
        else:
            facts = _facts(load, use, like, index)
            if found and found[-1] is not None and facts == seen:
                found.append(found[-1])
                continue
            seen = facts
            pair = _of_contract(load, profile, use, like, index)
        found.append(pair if pair is not None and pair[1] > 0 else None)
    return found


def _facts(load: ServingLoad, use: ContractUse, like: int, index: int) -> tuple[object, ...]:
    contract, source = use.measured.contract, load.source
    units = tuple(line.units_in(use.measured.week(like)) for line in contract.terms[like].unit_lines)  # type: ignore[union-attr]
    traffic = contract.traffic[like] if contract.traffic else None
    held = source.traffic[like] if isinstance(source, TrafficLoad) else None
    return traffic, held, use.multiples[index], units


def _of_others(load: ServingLoad, serving: ServingClass, scenario: str, index: int) -> Pair | None:
    """An own product's load or a held deal's, at its own end of the band."""
    at_p50 = load.source.loads(profile=serving.reference, index=index)
    end = _END[scenario]
    if not end:
        return at_p50
    return load.loads_at(end, at_p50=at_p50, profile=serving.reference, index=index)


def _of_contract(load: ServingLoad, profile: Profile, use: ContractUse, like: int, index: int) -> Pair | None:
    """A contract's load: reserved units as they are, tokens at the multiple, held at least as at P50 where owed."""
    at_p50 = load.source.loads(profile=profile, index=like)
    contract = use.measured.contract
    if at_p50 is None or not isinstance(load.source, TrafficLoad) or contract.traffic is None:
        return at_p50
    traffic = contract.traffic[like]
    if traffic is None:
        return at_p50
    used = traffic_at(traffic=traffic, multiple=use.multiples[index], measured=use.measured, index=like)
    average = average_load(traffic=used, profile=profile)
    asked = _asked_at(traffic, use.multiples[index], use.measured, like)
    peak = peak_load(traffic=asked, profile=profile, limit=load.source.limit)
    return average, max(peak, at_p50[1]) if load.is_committed else peak


def traffic_at(*, traffic: Traffic, multiple: Fraction, measured: MeasuredContract, index: int) -> Traffic:
    """The traffic at a multiple, no more than rate limit and fair use let through on average; at least the expected."""
    asked, terms = _asked_at(traffic, multiple, measured, index), measured.contract.terms[index]
    if multiple <= 1 or terms is None:
        return asked
    through = let_through(traffic=asked, limit=terms.rate_limit)
    return replace(
        through,
        input_tokens_per_second=max(through.input_tokens_per_second, traffic.input_tokens_per_second),
        output_tokens_per_second=max(through.output_tokens_per_second, traffic.output_tokens_per_second),
    )


def _asked_at(traffic: Traffic, multiple: Fraction, measured: MeasuredContract, index: int) -> Traffic:
    """What is sent at a multiple before rate limits, up to where they or fair use stop all of it."""
    most = measured.cap(index)
    return traffic.times(multiple if most is None or multiple <= 1 else max(Fraction(1), min(multiple, most)))


def renewing(versions: Sequence[MeasuredContract], weeks: int) -> tuple[MeasuredContract, int, int] | None:
    """(version, last full week, first week after its end) of a contract that may be renewed inside the horizon.

    None: it runs beyond the horizon, a later version follows, or nobody gives a probability of renewal.
    """
    last = max(versions, key=lambda each: each.indexes[-1])
    after = last.indexes[-1] + 1
    if after >= weeks or not last.contract.row["renewal_probability"]:
        return None
    full = [index for index in last.indexes if last.contract.days[index] == 7]
    return last, (full or last.indexes)[-1], after
