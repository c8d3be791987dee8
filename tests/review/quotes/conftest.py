"""The small world of deals, prepared and planned, for every test of quotes."""

from __future__ import annotations

import pytest

from capacity.allocation.models import Run
from capacity.review.compute import prepare_inputs
from capacity.review.inputs import read_inputs
from capacity.review.quote_sizing import FitCheck
from tests.contracts.pipeline import TODAY, make_world
from tests.review.quotes.asking import published, quiet


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
    return published()
