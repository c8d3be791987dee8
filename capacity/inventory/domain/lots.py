"""Which lots count, from which day and which week on, and why one does not (methods: Which lots count).

One lot at a time and all of them together; how counted lots become allocatable supply is in supply.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from capacity.inventory.domain.facts import CountRule, LotFacts, LotState, Severity, SupplyIssue, SupplyPolicy
from capacity.inventory.domain.moves import MoveFacts, stays_of_lot
from capacity.lib.horizon import Week


@dataclass(frozen=True, kw_only=True, slots=True)
class LotService:
    """When a lot serves: in service on `from_date`, counted for the weeks `[first_week, end_week)`."""

    lot: LotFacts
    domain_key: str | None
    from_date: date
    basis: str
    first_week: Week
    end_week: Week | None
    end_basis: str = "ends"

    def counts_in(self, week: Week) -> bool:
        return self.first_week <= week and (self.end_week is None or week < self.end_week)

    @property
    def billed_from(self) -> date:
        return self.lot.billed_from_date or self.from_date


def serve_lots(
    *,
    lots: Iterable[LotFacts],
    domain_keys: Mapping[str, Sequence[str | None]],
    as_of: date,
    policy: SupplyPolicy,
    moves: Iterable[MoveFacts] = (),
) -> tuple[list[LotService], list[SupplyIssue]]:
    """Every lot that is ever in service, in key order, and an issue for every one that is not as written.

    A lot with moves is several services, of one key, that sum to it on every day (methods: Moves).
    """
    moves_of: dict[str, list[MoveFacts]] = {}
    for move in moves:
        moves_of.setdefault(move.lot_key, []).append(move)
    services: list[LotService] = []
    issues: list[SupplyIssue] = []
    seen: set[str] = set()
    for lot in sorted(lots, key=lambda lot: (lot.key, lot.pool_key, lot.starts_date or date.min)):
        if lot.key in seen:
            issues.append(_error(lot, "duplicate_lot", f"Lot {lot.key} is given twice; only one row of it counts."))
            continue
        seen.add(lot.key)
        placed = _place(lot, domain_keys)
        if isinstance(placed, SupplyIssue):
            issues.append(placed)
            continue
        service, found = serve_lot(lot=lot, domain_key=placed[0], as_of=as_of, policy=policy)
        issues += found
        if service is not None:
            parts, found = _split_by_moves(service, moves_of.get(lot.key, []), domain_keys)
            services += parts
            issues += found
    return services, issues


def _split_by_moves(
    service: LotService, moves: Sequence[MoveFacts], domain_keys: Mapping[str, Sequence[str | None]]
) -> tuple[list[LotService], list[SupplyIssue]]:
    """The lot's service in parts, one for each stay in a place; itself where nothing moves."""
    lot, issues = service.lot, []
    known = []
    for move in moves:
        if move.to_domain_key in domain_keys.get(move.to_pool_key, ()):
            known.append(move)
        else:
            message = f"Lot {lot.key} moves to {move.to_pool_key}/{move.to_domain_key}, which does not exist: it stays."
            issues.append(_error(lot, "unknown_domain", message))
    if not known:
        return [service], issues
    stays, refused = stays_of_lot(
        home=(lot.pool_key, service.domain_key),
        accelerators=lot.accelerators,
        arrives_date=service.from_date,
        leaves_date=lot.ends_date,
        moves=known,
    )
    issues += [_warning(lot, each.code, each.message) for each in refused]
    return [
        replace(
            service,
            lot=replace(
                lot,
                pool_key=stay.place[0],
                domain_key=stay.place[1],
                accelerators=stay.accelerators,
                ends_date=stay.ends_date,
                # Only the part that came first keeps a billing day of its own.
                billed_from_date=None if stay.moved_in else lot.billed_from_date,
            ),
            domain_key=stay.place[1],
            from_date=stay.starts_date,
            basis="moved" if stay.moved_in else service.basis,
            first_week=Week.starting_on_or_after(stay.starts_date),
            end_week=None if stay.ends_date is None else Week.containing(stay.ends_date),
            end_basis="moved" if stay.moved_out else "ends",
        )
        for stay in stays
    ], issues


def _place(lot: LotFacts, domain_keys: Mapping[str, Sequence[str | None]]) -> tuple[str | None] | SupplyIssue:
    """The lot's domain, as a 1-tuple (a pool without domains has the domain None), or why it has none."""
    if lot.pool_key not in domain_keys:
        return _error(lot, "unknown_pool", f"Lot {lot.key} names the pool {lot.pool_key}, which does not exist.")
    if lot.accelerators <= 0:
        return _error(
            lot, "not_positive", f"Lot {lot.key} has {lot.accelerators} accelerators; it must have 1 or more."
        )
    keys = domain_keys[lot.pool_key]
    if lot.domain_key in keys:
        return (lot.domain_key,)
    if lot.domain_key is None and len(keys) == 1:
        return (keys[0],)
    if lot.domain_key is None:
        names = ", ".join(str(key) for key in keys)
        return _error(lot, "domain_missing", f"Lot {lot.key} must name its network domain, one of {names}.")
    return _error(
        lot, "unknown_domain", f"Lot {lot.key} names the domain {lot.domain_key}, which pool {lot.pool_key} lacks."
    )


def serve_lot(
    *, lot: LotFacts, domain_key: str | None, as_of: date, policy: SupplyPolicy
) -> tuple[LotService | None, list[SupplyIssue]]:
    """When a lot is in service and counts, or None with the reason. (methods: Which lots count)

    Capacity counts from the first Monday on or after the in-service date to the last whole week before `ends_date`.
    """
    from_date, basis, issues = _in_service(lot, as_of=as_of, policy=policy)
    if from_date is None:
        return None, issues
    if lot.starts_date is not None and lot.starts_date > from_date:
        from_date = lot.starts_date
    if lot.ends_date is not None and lot.ends_date <= from_date:
        message = f"Lot {lot.key} ends on {lot.ends_date}, not after it starts on {from_date}: it never counts."
        return None, [*issues, _error(lot, "retired_before_delivery", message)]
    service = LotService(
        lot=lot,
        domain_key=domain_key,
        from_date=from_date,
        basis=basis,
        first_week=Week.starting_on_or_after(from_date),
        end_week=None if lot.ends_date is None else Week.containing(lot.ends_date),
    )
    return service, issues


def _in_service(lot: LotFacts, *, as_of: date, policy: SupplyPolicy) -> tuple[date | None, str, list[SupplyIssue]]:
    rule = policy.rule(lot.state)
    if rule is CountRule.NEVER:
        return None, "", []
    if lot.state is LotState.RETIRED and (lot.ends_date is None or lot.accepted_date is None):
        return None, "", []
    if rule is CountRule.FULLY:
        return _in_service_now(lot, as_of=as_of)
    expected, name = (lot.p50_date, "p50") if rule is CountRule.P50_DATE else (lot.p90_date, "p90")
    if expected is None:
        message = f"Lot {lot.key} is {lot.state} without a {name.upper()} delivery date: it does not count."
        return None, name, [_warning(lot, "delivery_date_missing", message)]
    if expected < as_of:
        message = (
            f"Lot {lot.key} ({lot.accelerators} accelerators) was expected on {expected} and is not accepted: "
            "it is treated as not there until it has a new date."
        )
        return None, name, [_warning(lot, "late", message)]
    return expected, name, []


def _in_service_now(lot: LotFacts, *, as_of: date) -> tuple[date | None, str, list[SupplyIssue]]:
    """Installed and accepted lots count fully; one without an acceptance date counts from its start, or this week."""
    if lot.accepted_date is not None:
        return lot.accepted_date, "accepted", []
    since = lot.starts_date or Week.containing(as_of).start
    message = f"Lot {lot.key} is {lot.state} without an acceptance date: it counts from {since}, its cost too."
    return since, "installed", [_warning(lot, "acceptance_date_missing", message)]


def _error(lot: LotFacts, code: str, message: str) -> SupplyIssue:
    return SupplyIssue(code=code, severity=Severity.ERROR, message=message, pool_key=lot.pool_key, lot_key=lot.key)


def _warning(lot: LotFacts, code: str, message: str) -> SupplyIssue:
    return SupplyIssue(code=code, severity=Severity.WARNING, message=message, pool_key=lot.pool_key, lot_key=lot.key)
