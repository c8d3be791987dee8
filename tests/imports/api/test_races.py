"""Several programs at one row or one key at the same moment: exactly one of them writes, the others learn it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from capacity.access.models import User
from capacity.imports.models import ImportBatch
from tests.factories import make_user
from tests.imports.api.conftest import Api
from workloads.models import Team

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
TEAM = {"key": "team-2", "name": "Team 2", "weight": "1.5"}


@pytest.fixture
def chair_at_work(transactional_db: None) -> User:
    """A chair whom other connections see."""
    return make_user("chair")


def at_once(count: int, ask: Callable[[int], Any]) -> list[Any]:
    """The answers of as many threads as told, all let go at one moment."""
    gate, answers = threading.Barrier(count), [None] * count

    def run(number: int) -> None:
        try:
            gate.wait(timeout=30)
            answers[number] = ask(number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return answers


def test_a_double_post_under_one_key_is_done_exactly_once(chair_at_work: User) -> None:
    people = [Api(chair_at_work) for _ in range(6)]
    answers = at_once(6, lambda number: people[number].post("teams/", TEAM, Idempotency_Key="once"))
    assert [answer.status_code for answer in answers] == [201] * 6
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert sorted("Idempotent-Replay" in answer for answer in answers) == [False] + [True] * 5
    assert (Team.objects.count(), ImportBatch.objects.count()) == (1, 1)


def test_of_many_changes_to_one_version_one_is_made(chair_at_work: User) -> None:
    people = [Api(chair_at_work) for _ in range(6)]
    etag = people[0].post("teams/", TEAM)["ETag"]
    answers = at_once(
        6, lambda number: people[number].patch("teams/team-2/", {"name": f"Name {number}"}, If_Match=etag)
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 5
    won = next(answer.json()["name"] for answer in answers if answer.status_code == 200)
    row = Team.objects.get()
    assert (row.name, row.row_version) == (won, 2)
    assert {answer.json()["current"]["name"] for answer in answers if answer.status_code == 412} == {won}


def test_of_many_who_add_one_key_one_adds_it(chair_at_work: User) -> None:
    people = [Api(chair_at_work) for _ in range(6)]
    answers = at_once(6, lambda number: people[number].post("teams/", {**TEAM, "name": f"Name {number}"}))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert Team.objects.count() == 1
