"""Tables of measurement: a hundred thousand rows in one file, in bounded time and memory, the second time unchanged."""

from __future__ import annotations

import time
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from capacity.imports import logs
from capacity.imports.edits import Actor, UndoRefused, undo_batch
from capacity.imports.models import ImportChange
from capacity.imports.tables import tables
from tests.imports.world import GOOD, import_texts
from workloads.models import UsageDay, UsageHour

pytestmark = pytest.mark.django_db

OPERATOR = Actor(user=None, source="test")
HEAD = "workload,contract,hour_at,input_tokens,output_tokens,requests\n"


def hours(count: int, *, tokens: int = 1000) -> str:
    first = datetime(2015, 1, 1, tzinfo=UTC)
    return HEAD + "".join(
        f"chat,,{(first + timedelta(hours=n)).isoformat()},{tokens},{tokens // 2},10\n" for n in range(count)
    )


def rows() -> int:
    return UsageHour.objects.count()


@pytest.fixture(autouse=True)
def world(db: None) -> None:
    assert import_texts({name: text for name, text in GOOD.items() if name != "usage_hours.csv"}).applied


def test_rows_carry_their_batch_and_are_undone_by_it() -> None:
    outcome = import_texts({"usage_hours.csv": hours(50)})

    assert outcome.counts["usage_hours"] == {"added": 50, "changed": 0, "unchanged": 0}
    assert UsageHour.objects.filter(batch_id=outcome.batch_id).count() == 50
    assert not ImportChange.objects.filter(table="usage_hours").exists()
    assert UsageDay.objects.filter(workload__key="chat").count() == 3
    undo_batch(batch_id=outcome.batch_id or 0, actor=OPERATOR)
    assert rows() == 0
    assert not UsageDay.objects.exists()


def test_the_second_time_nothing_changes_and_a_correction_is_counted_and_not_undone() -> None:
    import_texts({"usage_hours.csv": hours(50)})

    again = import_texts({"usage_hours.csv": hours(50)})
    corrected = import_texts({"usage_hours.csv": hours(50).replace(",1000,", ",2000,", 1)})

    assert again.counts["usage_hours"] == {"added": 0, "changed": 0, "unchanged": 50}
    assert corrected.counts["usage_hours"] == {"added": 0, "changed": 1, "unchanged": 49}
    with pytest.raises(UndoRefused, match="were corrected"):
        undo_batch(batch_id=corrected.batch_id or 0, actor=OPERATOR)


def test_one_bad_row_of_many_is_named_and_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "CHUNK_ROWS", 10)
    lines = hours(45).splitlines()
    lines[33] = lines[33].replace(",1000,", ",-1,")
    lines[44] = lines[2]

    outcome = import_texts({"usage_hours.csv": "\n".join(lines)})

    assert {(issue.row, issue.code) for issue in outcome.errors} >= {(45, "repeated_key")}
    assert 34 in {issue.row for issue in outcome.errors}
    assert rows() == 0


def test_a_file_longer_than_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capacity.imports.reading.MOST_LOG_ROWS", 40)

    outcome = import_texts({"usage_hours.csv": hours(41)})

    assert [(issue.code, issue.file) for issue in outcome.errors] == [("too_many_rows", "usage_hours.csv")]
    assert rows() == 0


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_hundred_thousand_hours_take_less_than_a_minute_and_half_a_gigabyte() -> None:
    assert tables()["usage_hours"].is_log
    text = hours(100_000)
    start = time.process_time()
    import_texts({"usage_hours.csv": text})
    seconds = time.process_time() - start
    tracemalloc.start()
    import_texts({"usage_hours.csv": text}, dry_run=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert rows() == 100_000
    assert seconds < 60, seconds
    assert peak < 256 * 1024 * 1024, peak
