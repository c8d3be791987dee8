"""Two imports at once against the real database: they queue, and the second finds the first one's rows."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from capacity.imports.models import ImportBatch
from capacity.imports.services import ImportOutcome
from capacity.inventory.models import Lot
from tests.imports.world import GOOD, import_texts

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def test_the_same_files_imported_twice_at_once_are_added_once() -> None:
    outcomes: list[ImportOutcome] = []
    start = threading.Barrier(2)

    def work() -> None:
        start.wait()
        try:
            outcomes.append(import_texts(GOOD))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [outcome.applied for outcome in outcomes] == [True, True]
    assert sorted(outcome.counts["lots"]["added"] for outcome in outcomes) == [0, 2]
    assert (Lot.objects.count(), ImportBatch.objects.count()) == (2, 2)
