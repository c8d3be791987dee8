"""A plan that does not balance is a bug of the engine: the run fails and says so, and nothing of it is published."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from capacity.allocation.domain import results
from capacity.allocation.domain.checks import PlanInconsistent
from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.problem_file import problem_from_bytes
from capacity.allocation.models import CurrentRun, Run, RunDocument, RunIssue
from capacity.allocation.services import request_run
from capacity.review.cycle import recompute
from tests.domain.allocation.test_cases import CASES
from tests.faults.fake_plan import FakeInputs, FakePlanSource

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CASE = (CASES / "1_two_demands.problem.json").read_bytes()


class EngineSource(FakePlanSource):
    """Solves one of the hand-checked problems before it makes up its rows."""

    def compute(self, *, inputs: FakeInputs, progress: Any, effort: str = "quick") -> Any:
        solve(problem=problem_from_bytes(CASE))
        return super().compute(inputs=inputs, progress=progress)


def run_once() -> Run:
    run = request_run(reason="edit", settle=False, is_forced=True, now=NOON)
    recompute(run_id=run.pk, worker="w", clock=lambda: NOON, source=EngineSource())
    run.refresh_from_db()
    return run


@pytest.mark.parametrize("rows", ["allocations", "served", "capacity_shortfalls", "idle_rows"])
def test_the_engine_returns_no_plan_that_lacks_rows(rows: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_from_bytes(CASE)
    assert solve(problem=problem).termination == "optimal"
    monkeypatch.setattr(results, rows, lambda *_: ())
    with pytest.raises(PlanInconsistent):
        solve(problem=problem)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("recorded_broker")
def test_a_wrong_plan_fails_its_run_at_once_and_leaves_the_plan_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    good = run_once()
    assert good.state == "done"
    monkeypatch.setattr(results, "served", lambda *_: ())
    wrong = run_once()
    assert (wrong.state, wrong.attempt, wrong.error_code) == ("failed", 1, "plan_inconsistent")
    # Of each of two demands: what is served and short is not its work, and its class serves other than its replicas do;
    # and the list of what is served has not a row for each demand and week.
    assert wrong.error.startswith("The plan that was found breaks 5 of its own balances, so nothing of it was kept.")
    assert not Run.objects.filter(state="queued").exists()
    assert CurrentRun.objects.get().run_id == good.pk
    assert not RunDocument.objects.filter(run=wrong).exists() and not RunIssue.objects.filter(run=wrong).exists()
