"""A move from proposal to done: asked as an ordinary what-if, accepted with its decision in one transaction, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from capacity.access.models import AuditEvent
from capacity.access.roles import Role
from capacity.access.visibility import RESTRICTED, Banded, Viewer
from capacity.allocation.models import Run, WhatIf
from capacity.decisions.models import Decision
from capacity.decisions.services import NotPermitted
from capacity.lib.figures import Absent
from capacity.review import move_steps
from capacity.review.input_edits import ChangesRefused
from capacity.review.move_answer import visible_move
from capacity.review.move_changes import MoveRefused
from capacity.review.move_realised import realised_of
from capacity.review.move_steps import Acceptance, MoveStepRefused, Stepper
from capacity.review.what_if import HotRuns, answer_question
from contracts.models import Contract
from tests.contracts.pipeline import NOW, OPEN_WEEK
from tests.factories import make_user
from tests.review.quotes.asking import published
from workloads.models import WorkloadMove

pytestmark = pytest.mark.django_db

ACCEPTANCE = Acceptance(
    week=OPEN_WEEK,
    reason="The cache is there already.",
    gate_reason="",
    risk="Hits stay below",
    who_loses="Nobody",
    decider_role="chair",
    owner_role="product",
    due_date=date(2026, 12, 14),
    effect_metric="H6",
    effect_target=Decimal(100000),
    review_back_date=date(2027, 1, 11),
)


def by(role: Role, username: str = "") -> Stepper:
    name = username or role.value
    user = make_user(role.value, username=name)
    return Stepper(user=user, viewer=Viewer(username=name, roles=frozenset({role})), now=NOW)


def move(**columns: Any) -> WorkloadMove:
    WorkloadMove.objects.filter(key="cache-prompts").update(**columns)
    return move_steps.found_move("cache-prompts")


def asked(run: Run, who: Stepper) -> WhatIf:
    return move_steps.ask_move(
        key="cache-prompts", row_version=move_steps.found_move("cache-prompts").row_version, run_id=run.pk, by=who
    )


def work(question: WhatIf) -> dict[str, Any]:
    assert answer_question(what_if_id=question.pk, worker="w", clock=lambda: NOW, runs=HotRuns(most=1)) == "done"
    question.refresh_from_db()
    assert question.full is not None
    return dict(question.full["move"])


def accept(who: Stepper, acceptance: Acceptance = ACCEPTANCE, key: str = "form-1", version: int = 0) -> Decision:
    return move_steps.accept_move(
        key="cache-prompts",
        row_version=version or move_steps.found_move("cache-prompts").row_version,
        acceptance=acceptance,
        idempotency_key=key,
        open_weeks=[OPEN_WEEK],
        by=who,
    )


def test_caching_saves_on_paper_and_releases_one_replica_and_is_accepted_once(run: Run) -> None:
    chair = by(Role.CHAIR)
    told = work(asked(run, chair))
    # 13 replicas become 12: 8 accelerators in every week; 0.3375 replicas on paper. Of 30,240 M prompt tokens a week
    # 0.3 are read from the cache at half a dollar less a million: the bill falls by $4,536.
    assert told["released"] == [8] * 13
    assert told["by_type"] == {"h100": [8] * 13}
    assert (told["paper_usd"], told["released_usd"], told["revenue_usd"]) == ("907.20", "2688.00", "-4536.00")
    assert told["margin_usd"] == f"{Decimal('-1848.00') - Decimal(told['lost_usd']):f}"
    decision = accept(chair)
    assert accept(chair) == decision
    assert Decision.objects.count() == 1
    found = move_steps.found_move("cache-prompts")
    assert (found.state, found.decision_number, found.owner_role, found.due_date) == (
        "accepted",
        decision.number,
        "product",
        date(2026, 12, 14),
    )
    assert (found.promised_accelerators, found.promised_usd_per_week, found.promised_run_id) == (8, 2688, run.pk)
    assert (decision.kind, decision.run_id, decision.chosen) == ("default", run.pk, "Cache the system prompt")
    options = {option.name: option for option in decision.options.all()}
    assert (options["Do nothing"].accelerators, options["Cache the system prompt"].accelerators) == (0, -8)
    assert options["Cache the system prompt"].cost_usd == -2688
    assert AuditEvent.objects.filter(action="move.accepted", subject="move cache-prompts").count() == 1
    done = move_steps.end_move(key="cache-prompts", row_version=found.row_version, target="done", by=by(Role.PRODUCT))
    assert done.state == "done"
    # Nothing was carried out in the tables: the same run is still the plan's, and nothing came free.
    assert realised_of(done, current_id=run.pk).accelerators == 0


def test_one_contract_alone_saves_on_paper_and_releases_nothing(world: None, woken: list[int]) -> None:
    Contract.objects.filter(key="c-1").update(input_tokens_per_second=10_000, output_tokens_per_second=2_000)
    told = work(asked(published(), by(Role.CHAIR)))
    assert told["released"] == [0] * 13
    assert (told["paper_usd"], told["released_usd"]) == ("181.44", "0.00")


def test_each_role_reads_of_the_answer_what_is_theirs() -> None:
    told = {
        "weeks": 13, "released": [8] * 13, "released_always": 8, "by_type": {"h100": [8] * 13}, "h100e": "8.0",
        "paper_usd": "907.20", "released_usd": "2688.00", "revenue_usd": "0.00", "lost_usd": "0.00",
        "margin_usd": "2688.00",
    }  # fmt: skip

    def seen(role: Role) -> dict[str, Any]:
        found = visible_move(Viewer(username="x", roles=frozenset({role})), told, one_off_usd=Decimal(10752))
        assert found is not None
        assert "revenue_usd" not in found
        return found

    finance = seen(Role.FINANCE)
    assert (finance["paper_usd"], finance["margin_usd"], finance["payback_weeks"]) == (
        Decimal("907.20"),
        Decimal(2688),
        4,
    )
    assert isinstance(seen(Role.CHAIR)["margin_usd"], Banded)
    product, research, sales = seen(Role.PRODUCT), seen(Role.RESEARCH), seen(Role.SALES)
    assert (product["released_usd"], product["margin_usd"]) == (Decimal(2688), RESTRICTED)
    assert (research["released_always"], research["paper_usd"], research["payback_weeks"]) == (
        8,
        RESTRICTED,
        RESTRICTED,
    )
    assert {name for name, value in sales.items() if not isinstance(value, Absent)} == {"weeks"}


def test_an_answer_is_waited_for_and_a_changed_move_is_asked_again(run: Run) -> None:
    chair = by(Role.CHAIR)
    with pytest.raises(MoveStepRefused, match="only a move that was asked"):
        accept(chair)
    question = asked(run, chair)
    with pytest.raises(MoveStepRefused, match="not answered yet"):
        accept(chair)
    work(question)
    move(amount=Decimal("0.7"))
    with pytest.raises(MoveStepRefused, match="changed since it was asked"):
        accept(chair)
    assert not Decision.objects.exists()
    move(amount=Decimal("0.8"))
    with transaction.atomic(), pytest.raises(MoveStepRefused, match="Somebody else changed"):
        accept(chair, version=move_steps.found_move("cache-prompts").row_version - 1)
    # What the decision refuses leaves the move as it was.
    with pytest.raises(MoveStepRefused, match="takes no more decisions"):
        accept(chair, replace(ACCEPTANCE, week="2026-W40"))
    assert move_steps.found_move("cache-prompts").state == "asked"
    assert accept(chair).number == 1


def test_without_a_passed_gate_a_reason_is_written_and_kept(run: Run) -> None:
    chair = by(Role.CHAIR)
    work(asked(run, chair))
    move(quality_gate="fail")
    with pytest.raises(MoveStepRefused) as refused:
        accept(chair)
    assert [field for field, _ in refused.value.errors] == ["gate_reason"]
    decision = accept(chair, replace(ACCEPTANCE, gate_reason="The test was of another prompt."))
    assert decision.reason.endswith("Without a passed quality gate: The test was of another prompt.")


def test_who_may_do_what(run: Run) -> None:
    product, finance, research = by(Role.PRODUCT), by(Role.FINANCE), by(Role.RESEARCH)
    with pytest.raises(NotPermitted):
        asked(run, research)
    with pytest.raises(NotPermitted):
        asked(run, finance)
    # The move changes a contract, about which product does not ask.
    with pytest.raises(ChangesRefused, match="does not ask about contracts"):
        asked(run, product)
    assert move_steps.found_move("cache-prompts").state == "proposed"
    with pytest.raises(NotPermitted):
        accept(product)
    version = move_steps.found_move("cache-prompts").row_version
    with pytest.raises(NotPermitted):
        move_steps.end_move(key="cache-prompts", row_version=version, target="dropped", by=finance)
    dropped = move_steps.end_move(key="cache-prompts", row_version=version, target="dropped", by=product)
    assert dropped.state == "dropped"
    with pytest.raises(MoveStepRefused, match="It is dropped"):
        asked(run, by(Role.CHAIR))


def test_a_new_move_says_what_it_names(run: Run) -> None:
    product = by(Role.PRODUCT)
    cells = {"key": "m-2", "title": "Shorter prompts", "workload": "chat", "kind": "context_length"}
    with pytest.raises(MoveStepRefused) as refused:
        move_steps.propose_move(cells=cells, by=product)
    assert [field for field, _ in refused.value.errors] == ["amount"]
    made = move_steps.propose_move(cells={**cells, "amount": "0.7"}, by=product)
    assert (made.state, made.amount) == ("proposed", Decimal("0.7"))
    with pytest.raises(MoveStepRefused, match="already"):
        move_steps.propose_move(cells={**cells, "amount": "0.7"}, by=product)
    with pytest.raises(MoveStepRefused, match="address of a page"):
        move_steps.propose_move(cells={**cells, "key": "new", "amount": "0.7"}, by=product)
    with pytest.raises(NotPermitted):
        move_steps.propose_move(cells={**cells, "key": "m-3", "amount": "0.7"}, by=by(Role.SALES))


def test_a_move_that_changes_nothing_is_not_asked(run: Run) -> None:
    move(amount=Decimal("0.4"))
    with pytest.raises(MoveRefused, match="nothing would change"):
        asked(run, by(Role.CHAIR))


def test_the_database_keeps_an_accepted_move_whole(run: Run) -> None:
    with transaction.atomic(), pytest.raises(IntegrityError, match="accepted_move_has_decision"):
        move(state="accepted")
    with transaction.atomic(), pytest.raises(IntegrityError, match="asked_move_has_its_what_if"):
        move(state="asked")
    assert move_steps.found_move("cache-prompts").state == "proposed"
