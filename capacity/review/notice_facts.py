"""What has happened that somebody should be told of: read from the tables and the plan shown, each fact with its key.

A fact knows for whom it is and how it reads to one of them; whether they want to hear it is `notices.py`'s. A fact read
twice has the same key. (methods: Notices)
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction

from capacity.access.models import NoticeBaseline
from capacity.access.visibility import ContractLabel, Viewer
from capacity.allocation.models import PLAN_SCOPE, CurrentRun, RunPlacement, RunPool, RunUnplaced
from capacity.lib.horizon import Week
from capacity.review import notice_words
from capacity.review.inputs import HORIZON_WEEKS
from capacity.review.notice_audience import Audience, Told
from capacity.review.notice_words import Place
from capacity.review.tables import contract_labels
from contracts.models import Hold
from workloads.domain.forecasts import planned_source
from workloads.models import Experiment, Forecast, RequestMove, Workload

logger = logging.getLogger(__name__)

# How far back a decision is news, for a worker that was down; and how far ahead what ends or begins is told.
DECIDED_SINCE = timedelta(days=7)
STARTS_WITHIN = timedelta(days=14)
JUSTIFICATION_WITHIN = timedelta(days=14)
HOLD_WITHIN = timedelta(days=7)
FORECAST_OLD_AFTER = timedelta(weeks=5)
# A plan that stood for so long is told: one that the next edit replaces at once is not.
SETTLED_AFTER = timedelta(minutes=5)
DECISIONS = ("approved", "returned", "denied")

# Why the plan moved a request between two runs, in the viewer's words, or "".
CauseOfMove = Callable[[Viewer, str, int, int], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """Something to tell. key: the same fact has the same one, whoever reads it and whenever."""

    kind: str
    subject: str
    key: str
    url_name: str
    told: tuple[Told, ...]
    words: Callable[[Viewer], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """The plan that is shown: its run, its places by request, and the names of the contracts in it."""

    run: int | None
    places: Mapping[str, Place]
    labels: Sequence[ContractLabel]
    pool_names: Mapping[str, str] = field(default_factory=dict)


def plan_shown(*, now: datetime) -> Shown:
    """Places of all requests that the plan shown has read; none while it may be replaced at once. Five queries."""
    pointer = CurrentRun.objects.filter(scope=PLAN_SCOPE).select_related("run").first()
    if pointer is None:
        return Shown(run=None, places={}, labels=())
    run, solved_at = pointer.run_id, pointer.run.finished_at
    if solved_at is None or solved_at > now - SETTLED_AFTER:
        return Shown(run=run, places={}, labels=contract_labels(run))
    names = dict(RunPool.objects.filter(run_id=run).values_list("pool_key", "name"))
    rows: dict[str, list[RunPlacement]] = {}
    for row in RunPlacement.objects.filter(run_id=run):
        rows.setdefault(row.experiment_key, []).append(row)
    places = {
        key: Place(run=run, start="", why=sentence)
        for key, sentence in RunUnplaced.objects.filter(run_id=run).values_list("experiment_key", "sentence")
    }
    # A request that is placed in part stands in both tables: it starts.
    places |= {key: _place(run, found, names) for key, found in rows.items()}
    return Shown(run=run, places=places, labels=contract_labels(run), pool_names=names)


def _place(run: int, rows: Sequence[RunPlacement], names: Mapping[str, str]) -> Place:
    starts = min(row.start_week for row in rows)
    first = [row for row in rows if row.start_week == starts]
    return Place(
        run=run,
        start=starts,
        pools=tuple(sorted({names.get(row.pool_key, row.pool_key) for row in first})),
        pool_keys=tuple(sorted({row.pool_key for row in first})),
        accelerators=sum(row.accelerators for row in first),
        weeks=max(row.weeks for row in first),
    )


# --- requests -----------------------------------------------------------------------------------------------------


def decided_facts(audience: Audience, shown: Shown, *, now: datetime) -> Iterator[Fact]:
    """Requests that were approved, returned or denied, and running ones that somebody else stopped."""
    moves = RequestMove.objects.filter(at__gte=now - DECIDED_SINCE, to_state__in=[*DECISIONS, "withdrawn"])
    found = list(moves.select_related("experiment__team", "by").order_by("pk"))
    submitters = _submitters([move.experiment_id for move in found])
    for move in found:
        if move.to_state == "withdrawn" and move.from_state != "running":
            continue
        request = move.experiment
        yield Fact(
            kind="request_decided",
            subject=request.key,
            key=f"request_decided:{request.key}:move {move.pk}",
            url_name="request",
            told=audience.of_request(team=request.team.key, submitter=submitters.get(request.pk), but=move.by_id),
            words=partial(
                notice_words.decided,
                request={"key": request.key, "name": request.name},
                move={"to_state": move.to_state, "by": str(move.by), "reason": move.reason},
                labels=shown.labels,
            ),
        )


def _submitters(requests: Iterable[int]) -> dict[int, int]:
    """Request → who submitted it last. One query."""
    moves = RequestMove.objects.filter(experiment__in=set(requests), to_state="submitted").order_by("pk")
    return dict(moves.values_list("experiment_id", "by_id"))


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedFacts:
    """Facts of the plan's places, and what each request is now told to have (subject → place as stored)."""

    facts: tuple[Fact, ...]
    baselines: Mapping[str, dict[str, Any]]


def planned_facts(
    audience: Audience, shown: Shown, *, today: date, cause: CauseOfMove | None = None
) -> PlannedFacts:  # fmt: skip
    """Approved requests whose start or pools are others than were told, and those that start within 14 days.

    Told before: what a notice or the plan of then said, else the answer given when it was submitted; a request of which
    nothing was told begins with what the plan shows. One that the plan has not read yet is left as it was told.
    """
    requests = [
        each
        for each in Experiment.objects.filter(state="approved").select_related("team").order_by("key")
        if each.key in shown.places
    ]
    submitters = _submitters([each.pk for each in requests])
    told = _told_places(requests)
    facts: list[Fact] = []
    baselines: dict[str, dict[str, Any]] = {}
    for request in requests:
        now, before = shown.places[request.key], told.get(request.key)
        people = audience.of_request(team=request.team.key, submitter=submitters.get(request.pk))
        if before is None or before.run != now.run:
            baselines[_subject(request.key)] = {"run": now.run, "start": now.start, "pools": list(now.pool_keys)}
        if before is not None and before.run != now.run and _has_moved(before, now):
            before = replace(before, pools=tuple(sorted(shown.pool_names.get(key, key) for key in before.pool_keys)))
            facts.append(_moved_fact(request, before, now, people, shown, today, cause))
        if now.start and _is_near(Week.parse(now.start), today):
            facts.append(_starting_fact(request, now, people, shown, today))
    return PlannedFacts(facts=tuple(facts), baselines=baselines)


def _has_moved(before: Place, now: Place) -> bool:
    """Another first week, or another pool in it. Of what was told before pools were kept only the week is known."""
    return before.start != now.start or bool(before.pool_keys and before.pool_keys != now.pool_keys)


def _subject(key: str) -> str:
    return f"request:{key}"


def _told_places(requests: Sequence[Experiment]) -> dict[str, Place]:
    """Request → the place last told, from its baseline, else from the answer at its last submission. Two queries."""
    keys = {_subject(each.key): each.key for each in requests}
    found = {
        keys[subject]: Place(run=told["run"], start=told["start"], pool_keys=tuple(told.get("pools", ())))
        for subject, told in NoticeBaseline.objects.filter(subject__in=keys).values_list("subject", "told")
    }
    missing = {each.pk: each.key for each in requests if each.key not in found}
    answers = RequestMove.objects.filter(experiment__in=missing, to_state="submitted").order_by("pk")
    for pk, answer in answers.values_list("experiment_id", "answer"):
        if answer and answer.get("run") is not None and "placed" in answer:
            start = min((each["start"] for each in answer["placed"]), default="")
            pools = {each.get("pool", "") for each in answer["placed"] if each["start"] == start}
            found[missing[pk]] = Place(run=answer["run"], start=start, pool_keys=tuple(sorted(pools - {""})))
    return found


def _is_near(start: Week, today: date) -> bool:
    return Week.containing(today).monday <= start.monday <= today + STARTS_WITHIN


def _moved_fact(
    request: Experiment,
    before: Place,
    now: Place,
    people: tuple[Told, ...],
    shown: Shown,
    today: date,
    cause: CauseOfMove | None,
) -> Fact:
    def words(viewer: Viewer) -> str:
        why = "" if cause is None else _cause_or_nothing(cause, viewer, request.key, before.run, now.run)
        return notice_words.moved(
            viewer,
            request={"key": request.key, "name": request.name},
            before=before,
            after=now,
            cause=why,
            today=today,
            labels=shown.labels,
        )

    return Fact(
        kind="request_moved",
        subject=request.key,
        key=f"request_moved:{request.key}:run {now.run}",
        url_name="request",
        told=people,
        words=words,
    )


def _cause_or_nothing(cause: CauseOfMove, viewer: Viewer, key: str, before: int, now: int) -> str:
    """The cause; nothing where it cannot be told: the move is told all the same."""
    try:
        with transaction.atomic():
            return cause(viewer, key, before, now)
    except Exception:
        logger.exception("no cause is told of the move of %s between runs %s and %s", key, before, now)
        return ""


def _starting_fact(
    request: Experiment, place: Place, people: tuple[Told, ...], shown: Shown, today: date
) -> Fact:  # fmt: skip
    return Fact(
        kind="request_starting",
        subject=request.key,
        key=f"request_starting:{request.key}:{place.start}",
        url_name="request",
        told=people,
        words=partial(
            notice_words.starting,
            request={"key": request.key, "name": request.name},
            place=place,
            today=today,
            labels=shown.labels,
        ),
    )


# --- cards --------------------------------------------------------------------------------------------------------


def justification_facts(audience: Audience, shown: Shown, *, today: date) -> Iterator[Fact]:
    """Frontier cards whose justification ends within 14 days, and again once it is over."""
    near = (today - JUSTIFICATION_WITHIN, today + JUSTIFICATION_WITHIN)
    cards = Workload.objects.filter(model_version__model_tier="frontier", justification_expires_date__range=near)
    columns = ("key", "name", "owner_role", "justification_expires_date")
    for card in cards.exclude(tier_justification="").order_by("key").values(*columns):
        ends = card["justification_expires_date"]
        told, is_owned = audience.of_card(card["owner_role"])
        yield Fact(
            kind="justification_expiring",
            subject=card["key"],
            key=f"justification_expiring:{card['key']}:{'over' if ends < today else 'ends'} {ends}",
            url_name="workload",
            told=told,
            words=partial(notice_words.justification, card=card, is_owned=is_owned, today=today, labels=shown.labels),
        )


def forecast_facts(audience: Audience, shown: Shown, *, today: date) -> Iterator[Fact]:
    """Cards with tokens of their own, or a source to plan with, whose forecast is absent or older than 5 weeks."""
    steps: dict[str, list[Forecast]] = {}
    for step in Forecast.objects.filter(vintage_date__lte=today).select_related("workload"):
        steps.setdefault(step.workload.key, []).append(step)
    columns = (
        "key",
        "name",
        "owner_role",
        "forecast_source",
        "forecast_date",
        "input_tokens_per_second",
        "output_tokens_per_second",
    )
    for card in Workload.objects.order_by("key").values(*columns):
        gap = missing_forecast(card, steps.get(card["key"], ()), today=today)
        if gap is None:
            continue
        yield Fact(
            kind="forecast_missing",
            subject=card["key"],
            key=f"forecast_missing:{card['key']}:{gap['code']} {gap['source']}:{gap['vintage'] or 'none'}",
            url_name="workload",
            told=audience.of_card(card["owner_role"])[0],
            words=partial(notice_words.forecast, card=card, gap=gap, today=today, labels=shown.labels),
        )


def missing_forecast(
    card: Mapping[str, Any], steps: Sequence[Forecast], *, today: date
) -> dict[str, Any] | None:  # fmt: skip
    """{code, source, vintage} of what is wrong with what the card is planned with; None where nothing is."""
    sources = {each.source for each in steps}
    source = planned_source(sources=sources, named=card["forecast_source"])
    if source is not None:
        vintage = max(each.vintage_date for each in steps if each.source == source)
        starts = min(each.starts_date for each in steps if each.source == source and each.vintage_date == vintage)
        found = {"source": source, "vintage": vintage}
        if starts >= Week.containing(today).plus(HORIZON_WEEKS).monday:
            return {"code": "beyond", **found}
        return {"code": "old", **found} if today - vintage > FORECAST_OLD_AFTER else None
    if sources and not card["forecast_source"]:
        return {"code": "ambiguous", "source": ", ".join(sorted(sources)), "vintage": None}
    if card["input_tokens_per_second"] is None and card["output_tokens_per_second"] is None:
        named = card["forecast_source"]
        return {"code": "absent", "source": named, "vintage": None} if named else None
    made = card["forecast_date"]
    if made is None:
        return {"code": "undated", "source": "", "vintage": None}
    return {"code": "old_own", "source": "", "vintage": made} if today - made > FORECAST_OLD_AFTER else None


# --- holds --------------------------------------------------------------------------------------------------------


def hold_facts(audience: Audience, *, today: date) -> Iterator[Fact]:
    """Holds that are granted and end within 7 days."""
    near = (today + timedelta(days=1), today + HOLD_WITHIN)
    holds = Hold.objects.filter(state="granted", expires_date__range=near).order_by("key")
    for each in holds.select_related("contract__customer", "contract__owner"):
        deal = each.contract
        label = ContractLabel(
            key=deal.key,
            name=deal.name,
            customer=deal.customer.name,
            alias=deal.customer.alias,
            owner=deal.owner.get_username() if deal.owner else "",
        )
        yield Fact(
            kind="hold_expiring",
            subject=deal.key,
            key=f"hold_expiring:{each.key}:{each.expires_date}",
            url_name="contract",
            told=audience.of_hold(deal.owner_id),
            words=partial(
                notice_words.hold,
                row={"version": deal.version, "expires_date": each.expires_date},
                label=label,
                today=today,
            ),
        )
