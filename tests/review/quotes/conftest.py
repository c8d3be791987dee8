"""The small world of deals, prepared and planned, for every test of quotes."""

from __future__ import annotations

import pytest

from capacity.allocation.models import CurrentRun, Run
from capacity.review.compute import prepare_inputs
from capacity.review.inputs import read_inputs
from capacity.review.plan_source import ReviewPlanSource
from capacity.review.quote_sizing import FitCheck
from tests.contracts.pipeline import NOW, TODAY, make_world
from tests.review.quotes.asking import quiet


@pytest.fixture
def world() -> None:
    make_world(deals=0)


@pytest.fixture
def check(world: None) -> FitCheck:
    inputs = read_inputs(as_of=TODAY).in_order()
    return FitCheck(inputs=inputs, prepared=prepare_inputs(inputs=inputs, progress=quiet))


@pytest.fixture
def run(world: None) -> Run:
    """A plan of the world, published."""
    source = ReviewPlanSource()
    inputs = source.read(as_of=TODAY)
    plan = source.compute(inputs=inputs, progress=quiet)
    made = Run.objects.create(
        state="done", reason="test", input_hash="a", result_hash="b", fencing_token=1, inputs_version=inputs.version,
        first_week=inputs.first_week.key, weeks=104, started_at=NOW, finished_at=NOW, as_of_date=TODAY,
    )  # fmt: skip
    plan.write(made)
    CurrentRun.objects.create(scope="plan", run=made, fencing_token=1, inputs_version=inputs.version)
    return made
