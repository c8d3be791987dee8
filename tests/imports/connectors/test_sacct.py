"""Slurm accounting. Rows are written as `sacct -a -D -P` prints them; figures are worked out by hand."""

from __future__ import annotations

import pytest

from capacity.imports.connectors.sacct import accelerators_of_tres, looks_like, state_of
from tests.imports.connectors.support import Reading, read, source

HEADER = "JobID|JobIDRaw|User|Account|Partition|State|Submit|Start|End|ElapsedRaw|AllocTRES|AllocNodes\n"
DONE = "4201|4201|ana|nlp|h100|COMPLETED|2026-11-02T08:00:00|2026-11-02T09:00:00|2026-11-02T11:30:00|9000|"
TRES = "billing=8,cpu=128,gres/gpu:h100=8,gres/gpu=8,mem=1000G,node=1|1\n"
KNOWN = {"team": ["research", "infra"], "pool": ["train"]}
OPTIONS = ("timezone=UTC", "team:nlp=research", "pool:h100=train")


def bring(rows: str, *options: str, header: str = HEADER) -> Reading:
    return read("sacct", source(header + rows, "sacct.txt"), options=options or OPTIONS, known=KNOWN)


def test_a_job_is_one_row_with_its_accelerator_hours() -> None:
    (row,) = bring(DONE + TRES).rows()

    assert (row["job_ref"], row["team"], row["pool"]) == ("4201@20261102T090000Z", "research", "train")
    assert (row["starts_at"], row["ends_at"]) == ("2026-11-02T09:00:00Z", "2026-11-02T11:30:00Z")
    # 8 accelerators x 9,000 s / 3,600 = 20 hours.
    assert (row["accelerators"], row["accelerator_hours"], row["state"]) == ("8", "20", "completed")


def test_steps_are_part_of_their_job() -> None:
    steps = (
        DONE.replace("4201|4201", "4201.batch|4201.batch") + TRES + DONE.replace("4201|4201", "4201.0|4201.0") + TRES
    )

    reading = bring(DONE + TRES + steps)

    assert [row["accelerator_hours"] for row in reading.rows()] == ["20"]
    assert reading.counted("job steps") == 2


def test_each_attempt_of_a_requeued_job_is_kept_once() -> None:
    first = DONE.replace("COMPLETED", "NODE_FAIL").replace("T11:30:00|9000", "T10:00:00|3600")
    second = DONE.replace("T09:00:00", "T10:05:00").replace("|9000|", "|5100|")

    reading = bring(first + TRES + second + TRES + second + TRES)

    assert [(row["job_ref"], row["state"], row["accelerator_hours"]) for row in reading.rows()] == [
        ("4201@20261102T090000Z", "node_fail", "8"),
        ("4201@20261102T100500Z", "completed", "11.3333"),
    ]
    assert reading.counted("already in the files") == 1


def test_a_running_job_has_no_end_and_its_hours_so_far() -> None:
    (row,) = bring(DONE.replace("COMPLETED", "RUNNING").replace("2026-11-02T11:30:00", "Unknown") + TRES).rows()

    assert (row["ends_at"], row["state"], row["accelerator_hours"]) == ("", "running", "20")


def test_a_job_that_is_over_without_an_end_is_told() -> None:
    reading = bring(DONE.replace("2026-11-02T11:30:00", "Unknown") + TRES)

    assert reading.errors() == ["sacct.txt row 2: The job is completed and its End is not known."]


def test_jobs_that_never_started_were_granted_nothing() -> None:
    pending = DONE.replace("COMPLETED", "PENDING").replace("2026-11-02T09:00:00", "Unknown")
    cancelled = DONE.replace("COMPLETED", "CANCELLED by 1001").replace("2026-11-02T09:00:00", "None")

    reading = bring(pending + TRES + cancelled + TRES)

    assert reading.rows() == [] and reading.errors() == []
    assert reading.counted("never started") == 2


def test_a_job_cancelled_while_it_ran_is_kept() -> None:
    assert bring(DONE.replace("COMPLETED", "CANCELLED by 1001") + TRES).rows()[0]["state"] == "cancelled"


def test_jobs_without_accelerators_are_counted() -> None:
    reading = bring(DONE + "billing=8,cpu=128,mem=1000G,node=1|1\n")

    assert reading.rows() == [] and reading.counted("without accelerators") == 1


def test_times_without_a_zone_need_one() -> None:
    reading = bring(DONE + TRES, "team:nlp=research")

    assert reading.codes() == {"no_time_zone"}


def test_local_times_become_utc() -> None:
    (row,) = bring(DONE + TRES, "timezone=Europe/Berlin").rows()

    assert row["starts_at"] == "2026-11-02T08:00:00Z"


@pytest.mark.parametrize(
    ("elapsed", "starts", "ends"),
    [
        ("5400", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"),
        ("1800", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"),
    ],
)
def test_the_hour_the_clocks_go_back_is_told_apart_by_the_elapsed_time(elapsed: str, starts: str, ends: str) -> None:
    row = f"7|7|ana|nlp|h100|COMPLETED|2026-10-25T01:00:00|2026-10-25T02:30:00|2026-10-25T03:00:00|{elapsed}|" + TRES

    (found,) = bring(row, "timezone=Europe/Berlin").rows()

    assert (found["starts_at"], found["ends_at"]) == (starts, ends)


def test_a_time_the_clocks_skipped_is_told() -> None:
    row = DONE.replace("2026-11-02T09:00:00", "2026-03-29T02:30:00").replace("2026-11-02", "2026-03-29")

    assert bring(row + TRES, "timezone=Europe/Berlin").codes() == {"no_such_time"}


def test_an_unknown_account_keeps_its_usage_and_is_named() -> None:
    reading = bring(DONE.replace("|nlp|", "|vision|") + TRES)

    assert reading.rows()[0]["team"] == ""
    assert '"vision" (1 rows)' in reading.message("unplaced")


def test_the_user_may_name_the_team() -> None:
    assert bring(DONE + TRES, "timezone=UTC", "team_by=User", "team:an*=infra").rows()[0]["team"] == "infra"


def test_older_clusters_count_accelerators_for_each_node() -> None:
    header = HEADER.replace("AllocTRES", "AllocGRES")

    (row,) = bring(DONE + "gpu:8|4\n", *OPTIONS, header=header).rows()

    assert (row["accelerators"], row["accelerator_hours"]) == ("32", "80")


def test_a_quotation_mark_in_a_name_is_a_letter() -> None:
    header = HEADER.replace("AllocNodes", "JobName")

    assert len(bring(DONE + TRES.replace("|1\n", '|the "big" one\n') * 1, *OPTIONS, header=header).rows()) == 1


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        ("cpu=1,gres/gpu=8,gres/gpu:a100=8", 8),
        ("cpu=1,gres/gpu:a100=4,gres/gpu:h100=8", 12),
        ("cpu=1,gres/gpumem=80G", 0),
        ("", 0),
    ],
)
def test_tres_counts_accelerators_once(cell: str, count: int) -> None:
    assert accelerators_of_tres(cell) == count


def test_cut_off_states_are_understood_and_unknown_ones_refused() -> None:
    assert state_of("CANCELLED+") == "cancelled"
    assert state_of("OUT_OF_ME+") == "out_of_memory"
    assert bring(DONE.replace("COMPLETED", "WANDERING") + TRES).codes() == {"unknown_choice"}


def test_only_sacct_output_is_recognised() -> None:
    assert looks_like(HEADER.encode())
    assert not looks_like(b"JobID,State\n")
