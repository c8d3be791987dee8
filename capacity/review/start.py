"""The guide from an empty installation to the first review: its steps, how far each is, and the first policy.

The state is computed at each visit by a number of queries that does not depend on how many rows there are. Who may see
a table's numbers is asked of its own action; a step of somebody else shows only who keeps it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import connection, transaction

from capacity.access.models import User
from capacity.access.permissions import may, roles_for
from capacity.access.roles import ROLE_NAMES, Role
from capacity.access.visibility import Viewer
from capacity.decisions.models import PolicySet
from capacity.decisions.standard_policy import floor_cells, policy_cells
from capacity.imports.models import InputsVersion
from capacity.imports.services import ImportOutcome, import_files, source_file
from capacity.imports.tables import Table, tables
from capacity.inventory.datasheets_public import datasheet_types
from capacity.inventory.models import AcceleratorType
from capacity.lib.horizon import Week
from capacity.review.models import Review
from capacity.review.start_findings import CHECKS, Finding, sees_own_contracts_only

POLICY_SOURCE = "standard policy"
TYPES_SOURCE = "public datasheets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: what it is for, the tables it needs and those it may have, and who reads and keeps them."""

    key: str
    title: str
    sentence: str
    needs: tuple[str, ...]
    also: tuple[str, ...]
    view: str
    change: str
    can_wait: bool = False


STEPS: tuple[Step, ...] = (
    Step(
        key="policy",
        title="Policy",
        sentence="The rules of the plan: the order of allocation, target utilisation, and from when a delivery counts.",
        needs=("policy_sets",),
        also=("policy_floors", "floor_waivers"),
        view="policy_data.view",
        change="policy_data.change",
    ),
    Step(
        key="supply",
        title="Supply",
        sentence="Which accelerators stand where, and which arrive or leave when: pools in sites, and their lots.",
        needs=("sites", "accelerator_types", "suppliers", "pools", "network_domains", "lots"),
        also=("lead_times", "lot_moves", "outages"),
        view="supply_data.view",
        change="supply_data.change",
    ),
    Step(
        key="costs",
        title="Costs",
        sentence="What an accelerator-hour costs: one rate card for each kind of lot, with its parts.",
        needs=("cost_rates",),
        also=("cost_lines", "market_values", "budgets", "fx_rates"),
        view="cost_data.view",
        change="cost_data.change",
    ),
    Step(
        key="workloads",
        title="Workloads",
        sentence="What is served: models, their measured throughput on your accelerators, and a card for each workload.",
        needs=("model_versions", "throughput_profiles", "workloads"),
        also=("operating_points", "forecasts"),
        view="workload_data.view",
        change="workload_data.change",
    ),
    Step(
        key="contracts",
        title="Contracts",
        sentence="What was promised to customers: terms, use, prices and commitments. A second person approves those in force.",
        needs=("customers", "contracts", "price_lines"),
        also=("usage_profiles", "commit_steps", "sla_lines"),
        view="contract_data.view",
        change="contract_data.change",
        can_wait=True,
    ),
    Step(
        key="requests",
        title="Requests",
        sentence="What research asks for: teams with their weights, and requests for accelerators with their weeks.",
        needs=("teams", "experiments"),
        also=(),
        view="request_data.view",
        change="request_data.change",
        can_wait=True,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """A table of a step: how many rows it has (None: not for this viewer) and whether the viewer keeps it."""

    name: str
    slug: str
    title: str
    intro: str
    rows: int | None
    is_filled: bool
    is_visible: bool
    is_needed: bool
    may_change: bool

    @property
    def is_missing(self) -> bool:
        return self.is_needed and not self.is_filled


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """How far a step is, for one viewer. `state`: done | look | todo | wait | others (not theirs to see)."""

    step: Step
    number: int
    state: str
    tables: tuple[TableState, ...]
    findings: tuple[Finding, ...]
    keepers: tuple[str, ...]
    may_change: bool

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(table.title for table in self.tables if table.is_missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """All steps for one viewer. can_plan: enough is there for a plan (a policy in force and a lot)."""

    steps: tuple[StepState, ...]
    can_plan: bool
    is_over: bool

    @property
    def shown(self) -> int:
        return sum(step.state != "others" for step in self.steps)

    @property
    def done(self) -> int:
        return sum(step.state in ("done", "look") for step in self.steps)


class PolicyExists(Exception):
    """There is a policy already; it is changed as any other row."""


class PolicyRefused(Exception):
    """The policy or its floor was refused; the message says why."""


def is_over() -> bool:
    """Whether a review has been frozen: the guide is no longer offered everywhere. One query."""
    return Review.objects.exists()


def guide_for(viewer: Viewer, *, today: date) -> Guide:
    """The guide as this viewer sees it. A number of queries that only depends on the viewer's roles."""
    known = tables()
    counts = row_counts([known[name] for step in STEPS for name in (*step.needs, *step.also) if name in known])
    policies = PolicySet.objects.filter(effective_date__lte=today)
    return Guide(
        steps=tuple(_state(step, number, viewer, known, counts, today) for number, step in enumerate(STEPS)),
        can_plan=bool(counts.get("lots")) and policies.exists(),
        is_over=is_over(),
    )


def row_counts(asked: Sequence[Table]) -> dict[str, int]:
    """Table → how many rows it has. One query."""
    quote = connection.ops.quote_name
    counts = ", ".join(f"(SELECT count(*) FROM {quote(table.model._meta.db_table)})" for table in asked)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}")
        row = cursor.fetchone() or ()
    return {table.name: int(count) for table, count in zip(asked, row, strict=True)}


def _state(
    step: Step, number: int, viewer: Viewer, known: Mapping[str, Table], counts: Mapping[str, int], today: date
) -> StepState:
    shown = tuple(
        _table_state(step, known[name], viewer, counts) for name in (*step.needs, *step.also) if name in known
    )
    checks = [check for check in CHECKS if check.step == step.key and _may_all(viewer, check.actions)]
    findings = tuple(found for check in checks if (found := check.finding(today, viewer)) is not None)
    missing = any(table.is_missing for table in shown)
    if not may(viewer.roles, step.view):
        state, findings = "others", ()
    elif missing:
        state = "wait" if step.can_wait and not any(counts.get(name) for name in step.needs) else "todo"
    else:
        state = "look" if findings else "done"
    return StepState(
        step=step,
        number=number,
        state=state,
        tables=shown,
        findings=findings,
        keepers=tuple(ROLE_NAMES[role] for role in Role if role in roles_for(step.change)),
        may_change=may(viewer.roles, step.change),
    )


def _table_state(step: Step, table: Table, viewer: Viewer, counts: Mapping[str, int]) -> TableState:
    is_visible = may(viewer.roles, table.view or step.view)
    is_counted = is_visible and not (step.key == "contracts" and sees_own_contracts_only(viewer))
    return TableState(
        name=table.name,
        slug=table.slug or table.name.replace("_", "-"),
        title=table.title or table.name.replace("_", " ").capitalize(),
        intro=table.intro,
        rows=counts[table.name] if is_counted else None,
        is_filled=bool(counts[table.name]),
        is_visible=is_visible,
        is_needed=table.name in step.needs,
        may_change=may(viewer.roles, table.change or step.change),
    )


def _may_all(viewer: Viewer, actions: Sequence[str]) -> bool:
    return all(may(viewer.roles, action) for action in actions)


@transaction.atomic
def begin_with_standard_policy(
    *, by: User, today: date, pools: Sequence[str] = (), share: str = "", accelerators: str = ""
) -> date:
    """Write the standard policy as version 1, in force from this week's Monday, by the ordinary import; its Monday.

    A floor is written only when pools and a share or a number are given. Raises PolicyExists and PolicyRefused.
    """
    # The row every writer of inputs takes first: two at once, and the second finds the first's policy.
    InputsVersion.objects.select_for_update().filter(pk=1).first()
    if PolicySet.objects.exists():
        raise PolicyExists
    monday = Week.containing(today).monday
    files = {"policy_sets.csv": [policy_cells(version=1, effective=monday)]}
    if pools:
        floor = floor_cells(version=1, pools=list(pools), share=share, accelerators=accelerators)
        files["policy_floors.csv"] = [floor]
    outcome = _write(files, source=POLICY_SOURCE, by=by)
    if outcome.errors:
        raise PolicyRefused(" ".join(issue.message for issue in outcome.errors))
    return monday


@transaction.atomic
def take_over_datasheets(*, by: User) -> int:
    """Write the accelerator types of the public datasheets by the ordinary import; how many. None when there are any."""
    InputsVersion.objects.select_for_update().filter(pk=1).first()
    if AcceleratorType.objects.exists():
        return 0
    outcome = _write({"accelerator_types.csv": datasheet_types()}, source=TYPES_SOURCE, by=by)
    return outcome.counts["accelerator_types"]["added"] if outcome.applied else 0


def _write(files: Mapping[str, list[dict[str, str]]], *, source: str, by: User) -> ImportOutcome:
    """As the operator, because the page has asked for the permission and nobody could approve a first row."""
    contents = [source_file(name=name, content=_csv(rows)) for name, rows in files.items()]
    return import_files(files=contents, source=source, imported_by=by)


def _csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()
