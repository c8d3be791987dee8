"""Import batches with their issues and changed rows, and the one counter that tells whether a plan is older than its inputs.

A batch is one write of the input tables through any door: files, a form, the API, an undo. What it did to each row
stays in ImportChange, except for tables of measurements, whose rows carry the batch's number instead.
"""

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


BATCH_KINDS = [
    ("import", "Import of files"),
    ("edit", "Edit"),
    ("removal", "Removal"),
    ("undo", "Undo of an earlier write"),
]
CHANGE_KINDS = [("added", "Added"), ("changed", "Changed"), ("removed", "Removed")]


class ImportBatch(models.Model):
    """One write of the input tables: what came in, when, by whom, and what it did.

    note: why, in the writer's words. checked_by: who approved it, where somebody else had to. undone_at, undone_by: set
    when a later batch (whose `undoes` is this one) put the earlier rows back.
    """

    source = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=BATCH_KINDS, default="import")
    note = models.TextField(blank=True)
    imported_at = models.DateTimeField(db_default=Now())
    imported_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    checked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    files = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    outcome = models.CharField(max_length=10, choices=[("applied", "applied"), ("refused", "refused")])
    undoes = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="undone_by_batch")
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind for kind, _ in BATCH_KINDS]), name="batch_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.imported_at:%Y-%m-%d %H:%M} {self.outcome}"


class ImportChange(models.Model):
    """What a batch did to one row. Never rewritten (capacity.access.grants).

    key: the natural key as addresses write it (rows.key_text). before, after: every column's text as an export writes
    it. row_version: the version the batch left the row at; of a removed row the one it had.
    """

    batch = models.ForeignKey(ImportBatch, models.PROTECT, related_name="changes")
    table = models.CharField(max_length=80)
    key = models.CharField(max_length=600)
    kind = models.CharField(max_length=10, choices=CHANGE_KINDS)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    row_version = models.IntegerField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["table", "key", "-id"], name="changes_of_a_row")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind for kind, _ in CHANGE_KINDS]), name="change_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.table} {self.key} {self.kind}"


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
