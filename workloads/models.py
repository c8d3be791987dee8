"""What wants accelerators: models and their measured throughputs, workload cards, teams and experiment requests."""

from __future__ import annotations

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from capacity.allocation.models import RunTable
from capacity.imports.models import bumps_inputs_version
from capacity.inventory.models import KEY

MODEL_TIERS = [("frontier", "Frontier"), ("mid", "Mid"), ("small", "Small")]
LATENCY_CLASSES = [
    ("interactive", "Interactive"),
    ("standard", "Standard"),
    ("batch", "Batch, within 24 h"),
    ("offline", "Offline"),
]
SPEND_PURPOSES = [
    ("serving", "Serving customers"),
    ("product", "Own products"),
    ("internal", "Internal efficiency"),
    ("no_choice", "No product choice"),
]
EXPERIMENT_PRIORITIES = [("P0", "P0"), ("P1", "P1"), ("P2", "P2"), ("P3", "P3")]
EXPERIMENT_PURPOSES = [("pretrain", "Pre-training"), ("research", "Research"), ("evals", "Evaluation and safety")]
EXPERIMENT_STATES = [
    ("submitted", "Submitted"),
    ("approved", "Approved"),
    ("running", "Running"),
    ("done", "Done"),
    ("withdrawn", "Withdrawn"),
]


@pghistory.track()
class ModelVersion(models.Model):
    """A servable version of a model."""

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    model_tier = models.CharField(max_length=10, choices=MODEL_TIERS)
    launch_date = models.DateField(null=True, blank=True)
    retire_date = models.DateField(null=True, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="model_key_form"),
            models.CheckConstraint(
                condition=Q(retire_date__isnull=True)
                | Q(launch_date__isnull=True)
                | Q(retire_date__gt=F("launch_date")),
                name="model_retires_after_launch",
            ),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class ThroughputProfile(models.Model):
    """What one replica of a model does on an accelerator type at a latency class (tokens per second).

    `basis` is measured (with its date) or estimated (with its formula). No row means: unsized, never zero.
    """

    model_version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="profiles")
    accelerator_type = models.ForeignKey("inventory.AcceleratorType", models.PROTECT, related_name="+")
    latency_class = models.CharField(max_length=12, choices=LATENCY_CLASSES)
    precision = models.CharField(max_length=20)
    replica_accelerators = models.PositiveSmallIntegerField()
    prefill_tokens_per_second = models.DecimalField(max_digits=16, decimal_places=4)
    decode_tokens_per_second = models.DecimalField(max_digits=16, decimal_places=4)
    cached_cost_share = models.DecimalField(max_digits=6, decimal_places=5)
    basis = models.CharField(max_length=10, choices=[("measured", "Measured"), ("estimated", "Estimated")])
    measured_date = models.DateField(null=True, blank=True)
    formula = models.TextField(blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model_version", "accelerator_type", "latency_class"], name="one_profile_per_latency_class"
            ),
            models.CheckConstraint(
                condition=Q(prefill_tokens_per_second__gt=0, decode_tokens_per_second__gt=0),
                name="throughput_is_positive",
            ),
            models.CheckConstraint(condition=Q(replica_accelerators__gte=1), name="replica_has_accelerators"),
            models.CheckConstraint(
                condition=Q(cached_cost_share__gte=0, cached_cost_share__lte=1), name="cached_cost_is_a_share"
            ),
            models.CheckConstraint(
                condition=Q(basis="measured", measured_date__isnull=False) | (Q(basis="estimated") & ~Q(formula="")),
                name="profile_says_where_it_is_from",
            ),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"{self.model_version_id} on {self.accelerator_type_id} {self.latency_class}"


@pghistory.track()
class Workload(models.Model):
    """A workload card: what a class of requests is for, what it needs, who answers for it.

    `purpose` is set by a person; a card without owner, tier justification or in-date review counts as no choice.
    Own products carry their forecast here (P50 tokens a second, P10 and P90 as multiples of it); contracts bring theirs.
    """

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    purpose = models.CharField(max_length=12, choices=SPEND_PURPOSES, default="no_choice")
    owner_role = models.CharField(max_length=80, blank=True)
    model_version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="workloads")
    latency_class = models.CharField(max_length=12, choices=LATENCY_CLASSES)
    regions = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    quality_required = models.TextField(blank=True)
    customer_value = models.TextField(blank=True)
    tier_justification = models.TextField(blank=True)
    justification_approver = models.CharField(max_length=120, blank=True)
    justification_expires_date = models.DateField(null=True, blank=True)
    smaller_tier_tested = models.CharField(
        max_length=4, choices=[("no", "Not tested"), ("pass", "Passed"), ("fail", "Failed")], default="no"
    )
    smaller_tier_tested_date = models.DateField(null=True, blank=True)
    review_by_date = models.DateField(null=True, blank=True)
    input_tokens_per_second = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    output_tokens_per_second = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    cache_hit_share = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    peak_factor = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True)
    growth_share_per_month = models.DecimalField(max_digits=7, decimal_places=5, default=0)
    p10_multiple = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)
    p90_multiple = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)
    forecast_source = models.CharField(max_length=80, blank=True)
    forecast_date = models.DateField(null=True, blank=True)
    usd_value_per_million_tokens = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="workload_key_form"),
            models.CheckConstraint(
                condition=Q(cache_hit_share__isnull=True) | Q(cache_hit_share__gte=0, cache_hit_share__lte=1),
                name="workload_cache_hit_is_a_share",
            ),
            models.CheckConstraint(
                condition=Q(peak_factor__isnull=True) | Q(peak_factor__gte=1), name="workload_peak_is_at_least_mean"
            ),
            models.CheckConstraint(
                condition=(Q(input_tokens_per_second__isnull=True) | Q(input_tokens_per_second__gte=0))
                & (Q(output_tokens_per_second__isnull=True) | Q(output_tokens_per_second__gte=0)),
                name="workload_tokens_not_negative",
            ),
            models.CheckConstraint(
                condition=(Q(p10_multiple__isnull=True) | Q(p10_multiple__gte=0, p10_multiple__lte=1))
                & (Q(p90_multiple__isnull=True) | Q(p90_multiple__gte=1)),
                name="workload_band_around_p50",
            ),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.name


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

    A running experiment names where it runs (`pool`, `domain_key`, `started_date`); the plan pins it there.
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
    accelerators = models.PositiveIntegerField()
    weeks = models.PositiveSmallIntegerField()
    earliest_start_date = models.DateField()
    latest_start_date = models.DateField()
    accelerator_types = ArrayField(models.CharField(max_length=80))
    pool_keys = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    preemptible = models.BooleanField(default=False)
    divisible = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=EXPERIMENT_STATES, default="submitted")
    pool = models.ForeignKey("inventory.Pool", models.PROTECT, null=True, blank=True, related_name="+")
    domain_key = models.CharField(max_length=80, blank=True)
    started_date = models.DateField(null=True, blank=True)
    estimated_flop = models.DecimalField(max_digits=40, decimal_places=0, null=True, blank=True)
    submitted_at = models.DateTimeField(db_default=Now())
    submitted_by = models.CharField(max_length=150, blank=True)
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
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.name


class RunWorkload(RunTable):
    """One line of the workload map of a run: what the workload takes and costs, over the run's first 13 weeks."""

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="workload_rows")
    workload_key = models.CharField(max_length=80)
    name = models.CharField(max_length=120)
    model_tier = models.CharField(max_length=10)
    model_name = models.CharField(max_length=120)
    latency_class = models.CharField(max_length=12)
    purpose = models.CharField(max_length=12)
    stated_purpose = models.CharField(max_length=12)
    owner_role = models.CharField(max_length=80)
    missing = models.JSONField(default=list)
    is_sized = models.BooleanField()
    is_frontier_explained = models.BooleanField(null=True)
    smaller_tier_tested = models.CharField(max_length=4)
    accelerators_now = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    accelerators_mean = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    h100e_now = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    usd_per_week = models.DecimalField(max_digits=24, decimal_places=8, null=True)
    contracts = models.IntegerField()

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "workload_key"], name="one_map_row_per_workload")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.workload_key}"
