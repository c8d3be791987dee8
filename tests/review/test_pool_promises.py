"""What is promised by the contracts that stand on a pool: by hand, and who reads it."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest
from django.test import Client

from capacity.lib.figures import NOTHING, RESTRICTED
from capacity.review.pool_promises import promise_of, promises
from tests.factories import make_run, make_user


def tier(below: str, credit: str, usd: object, key: str = "C-1") -> dict[str, Any]:
    return {
        "contract_key": key, "metric": "uptime", "below_share": D(below), "credit_share": D(credit), "credit_usd": usd,
    }  # fmt: skip


def test_the_strictest_tier_and_the_largest_credit_stand_for_a_contract() -> None:
    found = promises([tier("0.999", "0.1", D(1000)), tier("0.95", "0.25", D(2500)), tier("0.99", "0.1", D(700), "C-2")])
    assert found["C-1"] == {"sla": "Uptime 99.90%, credits 10% to 25%", "credit": "$2.50k"}
    assert found["C-2"] == {"sla": "Uptime 99.00%, credits 10%", "credit": "$700"}
    assert promise_of(found, "C-3") == promise_of(found, "") == {"sla": NOTHING, "credit": NOTHING}


def test_a_credit_that_is_hidden_or_not_known_has_no_largest() -> None:
    assert promises([tier("0.99", "0.1", RESTRICTED)])["C-1"]["credit"] is RESTRICTED
    assert promises([tier("0.99", "0.1", None), tier("0.9", "0.2", D(5))])["C-1"]["credit"] is NOTHING


@pytest.mark.django_db
def test_the_pool_page_tells_promises_to_those_who_may_read_them(client: Client) -> None:
    run = make_run()
    pools = list(run.pools.values_list("pool_key", flat=True))
    shown = {}
    for role in ("finance", "chair", "research", "product"):
        client.force_login(make_user(role))
        shown[role] = "".join(client.get(f"/supply/{key}/").content.decode() for key in pools)
    assert "Largest credit" in shown["finance"]
    assert "Uptime" in shown["finance"]
    assert "Largest credit" in shown["chair"]
    assert not [role for role in ("research", "product") if "Largest credit" in shown[role] or "Uptime" in shown[role]]
