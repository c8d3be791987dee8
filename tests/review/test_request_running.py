"""What the page of a request that runs says of its place."""

from __future__ import annotations

from datetime import date
from typing import Any

from capacity.review.request_running import KEPT, KEPT_WHILE_FREE, running_pill, running_words
from workloads.models import Experiment

TODAY = date(2026, 11, 25)


def request(**more: Any) -> Experiment:
    """Ten weeks from W46: over on 17 Jan 2027."""
    return Experiment(**{"started_date": date(2026, 11, 11), "weeks": 10, "preemptible": True, **more})


def place(weeks: int, domain: str = "a") -> dict[str, Any]:
    return {"start_week": "2026-W46", "weeks": weeks, "domain_key": domain}


def test_a_run_that_keeps_its_weeks_says_so_and_while_what() -> None:
    assert running_words(request(), [place(10)], [], today=TODAY) == KEPT_WHILE_FREE
    assert running_words(request(preemptible=False), [place(10)], [], today=TODAY) == KEPT


def test_a_run_that_goes_on_in_another_domain_says_where() -> None:
    here = request(domain_key="a")
    assert running_words(here, [place(10)], [], today=TODAY) == KEPT_WHILE_FREE
    assert running_words(here, [place(10, "b")], [], today=TODAY) == (
        "It runs in a; the plan moves it to b of its pool: the preemption ledger says for whom."
    )


def test_a_recall_says_from_when_and_how_much_is_lost() -> None:
    assert running_words(request(), [place(7)], [], today=TODAY) == (
        "It runs; the plan recalls it in the week of 28 Dec, 3 weeks before its end: the preemption ledger says for "
        "whom."
    )
    now = [{"sentence": "It runs and is recalled. A floor keeps the accelerators."}]
    assert running_words(request(), [], now, today=TODAY) == now[0]["sentence"]
    assert (running_pill([], now), running_pill([place(7)], []), running_pill([], [])) == ("warn", "good", "good")


def test_a_recall_writes_weeks_by_their_monday() -> None:
    now = [{"sentence": "It runs and is recalled. Others hold them: 0 of 256 accelerators are free in 2026-W48."}]
    assert running_words(request(), [], now, today=TODAY) == (
        "It runs and is recalled. Others hold them: 0 of 256 accelerators are free in the week of 23 Nov."
    )


def test_a_run_past_its_end_says_what_to_do() -> None:
    late = request(started_date=date(2026, 9, 28), weeks=4, preemptible=False)
    assert running_words(late, [place(1)], [], today=TODAY) == (
        "It runs past its end (25 Oct): extend it, or record that it is done. The plan counts with its accelerators one "
        "week at a time."
    )
