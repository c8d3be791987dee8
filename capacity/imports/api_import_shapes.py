"""What import batches, files sent and templates look like in the API, for the schema and its readers.

What belongs here: serializers without behaviour. The answers themselves are made in api_imports and its neighbours.
"""

from __future__ import annotations

from rest_framework import serializers

from capacity.imports.api_serializers import Page, Problem


class SentFile(serializers.Serializer):
    """A file in a JSON body. Its name, without the ending, names the table."""

    name = serializers.CharField(help_text="Such as pools.csv.")
    content = serializers.CharField(help_text="The text of the file.")


class SentImport(serializers.Serializer):
    """Files to import, together or not at all."""

    files = SentFile(many=True)
    source = serializers.CharField(  # type: ignore[assignment]
        required=False, help_text="Where they come from; api unless given."
    )
    note = serializers.CharField(required=False, help_text="Why, for the history.")
    dry_run = serializers.BooleanField(required=False, help_text="Check everything and write nothing.")


class FileProblem(Problem):
    """One thing wrong or odd in a file. row: as a spreadsheet counts, the head being row 1."""

    file = serializers.CharField()


class ImportResult(serializers.Serializer):
    """How an import came out."""

    applied = serializers.BooleanField()
    batch = serializers.IntegerField(allow_null=True)
    counts = serializers.DictField(help_text="Table → added, changed and unchanged rows.")
    warnings = FileProblem(many=True)


class BatchRow(serializers.Serializer):
    """One write of the kept tables: of files, by hand, by the API, or an undo."""

    id = serializers.IntegerField()
    url = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    kind = serializers.CharField()
    outcome = serializers.CharField()
    note = serializers.CharField(allow_null=True, help_text="Null where the note is not yours to read.")
    imported_at = serializers.DateTimeField()
    imported_by = serializers.CharField(allow_null=True)
    checked_by = serializers.CharField(allow_null=True)
    files = serializers.ListField(child=serializers.DictField())
    counts = serializers.DictField()
    undone_at = serializers.DateTimeField(allow_null=True)
    undone_by = serializers.CharField(allow_null=True)
    undoes = serializers.IntegerField(allow_null=True)


class ChangeRow(serializers.Serializer):
    """What a batch did to one row, as far as its columns show."""

    table = serializers.CharField()
    url = serializers.CharField()
    kind = serializers.CharField()
    row_version = serializers.IntegerField(allow_null=True)
    columns = serializers.DictField(help_text="Column → {before, after}, as a file would write them.")


class BatchDetail(BatchRow):
    """A batch with its rows and, for whoever wrote it, what was odd in the files."""

    changes = ChangeRow(many=True)
    changes_count = serializers.IntegerField(help_text="Of all pages.")
    issues = FileProblem(many=True)


class BatchPage(Page):
    """A page of batches, newest first."""

    results = BatchRow(many=True)


class Undone(serializers.Serializer):
    """An undo is a batch of its own."""

    batch = serializers.IntegerField()
    url = serializers.CharField()


class TemplateColumn(serializers.Serializer):
    """A column of a file."""

    name = serializers.CharField()
    kind = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]
    choices = serializers.ListField(child=serializers.CharField())
    help = serializers.CharField()


class TemplateRow(serializers.Serializer):
    """What the file of a table looks like."""

    file = serializers.CharField()
    title = serializers.CharField()
    url = serializers.CharField(help_text="An empty file with this head.")
    key = serializers.ListField(child=serializers.CharField())
    columns = TemplateColumn(many=True)


class TemplateList(serializers.Serializer):
    """The files the reader may import."""

    templates = TemplateRow(many=True)
