"""Requests sent by many at once over HTTP, each several times: every form is one request with one submission.

| test | forms: make test | long | sends of each | number to pass |
|---|---|---|---|---|
| by the API under one Idempotency-Key a form | 20 | 150 | 3 | 1 request and 1 submission a form, no answer of 500 |
| by the page under one hidden number a form | 20 | 150 | 3 | the same |

The server is a real one with a thread a connection. Of the sends of a form but the last some hang up before the answer
comes, as a browser does whose button is pressed twice; a send that is told to come again (503, busy) comes again under
its key, as clients are asked to.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection
from queue import Empty, Queue
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client

from tests.contracts.pipeline import make_world
from tests.factories import make_user
from tests.faults.plans import few_or_many, in_threads
from tests.review.quotes.asking import published
from tests.workloads.requests import CELLS
from workloads.models import Experiment, RequestMove

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

THREADS = 16
SENDS = 3
MOST_TRIES = 30
HUNG_UP_SHARE = 0.3
BODY = {**CELLS, "accelerators": 8, "accelerator_types": ["h100"], "is_model_development": False}
# A form, and whether this send of it waits for its answer.
Sends = Queue[tuple[int, bool]]
Message = tuple[str, str, dict[str, str]]


def by_api(form: int) -> Message:
    body = json.dumps(BODY | {"name": f"Request {form}"})
    return "/api/v1/requests/", body, {"Content-Type": "application/json", "Idempotency-Key": f"form-{form}"}


def by_page(form: int) -> Message:
    sent = {**CELLS, "name": f"Request {form}", "form_key": f"form-{form}", "op": "submit", "accelerator_types": "h100"}
    return "/requests/new/", urlencode(sent), {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(autouse=True)
def _plain_static_files(settings: Any) -> None:
    """No collected files: these tests run without `collectstatic`."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


class Window:
    """One signed-in browser, as far as it sends forms. It counts what was answered."""

    def __init__(self, url: str, client: Client) -> None:
        self.place = urlsplit(url)
        self.cookies = {name: morsel.value for name, morsel in client.cookies.items()}
        self.token = "t" * 32
        self.statuses: Counter[int] = Counter()

    def send(self, message: Message, *, waits: bool) -> int:
        """The status; 0 for a send that hangs up."""
        path, body, headers = message
        connection = HTTPConnection(self.place.hostname or "", self.place.port, timeout=60)
        cookies = "; ".join(f"{name}={value}" for name, value in {**self.cookies, "csrftoken": self.token}.items())
        own = {"Cookie": cookies, "X-CSRFToken": self.token, "Referer": self.place.geturl() + "/"}
        try:
            connection.request("POST", path, body, headers | own)
            if not waits:
                return 0
            answer = connection.getresponse()
            answer.read()
            self.statuses[answer.status] += 1
            return answer.status
        finally:
            connection.close()

    def send_all(self, sends: Sends, message: Callable[[int], Message]) -> Window:
        """Takes sends off the queue until there are none."""
        while True:
            try:
                form, waits = sends.get_nowait()
            except Empty:
                return self
            for _ in range(MOST_TRIES):
                if self.send(message(form), waits=waits) != 503:
                    break


def in_any_order(forms: range) -> Sends:
    order = [form for form in forms for _ in range(SENDS)]
    random.Random(7).shuffle(order)
    left, queue = Counter(order), Sends()
    chance = random.Random(11)
    for form in order:
        left[form] -= 1
        queue.put((form, left[form] == 0 or chance.random() > HUNG_UP_SHARE))
    return queue


def send_by_many(url: str, forms: range, message: Callable[[int], Message]) -> list[Window]:
    make_world(deals=0)
    published()
    user = make_user("research", username="rita", team_key="team-1")
    windows = []
    for _ in range(THREADS):
        client = Client()
        client.force_login(user)
        windows.append(Window(url, client))
    sends = in_any_order(forms)
    answers: list[Any] = in_threads(*[partial(window.send_all, sends, message) for window in windows])
    assert answers == windows, [each for each in answers if not isinstance(each, Window)]
    return windows


def assert_each_is_there_once(forms: range, windows: list[Window]) -> None:
    statuses = sum((window.statuses for window in windows), Counter[int]())
    assert set(statuses) <= {200, 201, 302, 503}, statuses
    rows = Experiment.objects.exclude(submission_key=None)
    assert Counter(rows.values_list("name", flat=True)) == {f"Request {form}": 1 for form in forms}
    submitted = RequestMove.objects.filter(to_state="submitted").values_list("experiment_id", flat=True)
    assert Counter(submitted) == dict.fromkeys(rows.values_list("pk", flat=True), 1)
    assert len(set(rows.values_list("key", flat=True))) == len(forms)


@few_or_many(20, 150)
def test_requests_sent_thrice_by_many_are_each_there_once(live_server: Any, trials: range) -> None:
    assert_each_is_there_once(trials, send_by_many(live_server.url, trials, by_api))


@few_or_many(20, 150)
def test_forms_whose_button_is_pressed_twice_are_each_there_once(live_server: Any, trials: range) -> None:
    assert_each_is_there_once(trials, send_by_many(live_server.url, trials, by_page))
