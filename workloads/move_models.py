"""Moves to cheaper serving that people propose, and what a run found wasteful.

A move is no input of a plan: it changes one only when somebody carries it out in the tables. What a kind changes stands
in domain/moves.py.
"""

from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import Q

from capacity.access.roles import ROLE_NAMES, Role
from capacity.allocation.models import RunTable
from capacity.inventory.models import KEY
from workloads.constraints import chosen, unknown_or
from workloads.domain.moves import KINDS

MOVE_KINDS = [(kind.code, kind.name) for kind in KINDS.values()]
MOVE_STATES = [
    ("proposed", "Proposed"),
    ("asked", "Asked"),
    ("accepted", "Accepted"),
    ("done", "Done"),
    ("dropped", "Dropped"),
]
QUALITY_GATES = [("no", "Not tested"), ("pass", "Passed"), ("fail", "Failed")]
MEETING = [(role.value, ROLE_NAMES[role]) for role in Role if role not in (Role.AUDITOR, Role.ADMIN)]
DECIDED = ("accepted", "done")


@pghistory.track()
class WorkloadMove(models.Model):
    """A change of how a workload is served, with its quality gate, who must agree, what it costs once and promises.

    to_key: the model or accelerator type it names; amount: the share or factor. what_if_uuid: the what-if that told what
    it releases, promised_*: what that said when the move was accepted (accelerators free in every week, USD a week).
    """

    key = models.CharField(max_length=80, unique=True)
    title = models.CharField(max_length=200)
    workload = models.ForeignKey("workloads.Workload", models.PROTECT, related_name="moves")
    kind = models.CharField(max_length=20, choices=MOVE_KINDS)
    to_key = models.CharField(max_length=80, blank=True)
    amount = models.DecimalField(max_digits=9, decimal_places=5, null=True, blank=True)
    quality_gate = models.CharField(max_length=4, choices=QUALITY_GATES, default="no")
    gate_date = models.DateField(null=True, blank=True)
    gate_evidence = models.CharField(max_length=400, blank=True)
    must_agree_role = models.CharField(max_length=20, choices=MEETING, blank=True)
    one_off_usd = models.DecimalField(max_digits=20, decimal_places=2, null=True, blank=True)
    owner_role = models.CharField(max_length=20, choices=MEETING, blank=True)
    due_date = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=MOVE_STATES, default="proposed")
    decision_number = models.PositiveIntegerField(null=True, blank=True)
    what_if_uuid = models.UUIDField(null=True, blank=True)
    promised_accelerators = models.IntegerField(null=True, blank=True)
    promised_usd_per_week = models.DecimalField(max_digits=20, decimal_places=2, null=True, blank=True)
    promised_run_id = models.BigIntegerField(null=True, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="move_key_form"),
            chosen("kind", MOVE_KINDS, name="move_kind_is_known"),
            chosen("state", MOVE_STATES, name="move_state_is_known"),
            chosen("quality_gate", QUALITY_GATES, name="move_gate_is_known"),
            models.CheckConstraint(
                condition=Q(must_agree_role__in=["", *dict(MEETING)], owner_role__in=["", *dict(MEETING)]),
                name="move_roles_are_of_the_meeting",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=DECIDED)
                | (Q(decision_number__isnull=False, due_date__isnull=False) & ~Q(owner_role="")),
                name="accepted_move_has_decision_owner_and_date",
            ),
            models.CheckConstraint(
                condition=~Q(state="asked") | Q(what_if_uuid__isnull=False), name="asked_move_has_its_what_if"
            ),
            models.CheckConstraint(
                condition=unknown_or("amount", gt=0, lte=100) & unknown_or("one_off_usd", gte=0),
                name="move_figures_are_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(quality_gate="no") | Q(gate_date__isnull=False), name="move_gate_has_its_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.title}"


class RunMoveCandidate(RunTable):
    """A move that the facts of a run suggest, and what it would save on paper. paper None: not known."""

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="move_candidates")
    position = models.PositiveIntegerField()
    workload_key = models.CharField(max_length=80)
    kind = models.CharField(max_length=20)
    to_key = models.CharField(max_length=80)
    amount = models.DecimalField(max_digits=9, decimal_places=5, null=True)
    paper_usd_per_week = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    sentence = models.TextField()

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["run", "workload_key", "kind"], name="one_candidate_per_workload_and_kind")
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.kind} of {self.workload_key}"


class RunWaste(RunTable):
    """One finding of waste, or of work that waits beside idle accelerators, worst first.

    measured, peer: what the finding is about and what it is held against, in the kind's unit. usd None: not known.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="waste")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=24)
    workload_key = models.CharField(max_length=80)
    serving_class = models.CharField(max_length=80)
    pool_key = models.CharField(max_length=80)
    experiment_key = models.CharField(max_length=80)
    week = models.CharField(max_length=8)
    accelerators = models.DecimalField(max_digits=18, decimal_places=4, null=True)
    usd_per_week = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    measured = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    peer = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    sentence = models.TextField()

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "position"], name="one_waste_row_per_place")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.kind} {self.position}"
