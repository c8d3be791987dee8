"""A card as planned: what its tokens cost, the premium over the next tier, its tokens and forecasts. By hand.

One load of 10,000 input and 2,000 output tokens a second, half cached, at 2.5 times its mean in the peak. On the large
model: 0.6375 replicas at work, 3 for the peak and a spare, 32 accelerators. On the mid one, twice as fast on half the
accelerators: 0.31875, 2 and a spare, 12 accelerators. Both at $2.00 an hour.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal as D
from fractions import Fraction as F
from types import SimpleNamespace
from typing import Any, cast

from capacity.lib.horizon import Horizon, Week
from capacity.review.card_rows import forecast_rows, tokens_by_class, tokens_this_week, workload_card_rows
from capacity.review.map_use_rows import Use
from capacity.review.plan_rows import PlanRows
from workloads.domain.classes import ServingClass, ServingLoad, TrafficLoad, build_class
from workloads.domain.serving import Profile, SpareRule, Traffic

FIRST = Week.parse("2026-W48")
AS_OF = FIRST.monday
HORIZON = Horizon(first=FIRST, weeks=13)
CLASS = "large.interactive.eu"


def profile_row(model: str, *, replica: int, prefill: int, decode: int) -> dict[str, Any]:
    return {
        "model_version": model,
        "accelerator_type": "h100",
        "latency_class": "interactive",
        "replica_accelerators": replica,
        "prefill_tokens_per_second": D(prefill),
        "decode_tokens_per_second": D(decode),
        "cached_cost_share": D("0.1"),
        "basis": "measured",
    }


def model(key: str, tier: str, **changed: Any) -> dict[str, Any]:
    return {"key": key, "name": key.title(), "model_tier": tier, "launch_date": None, "retire_date": None, **changed}


def card(**changed: Any) -> dict[str, Any]:
    empty = dict.fromkeys(
        (
            "quality_required",
            "customer_value",
            "route",
            "default_setting",
            "tier_justification",
            "justification_evidence",
            "justification_approver",
            "smaller_tier_evidence",
            "forecast_source",
        ),
        "",
    )
    unknown = dict.fromkeys(
        (
            "quota_tokens_per_minute",
            "context_limit_tokens",
            "eval_delta",
            "justification_expires_date",
            "review_by_date",
            "smaller_tier_tested_date",
            "forecast_date",
            "p10_multiple",
            "p90_multiple",
            "input_tokens_per_second",
            "output_tokens_per_second",
        )
    )
    return {
        **empty,
        **unknown,
        "key": "chat",
        "owner_role": "product",
        "purpose": "product",
        "model_version": "large",
        "latency_class": "interactive",
        "regions": ["eu"],
        "is_always_on": False,
        "smaller_tier_tested": "no",
        "calls_per_task": D("12.5"),
        "tokens_per_call": D("4000"),
        "cache_hit_share": D("0.5"),
        "peak_factor": D("2.5"),
        "growth_share_per_month": D(0),
        **changed,
    }


TRAFFIC = Traffic.of(input_tps=10_000, output_tps=2_000, cache_hit_share=D("0.5"), peak_factor=D("2.5"))
LARGE = Profile.of(
    replica_accelerators=8,
    prefill_tps=40_000,
    decode_tps=4_000,
    cached_cost_ratio=D("0.1"),
    utilisation_target=D("0.7"),
)
ALL_MODELS = (model("large", "frontier"), model("middle", "mid"), model("little", "small"))
ALL_PROFILES = (
    profile_row("large", replica=8, prefill=40_000, decode=4_000),
    profile_row("middle", replica=4, prefill=80_000, decode=8_000),
)


def plan(
    *,
    cards: tuple[dict[str, Any], ...] = (card(),),
    models: tuple[dict[str, Any], ...] = ALL_MODELS,
    profiles: tuple[dict[str, Any], ...] = ALL_PROFILES,
    forecasts: tuple[dict[str, Any], ...] = (),
    contracts: tuple[Any, ...] = (),
    rate: D | None = D("2.00"),
) -> PlanRows:
    load = ServingLoad(
        key="w.chat", source=TrafficLoad(traffic=(TRAFFIC,) * 13), is_committed=False, workload_key="chat"
    )
    serving = a_class(CLASS, [load])
    tables = {"workloads": list(cards), "throughput_profiles": list(profiles), "forecasts": list(forecasts)}
    policy = SimpleNamespace(utilisation={"interactive": D("0.7")}, peak_factor={"interactive": D("2.5")})
    weeks = list(HORIZON)
    return cast(
        PlanRows,
        SimpleNamespace(
            weeks=weeks,
            horizon=HORIZON,
            tables=tables,
            models={each["key"]: each for each in models},
            pools={"p": {"accelerator_type": "h100", "site": "s"}},
            class_by_key={CLASS: serving},
            allocated={(CLASS, "p", FIRST): 32},
            plan=SimpleNamespace(
                policy=policy,
                classes=(serving,),
                contracts=list(contracts),
                rates={("p", week): rate for week in weeks},
                sites={"s": {"region": "eu"}},
                inputs=SimpleNamespace(as_of=AS_OF),
            ),
        ),
    )


def a_class(key: str, loads: list[ServingLoad], *, latency: str = "interactive") -> ServingClass:
    sized = build_class(
        key=key,
        loads=loads,
        profiles={"h100": LARGE},
        pool_types={"p": "h100"},
        weeks=13,
        spares=SpareRule(),
        coincidence=D(1),
    )
    return replace(sized, model_version="large", latency_class=latency)


def use(workload: str = "chat", serving_class: str = CLASS) -> Use:
    return Use(
        workload_key=workload,
        tier="forecast",
        serving_class=serving_class,
        pool_key="p",
        week=FIRST,
        accelerators=32,
        cents=1_075_200,
        exact_accelerators=F(32),
        exact_usd=F(10_752),
    )


def one(**how: Any) -> dict[str, Any]:
    return workload_card_rows(plan(**how), [use()])[0]


def test_unit_costs_stand_on_three_bases() -> None:
    costs = one()["token_costs"]
    # 2 × 8 × 10⁶ ÷ (4,000 × 3,600) = 1.1111; ÷ 0.7 = 1.5873; × 32 ÷ 5.1 = 6.9717.
    assert {basis: each["output_usd"] for basis, each in costs.items()} == {
        "at target utilisation": "1.587302",
        "consumed": "1.111111",
        "fully loaded": "6.971678",
    }
    assert (costs["consumed"]["input_usd"], costs["consumed"]["cached_usd"]) == ("0.111111", "0.011111")


def test_the_premium_is_what_the_same_tokens_cost_less_one_tier_down() -> None:
    premium = one()["premium"]
    # Fully loaded, tokens cost what is reserved for them: 32 × 168 × $2 and 12 × 168 × $2.
    assert premium == {
        "reason": "",
        "next_tier": "mid",
        "next_model": "Middle",
        "next_type": "h100",
        "usd_per_week": "6720.00",
        "usd_own": "10752.00",
        "usd_next": "4032.00",
    }


def test_the_next_tier_is_passed_over_where_nothing_of_it_is_measured() -> None:
    little = profile_row("little", replica=1, prefill=40_000, decode=4_000)
    # 0.6375 replicas of 1, 3 and a spare: 4 × 168 × $2 = $1,344.
    premium = one(profiles=(ALL_PROFILES[0], little))["premium"]
    assert (premium["next_tier"], premium["usd_next"], premium["usd_per_week"]) == ("small", "1344.00", "9408.00")


def test_of_two_models_of_the_next_tier_the_cheaper_counts() -> None:
    other = model("other", "mid")
    slow = profile_row("other", replica=8, prefill=40_000, decode=4_000)
    assert one(models=(*ALL_MODELS, other), profiles=(*ALL_PROFILES, slow))["premium"]["next_model"] == "Middle"


def test_a_card_without_a_premium_says_why() -> None:
    def reason(**how: Any) -> str:
        return str(one(**how)["premium"]["reason"])

    assert reason(models=(model("large", "small"),)) == "is_small"
    assert reason(profiles=ALL_PROFILES[:1]) == "no_profile"
    assert reason(rate=None) == "unknown_cost"
    assert reason(models=(ALL_MODELS[0], model("middle", "mid", retire_date=AS_OF))) == "no_profile"
    assert workload_card_rows(plan(), [])[0]["premium"] == {"reason": "not_sized"}
    assert workload_card_rows(plan(), [use(serving_class="dedicated.c-1.v1")])[0]["token_costs"] == {}


def test_an_agents_task_is_its_calls_times_their_tokens() -> None:
    facts = one()["facts"]
    assert (facts["calls_per_task"], facts["tokens_per_call"], facts["tokens_per_task"]) == ("12.5", "4000", "50000")
    assert one(cards=(card(tokens_per_call=None),))["facts"]["tokens_per_task"] is None


def test_an_incomplete_card_says_what_is_missing() -> None:
    row = one()
    assert row["complete"] is False
    assert row["facts"]["missing"] == ["justification", "review", "evidence", "quality", "value"]


def of_contract(*, days: int, traffic: Traffic | None, demand: str = "c.other.v1") -> Any:
    weeks = None if traffic is None else (traffic,)
    return SimpleNamespace(workload={"key": "chat"}, days=(days,), traffic=weeks, demand_key=demand)


def contract_load(demand: str) -> ServingLoad:
    source = TrafficLoad(traffic=(TRAFFIC,) * 13)
    return ServingLoad(key=demand, source=source, is_committed=True, workload_key="chat", contract_key=demand)


def test_the_premium_is_of_the_tokens_that_would_move_each_at_the_cost_of_its_class() -> None:
    """The same load four times: of the card, of a contract in another region, pinned, and at another latency."""
    rows = plan(
        contracts=tuple(of_contract(days=7, traffic=TRAFFIC, demand=key) for key in ("c.us", "c.pin", "c.slow"))
    )
    classes = {
        "large.interactive.us": a_class("large.interactive.us", [contract_load("c.us")]),
        "dedicated.pin.v1": a_class("dedicated.pin.v1", [contract_load("c.pin")]),
        "large.standard.eu": a_class("large.standard.eu", [contract_load("c.slow")], latency="standard"),
    }
    rows.plan.classes = (*rows.plan.classes, *classes.values())  # type: ignore[misc]
    rows.class_by_key.update(classes)
    premium = workload_card_rows(rows, [use()])[0]["premium"]
    # Two of the four: 2 × (32 − 12) × 168 × $2. The other two are 2 × 12,000 × 604,800 tokens.
    assert (premium["usd_own"], premium["usd_next"], premium["usd_per_week"]) == ("21504.00", "8064.00", "13440.00")
    assert premium["tokens_left_out"] == 14_515_200_000
    found = tokens_by_class(rows, "chat")
    assert {key: tokens.total for key, tokens in found.items()} == dict.fromkeys([CLASS, *classes], 7_257_600_000)


def test_tokens_of_a_week_are_its_own_and_its_contracts() -> None:
    own, unknown = tokens_this_week(plan(), "chat")
    # 12,000 a second × 604,800.
    assert own is not None
    assert (own.total, own.input_cached, unknown) == (7_257_600_000, 3_024_000_000, 0)
    # One in term all week, one for three days, one not in term any more, one of unknown use.
    whole, gone = of_contract(days=7, traffic=TRAFFIC), of_contract(days=0, traffic=TRAFFIC)
    started = of_contract(days=3, traffic=replace(TRAFFIC, output_tokens_per_second=F(0)))
    silent = of_contract(days=7, traffic=None)
    found, unknown = tokens_this_week(plan(contracts=(whole, gone, started, silent)), "chat")
    assert found is not None
    # 2 × 7,257.6 M and 10,000 × 604,800 × 3 ÷ 7.
    assert (found.total, unknown) == (14_515_200_000 + 2_592_000_000, 1)
    assert tokens_this_week(plan(), "other") == (None, 0)


def forecast(source: str, p50: int, *, starts: date = AS_OF, vintage: date = AS_OF) -> dict[str, Any]:
    ends = dict.fromkeys(("input_p10", "input_p90", "output_p10", "output_p90"))
    return {
        **ends,
        "workload": "chat",
        "source": source,
        "vintage_date": vintage,
        "starts_date": starts,
        "input_p50": D(p50),
        "output_p50": D(0),
    }


def test_forecasts_stand_beside_each_other_with_their_gap_to_the_planned_one() -> None:
    chat = card(forecast_source="sales", p10_multiple=D("0.5"), p90_multiple=D(2))
    later = FIRST.plus(1).monday
    given = (forecast("sales", 120), forecast("product", 90, starts=later))
    product, sales = forecast_rows(plan(forecasts=given), chat)
    assert (sales["is_planned"], sales["gap_share"], sales["weeks"][0]) == (True, None, [60, 120, 240])
    # 90 ÷ 120 − 1, over the weeks that both tell.
    assert (product["is_planned"], product["gap_share"], product["weeks"][0]) == (False, "-0.2500", None)
    assert product["vintage"] == "2026-11-23"


def test_without_a_planned_source_the_cards_own_tokens_are_planned() -> None:
    chat = card(input_tokens_per_second=D(100), output_tokens_per_second=D(20), forecast_date=AS_OF)
    rows = forecast_rows(plan(forecasts=(forecast("a", 60), forecast("b", 60))), chat)
    assert [(row["source"], row["is_planned"], row["gap_share"]) for row in rows] == [
        ("a", False, "-0.5000"),
        ("b", False, "-0.5000"),
        ("", True, None),
    ]
    assert rows[2]["weeks"][12] == [120, 120, 120]
