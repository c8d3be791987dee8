"""The table of priority overrides: the weight a decision gives one request for some weeks."""

from __future__ import annotations

from capacity.imports.tables import Reference, Retire, Sentence, Table, columns_of, key_column, register
from workloads.importers_models import KEY_FORM, KEY_HELP, PROVENANCE_HELP
from workloads.models import PriorityOverride
from workloads.overrides import undecided_overrides

register(
    Table(
        name="priority_overrides",
        model=PriorityOverride,
        key=("key",),
        columns=columns_of(
            PriorityOverride,
            ["key", "weight", "reason", "decision_number", "starts_date", "ends_date", "provenance"],
            extra=[key_column("experiment")],
        ),
        references=(Reference(columns=("experiment",), target="experiments", field="experiment"),),
        sentences={
            "override_key_form": KEY_FORM,
            "override_weight_is_possible": Sentence(
                column="weight", message="The weight is above 0 and at most 3; a team's own lies between 0.5 and 1.5."
            ),
            "override_has_a_reason": Sentence(column="reason", message="An override needs its reason."),
            "override_has_a_decision": Sentence(
                column="decision_number", message="An override needs the number of the decision that grants it."
            ),
            "override_ends_after_start": Sentence(column="ends_date", message="The override must end after it starts."),
        },
        checks=(undecided_overrides,),
        title="Priority overrides",
        singular="Priority override",
        intro="What one request weighs in its class for some weeks, by a recorded decision, instead of its team's fair "
        "share. Without the decision it weighs what its team's do.",
        area="Research",
        slug="priority-overrides",
        view="request_data.view",
        change="team_data.change",
        resource="input_priority_overrides",
        label="key",
        listed=("key", "experiment", "weight", "decision_number", "starts_date", "ends_date", "reason"),
        filters=("experiment",),
        search=("key", "experiment", "reason"),
        help={
            "key": KEY_HELP,
            "experiment": "The key of the request.",
            "weight": "What its accelerator-weeks weigh: 1 is neutral, above 0 and at most 3.",
            "reason": "Why, in words.",
            "decision_number": "The number of the recorded decision, of the kind experiment or allocation, that grants it.",
            "starts_date": "The first day it is in force.",
            "ends_date": "The day after the last.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Override": ("key", "experiment", "weight"),
            "Days": ("starts_date", "ends_date"),
            "Why": ("decision_number", "reason", "provenance"),
        },
        retire=Retire(column="ends_date", label="End the override"),
    )
)
