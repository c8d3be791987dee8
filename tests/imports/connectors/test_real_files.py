"""The whole public files, where somebody has them: name their folder in CAPACITY_REAL_DATA and run with `-m long`.

Without the folder there is nothing to run, and these tests are not there.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from capacity.imports.connector_imports import connectors_for, import_from, path_source
from capacity.imports.models import ImportBatch
from tests.imports.connectors.test_connector_imports import NEEDED, OPERATOR, counts
from tests.imports.world import GOOD, import_texts

FOLDER = Path(os.environ.get("CAPACITY_REAL_DATA") or "/nonexistent")
H100 = "accelerator_type:h100_sxm=h100"
POINTS = ("accept_suggestions=yes", "new_models=mid", H100, "tokens_in=294", "tokens_out=294")
# file, table, options, rows it has, rows of ours (a range where the source has rows that cannot be used)
FILES: tuple[tuple[str, str, tuple[str, ...], int, range], ...] = (
    ("accelerator_specs.csv", "accelerator_types", ("as_of_date=2026-11-01",), 175, range(60, 70)),
    ("cloud_accelerator_prices.csv", "accelerator_list_prices", ("accept_suggestions=yes",), 4697, range(4600, 4697)),
    ("token_list_prices.csv", "token_list_prices", ("as_of_date=2026-11-01",), 2968, range(9500, 9600)),
    ("token_price_history.csv", "token_list_prices", ("provider=openrouter",), 8120, range(16240, 16241)),
    ("token_price_changes.csv", "token_list_prices", (), 1930, range(1700, 1800)),
    ("llm_requests_azure_conversation_2023.csv", "usage_hours", ("workload=chat",), 19366, range(2, 3)),
    ("llm_demand_hourly.csv", "usage_hours", ("workload=chat", "start=2025-06-02T00:00:00Z"), 696, range(336, 337)),
    (
        "llm_demand_hourly_by_client.csv",
        "usage_hours",
        ("workload=chat", "start=2025-06-02T00:00:00Z", "source_ref=clients"),
        6429,
        range(336, 337),
    ),
    (
        "research_jobs_philly_2017.csv",
        "job_usage",
        ("timezone=America/Los_Angeles", "team=team-1"),
        82247,
        range(82247, 82248),
    ),
    ("research_jobs_kalos_2023_part1.csv", "job_usage", ("start=2023-05-17T00:00:00Z",), 191, range(191, 192)),
    ("serving_latency_throughput_points.csv", "operating_points", POINTS, 4736, range(2600, 2700)),
    ("serving_mlperf_inference_v5_1.csv", "operating_points", POINTS, 382, range(280, 360)),
    ("serving_max_throughput_trtllm.csv", "operating_points", POINTS, 150, range(90, 151)),
)

if FOLDER.is_dir():

    @pytest.mark.long
    @pytest.mark.django_db
    def test_every_real_file_loads_and_a_second_time_nothing_changes() -> None:
        assert import_texts({f"{name}.csv": GOOD[f"{name}.csv"] for name in NEEDED}).applied
        for name, table, options, rows, ours in FILES:
            path = FOLDER / name
            with path.open(newline="") as file:
                assert sum(1 for _ in csv.reader(file)) == rows + 1
            (connector,) = connectors_for(path_source(path))

            first = import_from(connector=connector, sources=[path_source(path)], options=options, actor=OPERATOR)
            added, changed, unchanged = counts(first, table)
            assert added + changed in ours and unchanged == 0, (name, added, changed, unchanged)

            again = import_from(connector=connector, sources=[path_source(path)], options=options, actor=OPERATOR)
            assert counts(again, table) == (0, 0, added + changed), name
        assert ImportBatch.objects.filter(outcome="applied").count() == 1 + 2 * len(FILES)
