"""Moves: paper beside whole accelerators, payback, and what cards suggest. Worked by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from workloads.domain.classes import ServingLoad, TrafficLoad, build_class
from workloads.domain.moves import (
    KINDS,
    Candidate,
    CardFacts,
    ClassSide,
    cache_gaps,
    candidates,
    paper_saving,
    payback_weeks,
    released,
    saving_of,
)
from workloads.domain.serving import Profile, SpareRule, Traffic

PROFILE = Profile.of(
    replica_accelerators=8,
    prefill_tps=40_000,
    decode_tps=4_000,
    cached_cost_ratio=Fraction(1, 10),
    utilisation_target=Fraction(1, 2),
)
TWO_DOLLARS = Decimal(2)


def _worked(contracts: int, cached: str) -> ClassSide:
    """Contracts of 10,000 tokens a second in and 2,000 out at peak 2.5, u 0.7, in one class of two weeks."""
    profile = replace(PROFILE, utilisation_target=Fraction(7, 10))
    traffic = Traffic.of(
        input_tps=10_000, output_tps=2_000, cache_hit_share=Decimal(cached), peak_factor=Fraction(5, 2)
    )
    serving = build_class(
        key="m.interactive.any",
        loads=[
            ServingLoad(key=f"c.{number}", source=TrafficLoad(traffic=(traffic, traffic)), is_committed=True)
            for number in range(contracts)
        ],
        profiles={"h100": profile},
        pool_types={"p": "h100"},
        weeks=2,
        spares=SpareRule(),
        coincidence=Decimal(1),
    )
    return ClassSide(
        key=serving.key,
        accelerator_type="h100",
        replica_accelerators=8,
        loads=tuple(week.total.load_average for week in serving.weeks),
        accelerators=tuple(week.total.accelerators for week in serving.weeks),
        rates=(TWO_DOLLARS, TWO_DOLLARS),
    )


def test_what_a_load_saves_on_paper() -> None:
    # Five loads of 0.6375, 0.57 with 0.8 cached: 5 × 0.0675 = 0.3375 replicas × 8 × 168 h × $2.
    saved = paper_saving(before=Fraction("3.1875"), after=Fraction("2.85"), k=8, rate=TWO_DOLLARS)
    assert saved == Decimal("907.20")


def test_five_contracts_together_release_a_replica_that_one_alone_does_not() -> None:
    five = saving_of(before=[_worked(5, "0.5")], after=[_worked(5, "0.8")], weeks=2)
    # ⌈11.384⌉ + 1 = 13 replicas become ⌈10.179⌉ + 1 = 12: 8 accelerators, 8 × 168 × $2 a week.
    assert five.by_week == (8, 8)
    assert five.released_always == 8
    assert five.paper_usd == Decimal("907.20")
    assert five.released_usd == Decimal(2688)
    alone = saving_of(before=[_worked(1, "0.5")], after=[_worked(1, "0.8")], weeks=2)
    # ⌈2.277⌉ and ⌈2.036⌉ are both 3.
    assert alone.by_week == (0, 0)
    assert alone.paper_usd == Decimal("181.44")
    assert alone.released_usd == 0


def test_payback_counts_what_is_released_and_may_be_never() -> None:
    assert payback_weeks(one_off_usd=Decimal(10752), saving_usd_per_week=Decimal(2688)) == 4
    assert payback_weeks(one_off_usd=Decimal(10752), saving_usd_per_week=Decimal(0)) is None
    assert payback_weeks(one_off_usd=Decimal(10752), saving_usd_per_week=Decimal(-5)) is None
    assert payback_weeks(one_off_usd=Decimal(10752), saving_usd_per_week=None) is None
    assert payback_weeks(one_off_usd=Decimal(0), saving_usd_per_week=Decimal(1)) == 0


def _side(key: str, kind: str, load: str, accelerators: int, rate: str | None) -> ClassSide:
    return ClassSide(
        key=key,
        accelerator_type=kind,
        replica_accelerators=8,
        loads=(Fraction(load),),
        accelerators=(accelerators,),
        rates=(None if rate is None else Decimal(rate),),
    )


def test_another_type_is_told_by_type_and_in_dollars() -> None:
    found = saving_of(before=[_side("a", "h100", "5", 64, "2")], after=[_side("a", "l40s", "9", 96, "1")], weeks=1)
    assert found.by_type == {"h100": (64,), "l40s": (-96,)}
    assert found.by_week == (-32,)
    # 64·168·2 − 96·168·1 = 21,504 − 16,128; on paper 5·8·168·2 − 9·8·168·1 = 13,440 − 12,096.
    assert (found.released_usd, found.paper_usd) == (Decimal(5376), Decimal(1344))


def test_a_rate_that_is_not_known_leaves_dollars_unknown_and_counts_accelerators() -> None:
    found = saving_of(before=[_side("a", "h100", "5", 64, None)], after=[_side("a", "h100", "4", 56, None)], weeks=1)
    assert found.by_week == (8,)
    assert found.paper_usd is None
    assert found.released_usd is None


def test_a_class_that_stays_as_it_is_cannot_make_dollars_unknown() -> None:
    same = _side("b", "h100", "7", 80, None)
    found = saving_of(
        before=[same, _side("a", "h100", "5", 64, "2")], after=[_side("a", "h100", "4", 56, "2"), same], weeks=1
    )
    assert found.changed == ("a",)
    assert found.released_usd == Decimal(2688)


sides = st.lists(
    st.builds(
        _side,
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(["h100", "b200"]),
        st.sampled_from(["1", "2.5", "4"]),
        st.integers(0, 200).map(lambda n: n * 8),
        st.sampled_from(["1", "2.5"]),
    ),
    unique_by=lambda side: side.key,
)


@given(sides, sides, st.randoms(use_true_random=False))
def test_savings_never_depend_on_the_order_of_rows_and_turn_round_with_the_sides(
    before: list[ClassSide], after: list[ClassSide], chance: object
) -> None:
    there = saving_of(before=before, after=after, weeks=1)
    assert there == saving_of(before=before[::-1], after=sorted(after, key=lambda side: side.needs[0:1]), weeks=1)
    back = saving_of(before=after, after=before, weeks=1)
    assert back.by_week == tuple(-amount for amount in there.by_week)
    assert there.by_week[0] == sum(amounts[0] for amounts in there.by_type.values())
    assert there.released_usd is not None and back.released_usd is not None
    assert there.released_usd == -back.released_usd


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999))))
def test_what_is_released_is_what_was_less_what_is(pairs: list[tuple[int, int]]) -> None:
    before, after = [was for was, _ in pairs], [now for _, now in pairs]
    assert sum(released(before=before, after=after)) == sum(before) - sum(after)


def _card(key: str, **more: object) -> CardFacts:
    facts: dict[str, object] = {
        "model_tier": "mid",
        "latency_class": "standard",
        "purpose": "serving",
        "smaller_tier_tested": "no",
        "cache_hit_share": None,
    }
    return CardFacts(key=key, **{**facts, **more})  # type: ignore[arg-type]


def test_caching_is_suggested_up_to_the_middle_of_three_peers() -> None:
    cards = [
        _card("low", cache_hit_share=Fraction(3, 10)),
        _card("one", cache_hit_share=Fraction(4, 10)),
        _card("two", cache_hit_share=Fraction(5, 10)),
        _card("three", cache_hit_share=Fraction(6, 10)),
        _card("elsewhere", cache_hit_share=Fraction(0), latency_class="batch"),
    ]
    # The middle of 0.4, 0.5, 0.6 is 0.5, which is exactly 0.2 above 0.3.
    assert cache_gaps(cards) == {"low": Fraction(1, 2)}
    assert candidates(cards) == (Candidate(workload_key="low", kind="caching", amount=Fraction(1, 2)),)
    assert cache_gaps(cards[:3]) == {}


def test_hits_that_are_not_known_are_neither_low_nor_a_peer() -> None:
    cards = [_card("low", cache_hit_share=Fraction(0)), _card("unknown")]
    cards += [_card(name, cache_hit_share=Fraction(1, 2)) for name in ("one", "two")]
    assert cache_gaps(cards) == {}


def test_a_smaller_model_is_suggested_where_its_test_passed_and_one_is_measured() -> None:
    passed = _card("a", smaller_tier_tested="pass", smaller_model="small-1")
    assert candidates([passed]) == (Candidate(workload_key="a", kind="smaller_model", to_key="small-1"),)
    assert candidates([replace(passed, smaller_model="")]) == ()
    assert candidates([replace(passed, smaller_tier_tested="fail")]) == ()


def test_batch_hours_are_suggested_for_internal_work_of_our_own_only() -> None:
    mine = _card("a", purpose="internal", is_own=True, has_batch=True)
    assert candidates([mine]) == (Candidate(workload_key="a", kind="batch_hours"),)
    assert candidates([replace(mine, is_own=False)]) == ()
    assert candidates([replace(mine, latency_class="batch")]) == ()
    assert candidates([replace(mine, purpose="product")]) == ()


def test_every_kind_says_what_it_names_and_what_decides_it() -> None:
    assert set(KINDS) == {
        "smaller_model",
        "offline",
        "batch_hours",
        "accelerator_type",
        "caching",
        "batching",
        "quantisation",
        "routing",
        "context_length",
    }
    assert KINDS["routing"].asks == ("model", "share")
    assert KINDS["context_length"].decision == "context_length"
