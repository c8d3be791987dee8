"""What is odd or wrong in contract rows beyond one row's own limits: terms, caps, tiers, regions, pins, age of figures.

Each check runs inside the import's transaction, after its table is written, so it reads rows of the files and rows
that were there alike. Errors keep the whole import out; warnings are kept with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q

from capacity.imports import clock
from capacity.imports.tabular import ERROR, WARNING, Issue, Row
from capacity.inventory.models import Pool
from capacity.lib.units import SECONDS_PER_MINUTE, SECONDS_PER_MONTH, exact
from contracts.models import CommitStep, Contract, PriceLine, SlaLine
from contracts.write_rules import IN_FORCE
from workloads.models import ThroughputProfile

CAPPED_BY_NATURE = {"provisioned_throughput", "dedicated_accelerators", "token_bundles"}
OLD_AFTER = timedelta(weeks=13)
ENDS_SOON = timedelta(weeks=26)

# An amendment ends the version before it while it is signed, so before it is itself in force.
_TAKES_OVER = {"approved", "ended"}

Place = tuple[Any, Any]


def today() -> date:
    """The day the checks hold figures against."""
    return clock.now().date()


def contract_checks(rows: Sequence[Row]) -> Iterator[Issue]:
    """Everything said about contract versions, row by row."""
    numbered = {(row.values.get("key"), row.values.get("version") or 1): row for row in rows}
    regions = set(Pool.objects.values_list("site__region", flat=True))
    for place, contract in _contracts(numbered).items():
        row = numbered[place]
        for check in (_uncapped, _fair_use, _old_use, _renewal, _pin, _burndown, _seats):
            yield from check(contract, row)
        yield from _no_pool(contract, row, regions)
        yield from _steps_outside(contract, row)
        yield from _cap_below_commitment(contract, row)
        if contract.state in IN_FORCE:
            yield from _prices_overlap(contract, row, "starts_date")


def step_checks(rows: Sequence[Row]) -> Iterator[Issue]:
    """Steps outside the term and caps below what is committed, said where the step is written."""
    for contract, row in _with_contract(rows):
        starts = row.values.get("starts_date")
        if isinstance(starts, date) and not contract.starts_date <= starts < contract.ends_date:
            said = (
                f"The step starts on {starts}, outside the contract's term {contract.starts_date} to "
                f"{contract.ends_date}."
            )
            yield _outside(contract, row, "starts_date", starts, said)
        yield from _cap_below_commitment(contract, row, column="quantity")


def price_checks(rows: Sequence[Row]) -> Iterator[Issue]:
    """Prices outside the term, tiers that do not fit together, and bills that fall at a tier."""
    seen = set()
    for contract, row in _with_contract(rows):
        yield from _price_outside(contract, row)
        kind = str(row.values.get("kind"))
        if (contract.pk, kind) not in seen:
            seen.add((contract.pk, kind))
            yield from _prices_overlap(contract, row, "starts_date", kind=kind)
    for line, row in _price_groups(rows).items():
        yield from _tiers(line, row)


def sla_checks(rows: Sequence[Row]) -> Iterator[Issue]:
    """Tiers of one metric exclude each other, so their chances are at most 1 together."""
    seen = set()
    for contract, row in _with_contract(rows):
        place = (contract.pk, row.values.get("metric"), row.values.get("region") or "")
        if place in seen:
            continue
        seen.add(place)
        lines = SlaLine.objects.filter(contract=contract, metric=place[1], region=place[2], chance__isnull=False)
        total = sum((line.chance for line in lines if line.chance is not None), Decimal(0))
        if total > 1:
            said = f"The chances of the {place[1]} tiers sum to {total.normalize():f}, which is more than 1."
            yield _issue(row, "chances_above_one", "chance", said, severity=ERROR)


def _contracts(numbered: dict[Place, Row]) -> dict[Place, Contract]:
    """The rows as the database has them now; rows that were refused are not there."""
    keys = {key for key, _ in numbered if key is not None}
    found = Contract.objects.filter(key__in=keys).select_related(
        "workload__model_version", "pinned_model_version", "usage_profile"
    )
    return {(each.key, each.version): each for each in found if (each.key, each.version) in numbered}


def _with_contract(rows: Sequence[Row]) -> Iterator[tuple[Contract, Row]]:
    keys = {row.values.get("contract") for row in rows}
    known: dict[Place, Contract] = {(each.key, each.version): each for each in Contract.objects.filter(key__in=keys)}
    for row in rows:
        contract = known.get((row.values.get("contract"), row.values.get("version")))
        if contract is not None:
            yield contract, row


def _uncapped(contract: Contract, row: Row) -> Iterator[Issue]:
    """A side that is used without a rate limit, no fair use, no P95 use: what could be used has no bound we know."""
    if contract.shape in CAPPED_BY_NATURE:
        return
    sides = (
        (contract.rate_limit_input_tokens_per_minute, _filled(contract, "input_tokens_per_second")),
        (contract.rate_limit_output_tokens_per_minute, _filled(contract, "output_tokens_per_second")),
    )
    is_limited = any(limit is not None for limit, _ in sides) and all(
        limit is not None or used == 0 for limit, used in sides
    )
    bounds = (contract.fair_use_tokens_per_month, _filled(contract, "p95_multiple"))
    if not is_limited and all(bound is None for bound in bounds):
        yield _issue(
            row,
            "uncapped_exposure",
            "rate_limit_input_tokens_per_minute",
            "No P95 use, and no rate limit on each side that is used: the exposure of this contract is uncapped.",
        )


def _fair_use(contract: Contract, row: Row) -> Iterator[Issue]:
    """Fair use below what is expected: one of the two is wrong, or expected use will not come."""
    fair = contract.fair_use_tokens_per_month
    used = [_filled(contract, f"{side}_tokens_per_second") for side in ("input", "output")]
    if fair is None or None in used:
        return
    allowed, expected = fair * (contract.seats or 1), sum(used) * SECONDS_PER_MONTH
    if allowed < expected:
        yield _issue(
            row,
            "fair_use_below_use",
            "fair_use_tokens_per_month",
            f"Fair use allows {allowed / 10**6:,.0f} million tokens a month in all, expected use is "
            f"{expected / 10**6:,.0f} million: heavy use is counted at fair use.",
        )


def _filled(contract: Contract, column: str) -> Any:
    """The contract's own figure, else its usage profile's."""
    own = getattr(contract, column)
    return getattr(contract.usage_profile, column) if own is None and contract.usage_profile else own


def _old_use(contract: Contract, row: Row) -> Iterator[Issue]:
    if contract.state not in IN_FORCE:
        return
    own = contract.input_tokens_per_second is not None or contract.output_tokens_per_second is not None
    profile = contract.usage_profile
    taken = contract.usage_date if own or profile is None else profile.measured_date
    if taken is not None and today() - taken > OLD_AFTER:
        yield _issue(
            row, "old_usage", "usage_date", f"The expected use is of {taken}, older than 13 weeks. Measure it again."
        )


def _renewal(contract: Contract, row: Row) -> Iterator[Issue]:
    ends_soon = today() <= contract.ends_date <= today() + ENDS_SOON
    if contract.state in IN_FORCE and ends_soon and contract.renewal_probability is None:
        yield _issue(
            row,
            "renewal_unknown",
            "renewal_probability",
            f"The contract ends on {contract.ends_date} and says nothing about its renewal.",
        )


def _pin(contract: Contract, row: Row) -> Iterator[Issue]:
    model = contract.pinned_model_version
    if model is None or model.retire_date is None:
        return
    ends = min(contract.pin_ends_date or contract.ends_date, contract.ends_date)
    if model.retire_date < ends:
        yield _issue(
            row,
            "pinned_past_retirement",
            "pin_ends_date",
            f"{model.name} retires on {model.retire_date}, the pin ends on {ends}: until then the contract keeps "
            "replicas of its own. The plan states their premium: own need less what the shared pool would add.",
        )


def _burndown(contract: Contract, row: Row) -> Iterator[Issue]:
    """The unit's output weight against prefill ÷ decode of every profile that may serve it."""
    if contract.shape != "provisioned_throughput" or contract.unit_output_weight is None or contract.workload is None:
        return
    model = contract.pinned_model_version or contract.workload.model_version
    latency_class = contract.latency_class or contract.workload.latency_class
    profiles = ThroughputProfile.objects.filter(model_version=model, latency_class=latency_class)
    ratios = [
        exact(profile.prefill_tokens_per_second) / exact(profile.decode_tokens_per_second) for profile in profiles
    ]
    if ratios and exact(contract.unit_output_weight) < min(ratios):
        yield _issue(
            row,
            "burndown_mismatch",
            "unit_output_weight",
            f"An output token is at least {float(min(ratios)):.1f} input tokens' work on {model.name} but counts as "
            f"{contract.unit_output_weight:f}: output is under-priced.",
        )


def _seats(contract: Contract, row: Row) -> Iterator[Issue]:
    if contract.shape == "seats" and contract.seats is None:
        has_steps = CommitStep.objects.filter(contract=contract, kind="seats").exists()
        if not has_steps:
            yield _issue(
                row, "no_seats", "seats", "Seats without a number: give it here or as a commitment of kind seats."
            )


def _no_pool(contract: Contract, row: Row, regions: set[str]) -> Iterator[Issue]:
    if contract.regions and regions and not regions.intersection(contract.regions):
        yield _issue(
            row,
            "no_pool_in_region",
            "regions",
            f"No pool lies in {' or '.join(contract.regions)}: the whole need of this contract will be short.",
        )


def _steps_outside(contract: Contract, row: Row) -> Iterator[Issue]:
    outside = Q(starts_date__lt=contract.starts_date) | Q(starts_date__gte=contract.ends_date)
    for step in CommitStep.objects.filter(outside, contract=contract).order_by("starts_date"):
        said = f"The {step.kind} step of {step.starts_date} would lie outside the term. Move or remove it first."
        yield _outside(contract, row, "ends_date", step.starts_date, said)


def _outside(contract: Contract, row: Row, column: str, starts: date, said: str) -> Issue:
    """A step outside the term that was agreed is an error. Of a version that an amendment ended, what was to come later
    stays as it was worded: it counts no more."""
    successor = _successor(contract) if starts >= contract.ends_date else None
    if successor is None:
        return _issue(row, "step_outside_term", column, said, severity=ERROR)
    counts = f"The step of {starts} counts no more: version {successor} takes over on {contract.ends_date}."
    return _issue(row, "step_superseded", column, counts)


def _successor(contract: Contract) -> int | None:
    """The version that takes over where this one ends: it binds us, or finance has approved it."""
    after = Contract.objects.filter(key=contract.key, starts_date=contract.ends_date, state__in=IN_FORCE | _TAKES_OVER)
    return after.order_by("version").values_list("version", flat=True).first()


def _cap_below_commitment(contract: Contract, row: Row, column: str = "") -> Iterator[Issue]:
    """A rate limit that does not let the customer take what is committed: tokens a month or bundles."""
    limits = {
        "input_bundles": (contract.rate_limit_input_tokens_per_minute, contract.unit_tokens_per_minute),
        "output_bundles": (contract.rate_limit_output_tokens_per_minute, contract.unit_output_tokens_per_minute),
        "throughput_units": (contract.rate_limit_input_tokens_per_minute, contract.unit_tokens_per_minute),
    }
    for step in CommitStep.objects.filter(contract=contract).order_by("kind", "starts_date"):
        if column and (step.kind, step.starts_date) != (row.values.get("kind"), row.values.get("starts_date")):
            continue
        most, size = limits.get(step.kind, (None, None))
        committed = None if most is None or size is None else exact(step.quantity) * size
        if step.kind == "tokens_month":
            most, committed = _monthly_limit(contract), exact(step.quantity) * SECONDS_PER_MINUTE / SECONDS_PER_MONTH
        if most is not None and committed is not None and most < committed:
            yield _issue(
                row,
                "cap_below_commitment",
                column or "rate_limit_input_tokens_per_minute",
                f"The rate limit lets {float(most):,.0f} tokens a minute through, the commitment of {step.kind} from "
                f"{step.starts_date} is {float(committed):,.0f}.",
                severity=ERROR,
            )


def _monthly_limit(contract: Contract) -> int | None:
    sides = (contract.rate_limit_input_tokens_per_minute, contract.rate_limit_output_tokens_per_minute)
    return None if None in sides else sum(side for side in sides if side is not None)


def _price_outside(contract: Contract, row: Row) -> Iterator[Issue]:
    starts, ends = row.values.get("starts_date"), row.values.get("ends_date")
    if not isinstance(starts, date):
        return
    if starts >= contract.ends_date or (isinstance(ends, date) and ends <= contract.starts_date):
        yield _issue(
            row,
            "price_outside_term",
            "starts_date",
            f"The price never holds: the contract runs from {contract.starts_date} to {contract.ends_date}.",
        )


def _prices_overlap(contract: Contract, row: Row, column: str, *, kind: str = "") -> Iterator[Issue]:
    """Two price lists of one kind that hold on one day: the same use has two prices. Of what is signed an error.

    Lines of one kind and start are one list in tiers; two of one tier on one day the database itself refuses.
    """
    ends: dict[str, tuple[date, date | None]] = {}
    lines = PriceLine.objects.filter(contract=contract).order_by("kind", "starts_date", "tier_from")
    for line in lines.filter(kind=kind) if kind else lines:
        starts, until = ends.get(line.kind, (line.starts_date, line.starts_date))
        if line.starts_date != starts and (until is None or until > line.starts_date):
            yield _issue(
                row,
                "prices_overlap",
                column,
                f"The {line.kind} prices of {starts} and {line.starts_date} both hold on {line.starts_date}: the same "
                "use has two prices. End the one as the other starts.",
                severity=ERROR if contract.state in IN_FORCE else WARNING,
            )
        latest = None if until is None or line.ends_date is None else max(until, line.ends_date)
        ends[line.kind] = (line.starts_date, latest)


Group = tuple[Any, ...]


def _price_groups(rows: Sequence[Row]) -> dict[Group, Row]:
    """(contract, version, kind, start) → the first row of the files that belongs to it."""
    found: dict[Group, Row] = {}
    for row in rows:
        values = row.values
        found.setdefault(tuple(values.get(name) for name in ("contract", "version", "kind", "starts_date")), row)
    return found


def _tiers(group: Group, row: Row) -> Iterator[Issue]:
    contract, version, kind, starts = group
    lines = list(
        PriceLine.objects.filter(
            contract__key=contract, contract__version=version, kind=kind, starts_date=starts
        ).order_by("tier_from")
    )
    if not lines or (len(lines) == 1 and lines[0].tier_from == 0):
        return
    if lines[0].tier_from != 0:
        yield _issue(
            row,
            "first_tier_missing",
            "tier_from",
            f"The {kind} price of {starts} has no tier from 0: what is below {lines[0].tier_from:f} has no price.",
        )
    if len({(line.tier_mode, line.ends_date) for line in lines}) > 1:
        yield _issue(
            row,
            "tiers_disagree",
            "tier_mode",
            f"The tiers of the {kind} price of {starts} differ in their mode or end. Give all of them the same.",
            severity=ERROR,
        )
    if lines[0].tier_mode == "volume":
        for lower, upper in zip(lines, lines[1:], strict=False):
            if upper.price < lower.price:
                yield _issue(
                    row,
                    "volume_cliff",
                    "price",
                    f"Above {upper.tier_from:f} the whole quantity is billed at a lower price: using a little more "
                    "makes the bill fall.",
                )


def _issue(row: Row, code: str, column: str, message: str, *, severity: str = WARNING) -> Issue:
    return Issue(file=row.file, row=row.number, code=code, column=column, message=message, severity=severity)
