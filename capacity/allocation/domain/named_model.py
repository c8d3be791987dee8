"""A linear model written down by name, column by column and row by row, before any solver sees it.

What belongs here: what a column and a row are. Which there are is `formulation`; solving them is `solver_models`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

INFINITY = float("inf")
Name = tuple[str, ...]
Terms = list[tuple[int, float]]


@dataclass
class Model:
    """Columns and rows in the order they were defined. Names are joined only when somebody reads the model."""

    column_names: list[Name] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    integer: list[bool] = field(default_factory=list)
    row_names: list[Name] = field(default_factory=list)
    rows: list[Terms] = field(default_factory=list)
    row_lower: list[float] = field(default_factory=list)
    row_upper: list[float] = field(default_factory=list)

    def add_column(self, name: Name, *, upper: float, integer: bool, lower: float = 0.0) -> int:
        self.column_names.append(name)
        self.lower.append(lower)
        self.upper.append(upper)
        self.integer.append(integer)
        return len(self.lower) - 1

    def add_row(self, name: Name, terms: Terms, *, lower: float = -INFINITY, upper: float = INFINITY) -> None:
        self.row_names.append(name)
        self.rows.append(terms)
        self.row_lower.append(lower)
        self.row_upper.append(upper)
