"""What a stretch of days used, by meter: measured rows where there are any, expected use elsewhere (methods: Invoice periods).

A meter that a row leaves out is not known for its days; it is never zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from capacity.lib.money import to_decimal
from capacity.lib.units import HOURS_PER_YEAR, exact
from contracts.domain.agreement import AgreedStream, Agreement, Version
from contracts.domain.billing import SPILLED, burndown_on
from contracts.domain.month import tokens_of
from contracts.domain.periods import HOURS_PER_DAY, Stretch, days_between
from contracts.domain.terms import TOKEN_METERS, ContractTerms, Meter

DAYS_PER_YEAR = HOURS_PER_YEAR // HOURS_PER_DAY


@dataclass(frozen=True, kw_only=True, slots=True)
class StretchUsage:
    """quantities: every meter that has a price; what is not known counts 0 there and is named in unknown."""

    quantities: dict[str, Decimal]
    unknown: tuple[str, ...]


def usage_of_stretch(*, agreement: Agreement, version: Version, stretch: Stretch) -> StretchUsage:
    """Rows by their days, and expected use for the days that no row covers. (methods: Invoice periods)"""
    expected = _expected(agreement, version, stretch)
    quantities, unknown = {}, []
    for meter in _priced_meters(version.terms, agreement, stretch):
        found = _quantity(agreement, meter, stretch, expected.get(meter))
        quantities[meter] = to_decimal(found or Fraction(0))
        if found is None:
            unknown.append(meter)
    return StretchUsage(quantities=quantities, unknown=tuple(unknown))


def _quantity(agreement: Agreement, meter: str, stretch: Stretch, expected: Fraction | None) -> Fraction | None:
    total, covered = Fraction(0), 0
    for row in agreement.usage:
        days = days_between(start=row.start, end=row.end, first=stretch.start, last=stretch.end)
        if not days:
            continue
        quantity = row.quantities.get(meter)
        if quantity is None:
            return None
        total += exact(quantity) * Fraction(days, (row.end - row.start).days)
        covered += days
    if covered == stretch.days:
        return total
    return None if expected is None else total + expected * Fraction(stretch.days - covered, stretch.days)


def _priced_meters(terms: ContractTerms, agreement: Agreement, stretch: Stretch) -> list[str]:
    """Meters that price lines count; input-equivalents as the tokens they are made of, unless rows count them."""
    meters = dict.fromkeys(meter for line in terms.price_lines for meter in line.meters)
    meters |= dict.fromkeys(f"{SPILLED}{meter}" for line in terms.spill_lines for meter in line.meters)
    rows = [row for row in agreement.usage if row.start < stretch.end and row.end > stretch.start]
    if Meter.INPUT_EQUIVALENT in meters and not any(Meter.INPUT_EQUIVALENT in row.quantities for row in rows):
        del meters[Meter.INPUT_EQUIVALENT]
        for rate in burndown_on(terms=terms, day=stretch.start):
            for meter, _ in rate.weights:
                meters[meter] = None
                if rate.stream:
                    meters[f"{rate.stream}.{meter}"] = None
    return list(meters)


def _expected(agreement: Agreement, version: Version, stretch: Stretch) -> dict[str, Fraction]:
    """Meter → quantity of the whole stretch at P50; a meter nobody expects anything of is left out."""
    found: dict[str, Fraction] = {}
    months = exact(stretch.months)
    for meter, monthly in (*agreement.expected.growing.items(), *agreement.expected.fixed.items()):
        found[meter] = exact(monthly) * months
    known = [each for each in version.streams if each.stream.traffic is not None]
    if len(known) < len(version.streams) or not known:
        return found
    for position, each in enumerate(known):
        tokens = tokens_of(
            terms=version.terms,
            stream=each.stream,
            is_first=position == 0,
            multiple=use_multiple(stream=each, day=stretch.start),
            hours=stretch.hours,
            on_date=stretch.start,
        )
        for meter in _token_meters(each.stream.key):
            found[meter] = found.get(meter, Fraction(0)) + exact(tokens.get(meter, Decimal(0)))
    return found


def _token_meters(stream: str) -> list[str]:
    """Every name under which tokens of a stream are counted: what it does not send is 0, not unknown."""
    return [f"{before}{meter}" for before in ("", f"{stream}.", SPILLED) for meter in TOKEN_METERS]


def use_multiple(*, stream: AgreedStream, day: date) -> Fraction:
    """Expected use on a day as a multiple of the stream's traffic: its ramp and its growth since it was measured."""
    begun = [step.multiple for step in stream.ramp if step.from_date <= day]
    ramp = begun[-1] if begun else Fraction(0 if stream.ramp else 1)
    return ramp * (1 + stream.growth_share_per_month) ** growth_months(stream=stream, day=day)


def growth_months(*, stream: AgreedStream, day: date) -> int:
    """Whole planning months since the use was measured; 0 before and where there is no date."""
    if stream.measured is None or not stream.growth_share_per_month:
        return 0
    return max(0, (day - stream.measured).days) * 12 // DAYS_PER_YEAR


def ramp_days(streams: Iterable[AgreedStream]) -> set[date]:
    """The days on which expected use steps."""
    return {step.from_date for stream in streams for step in stream.ramp}
