"""Headline metrics of money: idle, spend nobody chose, margin, losses. Each with its formula, terms and limit. Pure.

Formulas: methods, Headline metrics. A metric with a missing input has no value and says why; it is never zero.
"""

from __future__ import annotations

from decimal import Decimal

from capacity.review.figure_terms import figure, term
from capacity.review.metric_sums import Row, Tables, known_sum, share_of, sum_of, this_week
from capacity.review.plan_rows import PlanRows

_LOSS = ("exposure", "loss_exposure_usd")


def idle_cost(rows: PlanRows, tables: Tables) -> Row:
    """H6 = idle USD this week; its share of the envelope is a term."""
    now = this_week(tables)
    idle, envelope = known_sum(row["idle_usd"] for row in now), known_sum(row["envelope_usd"] for row in now)
    share = share_of(idle, envelope)
    limit = rows.plan.policy.idle_limit_share
    return figure(
        key="metric:H6",
        label="Idle, this week",
        value=idle,
        absent="" if idle is not None else "unknown cost",
        unit="USD a week",
        formula="Σ over pools of the idle line of the envelope",
        terms=[
            term("Envelope", envelope, "USD", "all pools, this week", ("pool_week", "envelope_usd")),
            term("Idle ÷ envelope", share, "share", "this run", ("pool_week", "idle_usd")),
            term("Limit", limit, "share", "policy", ("policy", "idle_limit_share")),
            *(
                term(f"Idle in {row['pool_key']}", row["idle_usd"], "USD", "pool, this week", ("pool_week", "idle_usd"))
                for row in now
            ),
        ],
        state="" if share is None else "good" if share <= limit else "bad",
        threshold=f"above {limit:.1%} of the envelope",
        anchor="envelope",
        sight=("metric", "H6"),
    )


def no_choice_share(rows: PlanRows, tables: Tables) -> Row:
    """H7 = no-choice USD ÷ envelope USD, this week."""
    parts = [row["envelope_parts"] for row in this_week(tables)]
    spent = (
        None if any(part is None for part in parts) else sum_of(Decimal(part["no_choice"]) for part in parts if part)
    )
    envelope = known_sum(row["envelope_usd"] for row in this_week(tables))
    value, limit = share_of(spent, envelope), rows.plan.policy.no_choice_limit_share
    cards = [row["workload_key"] for row in tables["workloads"] if row["purpose"] == "no_choice"]
    return figure(
        key="metric:H7",
        label="Spend nobody chose, this week",
        value=value,
        unit="share",
        formula="cost of workloads whose card is incomplete ÷ envelope",
        terms=[
            term("Cost of such workloads", spent, "USD", "all pools, this week", ("spend", "no_choice_usd")),
            term("Envelope", envelope, "USD", "all pools, this week", ("pool_week", "envelope_usd")),
            term("Workload cards", ", ".join(cards) or "none", "", "workload map", ("workload", "missing")),
        ],
        state="" if value is None else "good" if value <= limit else "bad",
        threshold=f"above {limit:.1%}",
        sight=("metric", "H7"),
    )


def unexplained_frontier(rows: PlanRows, tables: Tables) -> Row:
    """H8 = frontier USD without an approved justification in date ÷ frontier USD, this week."""
    frontier = [row for row in tables["workloads"] if row["model_tier"] == "frontier" and row["is_sized"]]
    spent = known_sum(row["usd_per_week"] for row in frontier)
    without = known_sum(row["usd_per_week"] for row in frontier if not row["is_frontier_explained"])
    value, limit = share_of(without, spent), rows.plan.policy.unexplained_frontier_limit_share
    names = [row["workload_key"] for row in frontier if not row["is_frontier_explained"]]
    return figure(
        key="metric:H8",
        label="Unexplained frontier, this week",
        value=value,
        unit="share",
        formula="frontier cost without an approved justification in date ÷ frontier cost",
        terms=[
            term("Without justification", without, "USD", "workload map", ("workload", "usd_per_week")),
            term("Frontier cost", spent, "USD", "workload map", ("workload", "usd_per_week")),
            term("Workload cards", ", ".join(names) or "none", "", "workload map", ("workload", "missing")),
        ],
        state="" if value is None else "good" if value <= limit else "bad",
        threshold=f"above {limit:.1%}",
        sight=("metric", "H8"),
    )


def _money(tables: Tables) -> tuple[list[Row], Decimal | None, Decimal | None, Decimal | None]:
    """Contracts with all money known, and their revenue, reserved and consumed cost at P50 over the horizon."""
    known = [
        row for row in tables["exposure"] if row["revenue_usd"] is not None and row["reserved_cost_usd"] is not None
    ]
    if not known:
        return known, None, None, None
    return (
        known,
        sum_of(row["revenue_usd"] for row in known),
        sum_of(row["reserved_cost_usd"] for row in known),
        known_sum(row["consumed_cost_usd"] for row in known),
    )


def serving_margin(rows: PlanRows, tables: Tables) -> Row:
    """H9 = (revenue − reserved cost) ÷ revenue over the horizon, P50; on consumed cost as a term."""
    known, revenue, reserved, consumed = _money(tables)
    margin = None if revenue is None or reserved is None else revenue - reserved
    value, target = share_of(margin, revenue), rows.plan.policy.target_gross_margin_share
    consumed_margin = None if revenue is None or consumed is None else revenue - consumed
    left_out = len(tables["exposure"]) - len(known)
    total = "exposure_total"
    return figure(
        key="metric:H9",
        label="Serving margin, fully loaded",
        value=value,
        unit="share",
        formula="(revenue − reserved cost) ÷ revenue, contracts, over the horizon",
        terms=[
            term("Revenue, P50", revenue, "USD", f"{len(known)} contracts", (total, "revenue_usd")),
            term("Reserved cost", reserved, "USD", f"{len(known)} contracts", (total, "reserved_cost_usd")),
            term("On consumed cost", share_of(consumed_margin, revenue), "share", "this run", (total, "margin_share")),
            term("Contracts left out, unsized or unknown", left_out, "contracts", "this run", (total, "contracts")),
            term("Target", target, "share", "policy", ("policy", "target_gross_margin_share")),
        ],
        state="" if value is None else "good" if value >= target else "bad",
        threshold=f"below {target:.0%}",
        basis="P50" + (f"; {left_out} contracts left out" if left_out else ""),
        sight=("metric", "H9"),
    )


def inference_ratio(rows: PlanRows, tables: Tables) -> Row:
    """H10 = reserved serving cost ÷ revenue over the horizon."""
    known, revenue, reserved, _ = _money(tables)
    value, policy = share_of(reserved, revenue), rows.plan.policy
    amber, red = policy.inference_ratio_amber_share, policy.inference_ratio_red_share
    state = "" if value is None else "bad" if value >= red else "warn" if value >= amber else "good"
    return figure(
        key="metric:H10",
        label="Inference cost ÷ revenue",
        value=value,
        unit="share",
        formula="reserved serving cost ÷ revenue, contracts, over the horizon",
        terms=[
            term("Reserved cost", reserved, "USD", f"{len(known)} contracts", ("exposure_total", "reserved_cost_usd")),
            term("Revenue, P50", revenue, "USD", f"{len(known)} contracts", ("exposure_total", "revenue_usd")),
        ],
        state=state,
        threshold=f"{amber:.0%} amber, {red:.0%} red",
        basis="P50",
        sight=("metric", "H10"),
    )


def loss_exposure(rows: PlanRows, tables: Tables) -> Row:
    """H11 = Σ loss exposure at worst reasonable use."""
    known = [row for row in tables["exposure"] if row["loss_exposure_usd"] is not None]
    value = sum_of(row["loss_exposure_usd"] for row in known) if known else None
    limit = rows.plan.policy.loss_exposure_limit_usd
    uncapped = sum(1 for row in tables["exposure"] if row["is_uncapped"])
    return figure(
        key="metric:H11",
        label="Loss exposure at worst reasonable use",
        value=value,
        unit="USD",
        formula="Σ over contracts of max(0, cost − revenue) at the worst use between P50 and the worst reasonable use",
        terms=[
            term(
                "Contracts with a loss",
                sum(1 for r in known if r["loss_exposure_usd"] > 0),
                "contracts",
                "this run",
                ("exposure_total", "contracts"),
            ),
            term("Uncapped contracts", uncapped, "contracts", "this run", ("exposure_total", "uncapped")),
            term(
                "Not known",
                len(tables["exposure"]) - len(known),
                "contracts",
                "left out",
                ("exposure_total", "unsized"),
            ),
            term("Limit", limit, "USD", "policy", ("policy", "loss_exposure_limit_usd")),
            *(
                term(f"Loss of {row['contract_key']}", row["loss_exposure_usd"], "USD", "contract", _LOSS)
                for row in sorted(known, key=lambda row: (-row["loss_exposure_usd"], row["contract_key"]))
                if row["loss_exposure_usd"] > 0
            ),
        ],
        state="" if value is None else "bad" if value > limit or uncapped else "good",
        threshold=f"above the limit of the policy, or any uncapped contract ({uncapped})",
        anchor="exposure",
        basis="worst reasonable use, each contract alone",
        sight=("metric", "H11"),
    )
