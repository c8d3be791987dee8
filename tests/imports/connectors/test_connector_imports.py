"""Foreign files all the way into the tables: rows, batches, refusals, a second time, and what the command says."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports.changes import Actor
from capacity.imports.connector_imports import ConnectorOutcome, import_from
from capacity.imports.connectors.registry import CONNECTORS
from capacity.imports.edits import undo_batch
from capacity.imports.models import Alias, ImportBatch, InputsVersion
from capacity.imports.tables import tables
from capacity.inventory.models import AcceleratorListPrice, AcceleratorType, ActualCost
from contracts.models import TokenListPrice
from tests.imports.connectors.support import DATA, sample, source
from tests.imports.connectors.test_focus import bill
from tests.imports.connectors.test_gateway import entry, lines
from tests.imports.connectors.test_sacct import DONE, HEADER, TRES
from tests.imports.world import GOOD, import_texts
from workloads.models import JobUsage, ModelVersion, OperatingPoint, UsageHour

pytestmark = pytest.mark.django_db

OPERATOR = Actor(user=None, source="test")
# What the rows of measurement point at, and nothing more.
NEEDED = ("sites", "accelerator_types", "pools", "teams", "model_versions", "workloads")
JOBS = ("timezone=UTC", "team:nlp=team-1", "pool=pool-1")


@pytest.fixture(autouse=True)
def world() -> None:
    outcome = import_texts({f"{name}.csv": GOOD[f"{name}.csv"] for name in NEEDED})
    assert outcome.applied, [str(issue) for issue in outcome.errors]


def jobs(text: str, *options: str, dry_run: bool = False) -> ConnectorOutcome:
    return import_from(
        connector="sacct",
        sources=[source(HEADER + text, "sacct.txt")],
        options=options or JOBS,
        actor=OPERATOR,
        dry_run=dry_run,
    )


def counts(outcome: ConnectorOutcome, table: str) -> tuple[int, int, int]:
    assert not outcome.errors, [str(issue) for issue in outcome.errors]
    found = outcome.counts[table]
    return found["added"], found["changed"], found["unchanged"]


def test_every_connector_speaks_of_tables_and_columns_there_are() -> None:
    known = tables()
    for connector in CONNECTORS.values():
        assert set(connector.tables) <= known.keys()
        for option in connector.options:
            assert not option.about or option.about in known, (connector.name, option.name)


def test_jobs_arrive_with_their_team_and_pool() -> None:
    assert counts(jobs(DONE + TRES), "job_usage") == (1, 0, 0)

    job = JobUsage.objects.values_list("team__key", "pool__key", "accelerators", "accelerator_hours").get()
    assert job == ("team-1", "pool-1", 8, 20)


def test_a_second_time_nothing_changes() -> None:
    jobs(DONE + TRES)
    version = InputsVersion.objects.get(pk=1).version

    assert counts(jobs(DONE + TRES), "job_usage") == (0, 0, 1)
    assert InputsVersion.objects.get(pk=1).version == version


def test_a_job_that_ended_meanwhile_changes_its_row() -> None:
    jobs(DONE.replace("COMPLETED", "RUNNING").replace("2026-11-02T11:30:00", "Unknown").replace("9000", "60") + TRES)

    assert counts(jobs(DONE + TRES), "job_usage") == (0, 1, 0)
    assert JobUsage.objects.get().state == "completed"


def test_a_dry_run_leaves_no_trace() -> None:
    before = ImportBatch.objects.count()

    outcome = jobs(DONE + TRES, dry_run=True)

    assert counts(outcome, "job_usage") == (1, 0, 0) and not outcome.applied
    assert (JobUsage.objects.count(), ImportBatch.objects.count()) == (0, before)


def test_one_bad_row_refuses_all_and_is_told_with_its_foreign_row() -> None:
    outcome = jobs(DONE + TRES + DONE.replace("4201", "4202").replace("COMPLETED", "WANDERING") + TRES)

    assert [(issue.file, issue.row, issue.code) for issue in outcome.errors] == [("sacct.txt", 3, "unknown_choice")]
    assert JobUsage.objects.count() == 0
    batch = ImportBatch.objects.latest("pk")
    assert batch.outcome == "refused" and batch.issues.get().row == 3


def test_a_wrong_option_refuses_before_anything_is_read() -> None:
    outcome = jobs(DONE + TRES, "timezone=UTC", "team=team-2")

    assert [str(issue) for issue in outcome.errors] == [
        'options, team: There is no team "team-2". Did you mean "team-1"?'
    ]


def test_an_import_of_measurements_can_be_undone() -> None:
    outcome = jobs(DONE + TRES)
    assert outcome.batch_id is not None

    undo_batch(batch_id=outcome.batch_id, actor=OPERATOR)

    assert JobUsage.objects.count() == 0


def test_aliases_that_were_written_down_are_understood() -> None:
    Alias.objects.create(kind="team", written="nlp", key="team-1")

    jobs(DONE + TRES, "timezone=UTC")

    assert JobUsage.objects.filter(team__key="team-1").count() == 1


def test_who_may_not_write_the_table_may_not_through_a_connector() -> None:
    viewer = Viewer(username="ray", roles=frozenset({Role.SALES}))

    outcome = import_from(
        connector="sacct",
        sources=[source(HEADER + DONE + TRES)],
        options=JOBS,
        actor=Actor(user=None, source="test", viewer=viewer),
    )

    assert {issue.code for issue in outcome.errors} >= {"not_allowed"}
    assert JobUsage.objects.count() == 0


def test_a_bill_arrives_with_and_without_a_pool_and_adds_up() -> None:
    text = bill({}, {"ChargeCategory": "Credit", "BilledCost": "-40"}, {"ResourceId": "bucket", "BilledCost": "5"})

    def bring() -> ConnectorOutcome:
        return import_from(connector="focus", sources=[source(text)], options=["pool:i-*=pool-1"], actor=OPERATOR)

    assert counts(bring(), "actual_costs") == (3, 0, 0)
    assert counts(bring(), "actual_costs") == (0, 0, 3)
    billed = [cost.billed_usd for cost in ActualCost.objects.filter(pool__key="pool-1")]
    assert sum(billed) == Decimal("58.32")
    assert ActualCost.objects.get(pool=None).resource == "bucket"


def test_a_gateways_log_becomes_hours_of_use() -> None:
    refused = {"user_api_key_alias": "chat-prod", "error_information": {"error_code": "429"}}
    log = lines(entry(1), entry(2, status="failure", prompt_tokens=0, completion_tokens=0, metadata=refused))

    outcome = import_from(
        connector="gateway", sources=[source(log)], options=["workload:chat-prod=chat"], actor=OPERATOR
    )

    assert counts(outcome, "usage_hours") == (1, 0, 0)
    hour = UsageHour.objects.get()
    assert (hour.requests, hour.throttled_requests, hour.late_requests, hour.input_tokens) == (2, 1, None, 1000)


@pytest.mark.parametrize(
    ("connector", "name", "options", "table"),
    [
        ("request_trace", "llm_requests_azure_conversation_2023.csv", ["workload=chat"], "usage_hours"),
        ("demand_trace", "llm_demand_hourly.csv", ["workload=chat", "start=2024-11-04T00:00:00Z"], "usage_hours"),
        (
            "demand_trace",
            "llm_demand_hourly_by_client.csv",
            ["workload=chat", "start=2024-11-04T00:00:00Z"],
            "usage_hours",
        ),
        ("token_prices", "token_list_prices.csv", ["as_of_date=2026-11-01"], "token_list_prices"),
        ("token_price_history", "token_price_history.csv", ["provider=openrouter"], "token_list_prices"),
        ("token_price_changes", "token_price_changes.csv", [], "token_list_prices"),
        ("accelerator_prices", "cloud_accelerator_prices.csv", ["accept_suggestions=yes"], "accelerator_list_prices"),
        ("job_trace", "research_jobs_philly_2017.csv", ["timezone=UTC", "team=team-1"], "job_usage"),
        ("job_trace", "research_jobs_kalos_2023_part1.csv", ["start=2023-05-17T00:00:00Z"], "job_usage"),
        ("accelerator_specs", "accelerator_specs.csv", ["as_of_date=2026-11-01"], "accelerator_types"),
        (
            "operating_points",
            "serving_latency_throughput_points.csv",
            ["accelerator_type:h100_sxm=h100", "new_models=mid"],
            "operating_points",
        ),
        (
            "operating_points",
            "serving_mlperf_inference_v5_1.csv",
            ["accelerator_type=h100", "new_models=mid", "tokens_in=294", "tokens_out=294"],
            "operating_points",
        ),
        (
            "operating_points",
            "serving_max_throughput_trtllm.csv",
            ["accelerator_type:H100=h100", "new_models=mid"],
            "operating_points",
        ),
    ],
)
def test_real_excerpts_load_and_a_second_time_nothing_changes(
    connector: str, name: str, options: list[str], table: str
) -> None:
    first = import_from(connector=connector, sources=[sample(name)], options=options, actor=OPERATOR)
    added, changed, unchanged = counts(first, table)
    assert added > 0 and changed == unchanged == 0

    again = import_from(connector=connector, sources=[sample(name)], options=options, actor=OPERATOR)

    assert counts(again, table) == (0, 0, added)


def test_figures_of_a_type_one_has_come_to_it_and_its_name_stays() -> None:
    options = ["as_of_date=2026-11-01", "accelerator_type:NVIDIA H100 SXM5 80GB=h100"]
    before = AcceleratorType.objects.get(key="h100")

    outcome = import_from(
        connector="accelerator_specs", sources=[sample("accelerator_specs.csv")], options=options, actor=OPERATOR
    )

    assert counts(outcome, "accelerator_types") == (15, 1, 0)
    after = AcceleratorType.objects.get(key="h100")
    assert (after.name, after.h100e_as_of_date) == (before.name, before.h100e_as_of_date)
    assert after.memory_bandwidth_gb_per_s == 3350


def test_public_lists_fill_their_tables() -> None:
    for connector, name, options in (
        ("accelerator_specs", "accelerator_specs.csv", ["as_of_date=2026-11-01"]),
        ("accelerator_prices", "cloud_accelerator_prices.csv", ["accept_suggestions=yes"]),
        ("token_prices", "token_list_prices.csv", ["as_of_date=2026-11-01"]),
        ("operating_points", "serving_max_throughput_trtllm.csv", ["accept_suggestions=yes", "new_models=mid"]),
    ):
        outcome = import_from(connector=connector, sources=[sample(name)], options=options, actor=OPERATOR)
        assert outcome.applied, [str(issue) for issue in outcome.errors]

    assert AcceleratorType.objects.get(key="nvidia-b200").release_date is not None
    assert AcceleratorListPrice.objects.filter(accelerator_type__key="nvidia-h200-sxm").count() == 0
    assert AcceleratorListPrice.objects.filter(accelerator_type__key="nvidia-a100").exists()
    assert TokenListPrice.objects.get(model="gpt-5", kind="output").usd_per_million_tokens == 10
    assert OperatingPoint.objects.filter(accelerator_type__key="nvidia-b200").exists()
    assert ModelVersion.objects.filter(model_tier="mid").count() >= 5


def command(*words: object) -> tuple[str, str]:
    out, error = io.StringIO(), io.StringIO()
    call_command("import_from", *map(str, words), stdout=out, stderr=error)
    return out.getvalue(), error.getvalue()


def test_the_command_tells_what_it_did() -> None:
    out, error = command("auto", DATA / "research_jobs_kalos_2023_part1.csv", "--option", "start=2023-05-17T00:00:00Z")

    assert "job_usage: 20 added, 0 changed, 0 unchanged" in out
    assert "taken to start when it was submitted" in out and "Applied as import" in out
    assert "[unplaced]" in error
    assert ImportBatch.objects.latest("pk").source == "job_trace"


def test_the_command_keeps_where_the_files_come_from() -> None:
    command(
        "job_trace",
        DATA / "research_jobs_kalos_2023_part1.csv",
        "--source",
        "kalos",
        "--option",
        "start=2023-05-17T00:00:00Z",
    )

    batch = ImportBatch.objects.latest("pk")
    assert batch.source == "kalos" and batch.files[0]["name"] == "research_jobs_kalos_2023_part1.csv"


def test_the_command_exits_with_2_when_it_refuses() -> None:
    with pytest.raises(SystemExit) as stop:
        command("job_trace", DATA / "research_jobs_philly_2017.csv")

    assert stop.value.code == 2 and JobUsage.objects.count() == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["focuss", DATA / "accelerator_specs.csv"], 'There is no connector "focuss". Did you mean "focus"?'),
        (["focus", DATA / "nothing.csv"], "There is no file"),
        (["auto", Path(__file__)], "a form that no connector knows"),
        (["focus"], "at least one file"),
    ],
)
def test_the_command_explains_wrong_words(words: list[object], message: str) -> None:
    with pytest.raises(CommandError, match="There is no|form that no|at least one") as refusal:
        command(*words)

    assert message in str(refusal.value)


def test_the_command_lists_its_connectors() -> None:
    out, _ = command("--list")

    assert all(f"{name}: " in out for name in CONNECTORS)
    assert "--option timezone=…" in out
