"""Warnings and refusals over rows of supply and cost that no single column can show: lateness, moves, missing cost.

Each check reads the rows as they were written (the files may leave columns out), inside the import's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import Sum

from capacity.imports import clock
from capacity.imports.tabular import ERROR, WARNING, Issue, Row
from capacity.inventory.domain.moves import MoveFacts, RefusedMove, stays_of_lot
from capacity.inventory.inputs import RateCard, rate_cards
from capacity.inventory.models import CostRate, FxRate, LeadTime, Lot, LotMove, NetworkDomain, Outage, Pool
from capacity.inventory.selectors import cost_input_rows

NOT_YET_HERE = ("planned", "ordered", "confirmed", "shipped")
SILICON_LEAST, SILICON_MOST = Decimal("0.30"), Decimal("0.45")
_TOMORROW = timedelta(days=1)


def _warn(row: Row, column: str, code: str, message: str, *, severity: str = WARNING) -> Issue:
    return Issue(file=row.file, row=row.number, column=column, code=code, message=message, severity=severity)


def _by_key(rows: Iterable[Row], column: str = "key") -> dict[str, Row]:
    """Key → the first row that names it."""
    found: dict[str, Row] = {}
    for row in rows:
        if row.values.get(column):
            found.setdefault(str(row.values[column]), row)
    return found


def _today() -> date:
    return clock.now().date()


# --- pools and outages -----------------------------------------------------------------------------------------------


def pools_without_domain(rows: Sequence[Row]) -> Iterator[Issue]:
    """A pool needs a network domain before a lot can stand in it; a move or an outage there would count for nothing."""
    named = _by_key(rows)
    joined = set(NetworkDomain.objects.filter(pool__key__in=named).values_list("pool__key", flat=True))
    for pool in Pool.objects.filter(key__in=named).exclude(key__in=joined).order_by("key"):
        message = f"Pool {pool.key} has no network domain, so no lot can stand in it. Add one, of any name."
        yield _warn(named[pool.key], "key", "pool_without_domain", message)


def outages_beyond_their_place(rows: Sequence[Row]) -> Iterator[Issue]:
    """More accelerators out than all lots of the place hold together: most often the wrong pool."""
    named = _by_key(rows)
    for outage in Outage.objects.filter(key__in=named).select_related("pool", "domain").order_by("key"):
        lots = Lot.objects.filter(domain__pool=outage.pool).exclude(state="retired")
        if outage.domain is not None and not LotMove.objects.filter(to_domain=outage.domain).exists():
            lots = lots.filter(domain=outage.domain)
        there = lots.aggregate(there=Sum("accelerators"))["there"] or 0
        if outage.accelerators > there:
            message = f"{outage.accelerators} accelerators are out, but the lots there hold {there} together."
            yield _warn(named[outage.key], "accelerators", "outage_exceeds_lots", message)


# --- lots ------------------------------------------------------------------------------------------------------------


def _lots(rows: Sequence[Row]) -> Iterator[tuple[Row, Lot]]:
    named = _by_key(rows)
    lots = Lot.objects.filter(key__in=named).select_related("supplier", "domain__pool").order_by("key")
    yield from ((named[lot.key], lot) for lot in lots)


def late_lots(rows: Sequence[Row]) -> Iterator[Issue]:
    """Past its expected date and not accepted: the plan treats it as not there until it has a new date."""
    today = _today()
    for row, lot in _lots(rows):
        expected = lot.p90_date if lot.state == "ordered" else lot.p50_date
        if lot.state in NOT_YET_HERE[1:] and expected is not None and expected < today:
            column = "p90_date" if lot.state == "ordered" else "p50_date"
            message = (
                f"Lot {lot.key} was expected on {expected} and is not accepted. The plan treats it as not there: "
                "accept it, or give it a new date."
            )
            yield _warn(row, column, "late", message)


def lots_without_cost(rows: Sequence[Row]) -> Iterator[Issue]:
    for row, lot in _lots(rows):
        if not lot.cost_rate_key:
            message = f"Lot {lot.key} has no cost rate: its cost is unknown, and so are the sums it is part of."
            yield _warn(row, "cost_rate_key", "lot_without_cost", message)


def inside_lead_time(rows: Sequence[Row]) -> Iterator[Issue]:
    """Expected sooner than the supplier delivers this type in half of all cases."""
    waiting = [(row, lot) for row, lot in _lots(rows) if lot.state in NOT_YET_HERE and lot.p50_date is not None]
    if not waiting:
        return
    weeks = {
        (supplier, kind): p50
        for supplier, kind, p50 in LeadTime.objects.values_list("supplier_id", "accelerator_type_id", "p50_weeks")
    }
    for row, lot in waiting:
        own = weeks.get((lot.supplier_id, lot.domain.pool.accelerator_type_id))
        lead = lot.supplier.lead_time_p50_weeks if own is None else own
        ordered = lot.ordered_date or (_today() if lot.state == "planned" else None)
        if lead is None or ordered is None or lot.p50_date is None:
            continue
        soonest = ordered + timedelta(weeks=lead)
        if lot.p50_date < soonest:
            message = (
                f"Lot {lot.key} is inside lead time: ordered on {ordered}, {lot.supplier.name} takes {lead} weeks (P50), "
                f"until {soonest}, not {lot.p50_date}."
            )
            yield _warn(row, "p50_date", "inside_lead_time", message)


def repeated_deliveries(rows: Sequence[Row]) -> Iterator[Issue]:
    """Two lots of one order, place, size and date are one delivery written twice: refused, with both named."""
    for row, lot in _lots(rows):
        if not lot.purchase_order or lot.serial_ref:
            # Two deliveries with serial references of their own are two deliveries; the database tells those apart.
            continue
        twin = (
            Lot.objects.filter(
                supplier=lot.supplier_id,
                purchase_order=lot.purchase_order,
                domain=lot.domain_id,
                accelerators=lot.accelerators,
                p50_date=lot.p50_date,
                accepted_date=lot.accepted_date,
            )
            .exclude(pk=lot.pk)
            .order_by("key")
            .first()
        )
        if twin is not None and (lot.accepted_date or lot.p50_date):
            message = (
                f"Lots {lot.key} and {twin.key} are the same delivery: order {lot.purchase_order}, {lot.accelerators} "
                "accelerators, the same place and date. Keep one, or give each its serial reference."
            )
            yield _warn(row, "purchase_order", "repeated_delivery", message, severity=ERROR)


# --- moves -----------------------------------------------------------------------------------------------------------


def impossible_moves(rows: Sequence[Row]) -> Iterator[Issue]:
    """A move of more than the lot has elsewhere, before it arrives, after it leaves, or to another kind: refused."""
    named = _by_key(rows, "lot")
    for lot in _lots_with_moves(named):
        written = {(row.values.get("starts_date"), row.values.get("to_pool"), row.values.get("to_domain")): row
                   for row in rows if row.values.get("lot") == lot.key}  # fmt: skip
        for refused in [*_refused_moves(lot), *_moves_to_another_type(lot)]:
            move = refused.move
            row = written.get((move.starts_date, move.to_pool_key, move.to_domain_key), named[lot.key])
            column = "accelerators" if refused.code == "move_exceeds_lot" else "starts_date"
            column = "to_pool" if refused.code == "move_changes_type" else column
            yield _warn(row, column, refused.code, refused.message, severity=ERROR)


def moves_left_behind(rows: Sequence[Row]) -> Iterator[Issue]:
    """A lot's new date or size may leave its moves without what they move: said, not refused, for a delay is a fact."""
    named = _by_key(rows)
    for lot in _lots_with_moves(named):
        for refused in _refused_moves(lot):
            yield _warn(named[lot.key], "key", refused.code, f"{refused.message} See the lot's moves.")


def _lots_with_moves(keys: Iterable[str]) -> Iterator[Lot]:
    found = Lot.objects.filter(key__in=list(keys), moves__isnull=False).distinct().order_by("key")
    yield from found.select_related("domain__pool").prefetch_related("moves__to_domain__pool")


def _moves_of(lot: Lot) -> list[MoveFacts]:
    return [
        MoveFacts(
            lot_key=lot.key,
            starts_date=move.starts_date,
            accelerators=move.accelerators,
            to_pool_key=move.to_domain.pool.key,
            to_domain_key=move.to_domain.key,
        )
        for move in lot.moves.all()
    ]


def _refused_moves(lot: Lot) -> list[RefusedMove]:
    _, refused = stays_of_lot(
        home=(lot.domain.pool.key, lot.domain.key),
        accelerators=lot.accelerators,
        arrives_date=lot.accepted_date or lot.p50_date or lot.p90_date or date.min,
        leaves_date=lot.ends_date,
        moves=_moves_of(lot),
    )
    return refused


def _moves_to_another_type(lot: Lot) -> Iterator[RefusedMove]:
    types = {move.to_domain.pool.key: move.to_domain.pool.accelerator_type_id for move in lot.moves.all()}
    for move in _moves_of(lot):
        if types[move.to_pool_key] != lot.domain.pool.accelerator_type_id:
            message = f"Pool {move.to_pool_key} is of another accelerator type than lot {lot.key}."
            yield RefusedMove(move=move, code="move_changes_type", message=message)


# --- money -----------------------------------------------------------------------------------------------------------


def silicon_share_of_rates(rows: Sequence[Row]) -> Iterator[Issue]:
    yield from _silicon({(row.values.get("key"), row.values.get("starts_date")): row for row in reversed(rows)})


def silicon_share_of_lines(rows: Sequence[Row]) -> Iterator[Issue]:
    yield from _silicon({(row.values.get("rate"), row.values.get("rate_starts_date")): row for row in reversed(rows)})


def _silicon(named: Mapping[tuple[object, object], Row]) -> Iterator[Issue]:
    """The accelerator's share of the whole cost of owning it: outside 30–45 % a line is probably missing."""
    for card in _cards():
        row = named.get((card.key, card.starts_date))
        if row is None or card.silicon_share is None:
            continue
        if not SILICON_LEAST <= card.silicon_share <= SILICON_MOST:
            message = (
                f"The accelerator itself is {card.silicon_share:.1%} of what rate {card.key} costs over its life; "
                "30 % to 45 % is usual. The cost model probably leaves out a line."
            )
            yield _warn(row, "", "silicon_share", message)


def _cards() -> list[RateCard]:
    return rate_cards(tables=cost_input_rows(), as_of=_today())


def without_fx_rate(rows: Sequence[Row]) -> Iterator[Issue]:
    """Without an exchange rate on or before today the cost in dollars is unknown."""
    named = {(row.values.get("key"), row.values.get("starts_date")): row for row in reversed(rows)}
    wanted = CostRate.objects.exclude(currency="USD").filter(key__in={key for key, _ in named})
    yield from _currencies((named.get((rate.key, rate.starts_date)), rate.currency) for rate in wanted)


def amounts_in_another_currency(rows: Sequence[Row]) -> Iterator[Issue]:
    """Said once a file and currency: charges come by the thousand."""
    first: dict[tuple[str, str], Row] = {}
    for row in rows:
        currency = str(row.values.get("currency") or "USD")
        if currency != "USD":
            first.setdefault((row.file, currency), row)
    yield from _currencies((row, currency) for (_, currency), row in first.items())


def _currencies(rows: Iterable[tuple[Row | None, str]]) -> Iterator[Issue]:
    known = set(FxRate.objects.filter(as_of_date__lte=_today()).values_list("currency", flat=True))
    for row, currency in rows:
        if row is not None and currency not in known:
            message = f"There is no exchange rate for {currency} up to today: amounts in it are unknown in US dollars."
            yield _warn(row, "currency", "no_fx_rate", message)


def charges_in_the_future(rows: Sequence[Row]) -> Iterator[Issue]:
    """A bill is for what was: refused. A day of grace, because it may already be tomorrow where the bill was made."""
    latest = _today() + _TOMORROW
    for row in rows:
        day = row.values.get("day")
        if isinstance(day, date) and day > latest:
            message = f"{day} is in the future: a charge is for a day that has passed."
            yield _warn(row, "day", "in_the_future", message, severity=ERROR)
