"""One object of each kind that a route names, for the permission matrix. A route with a parameter needs a line here.

SAMPLES: the route as the resolver writes it → the parameters that reach an existing object. `build_world` makes those
objects. MISSING: a route → parameters of an object that is not there, where the converter's default will not do.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from capacity.access.models import User
from capacity.allocation.models import WhatIf
from capacity.decisions.models import Action, Decision
from capacity.imports.described import slug_of
from capacity.imports.models import ImportBatch, ImportChange, Proposal, Upload
from capacity.imports.selectors import latest_inputs_version
from capacity.imports.tables import tables
from contracts.models import Contract, Customer, Quote
from tests.factories import make_policy, make_review, make_run
from workloads.models import Experiment, ModelVersion, Team, Workload, WorkloadMove

BATCH, UPLOAD = 4720, 4721
PROPOSAL = 1
WHAT_IF = UUID("11111111-2222-4333-8444-555555555555")
QUOTE = UUID("11111111-2222-4333-8444-666666666666")
# The plan shown, the frozen plan of the week before, and a run that can be tried again.
CURRENT, FROZEN, FAILED = 4711, 4710, 4712
LIVE_WEEK, FROZEN_WEEK = "2026-W48", "2026-W47"

SAMPLES: dict[str, dict[str, Any]] = {
    "people/<str:username>/": {"username": "somebody"},
    "people/<str:username>/roles/": {"username": "somebody"},
    # Somebody's: as missing to everybody else.
    "account/tokens/<int:token_id>/revoke/": {"token_id": 1},
    "people/<str:username>/password/": {"username": "somebody"},
    "people/<str:username>/state/": {"username": "somebody"},
    "reviews/<str:week>/": {"week": FROZEN_WEEK},
    "reviews/<str:week>/tables/<str:name>/": {"week": LIVE_WEEK, "name": "allocation"},
    "reviews/<str:week>/freeze/": {"week": LIVE_WEEK},
    "contracts/<str:key>/": {"key": "acme_pt"},
    "contracts/<str:key>/v<int:version>/move/": {"key": "acme_more", "version": 1},
    "contracts/<str:key>/v<int:version>/hold/": {"key": "acme_more", "version": 1},
    "contracts/<str:key>/v<int:version>/release/": {"key": "acme_more", "version": 1},
    "requests/<str:key>/": {"key": "e_ask"},
    "requests/<str:key>/move/": {"key": "e_ask"},
    "requests/<str:key>/solve/": {"key": "e_ask"},
    "requests/<str:key>/override/": {"key": "e_ask"},
    "api/v1/request-moves/<str:key>/": {"key": "e_ask"},
    "supply/<str:pool_key>/": {"pool_key": "b200_euw1"},
    "workloads/<str:key>/": {"key": "chat_assistant"},
    "workloads/moves/<str:key>/": {"key": "cache-more"},
    "workloads/moves/<str:key>/ask/": {"key": "cache-more"},
    "workloads/moves/<str:key>/accept/": {"key": "cache-more"},
    "workloads/moves/<str:key>/end/": {"key": "cache-more"},
    "api/v1/moves/<str:key>/": {"key": "cache-more"},
    "api/v1/moves/<str:key>/ask/": {"key": "cache-more"},
    "api/v1/moves/<str:key>/accept/": {"key": "cache-more"},
    "api/v1/moves/<str:key>/end/": {"key": "cache-more"},
    "workloads/<str:key>/adopt-peak/": {"key": "chat_assistant"},
    "runs/<int:run_id>/": {"run_id": CURRENT},
    "runs/<int:run_id>/document/": {"run_id": CURRENT},
    "runs/<int:run_id>/retry/": {"run_id": FAILED},
    "runs/<int:run_id>/figures/<path:key>/": {"run_id": CURRENT, "key": "metric:H9"},
    # A what-if is its owner's, and theirs who read all of them: everybody else gets the answer of one that is not there.
    "scenarios/<uuid:number>/": {"number": WHAT_IF},
    "scenarios/<uuid:number>/answer/": {"number": WHAT_IF},
    "api/v1/what-ifs/<uuid:number>/": {"number": WHAT_IF},
    # A quote is its maker's, and theirs who read all of them.
    "quotes/<uuid:number>/": {"number": QUOTE},
    "quotes/<uuid:number>/answer/": {"number": QUOTE},
    "quotes/<uuid:number>/sheet/": {"number": QUOTE},
    "quotes/<uuid:number>/adopt/": {"number": QUOTE},
    "quotes/<uuid:number>/again/": {"number": QUOTE},
    "quotes/<uuid:number>/deal/": {"number": QUOTE},
    "api/v1/quotes/<uuid:number>/": {"number": QUOTE},
    "api/v1/quotes/<uuid:number>/adopt/": {"number": QUOTE},
    "api/v1/quotes/<uuid:number>/again/": {"number": QUOTE},
    "api/v1/quotes/<uuid:number>/deal/": {"number": QUOTE},
    "decisions/D-<int:number>/": {"number": 1},
    "actions/A-<int:number>/": {"number": 1},
    "imports/<int:batch_id>/": {"batch_id": BATCH},
    "imports/<int:batch_id>/undo/": {"batch_id": BATCH},
    "imports/<int:batch_id>/issues.csv": {"batch_id": BATCH},
    "imports/templates/<str:table>.csv": {"table": "teams"},
    "imports/templates/<str:table>.xlsx": {"table": "teams"},
    # Files on their way are their owner's alone: everybody else gets the answer of one that is not there.
    "imports/uploads/<int:upload_id>/": {"upload_id": UPLOAD},
    "imports/uploads/<int:upload_id>/issues.csv": {"upload_id": UPLOAD},
    "data/export.<str:kind>": {"kind": "zip"},
    "data/proposals/<int:number>/": {"number": PROPOSAL},
    "data/<slug:slug>/": {"slug": "teams"},
    "data/<slug:slug>/new/": {"slug": "teams"},
    "data/<slug:slug>/bulk/": {"slug": "forecasts"},
    "data/<slug:slug>/<str:key>/": {"slug": "teams", "key": "alignment"},
    "data/<slug:slug>/<str:key>/edit/": {"slug": "teams", "key": "alignment"},
    "data/<slug:slug>/<str:key>/retire/": {"slug": "teams", "key": "alignment"},
    "data/<slug:slug>/<str:key>/remove/": {"slug": "teams", "key": "alignment"},
    "data/<slug:slug>/<str:key>/undo/": {"slug": "teams", "key": "alignment"},
}
# Rows of the tables people keep: whoever may read a table learns that this one is not there, the others are refused.
SAMPLES |= {f"api/v1/{slug_of(table)}/<str:key>/": {"key": "no-such"} for table in tables().values()}
SAMPLES |= {
    "api/v1/contract-moves/<str:contract>/": {"contract": "acme_more"},
    "api/v1/imports/<int:batch_id>/": {"batch_id": 1},
    "api/v1/imports/<int:batch_id>/undo/": {"batch_id": 1},
    "api/v1/imports/templates/<str:slug>/": {"slug": "teams"},
    "api/v1/proposals/<int:proposal_id>/": {"proposal_id": 1},
    "api/v1/proposals/<int:proposal_id>/approve/": {"proposal_id": 1},
    "api/v1/proposals/<int:proposal_id>/return/": {"proposal_id": 1},
    "api/v1/proposals/<int:proposal_id>/withdraw/": {"proposal_id": 1},
}
MISSING: dict[str, dict[str, Any]] = {}
# Routes that anybody may open, each with the reason; every other view must say who may use it.
OPEN_ROUTES: Mapping[str, str] = {
    "sign-in/": "nobody is signed in yet",
    "welcome/": "makes the first account; not there once somebody has one",
    "password/": "everybody signed in changes their own password",
    "sign-out/": "ends the session of whoever asks",
    "": "sends everybody on to their own first page",
    "healthz": "says whether the parts are up, no data",
}


def make_proposal(proposer: User) -> Proposal:
    """A change of the team's weight that waits for a second person."""
    change = {"table": "teams", "key": ["alignment"], "kind": "changed", "columns": ["weight"], "row_version": 2}
    change |= {"before": {"key": "alignment", "weight": "1"}, "after": {"key": "alignment", "weight": "2"}, "owner": ""}
    return Proposal.objects.create(
        id=PROPOSAL,
        source="form",
        reason="Weights need a second person.",
        tables=["teams"],
        rows={"teams": [{"key": "alignment", "weight": "2"}]},
        changes=[change],
        digest="0" * 64,
        proposed_by=proposer,
    )


def make_batch(importer: User) -> None:
    """An edit that gave the team its weight, and files of somebody's that wait."""
    counts = {"teams": {"added": 0, "changed": 1, "unchanged": 0}}
    batch = ImportBatch.objects.create(
        id=BATCH, source="form", kind="edit", imported_by=importer, counts=counts, outcome="applied"
    )
    before, after = {"key": "alignment", "weight": "2"}, {"key": "alignment", "weight": "1"}
    ImportChange.objects.create(
        batch=batch, table="teams", key="alignment", kind="changed", before=before, after=after, row_version=1
    )
    Upload.objects.create(id=UPLOAD, user=importer, source="vendor", expires_at=datetime(2100, 1, 1, tzinfo=UTC))


def make_move() -> None:
    """A move that nobody has asked about yet."""
    model = ModelVersion.objects.create(key="big", name="Big", model_tier="frontier")
    card = Workload.objects.create(key="chat_card", name="Chat", model_version=model, latency_class="interactive")
    WorkloadMove.objects.create(
        key="cache-more", title="Cache more", workload=card, kind="caching", amount=Decimal("0.8")
    )


def build_world() -> None:
    """The objects the samples name, as few as will do. Runs once for the whole matrix."""
    somebody = User.objects.create_user("somebody", password=None)
    team = Team.objects.create(key="alignment", name="Alignment", weight=1)
    monday = date(2026, 12, 7)
    Experiment.objects.create(
        key="e_ask",
        name="A request",
        team=team,
        experiment_priority="P2",
        purpose="research",
        is_model_development=False,
        accelerators=8,
        weeks=1,
        earliest_start_date=monday,
        latest_start_date=monday,
        accelerator_types=["h100"],
    )
    make_proposal(somebody)
    make_batch(somebody)
    make_move()
    make_policy()
    Contract.objects.create(
        key="acme_more",
        name="Acme expansion",
        customer=Customer.objects.create(key="acme", name="Acme Robotics", alias="C-1"),
        state="what_if",
        starts_date=date(2027, 1, 4),
        ends_date=date(2027, 12, 27),
        shape="pay_as_you_go",
    )
    make_review(make_run(id=FROZEN, week=FROZEN_WEEK, is_current=False), frozen_by=somebody)
    make_run(id=CURRENT, week=LIVE_WEEK, inputs_version=latest_inputs_version())
    make_run("failed", id=FAILED, fencing_token=1000)
    change = {"table": "teams", "key": ["alignment"], "op": "removed", "values": {}}
    asked = WhatIf.objects.create(uuid=WHAT_IF, run_id=CURRENT, asked_by=somebody, changes=[change])
    offered = {
        "name": "A quote",
        "contract": {"shape": "flat_fee"},
        "price_lines": [],
        "commit_steps": [],
        "sla_lines": [],
    }
    Quote.objects.create(number=QUOTE, name="A quote", made_by=somebody, payload=offered, what_if=asked)
    decision = Decision.objects.create(
        number=1,
        review_week=FROZEN_WEEK,
        run_id=FROZEN,
        kind="buy",
        question="Where do we find 128 accelerators for the spring?",
        chosen="Lease them in Europe",
        reason="The evaluations wait.",
        decider_role="chair",
        owner_role="finance",
        effect_metric="H1",
        effect_direction="at_least",
        effect_target=1,
        effect_by_date=date(2026, 12, 14),
        review_back_date=date(2026, 12, 21),
        recorded_by=somebody,
        idempotency_key="decision-1",
    )
    Action.objects.create(
        number=1,
        review_week=FROZEN_WEEK,
        decision=decision,
        title="Ask two suppliers",
        owner_role="finance",
        due_date=date(2026, 12, 7),
        created_by=somebody,
        idempotency_key="action-1",
    )
