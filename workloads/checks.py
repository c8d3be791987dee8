"""Warnings and errors over the rows of workload tables, made to be put into a `Table`'s `checks`.

A check runs after its table is written, inside the same transaction, so it sees the rows as they will be. What a check
measures against today is told by a clock given from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from capacity.imports.tables import Check
from capacity.imports.tabular import ERROR, WARNING, Issue, Row

Clock = Callable[[], datetime]
# A justification is looked at again each quarter.
LONGEST_JUSTIFICATION = timedelta(weeks=13)
MOST_P0_SHARE = 0.8
# A file in which every row is wrong says so once, not a hundred thousand times.
MOST_OF_A_KIND = 20
HOURS_TOLERANCE = Decimal("0.05")
SECONDS_PER_HOUR = 3600


def mostly_p0(rows: Sequence[Row]) -> Iterator[Issue]:
    """A queue in which nearly everything is P0 is not ranked at all."""
    first = [row for row in rows if row.values.get("experiment_priority") == "P0"]
    if len(rows) >= 5 and len(first) >= MOST_P0_SHARE * len(rows):
        share = round(100 * len(first) / len(rows))
        yield Issue(
            file=rows[0].file,
            code="mostly_p0",
            severity=WARNING,
            column="experiment_priority",
            message=f"{share} % of the requests are P0, so the class no longer ranks them.",
        )


def not_in_future(*, column: str, clock: Clock) -> Check:
    """An error for what is said to have been measured after now: a clock or a time zone is wrong. Code: `in_future`."""

    def check(rows: Sequence[Row]) -> Iterator[Issue]:
        now = clock()
        late = [row for row in rows if _is_after(row.values.get(column), now)]
        for row in late[:MOST_OF_A_KIND]:
            message = f"{row.values[column]} has not come yet: what was measured lies in the past. Check the time zone."
            yield Issue(file=row.file, row=row.number, column=column, code="in_future", message=message)
        yield from _and_more(late, column=column, code="in_future", severity=ERROR)

    return check


def _is_after(value: object, now: datetime) -> bool:
    if isinstance(value, datetime):
        return value > now
    return isinstance(value, date) and value > now.date()


def _and_more(rows: Sequence[Row], *, column: str, code: str, severity: str) -> Iterator[Issue]:
    more = len(rows) - MOST_OF_A_KIND
    if more > 0:
        message = f"{more:,} more rows have the same."
        yield Issue(file=rows[0].file, column=column, code=code, message=message, severity=severity)


def measured_of_another_version(rows: Sequence[Row]) -> Iterator[Issue]:
    """A throughput measured for another version of the model is stale for this one."""
    for row in rows:
        measured = row.values.get("measured_model_version")
        if measured and measured != row.values.get("model_version"):
            yield _warning(
                row,
                "measured_model_version",
                "stale_measurement",
                f"The throughput was measured for {measured}, not for {row.values.get('model_version')}: measure it again.",
            )


def justification_within_a_quarter(*, clock: Clock) -> Check:
    """A warning where the reason for a frontier model stands for longer than 13 weeks from today."""

    def check(rows: Sequence[Row]) -> Iterator[Issue]:
        limit = clock().date() + LONGEST_JUSTIFICATION
        for row in rows:
            expires = row.values.get("justification_expires_date")
            if isinstance(expires, date) and expires > limit:
                yield _warning(
                    row,
                    "justification_expires_date",
                    "long_justification",
                    f"A justification is renewed within 13 weeks: this one stands until {expires}, past {limit}.",
                )

    return check


def hours_fit_the_job(rows: Sequence[Row]) -> Iterator[Issue]:
    """A warning where a job's accelerator hours are not its accelerators times its duration, by more than 5 %."""
    for row in rows:
        start, end = row.values.get("starts_at"), row.values.get("ends_at")
        count, hours = row.values.get("accelerators"), row.values.get("accelerator_hours")
        if not (isinstance(start, datetime) and isinstance(end, datetime)):
            continue
        if not (isinstance(count, int) and isinstance(hours, Decimal)):
            continue
        expected = Decimal(count) * Decimal(int((end - start).total_seconds())) / SECONDS_PER_HOUR
        if abs(hours - expected) > HOURS_TOLERANCE * max(expected, Decimal(1)):
            yield _warning(
                row,
                "accelerator_hours",
                "hours_do_not_fit",
                f"{count} accelerators from start to end are {expected:.1f} accelerator hours, not {hours}.",
            )


def _warning(row: Row, column: str, code: str, message: str) -> Issue:
    return Issue(file=row.file, row=row.number, column=column, code=code, message=message, severity=WARNING)
