"""The tables of research: teams, and their requests for accelerators."""

from __future__ import annotations

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports.checks import beyond_peers
from capacity.imports.tables import (
    Reference,
    Sentence,
    Table,
    Values,
    columns_of,
    key_column,
    register,
)
from workloads.checks import mostly_p0
from workloads.domain.request_workflow import WORDED
from workloads.importers_models import KEY_FORM, KEY_HELP, PROVENANCE_HELP
from workloads.models import Experiment, Team

ASKS = ("key", "name", "team", "experiment_priority", "purpose", "is_model_development", "state")
WHY = ("hypothesis", "informs_decision", "customer_outcome", "intended_metric")
NEEDS = (
    "accelerators",
    "accelerators_least",
    "weeks",
    "earliest_start_date",
    "latest_start_date",
    "accelerator_types",
    "pool_keys",
    "least_gbit_per_second",
    "preemptible",
    "divisible",
    "checkpoint_hours",
)
RUNS = ("pool", "domain_key", "started_date")
SIZE = ("parameters", "training_tokens", "estimated_flop")
ORIGIN = ("submitted_at", "submitted_by", "provenance")


MOVES_ELSEWHERE = "The state changes on the request's page, where each move is kept with who made it and why."
TERMS_STAY = (
    "Its terms do not change once it is submitted. Have it returned, or ask for a change or an extension on its page."
)
NEW_ONES = frozenset({"draft", "submitted"})
# Changes that say where a row is from and nothing about what is asked.
_BOOKKEEPING = {"provenance", "submitted_at", "submitted_by"}


def request_writer(viewer: Viewer, before: Values | None, after: Values | None) -> str:
    """Nobody moves a request from here; research words those of its own team, until they are submitted."""
    if before is not None and after is not None and before["state"] != after["state"]:
        return MOVES_ELSEWHERE
    refusal = own_requests_only(viewer, before, after)
    if refusal or Role.CHAIR in viewer.roles:
        return refusal
    if before is None:
        state = None if after is None else after["state"]
        return "" if state in NEW_ONES else "A new request is a draft or submitted; the chair approves it on its page."
    if before["state"] not in WORDED and (after is None or _differs(before, after)):
        return TERMS_STAY
    return ""


def _differs(before: Values, after: Values) -> bool:
    return bool({name for name in {*before, *after} if before.get(name) != after.get(name)} - _BOOKKEEPING)


def own_requests_only(viewer: Viewer, before: Values | None, after: Values | None) -> str:
    """Why this person may not write the request, or "". The chair writes all, research those of their own team."""
    if Role.CHAIR in viewer.roles:
        return ""
    teams = {str(row.get("team") or "") for row in (before, after) if row is not None}
    if viewer.team_key and teams == {viewer.team_key}:
        return ""
    return "Research changes the requests of its own team only; the chair changes all."


register(
    Table(
        name="teams",
        model=Team,
        key=("key",),
        columns=columns_of(Team, ["key", "name", "weight", "provenance"]),
        sentences={
            "team_key_form": KEY_FORM,
            "team_weight_positive": Sentence(column="weight", message="A team's weight is above zero."),
        },
        checks=(beyond_peers(model=Team, columns=("weight",)),),
        title="Teams",
        singular="Team",
        intro="Research teams and their weight in the fair share.",
        area="Research",
        slug="teams",
        view="request_data.view",
        change="team_data.change",
        resource="input_teams",
        label="name",
        listed=("key", "name", "weight"),
        search=("key", "name"),
        help={
            "key": KEY_HELP,
            "name": "What people call the team.",
            "weight": "Its part in the fair share: weight ÷ sum of all weights. Above 0.",
            "provenance": PROVENANCE_HELP,
        },
        groups={"Team": ("key", "name", "weight"), "Origin": ("provenance",)},
    )
)

register(
    Table(
        name="experiments",
        model=Experiment,
        key=("key",),
        reserved=("new", "placed", "quick"),
        columns=columns_of(
            Experiment,
            [name for name in (*ASKS, *WHY, *NEEDS, *RUNS, *SIZE, *ORIGIN) if name not in {"team", "pool"}],
            extra=[key_column("team"), key_column("pool", required=False)],
        ),
        references=(
            Reference(columns=("team",), target="teams", field="team"),
            Reference(columns=("pool",), target="pools", field="pool"),
            Reference(columns=("accelerator_types",), target="accelerator_types", many=True),
            Reference(columns=("pool_keys",), target="pools", many=True),
            Reference(columns=("pool", "domain_key"), target="network_domains", target_columns=("pool", "key")),
        ),
        sentences={
            "experiment_key_form": KEY_FORM,
            "experiment_asks_for_something": Sentence(
                column="accelerators", message="A request asks for at least one accelerator and one week."
            ),
            "experiment_window_is_not_empty": Sentence(
                column="latest_start_date", message="The latest start is before the earliest start."
            ),
            "experiment_starts_on_a_monday": Sentence(
                column="earliest_start_date", message="The earliest and the latest start are Mondays."
            ),
            "running_experiment_has_a_place": Sentence(
                column="pool", message="A running experiment names its pool and the date it started."
            ),
            "experiment_priority_is_known": Sentence(
                column="experiment_priority", message="The priority is P0, P1, P2 or P3."
            ),
            "experiment_purpose_is_known": Sentence(
                column="purpose", message="The purpose is pretrain, research or evals."
            ),
            "experiment_state_is_known": Sentence(
                column="state",
                message="The state is draft, submitted, returned, approved, running, done, denied or withdrawn.",
            ),
            "request_state_follows_its_moves": Sentence(column="state", message=MOVES_ELSEWHERE),
            "experiment_kind_names_what_it_replaces": Sentence(
                column="key", message="A change or an extension names the request it is of; a new request names none."
            ),
            "experiment_least_is_part_of_it": Sentence(
                column="accelerators_least",
                message="The least number of accelerators is at least 1 and at most what is asked for.",
            ),
            "experiment_figures_are_positive": Sentence(
                column="checkpoint_hours",
                message="Checkpoint interval, parameters and training tokens are above zero; link speed and operations "
                "are not negative.",
            ),
        },
        checks=(
            mostly_p0,
            beyond_peers(model=Experiment, columns=("accelerators", "weeks"), alike={"purpose": "purpose"}),
        ),
        title="Experiment requests",
        singular="Experiment request",
        intro="What research asks for: accelerators for some weeks, why, and where they may stand.",
        area="Research",
        slug="experiments",
        view="request_data.view",
        change="request_data.change",
        resource="input_experiments",
        owner="team",
        label="name",
        listed=("key", "name", "team", "experiment_priority", "state", "accelerators", "weeks", "earliest_start_date"),
        filters=("team", "experiment_priority", "purpose", "state", "is_model_development", "preemptible"),
        search=("key", "name", "team", "hypothesis"),
        help={
            "key": KEY_HELP,
            "name": "What people call the experiment.",
            "team": "The key of the team that asks.",
            "experiment_priority": "P0 (first) to P3.",
            "purpose": "pretrain, research or evals (evaluation and safety).",
            "is_model_development": "true when it develops a model: then it may stand on the floor.",
            "state": "draft, submitted, returned, approved, running, done, denied or withdrawn. Approved and running ones "
            "are planned. Default submitted.",
            "hypothesis": "What the experiment is expected to show.",
            "informs_decision": "The decision that waits for its result.",
            "customer_outcome": "What a customer will notice if it works.",
            "intended_metric": "The measure of that outcome, looked at afterwards.",
            "accelerators": "Accelerators it holds at once, all in one network domain.",
            "accelerators_least": "The fewest it could do with, for the person who decides; the plan places the number "
            "asked for. Empty: no fewer.",
            "weeks": "Whole weeks without a break.",
            "earliest_start_date": "The first Monday it can start.",
            "latest_start_date": "The last Monday it makes sense to start.",
            "accelerator_types": "Keys of the accelerator types it can run on, separated by semicolons.",
            "pool_keys": "Keys of the pools it may stand in, separated by semicolons. Empty: any of those types.",
            "least_gbit_per_second": "Link speed it needs between accelerators, Gbit/s: only pools stay whose every "
            "network domain is known to be that fast. Empty: any.",
            "preemptible": "true when it may be stopped for other work. Default false.",
            "divisible": "true when it may run in parts. Default false.",
            "checkpoint_hours": "Hours between checkpoints: half of them is lost on average at an interruption. "
            "Empty: not known.",
            "pool": "The pool it runs in; needed once it runs.",
            "domain_key": "The network domain of the pool it runs in.",
            "started_date": "The day it started; needed once it runs.",
            "parameters": "Parameters of the model that is trained. Empty: none, or not known.",
            "training_tokens": "Tokens it is trained on. Operations are about 6 × parameters × tokens. Empty: not known.",
            "estimated_flop": "Operations of the whole run, where they are known better. Empty: not known.",
            "submitted_at": "When it was submitted, with time zone. Empty: now.",
            "submitted_by": "Who submitted it.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Request": ASKS,
            "Why": WHY,
            "What it needs": NEEDS,
            "Where it runs": RUNS,
            "Size": SIZE,
            "Origin": ORIGIN,
        },
        may_write=request_writer,
        may_ask=own_requests_only,
    )
)
