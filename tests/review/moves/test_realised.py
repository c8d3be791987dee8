"""What came of a move beside its promise: the same classes in the same weeks, what it adds elsewhere included."""

from __future__ import annotations

from decimal import Decimal

import pytest

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.lib.figures import Absent
from capacity.review.move_page import totals_of
from capacity.review.move_realised import NO_WEEKS, _scope, realised_of
from capacity.review.views_moves import _came_free
from tests.review.moves.one_load import TOKENS, accepted_and_done, asked, by, own_card, planned_again, small_world
from tests.review.quotes.asking import published
from workloads.models import ThroughputProfile, Workload, WorkloadMove

pytestmark = pytest.mark.django_db


def faster(factor: str) -> None:
    ThroughputProfile.objects.filter(model_version__key="mid").update(
        prefill_tokens_per_second=40_000 * Decimal(factor), decode_tokens_per_second=4_000 * Decimal(factor)
    )


def test_a_quantised_class_of_two_workloads_gives_back_what_it_promised(world: None, woken: list[int]) -> None:
    """Five loads, four of the workload that is named: 13 replicas become 9, or ⌈7.96875 ÷ 1.2 ÷ 0.7⌉ + 1 = 11 halfway."""
    small_world(loads="4")
    own_card("aide")
    run, chair = published(), by(Role.CHAIR)
    asked(chair, run, "quantisation", amount="1.6")
    move = accepted_and_done(chair)
    assert (move.promised_accelerators, move.promised_usd_per_week) == (32, Decimal("10752.00"))
    assert realised_of(move, current_id=run.pk).accelerators == 0
    faster("1.2")
    half = realised_of(move, current_id=planned_again().pk)
    assert (half.accelerators, half.usd) == (16, 16 * 336)
    faster("1.6")
    now = planned_again()
    whole = realised_of(move, current_id=now.pk)
    assert (whole.accelerators, whole.usd, whole.tokens_share) == (32, 32 * 336, 0)
    assert (whole.run_id, whole.weeks, whole.promised) == (now.pk, 13, 32)


def route(share: str) -> None:
    """This share of the bot's tokens on a card of its own, on small."""
    kept = {name: value * (1 - Decimal(share)) for name, value in TOKENS.items()}
    Workload.objects.filter(key="bot").update(**kept)
    Workload.objects.filter(key="bot-over").delete()
    own_card("bot-over", model="small", loads=share)


def test_what_is_routed_over_is_taken_off_what_came_free(world: None, woken: list[int]) -> None:
    """32 become 16 of its own and 8 routed: 8. At a share of 0.2 24 of its own are left and 8 are routed: nothing."""
    small_world()
    run, chair = published(), by(Role.CHAIR)
    asked(chair, run, "routing", to="small", amount="0.6")
    move = accepted_and_done(chair)
    assert move.promised_accelerators == 8
    route("0.2")
    assert realised_of(move, current_id=planned_again().pk).accelerators == 0
    route("0.6")
    whole = realised_of(move, current_id=planned_again().pk)
    # Its tokens went over with it: none of them are gone.
    assert (whole.accelerators, whole.usd, whole.tokens_share) == (8, 8 * 336, 0)


TOLD = {"classes": ["a", "b"], "released": [8, 8, 4] + [8] * 10}


def test_only_weeks_of_the_promise_that_both_runs_plan_are_compared() -> None:
    first = {5: "2026-W48", 9: "2026-W52", 20: "2027-W10"}
    scope = _scope(TOLD, 5, 9, first, {})
    assert scope is not None
    assert (scope.weeks[0], len(scope.weeks), scope.before, scope.after, scope.promised) == ("2026-W52", 9, 5, 9, 8)
    # When all its weeks are over: as the last run that plans one of them did.
    over = _scope(TOLD, 5, 20, first, {"2026-W52": 9, "2027-W07": 15, "2027-W10": 20})
    assert over is not None
    assert (over.weeks, over.after) == (("2027-W07",), 15)
    # No run of an earlier plan says what came of it.
    assert _scope(TOLD, 5, 20, first, {"2026-W52": 4, "2027-W10": 20}) is None


def test_a_plan_older_than_the_promise_and_a_move_brought_in_tell_nothing() -> None:
    move = WorkloadMove(key="m", state="done", promised_run_id=7, what_if_uuid=None)
    assert isinstance(realised_of(move, current_id=9).accelerators, Absent)
    move.what_if_uuid = "c0ffee00-0000-4000-8000-000000000000"  # type: ignore[assignment]
    assert realised_of(move, current_id=6).accelerators == NO_WEEKS


def test_done_is_held_against_done_and_what_is_accepted_stands_apart(world: None, woken: list[int]) -> None:
    small_world()
    run, chair = published(), by(Role.CHAIR)
    asked(chair, run, "quantisation", amount="1.6")
    accepted_and_done(chair)
    faster("1.6")
    now = planned_again()
    # Beside it one accepted and one done, both brought in with their promise.
    columns = {"workload": Workload.objects.get(key="bot"), "kind": "offline", "decision_number": 1}
    columns |= {"owner_role": "product", "due_date": "2026-12-01"}
    for key, state, promised in (("waits", "accepted", 24), ("old", "done", 48)):
        WorkloadMove.objects.create(key=key, title=key, state=state, promised_accelerators=promised, **columns)
    viewer = Viewer(username="x", roles=frozenset({Role.FINANCE}))
    moves = list(WorkloadMove.objects.select_related("workload"))
    totals = totals_of(viewer, [], moves, current_id=now.pk)
    assert (totals["promised_accepted"], totals["promised_done"], totals["promised_told"]) == (24, 56, 8)
    assert (totals["accepted"], totals["done"], totals["told"], totals["realised"]) == (1, 2, 1, 8)
    words = _came_free(totals)
    assert words == (
        " Done ones promised 56 accelerators; of 8 accelerators promised by the 1 of them that can be told, 8 came free."
    )
