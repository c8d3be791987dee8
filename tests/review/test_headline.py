"""The strip of the review: what customers felt stands first, in hundredths of a percent, with the first of its limits."""

from __future__ import annotations

from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any, cast

from capacity.review.headline import kpis
from capacity.review.page_reading import RunRows

LIMIT = "above 0.1%, or minutes of a week reach an SLA tier's monthly allowance"


def metric(key: str, value: D | None, **more: Any) -> dict[str, Any]:
    return {"key": key, "value": value, "unit": "share", "state": "good", "threshold": "below 100%", **more}


def strip(figures: list[dict[str, Any]], before: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    rows = SimpleNamespace(
        figures={row["key"]: row for row in figures},
        previous={row["key"]: row for row in before or ()},
        run=SimpleNamespace(pk=7),
    )
    return kpis(cast(RunRows, rows))


def test_what_customers_felt_stands_before_what_the_lab_promises() -> None:
    felt = metric("metric:H3", D("0.0015"), state="bad", threshold=LIMIT)
    first, second = strip([metric("metric:H1", D(1)), felt])
    assert (first["label"], first["value"], first["note"]) == (
        "Requests throttled or late",
        "0.15%",
        "bad: above 0.1%",
    )
    assert (first["delta"], first["delta_kind"]) == ("off track", "bad")
    assert second["label"] == "Promise coverage, 13 weeks"


def test_a_change_of_hundredths_is_told_and_less_is_better() -> None:
    (tile,) = strip([metric("metric:H3", D("0.0015"))], [metric("metric:H3", D("0.0019"))])
    assert (tile["delta"], tile["delta_kind"], tile["note"]) == ("−0.04 pt", "good", "since last review")


def test_a_run_from_before_it_was_kept_has_no_tile_for_it() -> None:
    assert [tile["label"] for tile in strip([metric("metric:H1", D(1))])] == ["Promise coverage, 13 weeks"]
