"""The bills of a contract, period by period, with what they carry on: balances, make-up, minimums, credits.

Every amount is exact and unrounded; it is rounded once, where it is shown (methods: Invoice periods). One month of a
planning year is month.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, localcontext
from itertools import groupby

from capacity.lib.money import exact_context
from contracts.domain.agreement import Agreement, ServiceTerms, Version
from contracts.domain.balances import Balances, CommitmentState
from contracts.domain.billing import (
    BillLine,
    Usage,
    drawable,
    fixed_lines,
    priced_line,
    quantity_of,
    spilled_line,
    with_equivalents,
)
from contracts.domain.commitments import commitment_periods, versions_with_ends
from contracts.domain.periods import BillingPeriod, Stretch, billing_periods, days_between
from contracts.domain.service_credits import ServicePart, credits_of_parts
from contracts.domain.take_or_pay import Makeup, TakeOrPayPeriod, settle_period
from contracts.domain.terms import ZERO, ContractTerms, PriceLine
from contracts.domain.unpriced import unpriced_tokens, unpriced_use
from contracts.domain.usage_by_days import ramp_days, usage_of_stretch


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One bill. charged = the sum of the lines, before credits; total = charged − credits.

    fixed_usd: the part that is paid used or not. unknown: why the amounts are not known (then they count as 0 used what
    nobody gave, and are not to be shown). credits_usd None: nothing was measured of what the SLA is about.
    """

    index: int
    start: date
    end: date
    lines: tuple[BillLine, ...]
    charged_usd: Decimal
    credits_usd: Decimal | None
    fixed_usd: Decimal
    unknown: tuple[str, ...] = ()
    take_or_pay: TakeOrPayPeriod | None = None
    commitments: tuple[CommitmentState, ...] = ()

    @property
    def total_usd(self) -> Decimal:
        with localcontext(exact_context()):
            return self.charged_usd - (self.credits_usd or ZERO)


def statements(agreement: Agreement) -> tuple[Statement, ...]:
    """All bills from the start to the contract's end, or the horizon's where it is open. (methods: Invoice periods)"""
    with localcontext(exact_context()):
        ledger = _Ledger(agreement=agreement, balances=Balances(periods=commitment_periods(agreement)))
        periods = billing_periods(
            starts=agreement.starts,
            until=agreement.billed_until,
            anchor=agreement.month_anchor,
            cuts=_cuts(agreement),
        )
        return tuple(ledger.settle(period, is_last=period.end == agreement.ends) for period in periods)


def guaranteed_usd(agreement: Agreement) -> Decimal:
    """All bills together if nothing is ever used."""
    idle = replace(agreement, usage=(), expected=replace(agreement.expected, growing={}, fixed={}))
    versions = tuple(replace(version, streams=()) for version in idle.versions)
    with localcontext(exact_context()):
        return sum((each.charged_usd for each in statements(replace(idle, versions=versions))), ZERO)


def _cuts(agreement: Agreement) -> set[date]:
    """Every day on which something that is billed changes."""
    days = {version.from_date for version in agreement.versions}
    for period in commitment_periods(agreement):
        days |= {period.start, period.closes}
    for version, until in versions_with_ends(agreement):
        own = {step.from_date for line in version.terms.unit_lines for step in line.steps}
        own |= {rate.from_date for rate in version.terms.burndown} | ramp_days(version.streams)
        days |= {day for day in own if version.from_date <= day < until}
    return days


@dataclass
class _Ledger:
    """What bills carry on from one to the next."""

    agreement: Agreement
    balances: Balances
    makeup: Makeup = ()
    minimum_due: Decimal = ZERO
    minimum_charged: Decimal = ZERO
    minimum_periods: int = 0
    minimum_paid: Decimal = ZERO
    first_unknown: date | None = None
    _lines: dict[str, BillLine] = field(default_factory=dict)

    def settle(self, period: BillingPeriod, *, is_last: bool) -> Statement:
        """The bill of one period; periods come in order."""
        self._lines = {}
        self.balances.begin(period.start)
        parts = [(stretch, self._version(stretch)) for stretch in period.stretches]
        used = [usage_of_stretch(agreement=self.agreement, version=v, stretch=s) for s, v in parts]
        counted = [
            with_equivalents(terms=v.terms, usage=u.quantities, on_date=s.start)
            for (s, v), u in zip(parts, used, strict=True)
        ]
        billed, settled = self._take_or_pay(period, parts, counted)
        fixed = ZERO
        for (stretch, version), metered in zip(parts, metered_by_stretch(parts, counted, billed), strict=True):
            fixed += self._bill_stretch(stretch, version.terms, metered)
        reasons = [f"The use of {meter} is not known." for each in used for meter in each.unknown]
        reasons += [f"No price line counts {meter}." for stretch, v in parts for meter in self._unpriced(stretch, v)]
        unknown = self._unknown(period, parts[-1][1].terms, reasons)
        self._minimum(period, parts, is_last=is_last)
        charged = sum((line.amount_usd for line in self._lines.values()), ZERO)
        return Statement(
            index=period.index,
            start=period.start,
            end=period.end,
            lines=tuple(self._lines.values()),
            charged_usd=charged,
            credits_usd=self._credits(period, charged),
            fixed_usd=fixed,
            unknown=unknown,
            take_or_pay=settled,
            commitments=self.balances.states(),
        )

    def _version(self, stretch: Stretch) -> Version:
        version = self.agreement.version_on(stretch.start)
        assert version is not None
        return version

    def _add(self, lines: Iterable[BillLine]) -> None:
        """Lines of one key are one line of the bill."""
        for line in lines:
            same = self._lines.get(line.key)
            if same is not None:
                quantity = None if line.quantity is None else (same.quantity or ZERO) + line.quantity
                line = BillLine(
                    key=line.key,
                    amount_usd=same.amount_usd + line.amount_usd,
                    quantity=quantity,
                    refused=same.refused + line.refused,
                )
            self._lines[line.key] = line

    def _bill_stretch(self, stretch: Stretch, terms: ContractTerms, metered: Sequence[BillLine]) -> Decimal:
        fixed = fixed_lines(terms=terms, on_date=stretch.start, hours=Decimal(stretch.hours), months=stretch.months)
        # A quantity that is held rather than counted does not add up over stretches: it is shown as unit-months.
        self._add(replace(line, quantity=(line.quantity or ZERO) * stretch.months) for line in fixed)
        self._add(metered)
        self._add(self.balances.invoice(stretch.start))
        self._add(self.balances.draw(stretch.start, drawable(terms=terms, metered=metered)))
        self._add(self.balances.close(stretch.end))
        return sum((line.amount_usd for line in fixed), ZERO)

    def _take_or_pay(
        self, period: BillingPeriod, parts: Sequence[tuple[Stretch, Version]], counted: Sequence[Usage]
    ) -> tuple[list[dict[str, Decimal]], TakeOrPayPeriod | None]:
        """What each stretch bills of the take-or-pay line: its use less make-up, and its days' share of what is not used."""
        used, taken, months = [], ZERO, ZERO
        last = None
        for (stretch, version), usage in zip(parts, counted, strict=True):
            agreed = version.terms.take_or_pay
            quantity = ZERO
            if agreed is not None:
                line = next(line for line in version.terms.price_lines if line.key == agreed.line_key)
                quantity = quantity_of(line=line, usage=usage)
                taken += agreed.take_share * agreed.quantity * stretch.months
                months += stretch.months
                last = agreed
            used.append(quantity)
        if last is None:
            return [{} for _ in parts], None
        settled, self.makeup = settle_period(
            used=sum(used, ZERO),
            taken=taken,
            open_credits=self.makeup,
            period=period.index,
            makeup_periods=last.makeup_periods,
        )
        billed: list[dict[str, Decimal]] = []
        for (stretch, version), quantity in zip(parts, used, strict=True):
            agreed = version.terms.take_or_pay
            if agreed is None:
                billed.append({})
                continue
            free = settled.makeup_applied * quantity / settled.usage if settled.usage else ZERO
            billed.append({agreed.line_key: quantity - free + settled.makeup_created * stretch.months / months})
        return billed, settled

    def _minimum(self, period: BillingPeriod, parts: Sequence[tuple[Stretch, Version]], *, is_last: bool) -> None:
        """The least bill of the last so many periods, trued up at their end; what was trued up counts as committed spend."""
        terms = parts[-1][1].terms
        self.minimum_due += sum((version.terms.minimum_usd * stretch.months for stretch, version in parts), ZERO)
        self.minimum_charged += sum((line.amount_usd for line in self._lines.values()), ZERO)
        self.minimum_periods += 1
        if self.minimum_periods < terms.minimum_months and not is_last:
            return
        missing = self.minimum_due - self.minimum_charged
        self.minimum_due, self.minimum_charged, self.minimum_periods = ZERO, ZERO, 0
        if missing > 0:
            self._add([BillLine(key="minimum_true_up", amount_usd=missing)])
            self.minimum_paid += missing
            self.balances.count_payment(day=period.end, amount_usd=missing)
        elif terms.minimum_is_retroactive and self.minimum_paid:
            given_back = min(-missing, self.minimum_paid)
            self.minimum_paid -= given_back
            self.balances.count_payment(day=period.end, amount_usd=-given_back)
            self._add([BillLine(key="minimum_given_back", amount_usd=-given_back)])

    def _unpriced(self, stretch: Stretch, version: Version) -> list[str]:
        """Tokens of the stretch, measured or on days without a row expected, that no line of the version prices."""
        rows = [
            (row, days_between(start=row.start, end=row.end, first=stretch.start, last=stretch.end))
            for row in self.agreement.usage
        ]
        used = [meter for row, days in rows if days for meter, amount in row.quantities.items() if amount != 0]
        found = list(unpriced_use(version, used))
        if sum(days for _, days in rows) < stretch.days:
            found += unpriced_tokens(version)
        return found

    def _unknown(self, period: BillingPeriod, terms: ContractTerms, said: Sequence[str]) -> tuple[str, ...]:
        reasons = list(dict.fromkeys(said))
        carries = terms.spend_commitments or terms.take_or_pay or terms.minimum_months > 1
        carries = carries or terms.minimum_is_retroactive
        if self.first_unknown is not None and carries:
            reasons.append(f"What the bill of {self.first_unknown} carries on is not known.")
        if reasons and self.first_unknown is None:
            self.first_unknown = period.start
        return tuple(reasons)

    def _credits(self, period: BillingPeriod, charged: Decimal) -> Decimal | None:
        """Each SLA credits the days it was in force, out of their part of the charge. (methods: Credits)"""
        parts = [ServicePart(start=first, end=last, terms=service) for first, last, service in self._services(period)]
        return credits_of_parts(parts=parts, rows=self.agreement.service, fee_usd=max(ZERO, charged))

    def _services(self, period: BillingPeriod) -> Iterable[tuple[date, date, ServiceTerms]]:
        """(from, to, SLA) over the bill's days; versions with the same SLA are one part."""
        days = [(each.start, each.end, self._version(each).service) for each in period.stretches]
        for service, same in groupby(days, key=lambda day: day[2]):
            found = list(same)
            yield found[0][0], found[-1][1], service


def metered_by_stretch(
    parts: Sequence[tuple[Stretch, Version]], counted: Sequence[Usage], billed: Sequence[dict[str, Decimal]]
) -> list[list[BillLine]]:
    """The metered lines of each stretch. A price that stays the same is one through all of its stretches.

    Tiers, what is included and caps are of the month: they see the quantity of all stretches with the same price, and
    each stretch gets its quantity's part of the amount.
    """
    quantities: dict[tuple[PriceLine, Decimal], list[Decimal]] = {}
    months: dict[tuple[PriceLine, Decimal], Decimal] = {}
    for place, ((stretch, version), usage, taken) in enumerate(zip(parts, counted, billed, strict=True)):
        terms = version.terms
        for line in (*terms.price_lines, *map(spilled_line, terms.spill_lines)):
            price = (line, terms.usage_multiplier)
            quantity = taken.get(line.key, quantity_of(line=line, usage=usage))
            quantities.setdefault(price, [ZERO] * len(parts))[place] = quantity
            months[price] = months.get(price, ZERO) + stretch.months
    found: list[list[BillLine]] = [[] for _ in parts]
    for (line, multiplier), used in quantities.items():
        total = sum(used, ZERO)
        whole = priced_line(line=line, multiplier=multiplier, quantity=total, months=months[line, multiplier])
        for place, quantity in enumerate(used):
            if quantity or place == 0:
                found[place].append(_part(whole, quantity, total))
    return found


def _part(whole: BillLine, quantity: Decimal, total: Decimal) -> BillLine:
    """A stretch's part of a line; of a line without any quantity there is nothing to divide."""
    if quantity == total:
        return whole
    share = [amount * quantity / total for amount in (whole.amount_usd, whole.quantity or ZERO, whole.refused)]
    return BillLine(key=whole.key, amount_usd=share[0], quantity=share[1], refused=share[2])
