"""`manage.py verify_reviews`: recomputes the hash chain of all frozen reviews and names the first that does not match."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from capacity.allocation.models import Run
from capacity.review.inputs import FORMULA_VERSION
from capacity.review.models import Review
from capacity.review.plan_source import result_hash_of_run
from capacity.review.seals import seal_faults


class Command(BaseCommand):
    help = "Recomputes the hash chain of all frozen reviews. Exit code 1 when one is not what was sealed."

    def handle(self, *args: Any, **options: Any) -> None:
        faults = list(seal_faults(row_hash=_published_hash))
        for fault in faults:
            self.stderr.write(f"{fault.week}: {fault.sentence}")
        if faults:
            raise CommandError(f"{faults[0].week} is the first review that does not match its seal.")
        self.stdout.write(f"{Review.objects.count()} frozen reviews match their seals.")


def _published_hash(run: Run) -> str | None:
    """The hash of the run's rows as publishing makes it; None where the formula, and so the columns, were others."""
    return result_hash_of_run(run.pk) if run.formula_version == FORMULA_VERSION else None
