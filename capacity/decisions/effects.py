"""The headline metrics a decision can promise to move, and the unit its target is typed, kept and written in. Pure.

A target is kept in the unit of the run's own figure: a share as a fraction of one, money in USD.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from capacity.lib.figures import share, thousands, usd


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One headline metric (methods: Headline metrics). kind: share (typed in %), usd or count (typed as it is)."""

    code: str
    name: str
    kind: str
    typed_unit: str

    @property
    def label(self) -> str:
        return f"{self.code} {self.name} ({self.typed_unit})"

    def from_typed(self, typed: Decimal) -> Decimal:
        """What somebody typed into a form, in the unit that is kept."""
        return typed / 100 if self.kind == "share" else typed

    def written(self, value: Decimal) -> str:
        """The kept value as people read it."""
        if self.kind == "share":
            return share(value)
        if self.kind == "usd":
            return usd(value)
        return f"{thousands(value, places=0 if value == value.to_integral_value() else 1)} {self.typed_unit}"


METRICS = {
    metric.code: metric
    for metric in (
        Metric(code="H1", name="Promise coverage, next 13 weeks", kind="share", typed_unit="%"),
        Metric(code="H2", name="Weeks to first capacity shortfall", kind="count", typed_unit="weeks"),
        Metric(code="H3", name="Customer-felt degradation", kind="share", typed_unit="%"),
        Metric(code="H4", name="Floor attainment", kind="share", typed_unit="%"),
        Metric(code="H5", name="Productive use", kind="share", typed_unit="%"),
        Metric(code="H6", name="Idle and stranded", kind="usd", typed_unit="USD a week"),
        Metric(code="H7", name="No-choice spend", kind="share", typed_unit="%"),
        Metric(code="H8", name="Unexplained frontier use", kind="share", typed_unit="%"),
        Metric(code="H9", name="Serving margin, fully loaded", kind="share", typed_unit="%"),
        Metric(code="H10", name="Inference cost ÷ revenue", kind="share", typed_unit="%"),
        Metric(code="H11", name="Heavy-use exposure", kind="usd", typed_unit="USD"),
        Metric(code="H12", name="Experiment fit", kind="share", typed_unit="%"),
    )
}
METRIC_CHOICES = [(code, metric.label) for code, metric in METRICS.items()]


def figure_key(code: str) -> str:
    """The key of the run's figure that holds the metric."""
    return f"metric:{code}"
