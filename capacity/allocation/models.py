"""The plan: run rows with their state, and the immutable result tables a run publishes.

Result tables hold string keys, not foreign keys to inputs: a plan survives any later edit of its inputs. The
application's database role may insert into them and read them, nothing else.
"""

from __future__ import annotations

import uuid

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

RUN_STATES = [
    ("queued", "Queued"),
    ("running", "Running"),
    ("done", "Done"),
    ("reused", "Unchanged"),
    ("superseded", "Superseded"),
    ("failed", "Failed"),
    ("dead", "Given up"),
]
PLAN_SCOPE = "plan"
# How long the engine may search: quick after an edit, record on the schedule and before a freeze.
EFFORTS = [("quick", "Quick"), ("record", "Plan of record")]


class LeasedRow(models.Model):
    """Base of work that a worker claims for a while (capacity/allocation/leases.py): who holds it, how far it is, why it
    failed. `fencing_token` grows with every claim: only its holder's writes count."""

    state = models.CharField(max_length=12, default="queued")
    not_before_at = models.DateTimeField(db_default=Now())
    attempt = models.PositiveSmallIntegerField(default=0)
    fencing_token = models.BigIntegerField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=120, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    stage = models.CharField(max_length=60, blank=True)
    progress_share = models.DecimalField(max_digits=5, decimal_places=4, default=0)
    seconds = models.JSONField(default=dict)
    error_code = models.CharField(max_length=60, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        abstract = True


class Run(LeasedRow):
    """One recompute: what was asked, who holds it, and when done the document of its inputs and outcome.

    State machine (methods: Runs; capacity/allocation/runs.py): queued → running → done | reused | failed (refused: the
    inputs cannot be planned, or the plan does not balance); an error or a lost worker gives it back: queued again,
    superseded by a newer queued one, or dead after the last attempt.
    """

    scope = models.CharField(max_length=40, default=PLAN_SCOPE)
    state = models.CharField(max_length=12, choices=RUN_STATES, default="queued")
    reason = models.CharField(max_length=200)
    requested_at = models.DateTimeField(db_default=Now())
    requested_by = models.CharField(max_length=150, blank=True)
    idempotency_key = models.CharField(max_length=120, null=True, blank=True, unique=True)
    is_forced = models.BooleanField(default=False)
    effort = models.CharField(max_length=8, choices=EFFORTS, default="quick")
    inputs_version = models.BigIntegerField(null=True, blank=True)
    input_hash = models.CharField(max_length=64, blank=True)
    result_hash = models.CharField(max_length=64, blank=True)
    reused_run = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    as_of_date = models.DateField(null=True, blank=True)
    first_week = models.CharField(max_length=8, blank=True)
    weeks = models.PositiveSmallIntegerField(null=True, blank=True)
    policy_version = models.PositiveIntegerField(null=True, blank=True)
    formula_version = models.CharField(max_length=40, blank=True)
    solver_version = models.CharField(max_length=80, blank=True)
    termination = models.CharField(max_length=12, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope"], condition=Q(state="queued"), name="one_queued_run_per_scope"),
            models.UniqueConstraint(fields=["scope"], condition=Q(state="running"), name="one_running_run_per_scope"),
            models.CheckConstraint(
                condition=~Q(state="running") | Q(fencing_token__isnull=False, lease_until__isnull=False),
                name="running_run_is_claimed",
            ),
            models.CheckConstraint(condition=Q(effort__in=[key for key, _ in EFFORTS]), name="run_effort_is_known"),
            models.CheckConstraint(
                condition=~Q(state="done") | (~Q(input_hash="") & ~Q(result_hash="")), name="done_run_has_hashes"
            ),
        ]
        indexes = [models.Index(fields=["scope", "-id"], name="run_by_scope")]

    def __str__(self) -> str:
        return f"run {self.pk} {self.state}"


class CurrentRun(models.Model):
    """The one pointer a scope's pages read. It moves in the same transaction that writes the results."""

    scope = models.CharField(max_length=40, unique=True)
    run = models.ForeignKey(Run, models.PROTECT, related_name="+")
    fencing_token = models.BigIntegerField()
    inputs_version = models.BigIntegerField()
    current_since_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.scope} → run {self.run_id}"


class RunTable(models.Model):
    """Base of every result table: rows of one run, never changed (also refused by the database)."""

    class Meta:
        abstract = True
        triggers = [pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete)]


class RunDocument(RunTable):
    """The inputs as read (all rows, by table), the problem as solved and the solution as answered, as JSON."""

    run = models.OneToOneField(Run, models.PROTECT, related_name="document")
    inputs = models.JSONField()
    problem = models.JSONField()
    solution = models.JSONField()
    # Against the last frozen review before it; empty where there was none.
    changes = models.JSONField(default=dict)

    class Meta(RunTable.Meta):
        abstract = False

    def __str__(self) -> str:
        return f"document of run {self.run_id}"


class RunPool(RunTable):
    """A pool as it was in the run."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="pools")
    pool_key = models.CharField(max_length=80)
    name = models.CharField(max_length=120)
    accelerator_type = models.CharField(max_length=80)
    accelerator_type_name = models.CharField(max_length=120)
    region = models.CharField(max_length=60)
    source_type = models.CharField(max_length=10)
    node_size = models.PositiveSmallIntegerField()
    h100e_factor = models.DecimalField(max_digits=10, decimal_places=6)
    domains = models.JSONField(default=list)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "pool_key"], name="one_run_pool")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.pool_key}"


class RunPoolWeek(RunTable):
    """Supply, need, allocation and money of one pool in one week. Accelerators; money in USD a week, unrounded.

    Identity: allocatable + burst = serving + product + internal + no_choice + pretrain + research + evals + idle.
    """

    run = models.ForeignKey(Run, models.PROTECT, related_name="pool_weeks")
    pool_key = models.CharField(max_length=80)
    week = models.CharField(max_length=8)
    week_index = models.PositiveSmallIntegerField()
    installed = models.IntegerField()
    maintenance = models.IntegerField()
    allocatable = models.IntegerField()
    fragment = models.DecimalField(max_digits=14, decimal_places=5)
    serving = models.IntegerField()
    product = models.IntegerField()
    internal = models.IntegerField()
    no_choice = models.IntegerField()
    pretrain = models.IntegerField()
    research = models.IntegerField()
    evals = models.IntegerField()
    idle = models.IntegerField()
    burst = models.IntegerField()
    floor = models.IntegerField(null=True)
    floor_held = models.IntegerField(null=True)
    committed_need = models.DecimalField(max_digits=16, decimal_places=4)
    expected_need = models.DecimalField(max_digits=16, decimal_places=4)
    p10_need = models.DecimalField(max_digits=16, decimal_places=4)
    p90_need = models.DecimalField(max_digits=16, decimal_places=4)
    requested = models.DecimalField(max_digits=16, decimal_places=4)
    capacity_shortfall = models.DecimalField(max_digits=16, decimal_places=4)
    usd_per_accelerator_hour = models.DecimalField(max_digits=16, decimal_places=10, null=True)
    consumed = models.DecimalField(max_digits=16, decimal_places=4)
    envelope_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    envelope_parts = models.JSONField(null=True)
    idle_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    # Why it is idle; the five sum to `idle`. None in runs made before they were told apart.
    idle_floor = models.IntegerField(null=True)
    idle_fragment = models.IntegerField(null=True)
    idle_wrong_kind = models.IntegerField(null=True)
    idle_unaccepted = models.IntegerField(null=True)
    idle_no_demand = models.IntegerField(null=True)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "pool_key", "week"], name="one_run_pool_week")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.pool_key} {self.week}"


class RunLotEvent(RunTable):
    """A lot arriving in or leaving a pool inside the horizon."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="lot_events")
    pool_key = models.CharField(max_length=80)
    lot_key = models.CharField(max_length=80)
    week = models.CharField(max_length=8)
    accelerators = models.IntegerField()
    state = models.CharField(max_length=10)
    counted_date = models.DateField()

    class Meta(RunTable.Meta):
        abstract = False

    def __str__(self) -> str:
        return f"{self.run_id} {self.lot_key} {self.accelerators:+}"


class RunAllocation(RunTable):
    """Accelerators of a pool given to a serving class in a week (whole replicas)."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="allocations")
    serving_class = models.CharField(max_length=80)
    pool_key = models.CharField(max_length=80)
    week = models.CharField(max_length=8)
    accelerators = models.IntegerField()
    work = models.DecimalField(max_digits=20, decimal_places=6)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["run", "serving_class", "pool_key", "week"], name="one_run_allocation")
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.serving_class} {self.pool_key} {self.week}"


class RunDemand(RunTable):
    """What one demand (a contract's or workload's part in one tier) asked and got in a week. Work in accelerators of
    the class's reference type."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="demands")
    demand_key = models.CharField(max_length=80)
    serving_class = models.CharField(max_length=80)
    tier = models.CharField(max_length=40)
    workload_key = models.CharField(max_length=80, blank=True)
    contract_key = models.CharField(max_length=80, blank=True)
    week = models.CharField(max_length=8)
    work = models.DecimalField(max_digits=20, decimal_places=6)
    served = models.DecimalField(max_digits=20, decimal_places=6)
    short_accelerators = models.IntegerField()
    usd_lost = models.DecimalField(max_digits=28, decimal_places=8, null=True)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "demand_key", "week"], name="one_run_demand_week")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.demand_key} {self.week}"


class RunPlacement(RunTable):
    """Where and when an experiment runs."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="placements")
    experiment_key = models.CharField(max_length=80)
    name = models.CharField(max_length=160)
    team_key = models.CharField(max_length=80)
    team_name = models.CharField(max_length=120)
    priority = models.CharField(max_length=40)
    purpose = models.CharField(max_length=10)
    is_running = models.BooleanField()
    pool_key = models.CharField(max_length=80)
    domain_key = models.CharField(max_length=80, blank=True)
    start_week = models.CharField(max_length=8)
    weeks = models.PositiveSmallIntegerField()
    accelerators = models.IntegerField()
    cost_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)

    class Meta(RunTable.Meta):
        abstract = False

    def __str__(self) -> str:
        return f"{self.run_id} {self.experiment_key} {self.start_week}"


class RunUnplaced(RunTable):
    """A request that does not fit, with the reason and what would make it fit."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="unplaced")
    experiment_key = models.CharField(max_length=80)
    name = models.CharField(max_length=160)
    team_key = models.CharField(max_length=80)
    team_name = models.CharField(max_length=120)
    priority = models.CharField(max_length=40)
    accelerators = models.IntegerField()
    weeks = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=40)
    sentence = models.TextField()
    week = models.CharField(max_length=8, blank=True)
    needed = models.IntegerField(null=True)
    free = models.IntegerField(null=True)
    short_by = models.IntegerField(null=True)
    blockers = models.JSONField(default=list)
    smallest_changes = models.JSONField(default=list)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "experiment_key"], name="one_run_unplaced")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.experiment_key} {self.reason}"


class RunShortfallRemedy(RunTable):
    """One way out of a capacity shortfall: a demand that is short over consecutive weeks, and what would help.

    rank 0 is doing nothing: what it costs. The others stand in the order of their net cost. Accelerators at the best
    rate of the demand's options (short, covered) or of the pool (offered).
    """

    run = models.ForeignKey(Run, models.PROTECT, related_name="shortfall_remedies")
    demand_key = models.CharField(max_length=80)
    contract_key = models.CharField(max_length=80, blank=True)
    workload_key = models.CharField(max_length=80, blank=True)
    serving_class = models.CharField(max_length=80)
    tier = models.CharField(max_length=40)
    pool_keys = models.JSONField(default=list)
    first_week = models.CharField(max_length=8)
    weeks = models.PositiveSmallIntegerField()
    short_accelerators = models.IntegerField()
    short_accelerator_weeks = models.IntegerField()
    rank = models.PositiveSmallIntegerField()
    remedy = models.CharField(max_length=20)
    pool_key = models.CharField(max_length=80, blank=True)
    accelerators = models.IntegerField()
    covered_accelerator_weeks = models.IntegerField()
    usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    usd_lost = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    lead_weeks_p50 = models.PositiveSmallIntegerField(null=True)
    lead_weeks_p90 = models.PositiveSmallIntegerField(null=True)
    helps_from = models.CharField(max_length=8, blank=True)
    displaces = models.JSONField(default=list)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["run", "demand_key", "first_week", "rank"], name="one_run_remedy_rank")
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.demand_key} {self.first_week} {self.remedy}"


class RunScarcityPrice(RunTable):
    """The dual of a pool-week's capacity row. Reveals one customer's contribution: chair (banded), finance, exec only."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="scarcity_prices")
    pool_key = models.CharField(max_length=80)
    week = models.CharField(max_length=8)
    usd_per_accelerator_week = models.DecimalField(max_digits=24, decimal_places=8)
    node_size = models.PositiveIntegerField(null=True)
    usd_node_more = models.DecimalField(max_digits=24, decimal_places=8, null=True)
    usd_node_less = models.DecimalField(max_digits=24, decimal_places=8, null=True)
    unlocks = models.JSONField(default=list)

    class Meta(RunTable.Meta):
        abstract = False

    def __str__(self) -> str:
        return f"{self.run_id} {self.pool_key} {self.week}"


class RunTier(RunTable):
    """Value and valid bound of a tier. unmet_accelerators: of serving whose loss is not known, over the horizon."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="tiers")
    position = models.PositiveSmallIntegerField()
    tier = models.CharField(max_length=40)
    unit = models.CharField(max_length=40, blank=True)
    value = models.DecimalField(max_digits=28, decimal_places=8)
    bound = models.DecimalField(max_digits=28, decimal_places=8)
    gap_absolute = models.DecimalField(max_digits=28, decimal_places=8)
    gap_relative = models.DecimalField(max_digits=14, decimal_places=10)
    unmet_accelerators = models.DecimalField(max_digits=20, decimal_places=6, null=True)

    class Meta(RunTable.Meta):
        abstract = False

    def __str__(self) -> str:
        return f"{self.run_id} {self.tier}"


class RunIssue(RunTable):
    """Something the plan had to leave out or assume: late lot, unsized need, unknown cost, floor above supply."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="issues")
    code = models.CharField(max_length=60)
    subject = models.CharField(max_length=160)
    sentence = models.TextField()

    class Meta(RunTable.Meta):
        abstract = False

    def __str__(self) -> str:
        return f"{self.run_id} {self.code} {self.subject}"


WHAT_IF_STATES = [
    ("queued", "Queued"),
    ("running", "Running"),
    ("done", "Done"),
    ("failed", "Failed"),
]


class WhatIf(LeasedRow):
    """A question about a run and its two answers (methods: What-if). The run's own tables are never written.

    State machine (capacity/allocation/what_ifs.py): queued → running → done | failed (the change cannot be planned, or
    the attempts are used up); a lost worker or an error gives it back.
    changes: [{table, key, op, values}]; changed_rows: the same with cells before and after, for people to read.
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(Run, models.PROTECT, related_name="what_ifs")
    asked_by = models.ForeignKey("access.User", models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(db_default=Now())
    changes = models.JSONField()
    changed_rows = models.JSONField(default=list)
    state = models.CharField(max_length=12, choices=WHAT_IF_STATES, default="queued")
    quick = models.JSONField(null=True, blank=True)
    full = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="running") | Q(fencing_token__isnull=False, lease_until__isnull=False),
                name="running_what_if_is_claimed",
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(quick__isnull=False, full__isnull=False), name="done_what_if_is_answered"
            ),
        ]
        indexes = [models.Index(fields=["state", "not_before_at"], name="what_if_by_state")]

    def __str__(self) -> str:
        return f"what-if {self.uuid} {self.state}"
