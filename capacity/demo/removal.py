"""Take the demo world out completely: its rows, what was computed and decided while it was there, and its accounts.

Runs as the database's owner: records are append-only for the application, and only an operator may take them away.
The audit log stays whole. Rows that are not the demo's are never touched: one that needs a demo row stops the removal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pgtrigger
from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.contrib.postgres.fields import ArrayField
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from capacity.access.audit import record_event
from capacity.access.models import AuditEvent, NoticeBaseline, Notification, NotificationChoice, RoleGrant, User
from capacity.allocation.models import CurrentRun, Run, RunTable, WhatIf
from capacity.allocation.services import request_run
from capacity.decisions.models import Action, Comment, Decision, DecisionOption, DecisionVerdict
from capacity.demo.builder import demo_tables
from capacity.demo.services import LOADED, REMOVED, SOURCE, DemoRefused, are_demo_accounts, loaded_monday, rows_present
from capacity.imports.models import ImportBatch, InputsVersion, Proposal
from capacity.imports.tables import Table, tables
from capacity.review.models import Review
from contracts.models import ContractTransition, Hold, Quote
from workloads.models import PriorityOverride, RequestMove

# An account that the audit log names is closed, not deleted, and leaves its name to whoever comes.
CLOSED_PREFIX = "removed-demo-"
MOST_LISTED = 20


@dataclass(frozen=True, kw_only=True)
class Removal:
    """What went: table or kind → rows; and the demo accounts that could only be closed."""

    rows: Mapping[str, int]
    closed: tuple[str, ...]


def remove_demo(*, now: datetime, is_sure: bool = True) -> Removal:
    """Remove everything of the demo, all or nothing. Not sure: say what would go and change nothing.

    With the rows go every plan computed since the demo was loaded, the reviews frozen on them, and the decisions and
    actions recorded since: all of them rest on the demo's rows. Raises DemoRefused when rows of others need demo rows.
    """
    loaded = AuditEvent.objects.filter(action__in=[LOADED, REMOVED]).order_by("-id").first()
    monday = loaded_monday()
    if monday is None or loaded is None:
        raise DemoRefused("The demo is not loaded.")
    with transaction.atomic():
        # The row every writer of inputs takes first: nobody adds a row that needs one of these meanwhile.
        InputsVersion.objects.select_for_update().filter(pk=1).first()
        with pgtrigger.ignore():
            present = rows_present(demo_tables(monday=monday))
            rows = _remove_pipeline(set(present["contracts"].values()))
            rows["moves of requests"] = _delete(
                RequestMove.objects.filter(experiment__in=present["experiments"].values())
            )
            rows["priority overrides"] = _delete(
                PriorityOverride.objects.filter(experiment__in=present["experiments"].values())
            )
            rows |= {**_remove_meeting(loaded.at), **_remove_runs(loaded.at)}
            rows |= _remove_rows(present)
            rows["imports"] = _remove_imports()
            rows["accounts"], closed = _remove_accounts()
            InputsVersion.objects.filter(pk=1).update(version=F("version") + 1, changed_at=Now())
        _check_nothing_hangs()
        counts = {name: count for name, count in rows.items() if count}
        record_event(action=REMOVED, subject=monday.isoformat(), detail=counts)
        if any(table.model._default_manager.exists() for table in tables().values()):
            request_run(reason="demo removed", requested_by=SOURCE, now=now)
        if not is_sure:
            transaction.set_rollback(True)
    return Removal(rows=counts, closed=closed)


def _remove_pipeline(contracts: Collection[int]) -> dict[str, int]:
    """Moves and holds of the demo's contracts: records of what goes with them."""
    return {
        "moves of contracts": _delete(ContractTransition.objects.filter(contract__in=contracts)),
        "holds": _delete(Hold.objects.filter(contract__in=contracts)),
    }


def _remove_meeting(since: datetime) -> dict[str, int]:
    """Reviews on plans of the demo, and what was recorded since it was loaded."""
    decisions = list(
        Decision.objects.filter(
            Q(decided_at__gte=since) | Q(recorded_by__in=User.objects.filter(are_demo_accounts()))
        ).values_list("pk", flat=True)
    )
    actions = Action.objects.filter(Q(created_at__gte=since) | Q(decision__in=decisions))
    people = User.objects.filter(are_demo_accounts())
    _delete(NoticeBaseline.objects.filter(at__gte=since))
    _delete(NotificationChoice.objects.filter(user__in=people))
    return {
        "notices": _delete(Notification.objects.filter(Q(at__gte=since) | Q(user__in=people))),
        "proposals": _delete(Proposal.objects.filter(proposed_by__in=people)),
        "comments": _delete(Comment.objects.filter(author__in=people)),
        "decision verdicts": _delete(
            DecisionVerdict.objects.filter(Q(recorded_at__gte=since) | Q(decision__in=decisions))
        ),
        "actions": _delete(actions),
        "decision options": _delete(DecisionOption.objects.filter(decision__in=decisions)),
        "decisions": _delete(Decision.objects.filter(pk__in=decisions)),
        "reviews": _delete(Review.objects.filter(run__in=_runs_of_the_demo(since))),
    }


def _runs_of_the_demo(since: datetime) -> list[int]:
    found = Run.objects.filter(
        Q(started_at__gte=since) | Q(started_at=None, requested_at__gte=since) | Q(requested_by=SOURCE, state="queued")
        | Q(reason="demo loaded")
    )  # fmt: skip
    return list(found.values_list("pk", flat=True))


def _remove_runs(since: datetime) -> dict[str, int]:
    runs = _runs_of_the_demo(since)
    _delete(Quote.objects.filter(what_if__run__in=runs))
    _delete(WhatIf.objects.filter(run__in=runs))
    _delete(CurrentRun.objects.filter(run__in=runs))
    for model in apps.get_models():
        if issubclass(model, RunTable):
            of_runs = {"run__in": runs}  # the abstract base does not know its children's foreign key
            _delete(model._default_manager.filter(**of_runs))
    return {"plans": _delete(Run.objects.filter(pk__in=runs))}


def _remove_rows(present: Mapping[str, Mapping[tuple[object, ...], int]]) -> dict[str, int]:
    """The demo's rows, those that need others first. Raises DemoRefused naming every row of others that needs one."""
    hanging: list[str] = []
    removed: dict[str, int] = {}
    for name, found in reversed(list(present.items())):
        table = tables()[name]
        if table.is_log:
            removed[name] = _delete(table.model._default_manager.filter(pk__in=found.values()))
            if table.afterwards is not None:
                table.afterwards(None)
            continue
        hanging += _rows_that_need(table, set(found.values()))
        removed[name] = _delete(table.model._default_manager.filter(pk__in=found.values()))
    hanging += [line for name, found in present.items() for line in _rows_that_name(tables()[name], found)]
    if hanging:
        more = f"; and {len(hanging) - MOST_LISTED} more" if len(hanging) > MOST_LISTED else ""
        raise DemoRefused(
            "Nothing was removed. These rows are not the demo's and need rows of the demo: "
            + "; ".join(hanging[:MOST_LISTED])
            + more
            + ". Change or remove them first."
        )
    return removed


def _rows_that_need(table: Table, gone: Collection[int]) -> Iterator[str]:
    """Rows still there that point to one of these rows by a foreign key."""
    for relation in table.model._meta.related_objects:
        model = relation.related_model
        if hasattr(model, "pgh_tracked_model") or relation.field is None:
            continue
        users = model._default_manager.filter(**{f"{relation.field.name}__in": gone})
        for row in users.select_related(relation.field.name)[: MOST_LISTED + 1]:
            yield f"{model._meta.verbose_name} {row} ({table.name} {getattr(row, relation.field.name)})"


def _rows_that_name(table: Table, gone: Mapping[tuple[object, ...], int]) -> Iterator[str]:
    """Rows still there that name one of these rows in words, without a foreign key."""
    for other in tables().values():
        for reference in other.references:
            if reference.field or reference.target != table.name or len(reference.columns) != 1:
                continue
            target, column = reference.target_columns[0], reference.columns[0]
            if target not in table.key:
                continue
            place = table.key.index(target)
            names = {key[place] for key in gone} - set(table.model._default_manager.values_list(target, flat=True))
            is_list = isinstance(other.model._meta.get_field(column), ArrayField)
            lookup = f"{column}__overlap" if is_list else f"{column}__in"
            for row in other.model._default_manager.filter(**{lookup: sorted(map(str, names))})[: MOST_LISTED + 1]:
                yield f"{other.name} {row} (names {table.name} {getattr(row, column)})"


def _remove_imports() -> int:
    """The batches that loaded the demo, with whatever is kept of each."""
    of_the_demo = Q(source=SOURCE) | Q(source__startswith=f"{SOURCE}, ")
    batches = list(ImportBatch.objects.filter(of_the_demo).values_list("pk", flat=True))
    for relation in ImportBatch._meta.related_objects:
        _delete(relation.related_model._default_manager.filter(**{f"{relation.field.name}__in": batches}))
    return _delete(ImportBatch.objects.filter(pk__in=batches))


def _remove_accounts() -> tuple[int, tuple[str, ...]]:
    """Delete the demo's accounts that nothing names; close the others, which keep their place in the audit log."""
    closed = []
    found = list(User.objects.filter(are_demo_accounts()))
    for person in found:
        if not _is_named_anywhere(person):
            _delete(RoleGrant.objects.filter(user=person))
            _delete(User.objects.filter(pk=person.pk))
            continue
        RoleGrant.objects.filter(user=person, revoked_at=None).update(revoked_at=Now())
        person.username = _free_name(person.username)
        person.password, person.is_active, person.team_key = make_password(None), False, ""
        person.save(update_fields=["username", "password", "is_active", "team_key"])
        closed.append(person.username)
    return len(found), tuple(closed)


def _is_named_anywhere(person: User) -> bool:
    relations = [
        each
        for each in User._meta.get_fields(include_hidden=True)
        if isinstance(each, models.ManyToOneRel) and each.related_model is not RoleGrant
    ]
    return any(
        relation.related_model._default_manager.filter(**{relation.field.name: person}).exists()
        for relation in relations
    )


def _free_name(username: str) -> str:
    name, number = f"{CLOSED_PREFIX}{username}", 1
    while User.objects.filter(username=name).exists():
        number += 1
        name = f"{CLOSED_PREFIX}{username}-{number}"
    return name


def _delete(rows: QuerySet[Any]) -> int:
    """Delete exactly these rows, and their history with them. The database checks at the end that none is missed."""
    model: type[models.Model] = rows.model
    keys = list(rows.values_list("pk", flat=True))
    for event in getattr(model, "pgh_event_models", {}).values():
        event._default_manager.filter(pgh_obj__in=keys)._raw_delete(rows.db)
    model._default_manager.filter(pk__in=keys)._raw_delete(rows.db)
    return len(keys)


def _check_nothing_hangs() -> None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    except IntegrityError as error:
        raise DemoRefused(f"Nothing was removed. A row that is not the demo's needs one of its rows: {error}") from None
