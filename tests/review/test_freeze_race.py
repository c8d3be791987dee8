"""Two chairs, double clicks and edits at the same moment: one seal, and always of the inputs as they stood."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection

from capacity.access.models import AuditEvent
from capacity.access.roles import Role
from capacity.imports.models import InputsVersion
from capacity.inventory.models import Supplier
from capacity.review.models import Review
from capacity.review.seals import seal_faults
from capacity.review.snapshots import FreezeRefused, freeze_review
from tests.factories import make_run, make_user
from tests.recorded_broker import RecordedBroker

NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each returned or raised; all start at the same moment, each on its own connection."""
    barrier, results = Barrier(len(works)), [None] * len(works)

    def run(place: int, work: Callable[[], Any]) -> None:
        try:
            barrier.wait()
            results[place] = work()
        except Exception as error:  # the caller judges it
            results[place] = error  # type: ignore[call-overload]
        finally:
            connection.close()

    threads = [Thread(target=run, args=(place, work)) for place, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def current_run() -> None:
    make_run(week="2026-W48", inputs_version=InputsVersion.objects.get(id=1).version)


def test_six_chairs_at_once_make_one_seal(recorded_broker: RecordedBroker) -> None:
    current_run()
    chairs = [make_user("chair", username=f"chair{at}") for at in range(3)]

    def freeze(at: int) -> Callable[[], Review]:
        return lambda: freeze_review(week="2026-W48", user=chairs[at % 3], viewer_roles={Role.CHAIR}, now=NOW)

    results = at_once(*(freeze(at) for at in range(6)))
    assert {type(result) for result in results} == {Review}, results
    assert len({result.pk for result in results}) == 1
    assert AuditEvent.objects.filter(action="review_frozen").count() == 1
    assert list(seal_faults()) == []


@pytest.mark.parametrize("turn", range(5))
def test_an_edit_at_the_same_moment_is_before_or_after_the_seal_never_within(
    recorded_broker: RecordedBroker, turn: int
) -> None:
    current_run()
    chair = make_user("chair")
    before = InputsVersion.objects.get(id=1).version
    frozen, _ = at_once(
        lambda: freeze_review(week="2026-W48", user=chair, viewer_roles={Role.CHAIR}, now=NOW),
        lambda: Supplier.objects.create(key="acme", name="Acme"),
    )
    assert InputsVersion.objects.get(id=1).version == before + 1
    if isinstance(frozen, FreezeRefused):
        assert frozen.code == "stale"
        assert not Review.objects.exists()
    else:
        assert frozen.inputs_version == before
        assert list(seal_faults()) == []
