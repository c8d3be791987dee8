"""Usage of many requests or samples summed by workload or contract and UTC hour, for the connectors that bring usage. Pure.

An hour nothing was said about has no row: a gap is a gap and never zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from capacity.imports.connectors.contract import Line, Option, Settings, Unplaced, name_option
from capacity.imports.connectors.moments import hour_text
from capacity.imports.connectors.sums import SEPARATOR, Sums

TABLE = "usage_hours"
# The whole-number columns that are summed, in the order of the totals.
COLUMNS = (
    "requests",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "throttled_requests",
    "late_requests",
)
WORKLOAD = name_option("workload", "workloads", "Which workload a name in the file means:")
CONTRACT = name_option("contract", "contracts", "Which contract a name in the file means (none is needed):")
SOURCE_REF = Option(
    name="source_ref",
    help="What these measurements are called; a later import under the same name replaces the same hours.",
)


@dataclass(kw_only=True)
class UsageSums:
    """Totals by workload, contract and hour. `known`: the columns this source says something about."""

    settings: Settings
    known: tuple[str, ...]
    source_ref: str
    sums: Sums = field(default_factory=lambda: Sums(len(COLUMNS)))
    unplaced: Unplaced = field(default_factory=lambda: Unplaced(what="no workload is known for"))
    first_second: int | None = None
    last_second: int = 0

    def target(self, *names: str) -> str:
        """The workload and contract these names mean, as a key for `add`; "" (and counted) when no workload is known."""
        contract = self.settings.find("contract", *names)
        workload = self.settings.find("workload", *names)
        if not workload:
            self.unplaced.add(next((name for name in names if name), "(no name)"))
            return ""
        return f"{workload}{SEPARATOR}{contract}"

    def add(self, target: str, hour: int, amounts: tuple[int, ...]) -> None:
        """Amounts in the order of COLUMNS, to a target that `target` gave."""
        self.sums.add(f"{target}{SEPARATOR}{hour}", *amounts)

    def lines(self, file: str) -> Iterator[Line]:
        """Rows of usage_hours in the order of workload, contract and hour. Columns nothing is known of stay empty."""
        for (workload, contract, hour), totals in self.sums.sorted():
            cells = {"workload": workload, "contract": contract, "hour_at": hour_text(int(hour))}
            for name, total in zip(COLUMNS, totals, strict=True):
                cells[name] = str(total) if name in self.known else ""
            cells["source_ref"] = self.source_ref
            cells["provenance"] = f"Imported from {file}"[:200]
            yield Line(TABLE, cells, file, None)
