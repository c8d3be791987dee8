"""What other apps read of the import tables."""

from __future__ import annotations

from django.db.models import Subquery

from capacity.imports.models import InputsVersion


def latest_inputs_version() -> int:
    """How often the input tables were written, as the current transaction sees it (0 before the first write)."""
    version = InputsVersion.objects.values_list("version", flat=True).first()
    return 0 if version is None else version


def inputs_version_subquery() -> Subquery:
    """The same as part of another query, so that both are of one moment; null before the first write."""
    return Subquery(InputsVersion.objects.values("version")[:1])
