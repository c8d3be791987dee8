"""Bills in whole cents that add up: line by line, bill by bill, and to what is committed (methods: Invoice periods).

A bill alone is rounded half-even. What its rounding leaves is carried into the next bill, so that any run of bills sums
to its exact sum within half a cent, and to exactly a sum in whole cents. Not here: the exact amounts (statements.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, localcontext

from capacity.lib.money import CENT, exact_context, round_parts, round_usd
from contracts.domain.statements import Statement
from contracts.domain.terms import ZERO

HALF = CENT / 2
# Sums of parts of a year have 50 digits: the last ones are noise, and would hide that a sum is in whole cents.
_WITHOUT_NOISE = Context(prec=40, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, kw_only=True, slots=True)
class Invoice:
    """One bill in cents. lines (key → dollars) sum to charged_usd; total = charged − credits. None: not known."""

    lines: Mapping[str, Decimal]
    charged_usd: Decimal | None
    credits_usd: Decimal | None
    total_usd: Decimal | None


@dataclass
class Carry:
    """What rounding has left so far. tie: which way a half cent went the first time; it goes that way from then on."""

    left: Decimal = ZERO
    tie: str = ROUND_HALF_EVEN

    def rounded(self, amount: Decimal) -> Decimal:
        """The next amount in cents."""
        with localcontext(exact_context()):
            exact = _WITHOUT_NOISE.plus(amount + self.left)
            is_tie = abs(exact % CENT) == HALF
            shown = (exact / CENT).quantize(Decimal(1), rounding=self.tie if is_tie else ROUND_HALF_EVEN) * CENT
            if is_tie and self.tie == ROUND_HALF_EVEN:
                self.tie = ROUND_CEILING if shown > exact else ROUND_FLOOR
            self.left = exact - shown
            # Less than nothing that rounds to nothing is 0, not -0.
            return shown + ZERO


def invoices(statements: Iterable[Statement]) -> tuple[Invoice, ...]:
    """The bills of a contract in date order, in cents. A bill with an unknown part has no total and carries nothing."""
    carry = Carry()
    return tuple(_invoice(each, carry) for each in statements)


def _invoice(statement: Statement, carry: Carry) -> Invoice:
    amounts = {line.key: line.amount_usd for line in statement.lines}
    if statement.unknown:
        return Invoice(lines=round_parts(amounts), charged_usd=None, credits_usd=None, total_usd=None)
    charged = carry.rounded(statement.charged_usd) if amounts else ZERO
    credits = _credits(statement, charged)
    return Invoice(
        lines=round_parts(amounts, total=charged),
        charged_usd=charged,
        credits_usd=credits,
        total_usd=charged - (credits or ZERO),
    )


def _credits(statement: Statement, charged: Decimal) -> Decimal | None:
    """Credits are a share of the fee, so of the fee as it is billed: all of it back leaves nothing."""
    if not statement.credits_usd or not statement.charged_usd:
        return statement.credits_usd
    with localcontext(exact_context()):
        return round_usd(_WITHOUT_NOISE.plus(statement.credits_usd * charged / statement.charged_usd))
