"""The workload map of a run: where each workload is served and what that costs, and its card as it was planned."""

from __future__ import annotations

from django.db import models

from capacity.allocation.models import RunTable


class RunWorkloadUse(RunTable):
    """What a workload takes of a serving class in a pool's week, in the run's first 13 weeks.

    Whole accelerators and cents that sum to what the plan gives and costs. workload_key "": of no card (a contract that
    names none, or accelerators that serve nobody that week). usd None: the pool's cost is not known.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="workload_use")
    workload_key = models.CharField(max_length=80)
    serving_class = models.CharField(max_length=80)
    pool_key = models.CharField(max_length=80)
    week = models.CharField(max_length=8)
    tier = models.CharField(max_length=40)
    accelerators = models.IntegerField()
    usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["run", "workload_key", "serving_class", "pool_key", "week", "tier"],
                name="one_use_per_workload_class_pool_week_tier",
            ),
            models.CheckConstraint(condition=models.Q(accelerators__gte=0), name="workload_use_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.workload_key} {self.pool_key} {self.week}"


class RunTrough(RunTable):
    """What live serving holds of a pool's week beyond its use, in the run's first 13 weeks, in accelerators.

    live = consumed + spare + trough. waiting: what batch and offline work consumes in accelerators of its own, of which
    the troughs of replicas of the same model hold `fits` (methods: Room in the troughs).
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="troughs")
    pool_key = models.CharField(max_length=80)
    week = models.CharField(max_length=8)
    live = models.IntegerField()
    consumed = models.DecimalField(max_digits=16, decimal_places=4)
    spare = models.DecimalField(max_digits=16, decimal_places=4)
    trough = models.DecimalField(max_digits=16, decimal_places=4)
    waiting = models.DecimalField(max_digits=16, decimal_places=4)
    fits = models.DecimalField(max_digits=16, decimal_places=4)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "pool_key", "week"], name="one_trough_per_pool_week")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.pool_key} {self.week}"


class RunWorkloadCard(RunTable):
    """A workload card as the run read it, with what its tokens cost and what its forecasts say.

    facts: the card's fields and its agent's multiplier. token_costs: basis → USD per million tokens. premium: against
    the next lower model tier, or the reason why there is none. forecasts: one a source. complete: nothing is missing.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="workload_cards")
    workload_key = models.CharField(max_length=80)
    facts = models.JSONField(default=dict)
    token_costs = models.JSONField(default=dict)
    premium = models.JSONField(default=dict)
    forecasts = models.JSONField(default=list)
    tokens_per_week = models.BigIntegerField(null=True)
    complete = models.BooleanField()

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "workload_key"], name="one_card_row_per_workload")]

    def __str__(self) -> str:
        return f"{self.run_id} card of {self.workload_key}"
