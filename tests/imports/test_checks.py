"""Warnings that tables share: a number far from its peers is most often a unit taken for another."""

from __future__ import annotations

from decimal import Decimal

import pytest

from capacity.imports.checks import beyond_peers
from capacity.imports.tabular import Issue, Row
from capacity.inventory.models import Site

pytestmark = pytest.mark.django_db


def sites(*kilowatts: int, region: str = "us-east") -> None:
    start = Site.objects.count()
    for position, power in enumerate(kilowatts, start=start):
        Site.objects.create(key=f"s-{position}", name="S", region=region, power_kw=power)


def found(power: int, *, region: str = "us-east", alike: bool = False) -> list[Issue]:
    check = beyond_peers(model=Site, columns=("power_kw",), alike={"region": "region"} if alike else None)
    values = {"key": "new", "region": region, "power_kw": Decimal(power)}
    return list(check([Row(file="sites.csv", number=7, values=values)]))


def test_a_number_above_fifty_times_the_median_of_its_peers_is_said_with_both() -> None:
    sites(1000, 2000, 9000)
    assert found(100_000) == []
    (issue,) = found(100_001)
    assert (issue.file, issue.row, issue.column, issue.code, issue.severity) == (
        "sites.csv", 7, "power_kw", "beyond_peers", "W",
    )  # fmt: skip
    assert "100001 is more than 50 times the median of its peers (2000)" in issue.message


def test_the_row_itself_is_no_peer() -> None:
    """Three sites of 10 and the written one: the median of the others is 10, not of all four."""
    sites(10, 10, 10, 501)
    assert [issue.code for issue in found(501)] == ["beyond_peers"]
    assert found(10) == []


def test_an_even_number_of_peers_has_the_mean_of_the_middle_two() -> None:
    sites(10, 10, 30, 30)
    assert found(1000) == []
    assert "(20)" in found(1001)[0].message


def test_two_peers_are_too_few_to_say_anything() -> None:
    sites(1, 1)
    assert found(1_000_000) == []


def test_only_rows_alike_are_peers() -> None:
    sites(1, 1, 1, region="eu-west")
    assert found(100, alike=True) == []
    assert len(found(100)) == 1
    assert len(found(100, region="eu-west", alike=True)) == 1
