"""Who sees which column of the tables of supply, cost and policy that people keep by file, form and API. Pure.

A resource is named `input_` and the table; its lines are the table's columns.
"""

from __future__ import annotations

from capacity.access.sight_rules import Rule

SUPPLY_INPUTS: dict[str, dict[str, Rule]] = {}
