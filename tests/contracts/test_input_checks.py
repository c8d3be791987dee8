"""What an import of contracts warns of and what it refuses beyond one row's own limits."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from capacity.imports.services import ImportOutcome
from contracts import input_checks
from contracts.models import CommitStep, PriceLine
from tests.contracts.pipeline import set_state
from tests.imports.world import GOOD, import_texts

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 22)


@pytest.fixture(autouse=True)
def _world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_checks, "today", lambda: TODAY)
    assert import_texts(GOOD).applied
    assert change("rate_limit_output_tokens_per_minute", "600000").applied


def change(columns: str, cells: str) -> ImportOutcome:
    """A file that changes c-1, version 1."""
    return import_texts({"contracts.csv": f"key,version,{columns}\nc-1,1,{cells}\n"})


def steps(*lines: str) -> ImportOutcome:
    return import_texts({"commit_steps.csv": "contract,version,kind,quantity,starts_date\n" + "\n".join(lines) + "\n"})


def prices(*lines: str) -> ImportOutcome:
    header = "contract,version,kind,price,starts_date,ends_date,tier_from,tier_mode\n"
    return import_texts({"price_lines.csv": header + "\n".join(lines) + "\n"})


def warnings(outcome: ImportOutcome) -> list[str]:
    assert outcome.applied, [str(issue) for issue in outcome.errors]
    return [issue.code for issue in outcome.warnings]


def errors(outcome: ImportOutcome) -> list[tuple[str, str]]:
    assert not outcome.applied
    return [(issue.code, issue.column) for issue in outcome.errors]


def test_how_old_the_use_of_a_draft_is_does_not_matter() -> None:
    set_state("c-1", "draft")
    assert warnings(change("input_tokens_per_second,usage_date", "100,2026-08-01")) == []


def test_a_contract_in_order_is_written_in_silence() -> None:
    assert warnings(change("name", "Chat two")) == []


@pytest.mark.parametrize(
    ("columns", "cells", "codes"),
    [
        ("rate_limit_input_tokens_per_minute", "", ["uncapped_exposure"]),
        ("rate_limit_input_tokens_per_minute,p95_multiple", ",2", []),
        ("rate_limit_input_tokens_per_minute,usage_profile", ",chat-use", []),
        ("rate_limit_output_tokens_per_minute", "", ["uncapped_exposure"]),
        ("rate_limit_input_tokens_per_minute,rate_limit_output_tokens_per_minute", ",600000", ["uncapped_exposure"]),
        ("rate_limit_input_tokens_per_minute,input_tokens_per_second,usage_date", f",0,{TODAY}", []),
        # 100 + 100 tokens a second are 525,600,000 a planning month.
        ("fair_use_tokens_per_month,input_tokens_per_second,output_tokens_per_second,usage_date",
         f"525599999,100,100,{TODAY}", ["fair_use_below_use"]),
        ("fair_use_tokens_per_month,input_tokens_per_second,output_tokens_per_second,usage_date",
         f"525600000,100,100,{TODAY}", []),
        ("input_tokens_per_second,usage_date", "100,2026-08-01", ["old_usage"]),
        ("input_tokens_per_second,usage_date", f"100,{TODAY - timedelta(weeks=13)}", []),
        ("renewal_probability", "", ["renewal_unknown"]),
        ("renewal_probability,ends_date", ",2027-06-30", []),
        ("shape", "seats", ["no_seats"]),
        ("shape,seats", "seats,100", []),
        ("shape,unit_tokens_per_minute,unit_output_weight", "provisioned_throughput,30000,9.9", ["burndown_mismatch"]),
        ("shape,unit_tokens_per_minute,unit_output_weight", "provisioned_throughput,30000,10", []),
    ],
)  # fmt: skip
def test_what_is_odd_about_a_contract_is_a_warning(columns: str, cells: str, codes: list[str]) -> None:
    assert warnings(change(columns, cells)) == codes


def test_a_region_without_a_pool_is_a_warning() -> None:
    import_texts({"sites.csv": "key,name,region\nsite-9,Site 9,eu-west\n"})
    assert warnings(change("regions", "eu-west")) == ["no_pool_in_region"]
    assert warnings(change("regions", "eu-west;us-east")) == []


def test_a_pin_past_the_retirement_of_its_version_is_a_warning() -> None:
    import_texts({"model_versions.csv": "key,name,model_tier,retire_date\nbig,Big,frontier,2026-12-15\n"})
    assert warnings(change("pinned_model_version", "big")) == ["pinned_past_retirement"]
    assert warnings(change("pinned_model_version,pin_ends_date", "big,2026-12-15")) == []


@pytest.mark.parametrize("day", ["2025-12-31", "2027-01-01"])
def test_a_step_outside_the_term_is_refused(day: str) -> None:
    assert errors(steps(f"c-1,1,seats,5,{day}")) == [("step_outside_term", "starts_date")]
    assert CommitStep.objects.count() == 1


def test_a_term_that_would_leave_a_step_outside_is_refused() -> None:
    assert warnings(steps("c-1,1,seats,5,2026-12-01")) == []
    assert errors(change("ends_date", "2026-12-01")) == [("step_outside_term", "ends_date")]


def test_a_rate_limit_below_what_is_committed_is_refused_from_either_side() -> None:
    # 600,000 + 60,000 tokens a minute are 28.9 billion in a planning month of 43,800 minutes.
    assert warnings(change("rate_limit_output_tokens_per_minute", "60000")) == []
    assert errors(steps("c-1,1,tokens_month,28908000001,2026-01-01")) == [("cap_below_commitment", "quantity")]
    assert warnings(steps("c-1,1,tokens_month,28908000000,2026-01-01")) == []
    assert errors(change("rate_limit_output_tokens_per_minute", "59999")) == [
        ("cap_below_commitment", "rate_limit_input_tokens_per_minute")
    ]


def test_a_price_that_never_holds_is_a_warning() -> None:
    assert warnings(prices("c-1,1,cached_input,1,2027-01-01,,,")) == ["price_outside_term"]
    assert warnings(prices("c-1,1,uncached_input,1,2025-01-01,2026-01-01,,")) == ["price_outside_term"]


OVERLAP = ("c-1,1,cached_input,10,2026-01-01,,,graduated", "c-1,1,cached_input,5,2026-06-01,,15,graduated")


def test_two_price_lists_of_one_use_on_one_day_are_refused_where_it_is_signed() -> None:
    """A later tier without the tiers below it is a second list: from 1 June on, the first 15 have two."""
    assert errors(prices(*OVERLAP)) == [("prices_overlap", "starts_date")]
    ended = OVERLAP[0].replace("2026-01-01,,", "2026-01-01,2026-06-01,")
    assert "prices_overlap" not in warnings(prices(ended, OVERLAP[1]))


def test_of_an_offer_they_are_warned_of_until_it_is_to_be_signed() -> None:
    set_state("c-1", "draft")
    assert "prices_overlap" in warnings(prices(*OVERLAP))
    assert "prices_overlap" not in warnings(change("name", "Chat two"))
    set_state("c-1", "active")
    assert errors(change("name", "Chat three")) == [("prices_overlap", "starts_date")]


def test_tiers_are_read_with_those_that_are_there_already() -> None:
    assert warnings(prices("c-1,1,cached_input,10,2026-01-01,,,volume")) == []
    assert warnings(prices("c-1,1,cached_input,5,2026-01-01,,15,volume")) == ["volume_cliff"]
    assert errors(prices("c-1,1,cached_input,4,2026-01-01,,30,graduated")) == [("tiers_disagree", "tier_mode")]
    assert PriceLine.objects.filter(kind="cached_input").count() == 2


def test_a_warning_of_a_price_names_no_price() -> None:
    found = prices("c-1,1,cached_input,17.77,2026-01-01,,0,volume", "c-1,1,cached_input,5.55,2026-01-01,,15,volume")
    assert [issue.message for issue in found.warnings if "17.77" in issue.message or "5.55" in issue.message] == []
    assert [issue.code for issue in found.warnings] == ["volume_cliff"]


def test_tiers_that_leave_out_the_first_quantity_are_a_warning() -> None:
    assert warnings(prices("c-1,1,cached_input,5,2026-01-01,,15,")) == ["first_tier_missing"]


def tiers(*lines: str) -> ImportOutcome:
    header = "contract,version,metric,below_share,credit_share,chance\n"
    return import_texts({"sla_lines.csv": header + "\n".join(lines) + "\n"})


def test_the_chances_of_tiers_that_exclude_each_other_are_at_most_one() -> None:
    assert warnings(tiers("c-1,1,uptime,0.999,0.1,0.7", "c-1,1,latency,0.99,0.1,0.7")) == []
    # 0.7 stands there already: 0.4 more makes 1.1.
    more = tiers("c-1,1,uptime,0.98,0.25,0.4")
    assert errors(more) == [("chances_above_one", "chance")]
    assert "sum to 1.1, which is more than 1" in more.errors[0].message
