"""The tables of contracts that people keep: importing this module registers them all. Each part describes its own."""

from __future__ import annotations

from contracts import importers_contracts, importers_lines

PARTS = (importers_contracts, importers_lines)
