"""The workload map, the requests without a place and the list of what the plan had to assume, as rows. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.allocation.domain.solution import Unplaced
from capacity.imports.rows import decimal_text
from capacity.inventory.inputs import BASE_CURRENCY, fx_in_force
from capacity.lib.money import to_decimal
from capacity.lib.units import exact
from capacity.review.cards import is_choice, missing_justification, missing_on_card
from capacity.review.map_use_rows import MAP_WEEKS, Use
from capacity.review.plan_rows import PlanRows
from capacity.review.promise_rows import blocking_words, promise_issues, unkept_issue
from capacity.review.reasons import change_row, engine_issue, reason_sentence, recalled, warning_issue, without_pools
from capacity.review.running_rows import overdue_issues
from contracts.inputs import ContractInForce
from contracts.remarks import Remarks

Row = dict[str, Any]


def workload_rows(rows: PlanRows, uses: Sequence[Use]) -> list[Row]:
    """One line a workload card: what it takes now and on average over 13 weeks, what it costs, what the card lacks.

    uses: the same plan's map_use_rows.uses_of.
    """
    use = _use_by_workload(rows, uses)
    sized = {rows.workload_of(key) for key in rows.demands}
    unsized = {each.key for each in rows.plan.unsized if each.kind == "workload"}
    contracts: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for contract in rows.plan.contracts:
        if contract.workload is not None:
            contracts[contract.workload["key"]].add((contract.row["key"], contract.row["version"]))
    found = []
    for card in rows.tables["workloads"]:
        model = rows.models[card["model_version"]]
        is_frontier = model["model_tier"] == "frontier"
        missing = missing_on_card(card=card, models=rows.models, as_of=rows.plan.inputs.as_of)
        is_sized = card["key"] in sized and card["key"] not in unsized
        mine = use.get(card["key"])
        found.append(
            {
                "workload_key": card["key"],
                "name": card["name"],
                "model_tier": model["model_tier"],
                "model_name": model["name"],
                "latency_class": card["latency_class"],
                "purpose": card["purpose"] if is_choice(missing) else "no_choice",
                "stated_purpose": card["purpose"],
                "owner_role": card["owner_role"],
                "missing": missing,
                "is_sized": is_sized,
                "is_frontier_explained": (
                    not missing_justification(card=card, as_of=rows.plan.inputs.as_of) if is_frontier else None
                ),
                "smaller_tier_tested": card["smaller_tier_tested"],
                "accelerators_now": _part(mine, "now", is_sized),
                "accelerators_mean": _part(mine, "mean", is_sized),
                "h100e_now": _part(mine, "h100e", is_sized),
                "usd_per_week": None if mine is not None and mine.get("unknown") else _part(mine, "usd", is_sized),
                "contracts": len(contracts[card["key"]]),
            }
        )
    return found


def _part(use: dict[str, Fraction] | None, name: str, is_sized: bool) -> Decimal | None:
    """A sized workload that got nothing has zero; an unsized one has no number."""
    if not is_sized:
        return None
    return to_decimal(use.get(name, Fraction(0)) if use else Fraction(0))


def _use_by_workload(rows: PlanRows, uses: Sequence[Use]) -> dict[str, dict[str, Fraction]]:
    """workload → accelerators now and on average, H100e now and cost now; `unknown` where a rate is missing."""
    found: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    types = {key: exact(row["h100e_factor"]) for key, row in rows.types.items()}
    first = rows.weeks[0]
    for use in uses:
        mine = found[use.workload_key]
        mine["mean"] += use.exact_accelerators / MAP_WEEKS
        if use.week != first:
            continue
        mine["now"] += use.exact_accelerators
        mine["h100e"] += use.exact_accelerators * types[rows.pools[use.pool_key]["accelerator_type"]]
        if use.exact_usd is None:
            mine["unknown"] = Fraction(1)
        else:
            mine["usd"] += use.exact_usd
    return found


def unplaced_rows(rows: PlanRows) -> list[Row]:
    """Requests without a place, each with its sentence and smallest changes."""
    names = {pool["key"]: pool["name"] for pool in rows.tables["pools"]}
    return [
        {
            **rows.request_columns(each.key),
            "accelerators": rows.experiments[each.key]["accelerators"],
            "weeks": rows.experiments[each.key]["weeks"],
            **_reason(rows, each),
            "week": each.week.key if each.week else "",
            "needed": each.needed,
            "free": each.free,
            "short_by": each.short_by,
            "blockers": [{"key": blocker.key, "accelerators": blocker.accelerators} for blocker in each.blockers],
            "smallest_changes": [change_row(change, names) for change in each.smallest_changes],
        }
        for each in rows.plan.solution.unplaced
    ]


def _reason(rows: PlanRows, each: Unplaced) -> Row:
    """Reason and sentence. The plan only knows that there is no pool; why not stands in the request."""
    if each.reason != "region":
        sentence = reason_sentence(each, blocking_words(rows, each))
        return {"reason": each.reason, "sentence": recalled(sentence) if each.key in rows.runs else sentence}
    reason, sentence = without_pools(request=rows.experiments[each.key], pools=rows.tables["pools"])
    return {"reason": reason, "sentence": sentence}


def issue_rows(rows: PlanRows, *, contracts: Sequence[ContractInForce] | None = None) -> list[Row]:
    """Everything the plan left out or assumed: supply issues, unsized needs, unknown costs, engine issues.

    contracts: as they were measured, those without terms that cannot be billed among them; by default the plan's.
    """
    found = [
        {"code": issue.code, "subject": issue.lot_key or issue.pool_key, "sentence": issue.message}
        for issue in rows.plan.calendar.issues
    ]
    found += [
        {"code": f"unsized_{each.kind}", "subject": each.key, "sentence": each.sentence} for each in rows.plan.unsized
    ]
    unknown: dict[tuple[str, str], int] = defaultdict(int)
    for (pool, _week), cost in rows.plan.costs.items():
        for lot in cost.unknown_lots:
            unknown[pool, lot] += 1
    found += [
        {
            "code": "unknown_cost",
            "subject": lot,
            "sentence": f"Lot {lot} in {pool} has no complete cost rate in {weeks} of {len(rows.weeks)} weeks: the cost of "
            "the pool is unknown in them, not zero. Add a dated cost rate with every component.",
        }
        for (pool, lot), weeks in sorted(unknown.items())
    ]
    found += Remarks(
        contracts=rows.plan.contracts if contracts is None else contracts,
        classes=rows.plan.classes,
        rates=rows.fallback_rates,
        models=rows.models,
        policy=rows.plan.policy,
        horizon=rows.horizon,
        as_of=rows.plan.inputs.as_of,
    ).rows()
    for row in rows.tables["pools"]:
        if not any(domain["pool"] == row["key"] for domain in rows.tables["network_domains"]):
            found.append(
                {
                    "code": "pool_without_domain",
                    "subject": row["key"],
                    "sentence": f"Pool {row['key']} has no network domain, so it can hold no lot.",
                }
            )
    found += [*_currencies(rows), *_waivers(rows), *overdue_issues(rows), *promise_issues(rows)]
    found += [
        unkept_issue(rows, issue) if issue.key in rows.promises else engine_issue(issue)
        for issue in rows.plan.solution.issues
    ]
    found += [warning_issue(warning) for warning in rows.plan.solution.warnings]
    unique = {(row["code"], row["subject"], row["sentence"]): row for row in found}
    return [unique[key] for key in sorted(unique)]


def _currencies(rows: PlanRows) -> list[Row]:
    """For each cost rate in another currency that a lot names: the exchange rate used with its day, or that none is known."""
    named = {row["cost_rate_key"] for row in rows.tables["lots"]}
    in_use = {row["key"]: row["currency"] for row in rows.tables["cost_rates"] if row["key"] in named}
    used = fx_in_force(rows=rows.tables.get("fx_rates", ()), as_of=rows.plan.inputs.as_of)
    found = []
    for key, currency in sorted(in_use.items()):
        if currency == BASE_CURRENCY:
            continue
        fx = used.get(currency)
        code, sentence = "rate_in_currency", f"Cost rate {key} is in {currency}: "
        if fx is None:
            code = "no_fx_rate"
            sentence += (
                f"there is no exchange rate on or before {rows.plan.inputs.as_of}, so its cost is unknown, not zero."
            )
        else:
            sentence += f"turned into US dollars at {decimal_text(fx.usd_per_unit)}, the rate of {fx.as_of_date}."
        found.append({"code": code, "subject": key, "sentence": sentence})
    return found


def _waivers(rows: PlanRows) -> list[Row]:
    """Each waiver that lowers a floor inside the horizon, with the decision that grants it."""
    horizon = rows.plan.inputs.horizon
    return [
        {
            "code": "floor_waived",
            "subject": floor.key,
            "sentence": f"Floor {floor.name} is lowered by {waiver.accelerators} accelerators from {waiver.starts_date} "
            f"until {waiver.ends_date} by decision D-{waiver.decision_number} (waiver {waiver.key}).",
        }
        for floor in rows.plan.policy.floors
        for waiver in floor.waivers
        if waiver.starts_date < horizon.end and waiver.ends_date > horizon.start
    ]
