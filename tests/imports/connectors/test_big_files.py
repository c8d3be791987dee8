"""Files of measurement by the hundred thousand rows: how long they take and how much memory, in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection

from tests.imports.connectors.test_connector_imports import NEEDED
from tests.imports.world import GOOD, import_texts
from workloads.models import JobUsage, UsageHour

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[3]
# Runs a command as one types it, and tells what it took.
CHILD = """
import json, resource, sys, time
import django
django.setup()
from django.core.management import call_command
starts = time.monotonic()
call_command(*sys.argv[1:])
took = resource.getrusage(resource.RUSAGE_SELF)
figures = {"seconds": time.monotonic() - starts, "processor": took.ru_utime + took.ru_stime}
print(json.dumps({**figures, "megabytes": took.ru_maxrss / 1024}))
"""
START = datetime(2010, 1, 4, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Took:
    """seconds: by the clock; processor: of these, those of this process at work, with the database's aside."""

    seconds: float
    processor: float
    megabytes: float
    said: str


@pytest.fixture(autouse=True)
def world() -> None:
    outcome = import_texts({f"{name}.csv": GOOD[f"{name}.csv"] for name in NEEDED})
    assert outcome.applied, [str(issue) for issue in outcome.errors]


def run(*words: object) -> Took:
    database = connection.settings_dict
    account = f"{quote(database['USER'])}:{quote(database['PASSWORD'])}"
    url = f"postgresql://{account}@/{database['NAME']}?host={quote(str(database['HOST']), safe='')}"
    if database["PORT"]:
        url += f"&port={database['PORT']}"
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, words)],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": url,
            "DATABASE_OWNER_URL": url,
            "DJANGO_SETTINGS_MODULE": "capacity.settings",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    *said, took = done.stdout.splitlines()
    return Took(said="\n".join(said), **json.loads(took))


def tell(figures: str) -> None:
    """The figures, for whoever runs these with -s."""
    sys.stdout.write(f"\n{figures}\n")


def written(path: Path, lines: Iterator[str]) -> Path:
    with path.open("w") as out:
        out.writelines(lines)
    return path


def usage_rows(count: int) -> Iterator[str]:
    """A table file of usage: hour after hour of one workload from ten gateways."""
    yield "workload,hour_at,input_tokens,cached_input_tokens,output_tokens,requests,throttled_requests,source_ref\n"
    for number in range(count):
        hour = f"{START + timedelta(hours=number // 10):%Y-%m-%dT%H:%M:%SZ}"
        yield f"chat,{hour},{900_000 + number},{number},{100_000 + number},{1000 + number % 7},{number % 3},gw-{number % 10}\n"


def log_entries(count: int) -> Iterator[str]:
    """A gateway's log, one request every 36 seconds: a hundred an hour."""
    for number in range(count):
        at = f"{START + timedelta(seconds=36 * number):%Y-%m-%dT%H:%M:%S+00:00}"
        entry = {
            "request_id": f"chatcmpl-{number:012d}",
            "startTime": at,
            "endTime": at,
            "model": "openai/frontier-l",
            "prompt_tokens": 1000 + number % 100,
            "completion_tokens": 200,
            "cache_hit": "None",
            "status": "success",
            "metadata": {
                "user_api_key_alias": "chat",
                "usage_object": {"prompt_tokens_details": {"cached_tokens": 500}},
            },
        }
        yield json.dumps(entry) + "\n"


def job_rows(count: int) -> Iterator[str]:
    yield "JobID|JobIDRaw|User|Account|Partition|State|Submit|Start|End|ElapsedRaw|AllocTRES|AllocNodes\n"
    for number in range(count):
        start = START + timedelta(minutes=number)
        end = start + timedelta(seconds=5400)
        yield (
            f"{number}|{number}|ana|team-1|pool-1|COMPLETED|{start:%Y-%m-%dT%H:%M:%S}|{start:%Y-%m-%dT%H:%M:%S}|"
            f"{end:%Y-%m-%dT%H:%M:%S}|5400|billing=8,cpu=64,gres/gpu=8,mem=500G,node=1|1\n"
        )


def bill_rows(count: int) -> Iterator[str]:
    """A cloud bill by the hour of a thousand machines."""
    yield (
        "BilledCost,BillingCurrency,ChargeCategory,ChargePeriodEnd,ChargePeriodStart,EffectiveCost,ListCost,"
        "PricingQuantity,PricingUnit,ProviderName,ResourceId,ServiceName,SubAccountId,Tags\n"
    )
    for number in range(count):
        hour = START + timedelta(hours=number // 1000)
        yield (
            f"98.32,USD,Usage,{hour + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ},{hour:%Y-%m-%dT%H:%M:%SZ},60.5,98.32,"
            f"1,Hours,AWS,arn:aws:ec2:us-east-1:123456789012:instance/i-{number % 1000:017d},"
            f'Amazon Elastic Compute Cloud,123456789012,"{{""capacity-pool"": ""pool-1"", ""team"": ""training""}}"\n'
        )


def test_five_thousand_hours_of_use_take_no_time(tmp_path: Path) -> None:
    path = written(tmp_path / "usage_hours.csv", usage_rows(5000))

    starts = time.monotonic()
    outcome = import_texts({path.name: path.read_bytes()})

    assert outcome.counts["usage_hours"]["added"] == UsageHour.objects.count() == 5000
    # Twenty times what it takes on an idle machine; the measured bound is the test below.
    assert time.monotonic() - starts < 60


@pytest.mark.long
def test_a_hundred_thousand_hours_of_use_come_in_a_minute_and_512_megabytes(tmp_path: Path) -> None:
    path = written(tmp_path / "usage_hours.csv", usage_rows(100_000))

    first, again = run("import_tables", path), run("import_tables", path)

    tell(f"usage_hours.csv, 100,000 rows: {first}; again: {again}")
    assert "100000 added, 0 changed, 0 unchanged" in first.said and UsageHour.objects.count() == 100_000
    assert "0 added, 0 changed, 100000 unchanged" in again.said
    assert max(first.seconds, again.seconds) < 60
    assert max(first.megabytes, again.megabytes) < 512


@pytest.mark.long
def test_a_log_of_a_hundred_thousand_requests_comes_in_a_minute_and_512_megabytes(tmp_path: Path) -> None:
    path = written(tmp_path / "spend.jsonl", log_entries(100_000))

    took = run("import_from", "gateway", path)

    tell(f"gateway log, 100,000 entries: {took}")
    assert "usage_hours: 1000 added" in took.said
    assert took.seconds < 60 and took.megabytes < 512


@pytest.mark.long
def test_a_hundred_thousand_jobs_come_in_a_minute_and_512_megabytes(tmp_path: Path) -> None:
    path = written(tmp_path / "sacct.txt", job_rows(100_000))

    took = run("import_from", "sacct", path, "--option", "timezone=UTC")

    tell(f"sacct, 100,000 jobs: {took}")
    assert JobUsage.objects.count() == 100_000
    assert took.seconds < 60 and took.megabytes < 512


@pytest.mark.long
def test_a_bill_of_a_million_rows_comes_in_512_megabytes(tmp_path: Path) -> None:
    path = written(tmp_path / "focus.csv", bill_rows(1_000_000))
    assert path.stat().st_size > 200 * 1024 * 1024

    took = run("import_from", "focus", path, "--option", "pool_tag=capacity-pool")

    tell(f"FOCUS, 1,000,000 rows, {path.stat().st_size / 2**20:.0f} MB: {took}")
    # A thousand machines over 1,000 hours: 41 whole days and 16 hours of another.
    assert "actual_costs: 42000 added" in took.said
    assert took.megabytes < 512
