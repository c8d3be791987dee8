"""Who sees which column of the tables of models, workloads, research and usage that people keep by file, form and API. Pure.

A resource is named `input_` and the table; its lines are the table's columns.
"""

from __future__ import annotations

from capacity.access.sight_rules import Rule

WORKLOAD_INPUTS: dict[str, dict[str, Rule]] = {}
