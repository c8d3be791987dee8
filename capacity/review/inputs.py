"""Everything a plan is made of, read in one database snapshot: all input rows, the last frozen plan, the version.

The rows are the document: they are hashed, solved, stored with the run, and compared between reviews.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from capacity.allocation.models import RunDocument, RunPlacement
from capacity.decisions import selectors as decisions
from capacity.decisions.policy import Policy, policy_in_force
from capacity.imports.models import InputsVersion
from capacity.imports.rows import Row, as_json
from capacity.inventory import selectors as inventory
from capacity.lib.canonical import canonical_json
from capacity.lib.horizon import Horizon, Week
from capacity.review.models import Review
from contracts import selectors as contracts
from workloads import promises
from workloads import selectors as workloads

HORIZON_WEEKS = 104
# Raised whenever a formula changes what the same inputs give: it is part of the input hash.
FORMULA_VERSION = "2026-11-23.2"


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """version: the inputs counter at the time of reading. tables: name → rows. previous: last frozen placements.

    as_of: the day of what is known (lots later than it and not accepted are late). first_week: where the plan starts:
    this week, or the week after the last frozen review, because what is frozen is decided.
    """

    version: int
    as_of: date
    first_week: Week
    tables: Mapping[str, list[Row]]
    previous: list[Row]

    @property
    def horizon(self) -> Horizon:
        return Horizon(first=self.first_week, weeks=HORIZON_WEEKS)

    @property
    def policy(self) -> Policy:
        """Raises NoPolicyInForce when no policy has started."""
        return policy_in_force(
            policy_sets=self.tables["policy_sets"],
            policy_floors=self.tables["policy_floors"],
            floor_waivers=self.tables.get("floor_waivers", ()),
            on_date=self.as_of,
        )

    def in_order(self) -> Inputs:
        """The same inputs with every table's rows in one order, so that a plan cannot depend on the order they came in."""
        tables = {name: sorted(rows, key=_row_text) for name, rows in self.tables.items()}
        return replace(self, tables=tables)

    def as_document(self) -> dict[str, Any]:
        """The inputs as canonical JSON terms. The as-of date counts by week and by day: lateness depends on it."""
        return {
            "as_of": self.as_of.isoformat(),
            "first_week": self.first_week.key,
            "weeks": HORIZON_WEEKS,
            "formula_version": FORMULA_VERSION,
            "tables": as_json(self.tables),
            "previous": as_json(self.previous),
        }


def _row_text(row: Row) -> str:
    return canonical_json(as_json(row))


def read_inputs(*, as_of: date) -> Inputs:
    """All inputs as of a day. Call inside one REPEATABLE READ transaction, so that rows and version belong together."""
    tables = {
        **inventory.input_rows(),
        **workloads.input_rows(as_of=as_of),
        **contracts.input_rows(),
        **decisions.input_rows(),
    }
    last = Review.objects.order_by("-week").values_list("week", "run_id").first()
    current = Week.containing(as_of)
    first = current if last is None else max(current, Week.parse(last[0]).plus(1))
    previous = [] if last is None else _placements(last[1])
    tables[promises.TABLE] = [] if last is None else _promised(*last, previous, as_of=as_of, first=first)
    return Inputs(
        version=InputsVersion.objects.get(id=1).version,
        as_of=as_of,
        first_week=first,
        tables=tables,
        previous=previous,
    )


def _promised(week: str, run_id: int, placed: list[Row], *, as_of: date, first: Week) -> list[Row]:
    """The starts that the held review of that week promised and that this plan keeps."""
    asked = RunDocument.objects.filter(run_id=run_id).values_list("inputs__tables__experiments", flat=True).first()
    return promises.promised_rows(review=week, placed=placed, asked=asked or [], as_of=as_of, first=first)


def _placements(run_id: int) -> list[Row]:
    columns = ("experiment_key", "pool_key", "domain_key", "start_week", "weeks", "accelerators")
    return list(RunPlacement.objects.filter(run_id=run_id).order_by(*columns).values(*columns))
