"""A run's rows for the review page, as one viewer may see them, read with a fixed number of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from capacity.access.visibility import ContractLabel, Viewer, see
from capacity.allocation.models import Run
from capacity.imports.rows import decimal_text
from capacity.lib.figures import RESTRICTED, Absent
from capacity.review import table_specs, tables
from capacity.review.models import RunFigure
from capacity.review.table_columns import RunTableSpec
from capacity.review.tables import Row

SHOWN_WEEKS = 52


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRows:
    """A run's rows as one viewer may see them."""

    run: Run
    labels: Sequence[ContractLabel]
    figures: Mapping[str, Row]
    previous: Mapping[str, Row] | None
    # Headline metrics as text, as stored: only for what the meeting's records are compared with, never shown as such.
    metrics_now: Mapping[str, str]
    pools: list[Row]
    pool_weeks: list[Row]
    lots: list[Row]
    exposure: list[Row]
    workloads: list[Row]
    placements: list[Row]
    unplaced: list[Row]
    remedies: list[Row]
    tiers: list[Row]
    waste: list[Row]
    suggested: list[Row]


def read_run(*, viewer: Viewer, run: Run, previous_run_id: int | None) -> RunRows:
    """Every row the page shows. Tables a role may not read at all are left unread."""
    run_id = run.pk

    def rows(spec: RunTableSpec, **filters: Any) -> list[Row]:
        return tables.run_rows(viewer=viewer, run_id=run_id, spec=spec, labels=labels, **filters)

    exposure, labels = tables.exposure_with_labels(viewer=viewer, run_id=run_id)
    stored = stored_figures([run_id] if previous_run_id is None else [run_id, previous_run_id])
    figures = visible_figures(viewer, stored)
    sees_requests = see(viewer, "placement", "experiment_key", "") is not RESTRICTED
    several: dict[str, list[Row]] = {}
    if sees_requests:
        together = (
            table_specs.PLACEMENTS,
            table_specs.UNPLACED,
            table_specs.REMEDIES,
            table_specs.TIERS,
            *table_specs.EFFICIENCY_TABLES,
        )
        several = tables.rows_of_several(viewer=viewer, run_id=run_id, specs=together, labels=labels)
    sees_lots = see(viewer, "lot", "lot_key", "") is not RESTRICTED
    return RunRows(
        run=run,
        labels=labels,
        figures=figures.get(run_id, {}),
        previous=None if previous_run_id is None else figures.get(previous_run_id, {}),
        metrics_now={
            row["key"]: decimal_text(row["value"])
            for row in stored
            if row["run_id"] == run_id and row["value"] is not None and row["key"].startswith("metric:")
        },
        pools=rows(table_specs.POOLS),
        pool_weeks=shown_weeks(rows(table_specs.POOL_WEEKS)),
        lots=rows(table_specs.LOT_EVENTS) if sees_lots else [],
        exposure=exposure,
        workloads=rows(table_specs.WORKLOADS),
        placements=several.get(table_specs.PLACEMENTS.name, []),
        unplaced=several.get(table_specs.UNPLACED.name, []),
        remedies=several.get(table_specs.REMEDIES.name, []),
        tiers=several.get(table_specs.TIERS.name, []),
        waste=several.get("waste", []),
        suggested=several.get("move-candidates", []),
    )


def shown_weeks(pool_weeks: list[Row]) -> list[Row]:
    """The weeks the meeting looks at: a year. The plan reaches further, for renewals and orders; its pool pages show all."""
    return [row for row in pool_weeks if row["week_index"] < SHOWN_WEEKS]


_FIGURE_COLUMNS = (
    "run_id",
    "key",
    "label",
    "value",
    "absent",
    "unit",
    "basis",
    "state",
    "threshold",
    "resource",
    "field",
    "terms",
    "position",
)


def stored_figures(run_ids: Sequence[int]) -> list[Row]:
    """The headline figures of the runs, as stored. One query."""
    rows = RunFigure.objects.filter(run_id__in=run_ids, key__regex="^(metric|total|share):").order_by("position")
    return list(rows.values(*_FIGURE_COLUMNS))


def visible_figures(viewer: Viewer, stored: Sequence[Row]) -> dict[int, dict[str, Row]]:
    """run → headline figures by key, each value as the viewer may see it."""
    found: dict[int, dict[str, Row]] = {}
    for each in stored:
        row = {**each, "value": see(viewer, each["resource"], each["field"], each["value"])}
        if isinstance(row["value"], Absent):
            # A state or a limit would narrow a band, and says what is hidden.
            row["state"] = ""
            if row["value"] is RESTRICTED:
                row["threshold"], row["basis"], row["terms"] = "", "", []
        elif row["value"] is None and row["absent"]:
            row["value"] = Absent(row["absent"], "na", "This figure has no value in this run.")
        found.setdefault(row.pop("run_id"), {})[row["key"]] = row
    return found
