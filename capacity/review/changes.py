"""What changed since the last frozen review, as one JSON document that is stored with the run and with the review. Pure.

The document holds full values with the visibility entry of each; `changes_shown.visible_changes` makes of it what one
viewer may read. Pages never compare: a run brings the document along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from capacity.imports.rows import as_json
from capacity.review.input_changes import contract_names, input_changes
from capacity.review.outcome_changes import outcome_changes

Changes = dict[str, Any]
Row = Mapping[str, Any]
# The result tables that are compared: the names under which `before_results` and `after_results` bring their rows.
COMPARED_RESULTS = ("pool_weeks", "lot_events", "placements", "unplaced", "teams", "exposure", "figures")
FIRST_REVIEW = "No frozen review before this one."


def compare(
    *,
    before_inputs: Mapping[str, Any] | None,
    before_results: Mapping[str, Sequence[Row]],
    after_inputs: Mapping[str, Any],
    after_results: Mapping[str, Sequence[Row]],
    against: Mapping[str, Any] | None = None,
) -> Changes:
    """The changes document: {against, is_first, contracts, lines}. Rows may be typed or in JSON terms.

    contracts: the names of every contract and customer of either side, which free text may quote.

    before_inputs None: nothing was frozen before. against: {"week", "run"} of the review compared with (see
    `against`), so that a stored document tells whether it is still the right one.
    """
    if before_inputs is None:
        return {"against": None, "is_first": True, "contracts": [], "lines": []}
    inputs = input_changes(before=before_inputs, after=after_inputs)
    names = contract_names(as_json(before_inputs["tables"])) | contract_names(as_json(after_inputs["tables"]))
    outcomes = outcome_changes(
        before=before_results,
        after=after_results,
        inputs=inputs,
        contracts=names,
        documents=(before_inputs, after_inputs),
    )
    return {
        "against": dict(against) if against else None,
        "is_first": False,
        "contracts": [*names.values(), *_customers_without_contract(before_inputs, after_inputs, names.values())],
        "lines": [*outcomes, *inputs],
    }


def _customers_without_contract(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Iterable[Mapping[str, str]]
) -> list[dict[str, str]]:
    known = {each["customer"] for each in names}
    rows = {row["name"]: row for side in (before, after) for row in side["tables"].get("customers", [])}
    return [
        {"key": "", "name": "", "customer": name, "alias": row["alias"], "owner": ""}
        for name, row in sorted(rows.items())
        if name not in known
    ]
