"""THE table of field visibility: for each resource and field, which roles see it in full and which as a band. Pure.

Everything that reaches a page, a plot, the API, a file, an e-mail or an error text is looked up here (through
`capacity.access.visibility`). What is not listed is hidden. A new column of a run table needs a line here; a test
compares the table with the models. Reasons for the lines: methods: Visibility.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from capacity.access.bands import BandUnit
from capacity.access.roles import Role

CHAIR, FINANCE, SALES = Role.CHAIR, Role.FINANCE, Role.SALES
RESEARCH, PRODUCT, EXEC = Role.RESEARCH, Role.PRODUCT, Role.EXEC


class Sight(StrEnum):
    """How much of a field somebody sees."""

    FULL = "full"
    BAND = "band"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who sees a field. `own`: roles that see it in full on rows that are theirs (sales by username, research by team).

    `unit` says how a band is laid; a rule without bands needs none.
    """

    full: frozenset[Role] = frozenset()
    band: frozenset[Role] = frozenset()
    own: frozenset[Role] = frozenset()
    unit: BandUnit | None = None


def _rule(*full: Role, band: tuple[Role, ...] = (), own: tuple[Role, ...] = (), unit: BandUnit | None = None) -> Rule:
    return Rule(full=frozenset(full), band=frozenset(band), own=frozenset(own), unit=unit)


def _fields(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


ALL = _rule(CHAIR, FINANCE, SALES, RESEARCH, PRODUCT, EXEC)
# The floor, the queue and suppliers: sales must not read how far research could be squeezed.
NOT_SALES = _rule(CHAIR, FINANCE, RESEARCH, PRODUCT, EXEC)
# What the accelerators cost us. No revenue, no price.
COST = _rule(CHAIR, FINANCE, EXEC)
COST_AND_RESEARCH = _rule(CHAIR, FINANCE, EXEC, RESEARCH)
COST_AND_PRODUCT = _rule(CHAIR, FINANCE, EXEC, PRODUCT)
WORKLOAD_COST = _rule(CHAIR, FINANCE, EXEC, PRODUCT, RESEARCH)
# Who a customer is.
NAMES = _rule(CHAIR, FINANCE, EXEC, own=(SALES,))
# What a contract takes: everything about its capacity, by name or alias.
PROMISE = _rule(CHAIR, FINANCE, EXEC, PRODUCT, own=(SALES,))
# What a contract earns. With tokens beside it this is a price: never the chair, research or product.
REVENUE = _rule(FINANCE, EXEC, own=(SALES,))
PRICES = _rule(FINANCE, own=(SALES,))
# A chair who saw a contract's costs exactly could turn its margin bands into a narrow revenue: so they are banded too.
MARGIN = _rule(FINANCE, EXEC, band=(CHAIR,), own=(SALES,), unit=BandUnit.USD)
MARGIN_SHARE = _rule(FINANCE, EXEC, band=(CHAIR,), own=(SALES,), unit=BandUnit.SHARE)
MARGIN_MULTIPLE = _rule(FINANCE, EXEC, band=(CHAIR,), own=(SALES,), unit=BandUnit.MULTIPLE)
TOTAL_MONEY = _rule(FINANCE, EXEC, band=(CHAIR,), unit=BandUnit.USD)
TOTAL_SHARE = _rule(FINANCE, EXEC, band=(CHAIR,), unit=BandUnit.SHARE)
TOTAL_NUMBER = _rule(FINANCE, EXEC, band=(CHAIR,), unit=BandUnit.NUMBER)
EVERYTHING = _rule(FINANCE)
AUDIT = _rule(Role.AUDITOR)

_DECISION_HEAD = (
    "number review_week run_id kind decider_role owner_role effect_metric effect_direction effect_by_date "
    "review_back_date guardrail_metric reversible supersedes decided_at recorded_by verdict verdict_week"
)
_DECISION_TEXT = (
    "question chosen reason dissent verdict_note option_name option_risk option_who_loses option_accelerators"
)
_ACTION_HEAD = "number review_week decision owner_role due_date status closed_at created_at created_by row_version"
_ACTION_TEXT = "title status_note"
_DECISION_MONEY = _fields(COST, "effect_target actual_value option_cost_usd")

TABLE: dict[str, dict[str, Rule]] = {
    "pool": _fields(
        ALL,
        "pool_key name accelerator_type accelerator_type_name region source_type node_size h100e_factor domains",
    ),
    "pool_week": {
        **_fields(
            ALL,
            "pool_key week week_index installed maintenance allocatable fragment serving product internal no_choice "
            "pretrain research evals idle burst committed_need expected_need p10_need p90_need requested "
            "capacity_shortfall consumed allocated spare spare_share",
        ),
        **_fields(NOT_SALES, "floor floor_held floor_share"),
        **_fields(COST_AND_RESEARCH, "usd_per_accelerator_hour"),
        **_fields(COST, "envelope_usd envelope_parts idle_usd"),
    },
    "lot": {
        **_fields(
            NOT_SALES,
            "pool_key lot_key week accelerators state counted_date supplier supplier_name control_grade ordered_date "
            "p50_date p90_date accepted_date ends_date domain_key",
        ),
        **_fields(COST, "cost_rate_key usd_per_accelerator_hour"),
    },
    "allocation": _fields(NOT_SALES, "serving_class pool_key week accelerators work"),
    "demand": {
        **_fields(NOT_SALES, "serving_class tier workload_key week work served short_accelerators"),
        **_fields(NAMES, "demand_key contract_key"),
        **_fields(MARGIN, "usd_lost"),
    },
    "placement": {
        **_fields(
            NOT_SALES,
            "experiment_key name team_key team_name priority purpose is_running pool_key domain_key start_week weeks "
            "accelerators",
        ),
        **_fields(COST_AND_RESEARCH, "cost_usd"),
    },
    # `blockers`, `smallest_changes` and `sentence` may name contracts: pass them through label_blockers and redact.
    "unplaced": _fields(
        NOT_SALES,
        "experiment_key name team_key team_name priority accelerators weeks reason sentence week needed free short_by "
        "blockers smallest_changes",
    ),
    # A scarcity price is one customer's contribution (the marginal one).
    "scarcity": {
        **_fields(COST, "pool_key week"),
        **_fields(TOTAL_MONEY, "usd_per_accelerator_week"),
    },
    "tier": {
        **_fields(NOT_SALES, "position tier unit gap_relative"),
        **_fields(TOTAL_NUMBER, "value bound gap_absolute"),
    },
    "issue": {**_fields(ALL, "code"), **_fields(NAMES, "subject sentence")},
    "workload": {
        **_fields(
            ALL,
            "workload_key name model_tier model_name latency_class purpose stated_purpose owner_role missing is_sized "
            "is_frontier_explained smaller_tier_tested accelerators_now accelerators_mean h100e_now contracts",
        ),
        **_fields(WORKLOAD_COST, "usd_per_week usd_share"),
    },
    "exposure": {
        # The alias is for whom label_of_contract gives it to; sales know other accounts as "committed" only.
        **_fields(_rule(CHAIR, FINANCE, EXEC, PRODUCT, RESEARCH, own=(SALES,)), "customer_alias"),
        **_fields(ALL, "committed_accelerators planned_accelerators"),
        **_fields(NAMES, "contract_key contract_name customer_key customer_name owner_username contract_version"),
        **_fields(
            PROMISE,
            "shape workload_key model_tier starts_date ends_date weeks is_sized is_uncapped worst_accelerators "
            "capacity_gap_accelerators coverage_share first_short_week short_accelerator_weeks worst_multiple",
        ),
        # Flags say "below break-even" and the like: they go with the margin, in words.
        **_fields(NAMES, "flags"),
        **_fields(REVENUE, "revenue_usd worst_revenue_usd"),
        **_fields(
            MARGIN,
            "consumed_cost_usd reserved_cost_usd worst_cost_usd margin_usd consumed_margin_usd worst_margin_usd "
            "loss_exposure_usd",
        ),
        **_fields(MARGIN_SHARE, "margin_share consumed_margin_share worst_margin_share"),
        **_fields(MARGIN_MULTIPLE, "break_even_multiple"),
        **_fields(PRICES, "terms"),
    },
    # Sums over contracts. For price-blind roles pass them through suppress_small or suppress_cells as well.
    "exposure_total": {
        **_fields(ALL, "contracts committed_accelerators planned_accelerators"),
        **_fields(_rule(CHAIR, FINANCE, EXEC, PRODUCT), "capacity_gap_accelerators unsized uncapped"),
        **_fields(
            TOTAL_MONEY,
            "revenue_usd worst_revenue_usd consumed_cost_usd reserved_cost_usd worst_cost_usd margin_usd "
            "consumed_margin_usd worst_margin_usd loss_exposure_usd usd_lost",
        ),
        **_fields(TOTAL_SHARE, "margin_share consumed_margin_share worst_margin_share"),
    },
    "price_line": _fields(PRICES, "kind price starts_date ends_date currency discount_share"),
    "commit_step": _fields(REVENUE, "kind quantity starts_date"),
    # Money by purpose: what the accelerators of a purpose cost.
    "spend": {
        **_fields(COST, "serving_usd idle_usd total_usd"),
        **_fields(COST_AND_RESEARCH, "pretrain_usd research_usd evals_usd"),
        **_fields(COST_AND_PRODUCT, "product_usd internal_usd no_choice_usd tier_usd"),
    },
    "metric": {
        **_fields(ALL, "H1 H2 H3 H5"),
        **_fields(NOT_SALES, "H4 H12 H14"),
        **_fields(COST, "H6"),
        **_fields(WORKLOAD_COST, "H7 H8"),
        **_fields(TOTAL_SHARE, "H9 H10"),
        **_fields(TOTAL_MONEY, "H11 H13"),
        **_fields(_rule(CHAIR, FINANCE, EXEC, PRODUCT), "H11_accelerators"),
    },
    "decision": {**_fields(ALL, _DECISION_HEAD), **_fields(ALL, _DECISION_TEXT), **_DECISION_MONEY},
    "decision_commercial": {**_fields(ALL, _DECISION_HEAD), **_fields(COST, _DECISION_TEXT), **_DECISION_MONEY},
    "decision_floor": {**_fields(ALL, _DECISION_HEAD), **_fields(NOT_SALES, _DECISION_TEXT), **_DECISION_MONEY},
    "action": {**_fields(ALL, _ACTION_HEAD), **_fields(ALL, _ACTION_TEXT)},
    "action_commercial": {**_fields(ALL, _ACTION_HEAD), **_fields(COST, _ACTION_TEXT)},
    "action_floor": {**_fields(ALL, _ACTION_HEAD), **_fields(NOT_SALES, _ACTION_TEXT)},
    "policy": {
        **_fields(
            ALL,
            "version effective_date utilisation_interactive utilisation_standard utilisation_batch "
            "peak_factor_interactive peak_factor_standard peak_factor_batch coincidence_factor spare_replicas "
            "spare_replicas_large large_from_replicas worst_use_multiple_metered worst_use_multiple_flat "
            "confirmed_counts_at ordered_counts_at row_version",
        ),
        **_fields(NOT_SALES, "tiers note idle_limit_share no_choice_limit_share unexplained_frontier_limit_share"),
        **_fields(NOT_SALES, "floor_key floor_name floor_pool_keys floor_share floor_accelerators floor_lendable"),
        **_fields(
            COST,
            "target_gross_margin_share inference_ratio_amber_share inference_ratio_red_share loss_exposure_limit_usd",
        ),
    },
    "run": {
        **_fields(
            ALL,
            "id scope state requested_at requested_by started_at finished_at stage progress_share attempt error_code "
            "as_of_date first_week weeks policy_version formula_version solver_version termination seconds "
            "inputs_version input_hash result_hash reused_run not_before_at is_forced",
        ),
        # Free text may quote a row: a contract's name, a price.
        **_fields(COST, "reason"),
        **_fields(_rule(CHAIR, FINANCE), "error worker lease_until fencing_token idempotency_key"),
        **_fields(EVERYTHING, "inputs problem solution"),
    },
    "review": {
        **_fields(ALL, "week run previous frozen_at frozen_by inputs_version content_hash"),
        # The stored documents hold every role's figures; pages show their rows through the rows' own resources.
        **_fields(EVERYTHING, "changes carried"),
    },
    "audit": _fields(AUDIT, "at user action subject detail request_id"),
}

# The decisions whose words speak of a price or a customer, and those that speak of the floor.
COMMERCIAL_DECISIONS = frozenset({"price", "contract", "packaging"})
FLOOR_DECISIONS = frozenset({"floor_waiver", "policy"})
