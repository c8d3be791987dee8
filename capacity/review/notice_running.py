"""What the people of a request that runs are told: that the plan recalls it, and that it is past its end.

Read from the rows of the plan shown, so that nobody is told what a plan has not read yet. (methods: Running work)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

from capacity.access.roles import Role
from capacity.access.visibility import Viewer, redact, see_row
from capacity.allocation.models import RunIssue
from capacity.lib.figures import counted, day
from capacity.lib.horizon import Week
from capacity.review.notice_facts import Audience, Fact, Shown, Told
from capacity.review.running_rows import PAST_ITS_END
from workloads.models import Experiment, RunPreemption
from workloads.running import RUNNING


def running_facts(audience: Audience, shown: Shown, *, today: date) -> Iterator[Fact]:
    """Recalls and runs past their end of the plan shown, to the team and every chair. Three queries."""
    if shown.run is None or not shown.places:
        return
    runs = {each.key: each for each in Experiment.objects.filter(state=RUNNING).select_related("team")}
    taken = RunPreemption.objects.filter(run_id=shown.run, is_taken=True, experiment_key__in=runs)
    for row in taken.order_by("position").values("experiment_key", "week", "notice_days", "sentence"):
        request = runs[row["experiment_key"]]
        yield Fact(
            kind="request_moved",
            subject=request.key,
            key=f"request_moved:{request.key}:recalled {row['week']}",
            url_name="request",
            told=_told(audience, request),
            words=partial(_recalled, request=request, row=row, shown=shown),
        )
    late = RunIssue.objects.filter(run_id=shown.run, code=PAST_ITS_END, subject__in=runs)
    for key in late.order_by("subject").values_list("subject", flat=True):
        request = runs[key]
        end = _end(request)
        yield Fact(
            kind="request_moved",
            subject=key,
            key=f"request_moved:{key}:past its end {end}",
            url_name="request",
            told=_told(audience, request),
            words=partial(_past, request=request, end=end, today=today, shown=shown),
        )


def _told(audience: Audience, request: Experiment) -> tuple[Told, ...]:
    """Its team, and whoever may stop or extend it."""
    team = audience.of_request(team=request.team.key, submitter=None)
    known = {told.user.pk for told in team}
    return (*team, *(told for told in audience.holders(Role.CHAIR) if told.user.pk not in known))


def _end(request: Experiment) -> date:
    """The first Monday after the weeks it asked for."""
    assert request.started_date is not None
    return Week.containing(request.started_date).plus(request.weeks).monday


def _recalled(viewer: Viewer, *, request: Experiment, row: Mapping[str, Any], shown: Shown) -> str:
    """“Sparse sweep” (E-006): It runs and is recalled: it yields H100 US from 7 Dec to … Notice: 7 days."""
    seen = see_row(viewer, "preemption", {"sentence": row["sentence"], "notice_days": row["notice_days"]})
    notice = f" Notice: {counted(seen['notice_days'], 'day')}." if isinstance(seen["notice_days"], int) else ""
    return redact(viewer, f"{_name(viewer, request)}: {seen['sentence']}{notice}", contracts=shown.labels)


def _past(viewer: Viewer, *, request: Experiment, end: date, today: date, shown: Shown) -> str:
    """“Sparse sweep” (E-006) still runs; its 4 weeks ended on 25 Oct. Extend it, or record that it is done."""
    last = day(end - timedelta(days=1), year=today.year)
    text = (
        f"{_name(viewer, request)} still runs; its {counted(request.weeks, 'week')} ended on {last}. Extend it, or record "
        "that it is done: the plan counts with its accelerators one week at a time."
    )
    return redact(viewer, text, contracts=shown.labels)


def _name(viewer: Viewer, request: Experiment) -> str:
    seen = see_row(viewer, "input_experiments", {"name": request.name, "key": request.key}, owner=request.team.key)
    return f"“{seen['name']}” ({seen['key']})"
