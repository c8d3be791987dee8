"""Deciding who is told what: the facts of this moment, for the people who want to hear them, each kept once.

May run at any time, twice, and on two workers at once: a fact has one key, and a person one notice of a key. What a
request is told to have moves on in the same transaction as the notices that say so. (methods: Notices)
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from capacity.access.models import NoticeBaseline
from capacity.access.notices import DEFAULT_DELIVERY, NewNotice, deliveries, keep_notices, known_keys, people_to_tell
from capacity.review.notice_audience import Audience
from capacity.review.notice_facts import (
    CauseOfMove,
    Fact,
    decided_facts,
    forecast_facts,
    hold_facts,
    justification_facts,
    plan_shown,
    planned_facts,
)
from capacity.review.notice_running import running_facts
from workloads.models import Team

logger = logging.getLogger(__name__)
_ONE_AT_A_TIME = 7_301_009


def raise_notices(*, now: datetime, with_mail: bool, cause: CauseOfMove | None = None) -> int:
    """Keep a notice for each fact of this moment and each person it is for; how many are new.

    with_mail: whether mails can be sent, else none waits for one. cause: why a request moved, in words. Nothing is done
    while another worker does it.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
            if not cursor.fetchone()[0]:
                return 0
        return _raise(now, with_mail, cause)


def _raise(now: datetime, with_mail: bool, cause: CauseOfMove | None) -> int:
    today = now.astimezone(UTC).date()
    teams = dict(Team.objects.values_list("key", "name"))
    audience, shown = Audience(people_to_tell(), teams=teams), plan_shown(now=now)
    planned = planned_facts(audience, shown, today=today, cause=cause)
    facts = [
        *decided_facts(audience, shown, now=now),
        *planned.facts,
        *justification_facts(audience, shown, today=today),
        *hold_facts(audience, today=today),
        *forecast_facts(audience, shown, today=today),
        *running_facts(audience, shown, today=today),
    ]
    wanted = deliveries()
    kept = keep_notices(_new_notices(facts, wanted), wanted=wanted, with_mail=with_mail, now=now)
    _keep_baselines(planned.baselines, now)
    return kept


def _new_notices(facts: Iterable[Fact], wanted: dict[tuple[int, str], str]) -> list[NewNotice]:
    """The notices that are not there yet, worded for each reader; nobody is told what they do not want to hear."""
    found = [(fact, told) for fact in facts for told in fact.told]
    known = known_keys({fact.key for fact, _ in found})
    return [
        NewNotice(
            user_id=told.user.pk,
            kind=fact.kind,
            subject_key=fact.subject,
            as_role=told.role,
            team_key=told.team_key,
            url_name=fact.url_name,
            url_args=(fact.subject,),
            sentence=fact.words(told.viewer),
            dedupe_key=fact.key,
        )
        for fact, told in found
        if (told.user.pk, fact.key) not in known and wanted.get((told.user.pk, fact.kind), DEFAULT_DELIVERY) != "none"
    ]


def _keep_baselines(baselines: Any, now: datetime) -> None:
    NoticeBaseline.objects.bulk_create(
        [NoticeBaseline(subject=subject, told=told, at=now) for subject, told in baselines.items()],
        update_conflicts=True,
        unique_fields=["subject"],
        update_fields=["told", "at"],
    )
