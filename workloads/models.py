"""What wants accelerators: models and their throughputs, workload cards, forecasts, teams and experiment requests.

Teams and requests stand in research_models.py, the moves of requests in request_models.py, what was measured (tokens by
the hour, jobs) in usage_models.py.
"""

from __future__ import annotations

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from capacity.allocation.models import RunTable
from capacity.imports.models import bumps_inputs_version
from capacity.inventory.models import KEY
from workloads.actual_models import (
    RunActual,
    RunClassActual,
    RunForecastScore,
    RunGranted,
    RunMeasuredPeak,
    RunPostMortem,
)
from workloads.constraints import chosen, unknown_or
from workloads.fairness_models import PriorityOverride, RunMove, RunPreemption, RunQueue, RunTeam
from workloads.map_models import RunTrough, RunWorkloadCard, RunWorkloadUse
from workloads.move_models import RunMoveCandidate, RunWaste, WorkloadMove
from workloads.request_models import RequestMove
from workloads.research_models import Experiment, Team
from workloads.usage_models import JobUsage, UsageDay, UsageHour

__all__ = [
    "Experiment",
    "Forecast",
    "JobUsage",
    "ModelVersion",
    "OperatingPoint",
    "PriorityOverride",
    "RequestMove",
    "RunMove",
    "RunPreemption",
    "RunQueue",
    "RunTeam",
    "RunTrough",
    "RunMoveCandidate",
    "RunWaste",
    "RunActual",
    "RunClassActual",
    "RunForecastScore",
    "RunGranted",
    "RunMeasuredPeak",
    "RunPostMortem",
    "RunWorkload",
    "RunWorkloadCard",
    "RunWorkloadUse",
    "Team",
    "ThroughputProfile",
    "UsageDay",
    "UsageHour",
    "Workload",
    "WorkloadMove",
]

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
BASES = [("measured", "Measured"), ("estimated", "Estimated")]
SMALLER_TIER_TESTS = [("no", "Not tested"), ("pass", "Passed"), ("fail", "Failed")]


@pghistory.track()
class ModelVersion(models.Model):
    """A servable version of a model."""

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    model_tier = models.CharField(max_length=10, choices=MODEL_TIERS)
    launch_date = models.DateField(null=True, blank=True)
    retire_date = models.DateField(null=True, blank=True)
    family = models.CharField(max_length=80, blank=True)
    half_life_months = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)
    context_tokens = models.PositiveIntegerField(null=True, blank=True)
    price_decline_share_per_year = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
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
            chosen("model_tier", MODEL_TIERS, name="model_tier_is_known"),
            models.CheckConstraint(
                condition=unknown_or("half_life_months", gt=0) & unknown_or("context_tokens", gt=0),
                name="model_lives_and_reads_something",
            ),
            models.CheckConstraint(
                condition=unknown_or("price_decline_share_per_year", gte=0, lt=1), name="model_price_decline_is_a_share"
            ),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class ThroughputProfile(models.Model):
    """What one replica of a model does on an accelerator type at a latency class (tokens per second).

    Several rows differ by precision, parallelism and context length; the one that `is_planned` is what the plan reads.
    `basis` is measured (with its date) or estimated (with its formula). No planned row means: unsized, never zero.
    """

    model_version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="profiles")
    accelerator_type = models.ForeignKey("inventory.AcceleratorType", models.PROTECT, related_name="+")
    latency_class = models.CharField(max_length=12, choices=LATENCY_CLASSES)
    precision = models.CharField(max_length=20)
    replica_accelerators = models.PositiveSmallIntegerField()
    prefill_tokens_per_second = models.DecimalField(max_digits=16, decimal_places=4)
    decode_tokens_per_second = models.DecimalField(max_digits=16, decimal_places=4)
    cached_cost_share = models.DecimalField(max_digits=6, decimal_places=5)
    # 0: at any context length. Empty parallelism: not stated. Both are part of what tells rows apart.
    context_tokens = models.PositiveIntegerField(default=0)
    parallelism = models.CharField(max_length=60, blank=True, default="")
    is_planned = models.BooleanField(default=True)
    basis = models.CharField(max_length=10, choices=BASES)
    measured_date = models.DateField(null=True, blank=True)
    measured_model_version = models.CharField(max_length=80, blank=True)
    formula = models.TextField(blank=True)
    residual_share = models.DecimalField(max_digits=8, decimal_places=6, null=True, blank=True)
    points = models.PositiveSmallIntegerField(null=True, blank=True)
    quality_flag = models.CharField(max_length=200, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "model_version",
                    "accelerator_type",
                    "latency_class",
                    "precision",
                    "parallelism",
                    "context_tokens",
                ],
                name="one_profile_per_way_of_serving",
            ),
            models.UniqueConstraint(
                fields=["model_version", "accelerator_type", "latency_class"],
                condition=Q(is_planned=True),
                name="one_planned_profile",
            ),
            chosen("latency_class", LATENCY_CLASSES, name="profile_latency_class_is_known"),
            models.CheckConstraint(
                condition=unknown_or("residual_share", gte=0) & unknown_or("points", gte=1),
                name="profile_fit_is_possible",
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
class OperatingPoint(models.Model):
    """One measured point of one replica: requests of so many tokens in and out, and the output tokens a second it gave.

    Profiles are fitted from these (methods: Fitting throughputs). The plan reads the profiles, not the points.
    """

    key = models.CharField(max_length=80, unique=True)
    model_version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="operating_points")
    accelerator_type = models.ForeignKey("inventory.AcceleratorType", models.PROTECT, related_name="+")
    latency_class = models.CharField(max_length=12, choices=LATENCY_CLASSES)
    precision = models.CharField(max_length=20)
    replica_accelerators = models.PositiveSmallIntegerField()
    input_tokens = models.PositiveIntegerField()
    output_tokens = models.PositiveIntegerField()
    output_tokens_per_second = models.DecimalField(max_digits=16, decimal_places=4)
    measured_date = models.DateField(null=True, blank=True)
    quality_flag = models.CharField(max_length=200, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="point_key_form"),
            chosen("latency_class", LATENCY_CLASSES, name="point_latency_class_is_known"),
            models.CheckConstraint(
                condition=Q(replica_accelerators__gte=1, input_tokens__gte=1, output_tokens__gte=1),
                name="point_has_tokens_and_accelerators",
            ),
            models.CheckConstraint(condition=Q(output_tokens_per_second__gt=0), name="point_throughput_is_positive"),
        ]

    def __str__(self) -> str:
        return self.key


@pghistory.track()
class Workload(models.Model):
    """A workload card: what a class of requests is for, what it needs, who answers for it.

    `purpose` is set by a person; an incomplete card counts as no choice (methods: Spend purposes).
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
    justification_evidence = models.CharField(max_length=400, blank=True)
    eval_delta = models.DecimalField(max_digits=9, decimal_places=4, null=True, blank=True)
    smaller_tier_tested = models.CharField(max_length=4, choices=SMALLER_TIER_TESTS, default="no")
    smaller_tier_tested_date = models.DateField(null=True, blank=True)
    smaller_tier_evidence = models.CharField(max_length=400, blank=True)
    route = models.CharField(max_length=200, blank=True)
    default_setting = models.CharField(max_length=200, blank=True)
    quota_tokens_per_minute = models.BigIntegerField(null=True, blank=True)
    context_limit_tokens = models.PositiveIntegerField(null=True, blank=True)
    calls_per_task = models.DecimalField(max_digits=10, decimal_places=3, null=True, blank=True)
    tokens_per_call = models.DecimalField(max_digits=14, decimal_places=3, null=True, blank=True)
    is_always_on = models.BooleanField(default=False)
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
            chosen("purpose", SPEND_PURPOSES, name="workload_purpose_is_known"),
            chosen("latency_class", LATENCY_CLASSES, name="workload_latency_class_is_known"),
            chosen("smaller_tier_tested", SMALLER_TIER_TESTS, name="workload_smaller_tier_test_is_known"),
            models.CheckConstraint(
                condition=unknown_or("quota_tokens_per_minute", gte=0)
                & unknown_or("context_limit_tokens", gt=0)
                & unknown_or("calls_per_task", gt=0)
                & unknown_or("tokens_per_call", gt=0),
                name="workload_limits_are_positive",
            ),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Forecast(models.Model):
    """What one source expects of a workload from a date on: average tokens a second in and out, P10, P50 and P90.

    In force from `starts_date` until the next one of the same workload, source and vintage. Sources stand side by side
    and are never summed; the card's `forecast_source` says which one is planned (methods: Forecasts).
    """

    workload = models.ForeignKey(Workload, models.PROTECT, related_name="forecasts")
    source = models.CharField(max_length=80)
    vintage_date = models.DateField()
    starts_date = models.DateField()
    input_p10 = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    input_p50 = models.DecimalField(max_digits=18, decimal_places=4)
    input_p90 = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    output_p10 = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    output_p50 = models.DecimalField(max_digits=18, decimal_places=4)
    output_p90 = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workload", "source", "vintage_date", "starts_date"], name="one_forecast_from_a_date"
            ),
            models.CheckConstraint(condition=~Q(source=""), name="forecast_has_a_source"),
            models.CheckConstraint(
                condition=Q(input_p50__gte=0, output_p50__gte=0)
                & unknown_or("input_p10", gte=0)
                & unknown_or("output_p10", gte=0),
                name="forecast_not_negative",
            ),
            models.CheckConstraint(
                condition=unknown_or("input_p10", lte=F("input_p50")) & unknown_or("input_p90", gte=F("input_p50")),
                name="forecast_input_in_order",
            ),
            models.CheckConstraint(
                condition=unknown_or("output_p10", lte=F("output_p50")) & unknown_or("output_p90", gte=F("output_p50")),
                name="forecast_output_in_order",
            ),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"{self.workload_id} {self.source} {self.vintage_date} {self.starts_date}"


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
