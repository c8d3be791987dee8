"""What a result table is made of: its columns with their words and units, whose its rows are, how it is ordered.

What belongs here: the two kinds of declaration and the short way to write columns. The tables stand in table_specs_*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a table: its head, unit, and how a cell is written (a name of a filter in `formats`)."""

    name: str
    label: str
    unit: str = ""
    kind: str = "text"

    @property
    def is_number(self) -> bool:
        return self.kind != "text"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunTableSpec:
    """A result table as people see it. owner: column that names the row's owner (a username or a team's key).

    gate: a column without which its row is not there for the viewer at all, "" for none.
    """

    name: str
    title: str
    model: type[models.Model]
    resource: str
    columns: tuple[Column, ...]
    order: tuple[str, ...]
    owner: str = ""
    absent: Mapping[str, Any] = field(default_factory=dict)
    filters: tuple[str, ...] = ()
    action: str = "review.view"
    gate: str = ""

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _column(line: str) -> Column:
    name, label, unit, kind = (part.strip() for part in line.split("|"))
    return Column(name=name, label=label, unit=unit, kind=kind)


# Columns that read the same in every table that has them.
_SHARED = {
    column.name: column
    for column in map(
        _column,
        """
        contract_key|Contract||text
        workload_key|Workload||text
        model_tier|Model tier||text
        is_sized|Sized||text
        short_accelerator_weeks|Short|accelerator-weeks|thousands
        pool_key|Pool||text
        week|Week||text
        name|Name||text
        node_size|Node|accelerators|thousands
        experiment_key|Request||text
        team_key|Team key||text
        team_name|Team||text
        priority|Priority||text
        weeks|Weeks|weeks|thousands
        accelerators|Accelerators|accelerators|thousands
        serving_class|Serving class||text
        demand_key|Demand||text
        tier|Tier||text
        """.strip().splitlines(),
    )
}


def columns_of(text: str) -> tuple[Column, ...]:
    """`name|Label|unit|kind` a line, or the name of a shared column: tables are read more easily so."""
    return tuple(
        _column(line) if "|" in line else _SHARED[line.strip()] for line in text.strip().splitlines() if line.strip()
    )
