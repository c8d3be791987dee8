"""Serves plotly's own plotly.min.js out of the installed wheel: nothing is copied in, versions cannot drift."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import plotly
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, Storage

OFFERED = "vendor/plotly.min.js"


class PlotlyFinder(BaseFinder):
    """Offers `vendor/plotly.min.js` alone; the wheel's folder also holds datasets that must not be collected."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        folder = Path(plotly.__file__).parent / "package_data"
        self.file = folder / "plotly.min.js"
        self.storage = FileSystemStorage(location=str(folder))
        self.storage.prefix = "vendor"  # type: ignore[attr-defined]

    def check(self, **kwargs: Any) -> list[Any]:
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        found = str(self.file) if path == OFFERED else None
        return ([found] if found else []) if find_all else found or []

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[tuple[str, Storage]]:
        yield "plotly.min.js", self.storage
