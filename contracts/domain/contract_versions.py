"""The versions of the contract file: each restates only what it changes (methods: Contract file).

Lines are contract_lines.py, streams contract_streams.py; what stands beside the versions is contract_file.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from capacity.allocation.domain import reading
from capacity.allocation.domain.reading import Errors, ObjectReader
from contracts.domain import contract_values as values
from contracts.domain.agreement import AgreedStream, SeatUse, ServiceTerms, Version
from contracts.domain.contract_lines import LineReader, Minimum, Spill, sla_tier, take_or_pay
from contracts.domain.contract_streams import PricedProfile, read_stream
from contracts.domain.contract_values import needed
from contracts.domain.terms import ONE, ZERO, ContractTerms, Shape, TermsError
from contracts.domain.unit_margin import SeatSegment


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionReader:
    """Reads one version after another; what one leaves out is as in the one before."""

    contract: str
    shape: Shape
    starts: date
    ends: date | None
    lines: LineReader
    profiles: Mapping[str, PricedProfile | None]

    def read(self, row: ObjectReader, before: Mapping[str, Any]) -> dict[str, Any]:
        """The version's parts by name, those of the version before where it names none."""
        parts: dict[str, Any] = {"from": row.take("from", values.day)}
        lists: dict[str, Callable[[ObjectReader], Any]] = {
            "price_lines": self.lines.price_line,
            "fixed_fees": self.lines.fixed_fee,
            "unit_lines": self.lines.unit_line,
            "commitments": self.lines.commitment,
            "burndown": self.lines.burndown,
            "streams": partial(read_stream, profiles=self.profiles, starts=self.starts),
        }
        single: dict[str, Callable[[ObjectReader], Any]] = {
            "take_or_pay": take_or_pay,
            "minimum": self.lines.minimum,
            "spill": self.lines.spill,
            "sla": self._service,
            "seats": self._seats,
        }
        for name, read in lists.items():
            parts[name] = values.rows_or_null(row, name, read) if row.has(name) else before.get(name, ())
        for name, read in single.items():
            parts[name] = values.part(row, name, read) if row.has(name) else before.get(name)
        many = values.amount(at_most=values.MOST_MULTIPLE)
        parts["multiplier"] = before.get("multiplier", ONE)
        if row.has("multiplier"):
            found = row.take("multiplier", reading.or_null(many))
            parts["multiplier"] = ONE if found is None else found
        return parts

    def version(self, parts: Mapping[str, Any]) -> Version:
        """Raises TermsError where the parts contradict each other."""
        minimum: Minimum = parts["minimum"] or Minimum()
        spill: Spill = parts["spill"] or Spill()
        service: ServiceTerms = parts["sla"] or ServiceTerms()
        streams: tuple[AgreedStream, ...] = parts["streams"]
        return Version(
            from_date=parts["from"],
            terms=ContractTerms(
                key=self.contract,
                shape=self.shape,
                starts_date=self.starts,
                ends_date=self.ends,
                price_lines=parts["price_lines"],
                fixed_fees=parts["fixed_fees"],
                unit_lines=parts["unit_lines"],
                spend_commitments=parts["commitments"],
                take_or_pay=parts["take_or_pay"],
                minimum_usd=minimum.usd_per_month,
                minimum_months=minimum.every_months,
                minimum_is_retroactive=minimum.is_retroactive,
                usage_multiplier=parts["multiplier"],
                sla_tiers=service.uptime_tiers or service.latency_tiers,
                spill_lines=spill.price_lines,
                spill_unit=spill.unit,
                burndown=parts["burndown"],
            ),
            streams=streams,
            service=service,
            seats=parts["seats"],
        )

    def _service(self, row: ObjectReader) -> ServiceTerms:
        chances = None
        if row.has("chances"):
            chances = values.rows(row, "chances", _chance)
            if sum((chance for chance, _ in chances), ZERO) > 1:
                row.errors.add(f"{row.path}.chances", "the probabilities sum to more than 1")
        return ServiceTerms(
            uptime_tiers=values.rows(row, "uptime", sla_tier),
            latency_tiers=values.rows(row, "latency", sla_tier),
            minimum_credit_usd=needed(row.take("minimum_credit", self.lines.money, ZERO), ZERO),
            most_share=needed(row.take("most_share_of_fee", values.share(), ONE), ONE),
            chances=chances,
        )

    def _seats(self, row: ObjectReader) -> SeatUse:
        million = values.amount(at_most=10**9)
        segments = values.rows(row, "segments", _segment)
        if not row.errors and sum((each.share for each in segments), ZERO) != 1:
            row.errors.add(f"{row.path}.segments", "the shares of the segments must sum to 1")
        return SeatUse(
            fee_key=needed(row.take("fee_key", reading.key), ""),
            segments=segments,
            usd_per_million_tokens=row.take("usd_per_million_tokens", reading.or_null(values.amount()), None),
            fair_use_million_tokens=row.take("fair_use_million_tokens", reading.or_null(million), None),
        )


def _chance(row: ObjectReader) -> tuple[Decimal, Decimal]:
    read = values.share()
    return needed(row.take("probability", read), ZERO), needed(row.take("credit_share", read), ZERO)


def _segment(row: ObjectReader) -> SeatSegment:
    return SeatSegment(
        key=needed(row.take("key", reading.key), ""),
        share=needed(row.take("share", values.share()), ZERO),
        million_tokens=needed(row.take("million_tokens", values.amount(at_most=10**9)), ZERO),
    )


def read_versions(top: ObjectReader, reader: VersionReader) -> tuple[Version, ...]:
    """All versions in date order, the first from the contract's start."""
    found: list[Version] = []
    before: dict[str, Any] = {}
    last = reader.starts - timedelta(days=1)
    listed = top.take("versions", reading.items) or []
    if not listed and top.has("versions"):
        top.errors.add("$.versions", "give at least one version, from the start")
    for position, (path, item) in enumerate(listed):
        row = ObjectReader(value=item, path=path, errors=top.errors)
        if not row.is_object:
            continue
        parts = reader.read(row, before)
        row.close()
        starts = parts["from"]
        if starts is not None:
            _check_from(reader, path, starts, last, is_first=position == 0, errors=top.errors)
            last = starts
        before = parts
        if top.errors:
            continue
        try:
            found.append(reader.version(parts))
        except TermsError as error:
            top.errors.add(path, str(error).rstrip("."))
    return tuple(found)


def _check_from(reader: VersionReader, path: str, starts: date, last: date, *, is_first: bool, errors: Errors) -> None:
    if is_first and starts != reader.starts:
        errors.add(f"{path}.from", f"the first version is from the contract's start, {reader.starts}, not {starts}")
    elif not is_first and starts <= last:
        errors.add(f"{path}.from", f"{starts} is not after the version before it, {last}: a version supersedes it")
    elif reader.ends is not None and starts >= reader.ends:
        errors.add(f"{path}.from", f"{starts} is not before the contract's end, {reader.ends}")
