"""What a run says of the weeks behind it: tokens and quality, peaks, forecasts against what came, granted hours used."""

from __future__ import annotations

from django.db import models

from capacity.allocation.models import RunTable


class RunActual(RunTable):
    """A workload's ended week as it was counted. None: not said by the sources; is_partial: under 95 % of its hours.

    The three sums of requests and sla_minutes_lost are over the hours that say them.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="actuals")
    workload_key = models.CharField(max_length=80)
    week = models.CharField(max_length=8)
    hours_covered = models.IntegerField()
    is_partial = models.BooleanField()
    input_tokens = models.DecimalField(max_digits=24, decimal_places=0)
    cached_input_tokens = models.DecimalField(max_digits=24, decimal_places=0, null=True)
    output_tokens = models.DecimalField(max_digits=24, decimal_places=0)
    requests = models.DecimalField(max_digits=24, decimal_places=0, null=True)
    throttled = models.DecimalField(max_digits=24, decimal_places=0, null=True)
    late = models.DecimalField(max_digits=24, decimal_places=0, null=True)
    throttled_share = models.DecimalField(max_digits=9, decimal_places=8, null=True)
    late_share = models.DecimalField(max_digits=9, decimal_places=8, null=True)
    sla_minutes_lost = models.DecimalField(max_digits=10, decimal_places=4, null=True)
    accelerators_ready = models.DecimalField(max_digits=16, decimal_places=4, null=True)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["run", "workload_key", "week"], name="one_actual_per_workload_week")
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.workload_key} {self.week}"


class RunMeasuredPeak(RunTable):
    """A workload's measured peak factor beside the planned one. from_card: planned is the card's, else the policy's."""

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="measured_peaks")
    workload_key = models.CharField(max_length=80)
    peak_factor = models.DecimalField(max_digits=14, decimal_places=6)
    hours = models.IntegerField()
    is_partial = models.BooleanField()
    planned_peak = models.DecimalField(max_digits=14, decimal_places=6)
    from_card = models.BooleanField()

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "workload_key"], name="one_peak_per_workload")]

    def __str__(self) -> str:
        return f"{self.run_id} peak of {self.workload_key}"


class RunClassActual(RunTable):
    """The measured coincidence of a serving class beside the policy's. absent: why there is none (a code)."""

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="class_actuals")
    serving_class = models.CharField(max_length=80)
    members = models.IntegerField()
    hours = models.IntegerField()
    coincidence = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    planned = models.DecimalField(max_digits=14, decimal_places=6)
    absent = models.CharField(max_length=20, blank=True)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "serving_class"], name="one_coincidence_per_class")]

    def __str__(self) -> str:
        return f"{self.run_id} coincidence in {self.serving_class}"


class RunForecastScore(RunTable):
    """A source's forecasts against what came, at a lead of 4 or 13 weeks. workload_key "": over all workloads.

    weeks: how many were scored; left_out: partial ones. absent: why there is no score (a code).
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="forecast_scores")
    workload_key = models.CharField(max_length=80, blank=True)
    source = models.CharField(max_length=80)
    lead_weeks = models.IntegerField()
    weeks = models.IntegerField()
    left_out = models.IntegerField()
    wape = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    bias = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    absent = models.CharField(max_length=20, blank=True)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["run", "workload_key", "source", "lead_weeks"], name="one_score_per_source_and_lead"
            )
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.workload_key} {self.source} {self.lead_weeks}"


class RunGranted(RunTable):
    """A request's granted accelerator-hours until the run's day, and those its jobs used. used_hours None: no jobs."""

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="granted")
    experiment_key = models.CharField(max_length=80)
    name = models.CharField(max_length=160)
    team_key = models.CharField(max_length=80)
    team_name = models.CharField(max_length=160)
    state = models.CharField(max_length=12)
    accelerators = models.IntegerField()
    started_date = models.DateField()
    until_date = models.DateField()
    granted_hours = models.DecimalField(max_digits=24, decimal_places=0)
    used_hours = models.DecimalField(max_digits=24, decimal_places=4, null=True)
    used_share = models.DecimalField(max_digits=16, decimal_places=8, null=True)
    jobs = models.IntegerField()

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "experiment_key"], name="one_grant_per_request")]

    def __str__(self) -> str:
        return f"{self.run_id} granted to {self.experiment_key}"


class RunPostMortem(RunTable):
    """A past week that was short of serving. Tokens per second; None: not known.

    demand_tps None: all requests were turned away. What was served is the tokens of the week's RunActual.
    visible_p50_weeks, visible_p90_weeks: how many weeks before it a forecast was above capacity; None: none was.
    vintages: what each said. lead_weeks: the shortest lead time of accelerators that serve it. reason: why no capacity.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="post_mortems")
    workload_key = models.CharField(max_length=80)
    week = models.CharField(max_length=8)
    demand_tps = models.DecimalField(max_digits=24, decimal_places=4, null=True)
    capacity_tps = models.DecimalField(max_digits=24, decimal_places=4, null=True)
    throttled_share = models.DecimalField(max_digits=9, decimal_places=8, null=True)
    visible_p50_weeks = models.IntegerField(null=True)
    visible_p90_weeks = models.IntegerField(null=True)
    lead_weeks = models.IntegerField(null=True)
    vintages = models.JSONField(default=list)
    reason = models.CharField(max_length=20, blank=True)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "workload_key", "week"], name="one_post_mortem_per_week")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.workload_key} short in {self.week}"


# Result table → model, in the order in which a run writes them.
ACTUAL_TABLES: tuple[tuple[str, type[models.Model]], ...] = (
    ("actuals", RunActual),
    ("measured_peaks", RunMeasuredPeak),
    ("class_actuals", RunClassActual),
    ("forecast_scores", RunForecastScore),
    ("granted", RunGranted),
    ("post_mortems", RunPostMortem),
)
