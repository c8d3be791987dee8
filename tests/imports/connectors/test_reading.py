"""Streams of foreign files: encodings, packing, size, damage; options as they are typed; issues that do not flood."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from capacity.imports.connectors import reading as reading_module
from capacity.imports.connectors.contract import MOST_OF_A_KIND, Findings, Names, Source
from capacity.imports.connectors.moments import elapsed_seconds, moments
from capacity.imports.connectors.options import read_options
from capacity.imports.connectors.reading import json_items, json_lines, open_csv
from capacity.imports.connectors.registry import CONNECTORS
from tests.imports.connectors.support import read, source

TEXT = "a,b\n1,ü\n2,y\n"


def cells(content: bytes) -> list[list[str]]:
    findings = Findings()
    file = open_csv(source(content), findings)
    assert file is not None, findings.issues
    return [row for _, row in file.rows]


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.replace("\n", "\r\n").encode(),
        gzip.compress(TEXT.encode(), mtime=0),
        gzip.compress(TEXT.encode("utf-16"), mtime=0),
    ],
)
def test_every_encoding_gives_the_same_cells(content: bytes) -> None:
    assert cells(content) == [["1", "ü"], ["2", "y"]]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"a,b\n1,\xff\n", "bad_encoding"),
        (gzip.compress(TEXT.encode(), mtime=0)[:-6], "not_readable"),
        (b'a,b\n"' + b"x" * 200_000, "not_csv"),
        (b"a,b\n1\n", "wrong_cell_count"),
    ],
)
def test_damage_is_an_issue_and_never_an_exception(content: bytes, code: str) -> None:
    findings = Findings()
    file = open_csv(source(content), findings)
    if file is not None:
        list(file.rows)

    assert [issue.code for issue in findings.issues] == [code]


def test_a_small_packed_file_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_module, "MOST_BYTES", 1_000_000)
    findings = Findings()
    file = open_csv(source(gzip.compress(b"a,b\n" + b"1,2\n" * 1_000_000)), findings)
    assert file is not None

    assert sum(1 for _ in file.rows) < 300_000
    assert [issue.code for issue in findings.issues] == ["too_big"]


class Endless(io.RawIOBase):
    """A list of JSON objects that is made while it is read."""

    def __init__(self, items: int) -> None:
        self.parts = self._make(items)
        self.rest = b""

    def _make(self, items: int) -> Iterator[bytes]:
        yield b'{"data": {"result": ['
        for number in range(items):
            yield b'%s{"n": %d, "text": "%s"}' % (b"," if number else b"", number, b"x" * 500)
        yield b"]}}"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while len(self.rest) < len(buffer) and (part := next(self.parts, None)) is not None:
            self.rest += part
        out, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(out)] = out
        return len(out)


def test_a_long_list_is_read_an_item_at_a_time() -> None:
    endless = Source(name="x.json", open=lambda: Endless(40_000))  # type: ignore[arg-type, return-value]
    findings = Findings()
    tracemalloc.start()
    numbers = sum(item["n"] for _, item in json_items(endless, findings, after="result"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert numbers == 40_000 * 39_999 // 2 and findings.issues == []
    # The file has 20 MB.
    assert peak < 10_000_000


def test_lines_that_are_no_objects_are_told() -> None:
    findings = Findings()

    assert [item for _, item in json_lines(source('{"a": 1}\n[2]\n\n{"a"\n'), findings)] == [{"a": 1}]
    assert [(issue.code, issue.row) for issue in findings.issues] == [("not_json", 2), ("not_json", 4)]


def test_many_issues_of_a_kind_end_in_one_line() -> None:
    findings = Findings()
    for row in range(1000):
        findings.warn("f", "odd", "odd", row=row)

    issues = findings.close()
    assert len(issues) == MOST_OF_A_KIND + 1
    assert issues[-1].message == "980 more rows like this are not listed."


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pol=a"], 'There is no option "pol" here. Did you mean "pool"?'),
        (["timezone=Mars"], '"Mars" is not a time zone. Write one such as UTC or America/New_York.'),
        (["usd_per_unit:EUR=0"], "Write usd_per_unit:NAME=number, with a number above zero."),
        (["usd_per_unit=1"], "Write usd_per_unit:NAME=number, with a number above zero."),
        (["unplaced=drop"], '"drop" is not one of keep, leave_out.'),
        (["pool"], '"pool" is not an option. Write name=value.'),
    ],
)
def test_a_wrong_option_is_explained(words: list[str], message: str) -> None:
    given = read_options(CONNECTORS["focus"], words)

    assert given.issues[0].message.startswith(message)


def test_a_key_nobody_has_is_refused_with_the_nearest() -> None:
    reading = read("focus", source("x"), options=["pool=trian"], known={"pool": ["train"]})

    assert 'There is no pool "trian". Did you mean "train"?' in reading.errors()[0]


def test_a_foreign_name_may_hold_colons_and_equals_signs() -> None:
    given = read_options(CONNECTORS["focus"], ["pool:arn:aws:ec2:x/y=z=train"])

    assert given.mapped == {"pool": {"arn:aws:ec2:x/y=z": "train"}}


def test_names_are_found_exactly_then_by_pattern_then_by_alias_then_by_default() -> None:
    names = Names(
        keys=frozenset({"own"}),
        given={"a": "one", "a*": "two"},
        alias=lambda name: "three" if name == "other" else None,
        default="rest",
    )

    assert [names.find(name) for name in ("a", "ab", "own", "other", "zzz", "")] == [
        "one",
        "two",
        "own",
        "three",
        "rest",
        "rest",
    ]


def test_times_are_read_in_each_form() -> None:
    same = {
        moments(cell, "UTC")[0]
        for cell in ("1795168800", "1795168800000", "2026-11-20T10:00:00Z", "2026-11-20 10:00:00")
    }
    assert len(same) == 1
    assert len(moments("2026-10-25T02:30:00", "Europe/Berlin")) == 2


@pytest.mark.parametrize(
    ("cell", "seconds"), [("90", 90), ("01:01:01", 3661), ("2-00:00:10", 172810), ("00:00:01.5", 1)]
)
def test_elapsed_times_are_read_in_each_form(cell: str, seconds: int) -> None:
    assert elapsed_seconds(cell) == seconds
