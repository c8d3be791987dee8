"""Requests sent by many at once, each several times: every form is one request with one submission.

| test | forms: make test | long | sends of each | number to pass |
|---|---|---|---|---|
| by the API under one Idempotency-Key a form | 20 | 150 | 3 | 1 request and 1 submission a form, no answer of 500 |
| by the page under one hidden number a form | 20 | 150 | 2 | the same |

A send that is told to come again (503, busy) comes again under its key, as clients are asked to.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from functools import partial
from queue import Empty, Queue
from typing import Any

import pytest
from django.test import Client

from capacity.access.models import User
from tests.contracts.pipeline import make_world
from tests.factories import make_user
from tests.faults.plans import few_or_many, in_threads
from tests.review.quotes.asking import published
from tests.workloads.requests import CELLS
from workloads.models import Experiment, RequestMove

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

THREADS = 8
MOST_TRIES = 30
BODY = {**CELLS, "accelerators": 8, "accelerator_types": ["h100"], "is_model_development": False}


@pytest.fixture
def user() -> User:
    make_world(deals=0)
    published()
    return make_user("research", username="rita", team_key="team-1")


def by_api(client: Client, form: int) -> int:
    return client.post(
        "/api/v1/requests/",
        json.dumps(BODY | {"name": f"Request {form}"}),
        content_type="application/json",
        headers={"Idempotency-Key": f"form-{form}"},
    ).status_code


def by_page(client: Client, form: int) -> int:
    sent = {**CELLS, "name": f"Request {form}", "form_key": f"form-{form}", "op": "submit"}
    return client.post("/requests/new/", sent | {"accelerator_types": ["h100"]}).status_code


def send_all(user: User, sends: Queue[int], send: Any) -> Counter[int]:
    """Takes sends off the queue until there are none; how often each status came."""
    client, statuses = Client(raise_request_exception=False), Counter[int]()
    client.force_login(user)
    while True:
        try:
            form = sends.get_nowait()
        except Empty:
            return statuses
        for _ in range(MOST_TRIES):
            status = send(client, form)
            statuses[status] += 1
            if status != 503:
                break


def in_any_order(forms: range, times: int) -> Queue[int]:
    order = [form for form in forms for _ in range(times)]
    random.Random(7).shuffle(order)
    queue: Queue[int] = Queue()
    for form in order:
        queue.put(form)
    return queue


def assert_each_is_there_once(forms: range, statuses: Counter[int]) -> None:
    assert not any(status >= 500 and status != 503 for status in statuses), statuses
    rows = Experiment.objects.exclude(submission_key=None)
    assert Counter(rows.values_list("name", flat=True)) == {f"Request {form}": 1 for form in forms}
    submitted = RequestMove.objects.filter(to_state="submitted").values_list("experiment_id", flat=True)
    assert Counter(submitted) == dict.fromkeys(rows.values_list("pk", flat=True), 1)
    assert len(set(rows.values_list("key", flat=True))) == len(forms)


@few_or_many(20, 150)
def test_requests_sent_thrice_by_many_are_each_there_once(user: User, trials: range) -> None:
    sends = in_any_order(trials, 3)
    answers = in_threads(*[partial(send_all, user, sends, by_api)] * THREADS)
    assert_each_is_there_once(trials, sum(answers, Counter[int]()))


@few_or_many(20, 150)
def test_forms_whose_button_is_pressed_twice_are_each_there_once(user: User, trials: range) -> None:
    sends = in_any_order(trials, 2)
    answers = in_threads(*[partial(send_all, user, sends, by_page)] * THREADS)
    assert_each_is_there_once(trials, sum(answers, Counter[int]()))
