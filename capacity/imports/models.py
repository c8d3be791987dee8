"""Import batches with their issues and changed rows, and the one counter that tells whether a plan is older than its inputs.

A batch is one write of the input tables through any door: files, a form, the API, an undo. What it did to each row
stays in ImportChange, except for tables of measurements, whose rows carry the batch's number instead.
"""

from __future__ import annotations

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
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


SEPARATORS = [(",", "Comma"), (";", "Semicolon"), ("\t", "Tab")]
NUMBER_FORMS = [
    ("plain", "1000.5"),
    ("comma_groups", "1,000.5"),
    ("point_groups", "1.000,5"),
    ("space_groups", "1 000,5"),
    ("apostrophe_groups", "1'000.5"),
]
DATE_ORDERS = [("iso", "2026-11-23"), ("day_first", "23.11.2026"), ("month_first", "11/23/2026")]


class ColumnMapping(models.Model):
    """How the files of a source name and write what a table holds, as somebody chose it; used for its next file.

    headings: the heading in the file → {"column": ours ("" to leave it out), "unit": how its numbers are converted,
    "factor": for the unit "factor"}. constants: column → the text every row gets. time_zone: of times without one.
    """

    source = models.CharField(max_length=80)
    table = models.CharField(max_length=80)
    headings = models.JSONField(default=dict)
    constants = models.JSONField(default=dict, blank=True)
    separator = models.CharField(max_length=1, choices=SEPARATORS, default=",")
    number_form = models.CharField(max_length=20, choices=NUMBER_FORMS, default="plain")
    date_order = models.CharField(max_length=20, choices=DATE_ORDERS, default="iso")
    time_zone = models.CharField(max_length=60, blank=True)
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    saved_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "table"], name="one_mapping_per_source_and_table"),
            models.CheckConstraint(
                condition=models.Q(separator__in=[key for key, _ in SEPARATORS]), name="separator_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(number_form__in=[key for key, _ in NUMBER_FORMS]), name="number_form_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(date_order__in=[key for key, _ in DATE_ORDERS]), name="date_order_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.table} of {self.source}"


ALIAS_KINDS = [
    ("accelerator_type", "Accelerator type"),
    ("model", "Model"),
    ("supplier", "Supplier"),
    ("site", "Site"),
    ("pool", "Pool"),
    ("workload", "Workload"),
    ("team", "Team"),
    ("experiment", "Experiment"),
]


@pghistory.track()
class Alias(models.Model):
    """What others call something of ours: "NVIDIA H100 SXM5 80GB" is our h100. Read when a file names a row.

    Capitals, blanks and punctuation do not count. There are none for customers and contracts: whoever may import reads
    this list, and must not read other people's accounts in it.
    """

    kind = models.CharField(max_length=20, choices=ALIAS_KINDS)
    written = models.CharField(max_length=160)
    key = models.CharField(max_length=80)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name_plural = "aliases"
        constraints = [
            models.UniqueConstraint(fields=["kind", "written"], name="one_alias_per_name"),
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind for kind, _ in ALIAS_KINDS]), name="alias_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.written} is {self.key}"


class Upload(models.Model):
    """Files somebody brought and has not applied yet, with the choices made so far. Theirs alone, and for a day only."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    source = models.CharField(max_length=80)
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(db_index=True)
    batch = models.ForeignKey(ImportBatch, models.SET_NULL, null=True, blank=True, related_name="+")

    def __str__(self) -> str:
        return f"upload {self.pk} of {self.source}"


class UploadFile(models.Model):
    """One file of an upload. content None: it was too big to keep.

    forms: sheet ("" of a CSV file) → {"table": name or "" to leave it out, "mapping": a ColumnMapping's choices or
    None while the file's own headings are the table's}.
    """

    upload = models.ForeignKey(Upload, models.CASCADE, related_name="files")
    name = models.CharField(max_length=200)
    content = models.BinaryField(null=True, blank=True)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, blank=True)
    forms = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.name


PROPOSAL_STATES = [
    ("waiting", "Waiting for approval"),
    ("approved", "Approved and applied"),
    ("returned", "Returned"),
    ("withdrawn", "Withdrawn"),
    ("stale", "Out of date"),
]


class Proposal(models.Model):
    """A write that somebody else has to approve: what is to be written, by whom, why, and what became of it.

    rows: table → cells of the rows that differ. removed: table → keys. changes: each row before and after, with the
    version it was proposed on, so that a row changed since is noticed. owners: whose rows they are. digest: tells the
    same write proposed twice. batch: the write, once it is applied.
    """

    source = models.CharField(max_length=80)
    reason = models.TextField()
    note = models.TextField(blank=True)
    tables = ArrayField(models.CharField(max_length=80))
    owners = ArrayField(models.CharField(max_length=150), default=list)
    rows = models.JSONField(default=dict)
    removed = models.JSONField(default=dict)
    changes = models.JSONField(default=list)
    digest = models.CharField(max_length=64)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=10, choices=PROPOSAL_STATES, default="waiting")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_note = models.TextField(blank=True)
    batch = models.OneToOneField(ImportBatch, models.PROTECT, null=True, blank=True, related_name="proposal")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=[state for state, _ in PROPOSAL_STATES]), name="proposal_state_is_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["approved", "returned"])
                | (models.Q(decided_by__isnull=False) & ~models.Q(decided_by=models.F("proposed_by"))),
                name="nobody_checks_his_own_proposal",
            ),
            models.CheckConstraint(
                condition=models.Q(state="approved", batch__isnull=False) | ~models.Q(state="approved"),
                name="approved_means_applied",
            ),
            models.UniqueConstraint(
                fields=["proposed_by", "digest"],
                condition=models.Q(state="waiting"),
                name="one_waiting_proposal_of_a_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"proposal {self.pk} {self.state}"
