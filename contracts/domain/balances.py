"""Balances of spend commitments as bills go by: invoiced, drawn, trued up, rolled over, lost (methods: Committed spend)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from contracts.domain.billing import BillLine
from contracts.domain.commitments import CommitmentPeriod
from contracts.domain.drawdown import Balance, burn
from contracts.domain.terms import ZERO, SpendCommitment


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitmentState:
    """One commitment at the end of a bill, in discounted dollars. drawn: in the bill; left: still to be drawn.

    true_up: billed at its end; rolled_over: into the next period; breakage: paid and lost; expired: free, not used.
    """

    key: str
    drawn_usd: Decimal = ZERO
    left_usd: Decimal = ZERO
    true_up_usd: Decimal = ZERO
    rolled_over_usd: Decimal = ZERO
    breakage_usd: Decimal = ZERO
    expired_usd: Decimal = ZERO


@dataclass
class _Open:
    """One period's running figures. rolled: what an earlier period left, first used; its end is this period's."""

    drawn: Decimal = ZERO
    rolled: Decimal = ZERO
    rolled_drawn: Decimal = ZERO
    invoiced: Decimal = ZERO
    payments: Decimal = ZERO


@dataclass
class Balances:
    """The commitments of a contract over its bills. Calls come in the order of days."""

    periods: Sequence[CommitmentPeriod]
    _open: dict[tuple[str, date], _Open] = field(default_factory=dict)
    _bill: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    _day: date = date.min

    def begin(self, day: date) -> None:
        """A new bill begins."""
        self._bill, self._day = {}, day

    def invoice(self, day: date) -> list[BillLine]:
        """What is paid ahead from the day on: a prepaid period as it begins, its difference when it is amended."""
        lines = []
        for period, agreed, run in self._on(day):
            committed = period.committed_usd(day)
            if agreed.is_prepaid and not agreed.is_free and committed != run.invoiced:
                lines.append(BillLine(key=f"{period.key}_prepayment", amount_usd=committed - run.invoiced))
                run.invoiced = committed
        return lines

    def draw(self, day: date, list_usd: Mapping[str, Decimal]) -> list[BillLine]:
        """Draws the list amounts of a stretch that begins on the day; one line a balance with what it changes."""
        balances: list[Balance] = []
        for period, agreed, run in self._on(day):
            left = max(ZERO, period.committed_usd(day) - run.drawn)
            balances.append(Balance(commitment=agreed, left_usd=left, ends=period.end))
            if run.rolled:
                left = run.rolled - run.rolled_drawn
                balances.append(Balance(commitment=agreed, left_usd=left, ends=period.end, is_rolled=True))
        found = burn(balances=balances, list_usd=list_usd)
        for period, _, run in self._on(day):
            run.drawn += found.drawn[period.key]
            run.rolled_drawn += found.drawn.get(f"{period.key}.rolled", ZERO)
            self._count(
                period.key, "drawn_usd", found.drawn[period.key] + found.drawn.get(f"{period.key}.rolled", ZERO)
            )
        for period, _, run in self._on(day):
            left = max(ZERO, period.committed_usd(day) - run.drawn) + run.rolled - run.rolled_drawn
            self._bill.setdefault(period.key, {})["left_usd"] = left
        return [
            BillLine(key=_line_key(balance), amount_usd=found.adjustments[balance.key])
            for balance in balances
            if found.adjustments[balance.key]
        ]

    def close(self, day: date) -> list[BillLine]:
        """True-ups of the periods that end on the day; what is not used rolls over, is lost or expires."""
        lines = []
        for period in self.periods:
            if period.closes != day:
                continue
            run, agreed = self._run(period), period.parts[-1][2]
            committed = period.committed_usd(day)
            unused = max(ZERO, committed - run.drawn)
            self._bill.setdefault(period.key, {})["left_usd"] = ZERO
            if agreed.is_free:
                self._count(period.key, "expired_usd", unused)
                continue
            rolled = self._roll(period, agreed, unused)
            # What a minimum already made the customer pay is not paid again; what is prepaid was paid ahead.
            owed = ZERO if agreed.is_prepaid else max(ZERO, unused - run.payments)
            if agreed.is_prepaid and committed != run.invoiced:
                lines.append(BillLine(key=f"{period.key}_prepayment", amount_usd=committed - run.invoiced))
            elif owed:
                lines.append(BillLine(key=f"{period.key}_true_up", amount_usd=owed))
            self._count(period.key, "true_up_usd", owed)
            self._count(period.key, "rolled_over_usd", rolled)
            self._count(period.key, "breakage_usd", unused - rolled + run.rolled - run.rolled_drawn)
        return lines

    def count_payment(self, *, day: date, amount_usd: Decimal) -> None:
        """A payment of a minimum in a bill that ends on the day counts toward the first paid commitment still open."""
        before = [
            (Balance(commitment=agreed, left_usd=ZERO, ends=period.end).burn_rank, period)
            for period, agreed, _ in self._on(self._day)
            if not agreed.is_free and period.closes > day
        ]
        if before:
            run = self._run(min(before, key=lambda ranked: ranked[0])[1])
            run.payments = max(ZERO, run.payments + amount_usd)

    def states(self) -> tuple[CommitmentState, ...]:
        """Every commitment of the bill."""
        return tuple(CommitmentState(key=key, **amounts) for key, amounts in self._bill.items())

    def _roll(self, period: CommitmentPeriod, agreed: SpendCommitment, unused: Decimal) -> Decimal:
        rolled = unused * agreed.rolled_over_share
        following = next(
            (each for each in self.periods if each.key == period.key and each.start == period.closes), None
        )
        if following is not None:
            self._run(following).rolled = rolled
        return rolled

    def _on(self, day: date) -> list[tuple[CommitmentPeriod, SpendCommitment, _Open]]:
        found = []
        for period in self.periods:
            agreed = period.on(day)
            if agreed is not None:
                found.append((period, agreed, self._run(period)))
        return found

    def _run(self, period: CommitmentPeriod) -> _Open:
        return self._open.setdefault((period.key, period.start), _Open())

    def _count(self, key: str, name: str, amount: Decimal) -> None:
        amounts = self._bill.setdefault(key, {})
        amounts[name] = amounts.get(name, ZERO) + amount


def _line_key(balance: Balance) -> str:
    """What a draw is called on the bill: a discount, a free credit, what was rolled over or paid ahead."""
    agreed = balance.commitment
    if balance.is_rolled:
        return f"{agreed.key}_rolled_over"
    if agreed.is_free:
        return f"{agreed.key}_credit"
    return f"{agreed.key}_drawn" if agreed.is_prepaid else f"{agreed.key}_discount"
