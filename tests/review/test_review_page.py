"""The review page itself: what red speaks of, and where asking for a recompute leads."""

from __future__ import annotations

import re
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import pytest
from django.test import Client

from capacity.access.roles import Role
from capacity.review.page_reading import RunRows
from capacity.review.page_rows import unplaced_rows
from tests.factories import make_run, make_user
from tests.recorded_broker import RecordedBroker

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("coverage", "is_red"), [(Decimal(1), False), (Decimal("0.5"), True)])
def test_a_promise_is_red_only_when_its_thirteen_weeks_are_not_covered(
    client: Client, coverage: Decimal, is_red: bool
) -> None:
    make_run(changes={"exposure": {"acme_pt": {"coverage_share": coverage, "first_short_week": "2027-W45"}}})
    client.force_login(make_user(Role.FINANCE))
    page = client.get("/").content.decode()
    promises = page[page.index('id="promises"') : page.index('id="short"')]
    row = next(part for part in promises.split("<tr>") if "8 Nov 2027" in part)
    assert bool(re.search(r'class="n bad"', row)) is is_red


def test_asking_for_a_recompute_on_the_review_leads_back_to_it(client: Client, recorded_broker: RecordedBroker) -> None:
    make_run()
    client.force_login(make_user(Role.CHAIR))
    page = client.get("/").content.decode()
    back = re.search(r'name="next" value="([^"]+)"', page)
    assert back is not None
    answer = client.post("/runs/request/", {"next": back[1]})
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_in_the_first_week_no_empty_card_stands_beside_a_full_one(client: Client) -> None:
    make_run()
    client.force_login(make_user(Role.CHAIR))
    page = client.get("/").content.decode()
    for name in ("changed", "follow", "decisions", "metrics"):
        assert f'<section class="card" id="{name}">' in page


def test_a_pool_that_is_never_short_has_a_dash_for_its_first_week(client: Client) -> None:
    make_run()
    client.force_login(make_user(Role.CHAIR))
    page = client.get("/").content.decode()
    pools = page[page.index('id="short"') : page.index('id="supply"')]
    assert "<td>—</td>" in pools and "None" not in pools


def test_the_changes_that_would_fit_read_as_one_sentence() -> None:
    changes = [{"change": "fewer_accelerators", "accelerators": 64}, {"change": "later_start", "start": "2027-W05"}]
    row = {
        "experiment_key": "E-1",
        "short_by": None,
        "smallest_changes": changes,
        "sentence": "8 are free in 2027-W05.",
    }
    found = unplaced_rows(cast("RunRows", SimpleNamespace(unplaced=[row])), year=2026)
    assert found[0]["changes"] == ["Ask for 64 accelerators", "start on 1 Feb 2027"]
    assert found[0]["sentence"] == "8 are free in the week of 1 Feb 2027."
