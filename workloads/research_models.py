"""Who in research asks for accelerators, and for what: teams with their weight, and experiment requests."""

from __future__ import annotations

import pghistory
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from capacity.imports.models import bumps_inputs_version
from capacity.inventory.models import KEY
from workloads.constraints import chosen, unknown_or
from workloads.domain.request_workflow import KINDS
from workloads.domain.request_workflow import STATES as EXPERIMENT_STATES
from workloads.request_models import STATE_FOLLOWS_MOVES

EXPERIMENT_PRIORITIES = [("P0", "P0"), ("P1", "P1"), ("P2", "P2"), ("P3", "P3")]
EXPERIMENT_PURPOSES = [("pretrain", "Pre-training"), ("research", "Research"), ("evals", "Evaluation and safety")]


@pghistory.track()
class Team(models.Model):
    """A research team and its weight in the fair share."""

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    weight = models.DecimalField(max_digits=8, decimal_places=4)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="team_key_form"),
            models.CheckConstraint(condition=Q(weight__gt=0), name="team_weight_positive"),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Experiment(models.Model):
    """A request for accelerators for some weeks. Gang: all accelerators at once, in one network domain, contiguous weeks.

    A running experiment names where it runs (`pool`, `domain_key`, `started_date`); the plan pins it there. Approved
    and running ones are planned. submission_key: of the form or message it came with, so that it is there once;
    submission_hash: of what that said. replaces: the request that this one changes or extends.
    """

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=160)
    team = models.ForeignKey(Team, models.PROTECT, related_name="experiments")
    experiment_priority = models.CharField(max_length=2, choices=EXPERIMENT_PRIORITIES)
    purpose = models.CharField(max_length=10, choices=EXPERIMENT_PURPOSES)
    is_model_development = models.BooleanField()
    hypothesis = models.TextField(blank=True)
    informs_decision = models.CharField(max_length=300, blank=True)
    customer_outcome = models.CharField(max_length=300, blank=True)
    intended_metric = models.CharField(max_length=300, blank=True)
    accelerators = models.PositiveIntegerField()
    accelerators_least = models.PositiveIntegerField(null=True, blank=True)
    weeks = models.PositiveSmallIntegerField()
    earliest_start_date = models.DateField()
    latest_start_date = models.DateField()
    accelerator_types = ArrayField(models.CharField(max_length=80))
    pool_keys = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    preemptible = models.BooleanField(default=False)
    divisible = models.BooleanField(default=False)
    checkpoint_hours = models.DecimalField(max_digits=8, decimal_places=3, null=True, blank=True)
    least_gbit_per_second = models.DecimalField(max_digits=10, decimal_places=3, null=True, blank=True)
    state = models.CharField(max_length=12, choices=EXPERIMENT_STATES, default="submitted")
    pool = models.ForeignKey("inventory.Pool", models.PROTECT, null=True, blank=True, related_name="+")
    domain_key = models.CharField(max_length=80, blank=True)
    started_date = models.DateField(null=True, blank=True)
    parameters = models.BigIntegerField(null=True, blank=True)
    training_tokens = models.BigIntegerField(null=True, blank=True)
    estimated_flop = models.DecimalField(max_digits=40, decimal_places=0, null=True, blank=True)
    submitted_at = models.DateTimeField(db_default=Now())
    submitted_by = models.CharField(max_length=150, blank=True)
    submission_key = models.CharField(max_length=120, null=True, blank=True, unique=True)
    submission_hash = models.CharField(max_length=64, blank=True, default="")
    request_kind = models.CharField(max_length=10, choices=KINDS, default="new")
    replaces = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="replaced_by")
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="experiment_key_form"),
            models.CheckConstraint(condition=Q(accelerators__gt=0, weeks__gt=0), name="experiment_asks_for_something"),
            models.CheckConstraint(
                condition=Q(latest_start_date__gte=F("earliest_start_date")), name="experiment_window_is_not_empty"
            ),
            models.CheckConstraint(
                condition=Q(earliest_start_date__week_day=2, latest_start_date__week_day=2),
                name="experiment_starts_on_a_monday",
            ),
            models.CheckConstraint(
                condition=~Q(state="running") | Q(pool__isnull=False, started_date__isnull=False),
                name="running_experiment_has_a_place",
            ),
            chosen("experiment_priority", EXPERIMENT_PRIORITIES, name="experiment_priority_is_known"),
            chosen("purpose", EXPERIMENT_PURPOSES, name="experiment_purpose_is_known"),
            chosen("state", EXPERIMENT_STATES, name="experiment_state_is_known"),
            models.CheckConstraint(
                condition=Q(request_kind="new", replaces__isnull=True)
                | Q(request_kind__in=["change", "extension"], replaces__isnull=False),
                name="experiment_kind_names_what_it_replaces",
            ),
            models.CheckConstraint(
                condition=unknown_or("accelerators_least", gte=1, lte=F("accelerators")),
                name="experiment_least_is_part_of_it",
            ),
            models.CheckConstraint(
                condition=unknown_or("checkpoint_hours", gt=0)
                & unknown_or("least_gbit_per_second", gte=0)
                & unknown_or("parameters", gt=0)
                & unknown_or("training_tokens", gt=0)
                & unknown_or("estimated_flop", gte=0),
                name="experiment_figures_are_positive",
            ),
        ]
        triggers = [
            bumps_inputs_version(),
            pgtrigger.Trigger(
                name="state_follows_moves",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("state"),
                condition=pgtrigger.Q(old__state__df=pgtrigger.F("new__state")),
                func=STATE_FOLLOWS_MOVES,
            ),
        ]

    def __str__(self) -> str:
        return self.name
