"""The tables of supply and cost that people keep by file, form and API.

What each one is stands in supply_tables.py (places and kinds), lot_tables.py (what arrives, moves and fails) and
cost_tables.py and spend_tables.py (money); importing them registers them. The warnings they share are in row_checks.py.
"""

from __future__ import annotations

from capacity.inventory import cost_tables, lot_tables, spend_tables, supply_tables

__all__ = ["cost_tables", "lot_tables", "spend_tables", "supply_tables"]
