"""Who sees which part of what research is told about its requests. Pure.

Resources: an answer given at once from a plan, and the moves of a request. Requests are research plans: not for sales.
"""

from __future__ import annotations

from capacity.access.sight_rules import COST_AND_RESEARCH, NOT_SALES, Rule, fields_of

RESEARCH_RUNS: dict[str, dict[str, Rule]] = {
    # Serving is told as one sum, so that no holder names a contract.
    "request_answer": {
        **fields_of(NOT_SALES, "run code placed displaces no_place changes ahead sentence more accelerator_weeks"),
        **fields_of(COST_AND_RESEARCH, "cost_usd cost_basis"),
    },
    "request_move": fields_of(NOT_SALES, "request from_state to_state at by reason answer"),
}
