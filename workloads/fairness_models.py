"""Fair share: weights that a decision gives single requests, and what a run says of teams, the queue and what yields."""

from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import F, Q

from capacity.allocation.models import RunTable
from capacity.imports.models import bumps_inputs_version
from capacity.inventory.models import KEY

ALARMS = [("", "None"), ("unplaced", "Without a place too long"), ("below_half", "Below its share too long")]
YIELDS_FOR = [
    ("floor", "The floor"),
    ("serving", "Serving"),
    ("experiment", "Another request"),
    ("supply", "Less supply"),
]


@pghistory.track()
class PriorityOverride(models.Model):
    """The weight of one request in its class for some weeks, by a decision, instead of its team's.

    `decision_number` is the number of a recorded decision of the kind experiment or allocation; without it, or once it
    is superseded, the override does nothing (methods: Fair share). A plain number, as for floor waivers.
    """

    key = models.CharField(max_length=80, unique=True)
    experiment = models.ForeignKey("workloads.Experiment", models.PROTECT, related_name="overrides")
    weight = models.DecimalField(max_digits=6, decimal_places=2)
    reason = models.TextField()
    decision_number = models.PositiveIntegerField()
    starts_date = models.DateField()
    ends_date = models.DateField()
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="override_key_form"),
            models.CheckConstraint(condition=Q(weight__gt=0, weight__lte=3), name="override_weight_is_possible"),
            models.CheckConstraint(condition=Q(reason__regex=r"\S"), name="override_has_a_reason"),
            models.CheckConstraint(condition=Q(decision_number__gt=0), name="override_has_a_decision"),
            models.CheckConstraint(condition=Q(ends_date__gt=F("starts_date")), name="override_ends_after_start"),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.key


class RunTeam(RunTable):
    """A team's fair share on the day of the run, what it asks for and has, and whether it is starved.

    Hours and shares are of the 13 whole weeks before; None: nobody counted. team_key "": hours of jobs that name no team.
    requested, placed: accelerator-weeks of whole runs.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="team_rows")
    team_key = models.CharField(max_length=80, blank=True)
    team_name = models.CharField(max_length=120)
    weight = models.DecimalField(max_digits=8, decimal_places=4)
    entitled_share = models.DecimalField(max_digits=9, decimal_places=6)
    used_hours = models.DecimalField(max_digits=18, decimal_places=4, null=True)
    used_share = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    deficit_share = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    engine_weight = models.DecimalField(max_digits=4, decimal_places=2)
    hours_known_weeks = models.PositiveSmallIntegerField()
    requested_accelerator_weeks = models.IntegerField()
    placed_accelerator_weeks = models.IntegerField()
    waiting_requests = models.IntegerField()
    longest_wait_weeks = models.IntegerField(null=True)
    below_half_weeks = models.PositiveSmallIntegerField()
    alarm = models.CharField(max_length=12, blank=True)
    sentence = models.TextField(blank=True)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "team_key"], name="one_team_row_a_run")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.team_key}"


class RunQueue(RunTable):
    """An approved request in the order of its score (methods: Score of a request).

    parts: [{name, points}], summing to the score. ahead: by class {class, requests, accelerator_weeks} of those ranked
    above that could take one of its pools. start_week "": no place. override: {key, weight, decision, ends}, or None.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="queue_rows")
    experiment_key = models.CharField(max_length=80)
    name = models.CharField(max_length=160)
    team_key = models.CharField(max_length=80)
    team_name = models.CharField(max_length=120)
    priority = models.CharField(max_length=40)
    tier = models.CharField(max_length=40)
    rank = models.PositiveIntegerField()
    score = models.IntegerField()
    parts = models.JSONField(default=list)
    ahead_requests = models.PositiveIntegerField()
    ahead = models.JSONField(default=list)
    start_week = models.CharField(max_length=8, blank=True)
    pool_key = models.CharField(max_length=80, blank=True)
    accelerators = models.IntegerField()
    weeks = models.PositiveSmallIntegerField()
    submitted_date = models.DateField()
    waited_weeks = models.IntegerField()
    override = models.JSONField(null=True)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "experiment_key"], name="one_queue_row_per_request")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.rank} {self.experiment_key}"


class RunPreemption(RunTable):
    """Preemptible work in the order in which it yields, and what it yielded since the last frozen review.

    position 1 yields first. is_taken: the plan took weeks the review had given it; then week is the first of them and
    lost_accelerator_days what is not made up later. Else it may yield: week is the first in which it stands on lent
    floor ("": never), lost_accelerator_days that of one interruption (None: checkpoint interval not known).
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="preemption_rows")
    experiment_key = models.CharField(max_length=80)
    name = models.CharField(max_length=160)
    team_key = models.CharField(max_length=80)
    team_name = models.CharField(max_length=120)
    priority = models.CharField(max_length=40)
    position = models.PositiveIntegerField()
    is_taken = models.BooleanField()
    pool_key = models.CharField(max_length=80)
    week = models.CharField(max_length=8, blank=True)
    accelerators = models.IntegerField()
    for_kind = models.CharField(max_length=12, blank=True)
    for_key = models.CharField(max_length=80, blank=True)
    notice_days = models.PositiveSmallIntegerField(null=True)
    lost_accelerator_days = models.DecimalField(max_digits=16, decimal_places=4, null=True)
    sentence = models.TextField()

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["run", "experiment_key", "pool_key", "is_taken"], name="one_preemption_row_per_place"
            )
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.position} {self.experiment_key}"


class RunMove(RunTable):
    """A request that stands elsewhere than in the plan that was current before this one, with the cause.

    line: as changes between reviews tell it. No part of what a run says of its inputs: another plan takes part in it.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="placement_moves")
    against_run = models.BigIntegerField()
    experiment_key = models.CharField(max_length=80)
    line = models.JSONField()

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "experiment_key"], name="one_move_per_request_a_run")]
        indexes = [models.Index(fields=["experiment_key", "-run"], name="moves_by_plans")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.experiment_key}"
