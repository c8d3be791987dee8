"""Import batches with their issues, and the one counter that tells whether a plan is older than its inputs."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class InputsVersion(models.Model):
    """One row: how often any input table was written. A trigger on each input table raises it.

    The trigger runs before the statement, so writers queue here first and not on each other's rows, and it is
    part of the writer's transaction: a rolled-back edit leaves no trace. It sees bulk and raw SQL writes too.
    """

    version = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_inputs_version")]

    def __str__(self) -> str:
        return f"inputs {self.version}"


def bumps_inputs_version() -> pgtrigger.Trigger:
    """The trigger every input table carries (Meta.triggers)."""
    return pgtrigger.Trigger(
        name="bumps_inputs_version",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        func="UPDATE imports_inputsversion SET version = version + 1, changed_at = now() WHERE id = 1; RETURN NULL;",
    )


class ImportBatch(models.Model):
    """One call of the importer: what came in, when, by whom, and what it did to the tables."""

    source = models.CharField(max_length=80)
    imported_at = models.DateTimeField(db_default=Now())
    imported_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    files = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    outcome = models.CharField(max_length=10, choices=[("applied", "applied"), ("refused", "refused")])

    def __str__(self) -> str:
        return f"{self.source} {self.imported_at:%Y-%m-%d %H:%M} {self.outcome}"


class ImportIssue(models.Model):
    """One thing wrong or odd in a file, with the place and what to do."""

    batch = models.ForeignKey(ImportBatch, models.CASCADE, related_name="issues")
    severity = models.CharField(max_length=1, choices=[("E", "error"), ("W", "warning")])
    code = models.CharField(max_length=60)
    file = models.CharField(max_length=200)
    row = models.IntegerField(null=True, blank=True)
    column = models.CharField(max_length=80, blank=True)
    message = models.TextField()

    def __str__(self) -> str:
        return f"{self.file}:{self.row}:{self.column} {self.message}"
