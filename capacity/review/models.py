"""The weekly meeting: the review of a week, frozen once, and the figures of a run that pages can open to their inputs."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from capacity.allocation.models import RunTable
from capacity.review.money_models import RunChance, RunRollup, RunScenario

__all__ = ["Review", "RunChance", "RunFigure", "RunRollup", "RunScenario"]


class Review(models.Model):
    """A frozen review: its run (with inputs and policy), what it carried, chained by hash to the one before.

    A week has no row until it is frozen. Nothing in a row changes afterwards; the database refuses it.
    """

    week = models.CharField(max_length=8, unique=True)
    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="reviews")
    previous = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="next")
    frozen_at = models.DateTimeField(db_default=Now())
    frozen_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    inputs_version = models.BigIntegerField()
    changes = models.JSONField()
    carried = models.JSONField()
    content_hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(week__regex=r"^\d{4}-W\d{2}$"), name="review_week_is_iso"),
        ]
        triggers = [pgtrigger.Protect(name="sealed", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"review {self.week}"


class RunFigure(RunTable):
    """A number of a run that opens to its formula: value, unit, terms (with their sources), basis and policy.

    `resource` and `field` name the entry of the visibility table that decides who may see the value; each term
    carries its own. `owner_key` is the contract or team whose own people may see it, if any.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="figures")
    key = models.CharField(max_length=160)
    label = models.CharField(max_length=200)
    value = models.DecimalField(max_digits=32, decimal_places=10, null=True)
    absent = models.CharField(max_length=40, blank=True)
    unit = models.CharField(max_length=40)
    basis = models.CharField(max_length=60, blank=True)
    formula = models.TextField()
    methods_anchor = models.CharField(max_length=80)
    terms = models.JSONField(default=list)
    state = models.CharField(max_length=8, blank=True)
    threshold = models.CharField(max_length=120, blank=True)
    resource = models.CharField(max_length=40)
    field = models.CharField(max_length=60)
    owner_key = models.CharField(max_length=150, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="one_run_figure")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.key}"
