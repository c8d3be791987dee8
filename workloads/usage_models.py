"""What was measured: tokens by the hour, their daily sums, and jobs. Rows come by the ten thousand and stay compact.

The plan reads none of these, so they raise no inputs version and keep no row history: an import is undone by its batch.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Coalesce
from django.db.models.lookups import LessThanOrEqual

# Nobody serves 10^15 tokens of one workload in an hour: such a number is a unit taken for another.
MOST_TOKENS_AN_HOUR = 10**15
JOB_STATES = [
    ("running", "Running"),
    ("completed", "Completed"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
    ("timeout", "Out of time"),
    ("node_fail", "Node failed"),
    ("preempted", "Preempted"),
    ("out_of_memory", "Out of memory"),
]


class IsHourStart(Func):
    """Whether a moment is the start of an hour of UTC, whatever the time zone of the session."""

    template = "(MOD(EXTRACT(EPOCH FROM %(expressions)s), 3600) = 0)"
    output_field = models.BooleanField()


class UsageHour(models.Model):
    """What one workload (under one contract, or none) used in one hour of UTC, as one source counted it.

    `cached_input_tokens` are part of `input_tokens`; throttled and late requests are part of `requests`. Empty means the
    source does not say, never zero.
    """

    workload = models.ForeignKey("workloads.Workload", models.PROTECT, related_name="+", db_index=False)
    contract = models.CharField(max_length=80, blank=True, default="")
    hour_at = models.DateTimeField()
    input_tokens = models.BigIntegerField()
    cached_input_tokens = models.BigIntegerField(null=True, blank=True)
    output_tokens = models.BigIntegerField()
    requests = models.BigIntegerField(null=True, blank=True)
    throttled_requests = models.BigIntegerField(null=True, blank=True)
    late_requests = models.BigIntegerField(null=True, blank=True)
    accelerators = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    source_ref = models.CharField(max_length=80, blank=True, default="")
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)
    batch_id = models.BigIntegerField(null=True, blank=True, db_index=True)

    class Meta:
        constraints = [
            # Its index is also the one by which a range of hours of a workload is read.
            models.UniqueConstraint(fields=["workload", "contract", "hour_at", "source_ref"], name="one_usage_an_hour"),
            models.CheckConstraint(condition=IsHourStart(F("hour_at")), name="usage_hour_starts_on_the_hour"),
            models.CheckConstraint(
                condition=Q(input_tokens__gte=0, output_tokens__gte=0)
                & (Q(requests__isnull=True) | Q(requests__gte=0))
                & (Q(throttled_requests__isnull=True) | Q(throttled_requests__gte=0))
                & (Q(late_requests__isnull=True) | Q(late_requests__gte=0))
                & (Q(accelerators__isnull=True) | Q(accelerators__gte=0)),
                name="usage_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(input_tokens__lt=MOST_TOKENS_AN_HOUR, output_tokens__lt=MOST_TOKENS_AN_HOUR)
                & (Q(requests__isnull=True) | Q(requests__lt=MOST_TOKENS_AN_HOUR)),
                name="usage_is_believable",
            ),
            models.CheckConstraint(
                condition=Q(cached_input_tokens__isnull=True)
                | Q(cached_input_tokens__gte=0, cached_input_tokens__lte=F("input_tokens")),
                name="usage_cached_is_part_of_input",
            ),
            models.CheckConstraint(
                condition=LessThanOrEqual(
                    Coalesce(F("throttled_requests"), 0) + Coalesce(F("late_requests"), 0), Coalesce(F("requests"), 0)
                ),
                name="usage_hurt_is_part_of_requests",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workload_id} {self.contract} {self.hour_at:%Y-%m-%dT%H}"


class UsageDay(models.Model):
    """Usage of one day of UTC, rolled up from its hours over all sources (methods: Usage by day).

    hours_covered: hours of the day somebody counted. quality_hours: those that say requests, throttled and late ones;
    the three sums and `sla_minutes_lost` are over these, and empty where there are none.
    """

    workload = models.ForeignKey("workloads.Workload", models.PROTECT, related_name="+", db_index=False)
    contract = models.CharField(max_length=80, blank=True, default="")
    day = models.DateField()
    hours_covered = models.PositiveSmallIntegerField()
    input_tokens = models.BigIntegerField()
    cached_input_tokens = models.BigIntegerField(null=True, blank=True)
    output_tokens = models.BigIntegerField()
    quality_hours = models.PositiveSmallIntegerField()
    requests = models.BigIntegerField(null=True, blank=True)
    throttled_requests = models.BigIntegerField(null=True, blank=True)
    late_requests = models.BigIntegerField(null=True, blank=True)
    sla_minutes_lost = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    accelerator_hours = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workload", "contract", "day"], name="one_usage_a_day"),
            models.CheckConstraint(
                condition=Q(hours_covered__gte=1, hours_covered__lte=24, quality_hours__lte=F("hours_covered")),
                name="usage_day_has_hours",
            ),
            models.CheckConstraint(
                condition=Q(sla_minutes_lost__isnull=True) | Q(sla_minutes_lost__gte=0, sla_minutes_lost__lte=24 * 60),
                name="usage_day_loses_at_most_itself",
            ),
        ]
        indexes = [models.Index(fields=["day"], name="usage_day_by_day")]

    def __str__(self) -> str:
        return f"{self.workload_id} {self.contract} {self.day}"


class JobUsage(models.Model):
    """One job as the scheduler of a cluster counted it: what it held, for how long, and how it ended."""

    job_ref = models.CharField(max_length=120, unique=True)
    team = models.ForeignKey("workloads.Team", models.PROTECT, null=True, blank=True, related_name="+")
    experiment = models.ForeignKey("workloads.Experiment", models.PROTECT, null=True, blank=True, related_name="+")
    pool = models.ForeignKey("inventory.Pool", models.PROTECT, null=True, blank=True, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    accelerators = models.PositiveIntegerField()
    accelerator_hours = models.DecimalField(max_digits=18, decimal_places=4)
    state = models.CharField(max_length=14, choices=JOB_STATES)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)
    batch_id = models.BigIntegerField(null=True, blank=True, db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[value for value, _ in JOB_STATES]), name="job_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")), name="job_ends_after_start"
            ),
            models.CheckConstraint(condition=Q(state="running") | Q(ends_at__isnull=False), name="job_over_has_an_end"),
            models.CheckConstraint(
                condition=Q(accelerators__gt=0, accelerator_hours__gte=0), name="job_holds_something"
            ),
        ]
        indexes = [models.Index(fields=["starts_at"], name="job_by_start")]

    def __str__(self) -> str:
        return self.job_ref
