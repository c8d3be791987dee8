"""Contract, pool, run, policy and methods pages: what each says, and about whom."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone

from capacity.lib.horizon import Week
from capacity.review.methods_page import methods_page
from tests.factories import make_policy, make_run, make_user

pytestmark = pytest.mark.django_db


def page(client: Client, role: str, address: str) -> str:
    client.force_login(make_user(role))
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_a_contract_says_since_when_it_is_short_and_lists_the_weeks(client: Client) -> None:
    make_run()
    html = page(client, "finance", "/contracts/cygnus_flat/")
    assert "Short from the week of 14 Dec" in html
    assert "30 accelerator-weeks in all" in html
    assert "it loses $1.72M" in html
    weeks = html[html.index('aria-label="Weeks short"') :]
    assert '<td class="n">$8.12k</td>' in weeks
    assert "Agree a rate limit" in html


def test_sales_read_their_contract_without_the_weeks_of_the_plan(client: Client) -> None:
    make_run(changes={"exposure": {"acme_pt": {"first_short_week": "2026-W50"}}})
    html = page(client, "sales", "/contracts/acme_pt/")
    assert "$4.14M" in html
    assert 'aria-label="Weeks short"' not in html


def test_a_pool_names_who_stands_on_it_in_the_readers_words(client: Client) -> None:
    make_run()
    finance = page(client, "finance", "/supply/b200_euw1/")
    assert 'href="/contracts/cygnus_flat/">Cygnus flat fee</a>' in finance
    assert "RL from feedback" in finance
    research = page(client, "research", "/supply/b200_euw1/")
    assert "C-3 <small>support_bot</small>" in research
    assert "Cygnus" not in research


def test_a_pool_says_when_it_is_short_worst_and_what_arrives(client: Client) -> None:
    make_run()
    html = page(client, "chair", "/supply/b200_euw1/")
    assert "Short in 1 week, worst 30 in the week of 14 Dec." in html
    assert "+128" in html


def test_links_of_a_past_run_stay_in_that_run(client: Client) -> None:
    old = make_run()
    make_run(week="2026-W49")
    client.force_login(make_user("finance"))
    assert f'href="/contracts/acme_pt/?run={old.pk}"' in client.get(f"/contracts/?run={old.pk}").content.decode()
    assert f'href="/supply/b200_euw1/?run={old.pk}"' in client.get(f"/supply/?run={old.pk}").content.decode()
    pool = client.get(f"/supply/b200_euw1/?run={old.pk}").content.decode()
    assert f'href="/contracts/cygnus_flat/?run={old.pk}"' in pool


def test_supply_counts_late_lots_and_sums_in_h100_equivalents(client: Client) -> None:
    make_run()
    html = page(client, "chair", "/supply/")
    assert "1 lot late and counted as not there." in html
    # 1,000 × 1 + 256 × 2.27 + 128 × 1.32 = 1,750.08
    assert "1,750 allocatable" in html


def test_a_run_lists_what_it_read_and_how_its_tiers_ended(client: Client) -> None:
    run = make_run()
    html = page(client, "finance", f"/runs/{run.pk}/")
    assert run.input_hash in html
    assert "<li><span>Contracts</span> 4</li>" in html
    assert "8,123.45" in html
    assert f'href="/runs/{run.pk}/document/"' in html


def test_sales_read_a_run_without_its_tiers(client: Client) -> None:
    run = make_run()
    assert "Tiers" not in page(client, "sales", f"/runs/{run.pk}/")


def test_a_failed_run_says_why_to_those_who_may_read_it_and_offers_a_retry(client: Client) -> None:
    dead = make_run("dead", error="No policy is in force.", error_code="no_policy")
    chair = page(client, "chair", f"/runs/{dead.pk}/")
    assert "No policy is in force." in chair
    assert f'action="/runs/{dead.pk}/retry/"' in chair
    executive = page(client, "exec", f"/runs/{dead.pk}/")
    assert "No policy is in force." not in executive
    assert "No policy" in executive
    assert "retry" not in executive


def test_the_policy_page_marks_the_version_in_force_and_hides_the_floor_from_sales(client: Client) -> None:
    make_policy(version=1, effective="2026-W01")
    make_policy(version=2, effective="2099-W01", idle_limit_share="0.0700")
    html = page(client, "chair", "/policy/")
    assert "Version 1 is in force" in html
    assert "(to come)" in html
    assert "7.0%" in html
    assert "Research floor" in html
    sales = page(client, "sales", "/policy/")
    assert "Research floor" not in sales
    assert "$1.00M" not in sales


def test_every_figures_method_has_its_section(client: Client) -> None:
    anchors = {anchor for _, anchor, _ in methods_page().toc}
    html = page(client, "admin", "/methods/")
    assert {"headline-metrics", "exposure", "floor", "envelope", "mixed-pool-rate", "explanations"} <= anchors
    assert all(f'id="{anchor}"' in html for anchor in anchors)
    assert "<th></th>" not in html


def test_the_strip_stops_asking_once_the_plan_is_there(client: Client) -> None:
    week = Week.containing(timezone.now())
    make_run(week=week.key)
    client.force_login(make_user("chair"))
    html = client.get("/plan/status/").content.decode()
    assert "hx-trigger" not in html
