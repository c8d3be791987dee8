"""The tables of models: versions, throughput profiles, and the operating points profiles are fitted from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capacity.imports import cells, clock
from capacity.imports.cells import Column
from capacity.imports.checks import beyond_peers
from capacity.imports.tables import Reference, Retire, Sentence, Table, columns_of, key_column, register
from capacity.imports.tabular import WARNING, Issue, Row
from workloads.checks import measured_of_another_version, not_in_future
from workloads.models import ModelVersion, OperatingPoint, ThroughputProfile

KEY_FORM = Sentence(
    column="key", message="A key has letters, digits, points, dashes and underscores, at most 80 of them."
)
KEY_HELP = "A short name that never changes: letters, digits, points, dashes and underscores, at most 80."
PROVENANCE_HELP = "Where the row is from: a file, a system, a person; measured, estimated or composed."
LATENCY_HELP = "interactive (a person waits), standard, batch (within 24 h) or offline."
QUALITY_HELP = "What is doubtful about it, in words; empty when nothing is."


def a_planned_profile(rows: Sequence[Row]) -> Iterator[Issue]:
    """A model with profiles of which none is planned cannot be sized on that accelerator type."""
    named = ("model_version", "accelerator_type", "latency_class")
    places = {tuple(row.values.get(name) for name in named): row for row in rows}
    planned = set(ThroughputProfile.objects.filter(is_planned=True).values_list(*_paths(named)))
    for place, row in places.items():
        if None not in place and place not in planned:
            yield Issue(
                file=row.file,
                row=row.number,
                column="is_planned",
                code="no_planned_profile",
                severity=WARNING,
                message=f"No profile of {place[0]} on {place[1]} at {place[2]} latency is the planned one, "
                "so the plan does not use that type for it.",
            )


def _paths(names: Sequence[str]) -> list[str]:
    return [f"{name}__key" if name in {"model_version", "accelerator_type"} else name for name in names]


PLACE_REFERENCES = (
    Reference(columns=("model_version",), target="model_versions", field="model_version"),
    Reference(columns=("accelerator_type",), target="accelerator_types", field="accelerator_type"),
)

register(
    Table(
        name="model_versions",
        model=ModelVersion,
        key=("key",),
        columns=columns_of(
            ModelVersion,
            [
                "key",
                "name",
                "model_tier",
                "family",
                "launch_date",
                "retire_date",
                "half_life_months",
                "context_tokens",
                "price_decline_share_per_year",
                "provenance",
            ],
        ),
        sentences={
            "model_key_form": KEY_FORM,
            "model_retires_after_launch": Sentence(
                column="retire_date", message="The model must retire after it launches."
            ),
            "model_tier_is_known": Sentence(column="model_tier", message="The tier is frontier, mid or small."),
            "model_lives_and_reads_something": Sentence(
                column="half_life_months", message="The half-life and the context length are above zero, or empty."
            ),
            "model_price_decline_is_a_share": Sentence(
                column="price_decline_share_per_year",
                message="The yearly price decline is a share from 0 to below 1, such as 0.79.",
            ),
        },
        checks=(beyond_peers(model=ModelVersion, columns=("context_tokens", "half_life_months")),),
        title="Models",
        singular="Model",
        intro="Servable versions of models: their tier, when they launch and retire, and how fast they age.",
        area="Workloads",
        slug="models",
        view="model_data.view",
        change="model_data.change",
        resource="input_model_versions",
        label="name",
        listed=("key", "name", "family", "model_tier", "launch_date", "retire_date"),
        filters=("model_tier", "family"),
        search=("key", "name", "family"),
        help={
            "key": KEY_HELP,
            "name": "What people call this version.",
            "model_tier": "frontier, mid or small: which class of model it is among the lab's own.",
            "family": "The line of models it belongs to, such as a name without its version. Empty: none.",
            "launch_date": "The day it went into service. Empty: not launched, or not known.",
            "retire_date": "The day from which it is no longer served. Empty: no retirement is planned.",
            "half_life_months": "Months after which half of its use has moved on, usually 12 to 18. Empty: not known.",
            "context_tokens": "The longest context it accepts, tokens. Empty: not known.",
            "price_decline_share_per_year": "Share by which the price of the same capability falls in a year: 0.68, 0.79 "
            "and 0.9 are published rates. Empty: no assumption.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Model": ("key", "name", "family", "model_tier", "context_tokens"),
            "Life": ("launch_date", "retire_date", "half_life_months", "price_decline_share_per_year"),
            "Origin": ("provenance",),
        },
        retire=Retire(column="retire_date"),
    )
)

register(
    Table(
        name="throughput_profiles",
        model=ThroughputProfile,
        key=("model_version", "accelerator_type", "latency_class", "precision", "parallelism", "context_tokens"),
        columns=columns_of(
            ThroughputProfile,
            [
                "latency_class",
                "precision",
                "replica_accelerators",
                "prefill_tokens_per_second",
                "decode_tokens_per_second",
                "cached_cost_share",
                "is_planned",
                "basis",
                "measured_date",
                "measured_model_version",
                "formula",
                "residual_share",
                "points",
                "quality_flag",
                "provenance",
            ],
            extra=[
                key_column("model_version"),
                key_column("accelerator_type"),
                Column(name="parallelism", parse=cells.text(longest=60), when_empty=""),
                Column(name="context_tokens", parse=cells.integer(least=0, most=2_147_483_647), when_empty=0),
            ],
        ),
        references=(*PLACE_REFERENCES, Reference(columns=("measured_model_version",), target="model_versions")),
        sentences={
            "one_profile_per_way_of_serving": Sentence(
                column="latency_class",
                message="This model, accelerator, latency class, precision, parallelism and context has a profile.",
            ),
            "one_planned_profile": Sentence(
                column="is_planned",
                message="Another profile of this model, accelerator and latency class is the planned one. "
                "Take is_planned from it first, or write false here.",
            ),
            "profile_latency_class_is_known": Sentence(
                column="latency_class", message="The latency class is interactive, standard, batch or offline."
            ),
            "throughput_is_positive": Sentence(
                column="prefill_tokens_per_second",
                message="Both throughputs must be above zero. Leave the profile out if it is not known.",
            ),
            "replica_has_accelerators": Sentence(
                column="replica_accelerators", message="A replica has at least one accelerator."
            ),
            "cached_cost_is_a_share": Sentence(
                column="cached_cost_share", message="The cost of cached input is a share between 0 and 1 of uncached."
            ),
            "profile_fit_is_possible": Sentence(
                column="residual_share", message="The residual is not negative, and a fit rests on at least one point."
            ),
            "profile_says_where_it_is_from": Sentence(
                column="basis", message="A measured profile needs its date, an estimated one its formula."
            ),
        },
        checks=(
            measured_of_another_version,
            a_planned_profile,
            not_in_future(column="measured_date", clock=clock.now),
            beyond_peers(
                model=ThroughputProfile,
                columns=("prefill_tokens_per_second", "decode_tokens_per_second"),
                alike={"latency_class": "latency_class"},
            ),
        ),
        title="Throughput profiles",
        singular="Throughput profile",
        intro="What one replica of a model does on an accelerator type at a latency class. The plan reads the planned one.",
        area="Workloads",
        slug="throughput-profiles",
        view="model_data.view",
        change="model_data.change",
        resource="input_throughput_profiles",
        label="model_version",
        listed=(
            "model_version",
            "accelerator_type",
            "latency_class",
            "precision",
            "context_tokens",
            "prefill_tokens_per_second",
            "decode_tokens_per_second",
            "is_planned",
            "basis",
        ),
        filters=("model_version", "accelerator_type", "latency_class", "precision", "is_planned", "basis"),
        search=("model_version", "accelerator_type", "precision", "parallelism"),
        help={
            "model_version": "The key of the model.",
            "accelerator_type": "The key of the accelerator type.",
            "latency_class": f"The latency the throughput was measured at: {LATENCY_HELP}",
            "precision": "Number format of the weights, such as fp8.",
            "parallelism": "How the replica is split over its accelerators, such as tp8. Empty: not stated.",
            "context_tokens": "The longest context the row holds for, tokens. 0 or empty: any length.",
            "replica_accelerators": "Accelerators of one replica (k), at least 1.",
            "prefill_tokens_per_second": "R_in: uncached input tokens a second of one replica that only reads. Above 0.",
            "decode_tokens_per_second": "R_out: output tokens a second of one replica that only writes. Above 0.",
            "cached_cost_share": "κ: work of a cached input token as a share of an uncached one, 0 to 1; 0.1 is usual.",
            "is_planned": "true on exactly one row of a model, accelerator and latency class: the one the plan reads. "
            "Default true.",
            "basis": "measured (needs its date) or estimated (needs its formula).",
            "measured_date": "The day of the measurement; it lies in the past.",
            "measured_model_version": "The model it was measured on, where that was another one: the row is then stale. "
            "Empty: this model.",
            "formula": "How an estimated throughput was found.",
            "residual_share": "Relative RMS residual of the fit: root mean square of (t̂ − t) ÷ t over its points. "
            "Empty: not fitted.",
            "points": "Operating points the fit rests on. Empty: not fitted.",
            "quality_flag": QUALITY_HELP,
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Where": (
                "model_version",
                "accelerator_type",
                "latency_class",
                "precision",
                "parallelism",
                "context_tokens",
                "is_planned",
            ),
            "Throughput of one replica": (
                "replica_accelerators",
                "prefill_tokens_per_second",
                "decode_tokens_per_second",
                "cached_cost_share",
            ),
            "Origin": (
                "basis",
                "measured_date",
                "measured_model_version",
                "formula",
                "residual_share",
                "points",
                "quality_flag",
                "provenance",
            ),
        },
    )
)

register(
    Table(
        name="operating_points",
        model=OperatingPoint,
        key=("key",),
        columns=columns_of(
            OperatingPoint,
            [
                "key",
                "latency_class",
                "precision",
                "replica_accelerators",
                "input_tokens",
                "output_tokens",
                "output_tokens_per_second",
                "measured_date",
                "quality_flag",
                "provenance",
            ],
            extra=[key_column("model_version"), key_column("accelerator_type")],
        ),
        references=PLACE_REFERENCES,
        sentences={
            "point_key_form": KEY_FORM,
            "point_latency_class_is_known": Sentence(
                column="latency_class", message="The latency class is interactive, standard, batch or offline."
            ),
            "point_has_tokens_and_accelerators": Sentence(
                column="input_tokens", message="A point has at least one input token, output token and accelerator."
            ),
            "point_throughput_is_positive": Sentence(
                column="output_tokens_per_second", message="The output tokens a second must be above zero."
            ),
        },
        checks=(
            not_in_future(column="measured_date", clock=clock.now),
            beyond_peers(
                model=OperatingPoint, columns=("output_tokens_per_second",), alike={"latency_class": "latency_class"}
            ),
        ),
        title="Operating points",
        singular="Operating point",
        intro="Measured points of one replica. Two or more of different mixes give a throughput profile.",
        area="Workloads",
        slug="operating-points",
        view="model_data.view",
        change="model_data.change",
        resource="input_operating_points",
        label="key",
        listed=(
            "key",
            "model_version",
            "accelerator_type",
            "latency_class",
            "input_tokens",
            "output_tokens",
            "output_tokens_per_second",
        ),
        filters=("model_version", "accelerator_type", "latency_class", "precision"),
        search=("key", "model_version", "accelerator_type"),
        help={
            "key": KEY_HELP,
            "model_version": "The key of the model.",
            "accelerator_type": "The key of the accelerator type.",
            "latency_class": f"The latency limit the point meets: {LATENCY_HELP}",
            "precision": "Number format of the weights, such as fp8.",
            "replica_accelerators": "Accelerators of the replica, at least 1.",
            "input_tokens": "Input tokens of one request, none of them cached.",
            "output_tokens": "Output tokens of one request.",
            "output_tokens_per_second": "Output tokens a second of the whole replica at that mix (Q). "
            "One request then costs t = output tokens ÷ Q seconds of the replica.",
            "measured_date": "The day of the measurement; it lies in the past. Empty: not dated, fits become estimated.",
            "quality_flag": f"{QUALITY_HELP} A flagged point is not fitted.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Where": ("key", "model_version", "accelerator_type", "latency_class", "precision", "replica_accelerators"),
            "Measured": ("input_tokens", "output_tokens", "output_tokens_per_second", "measured_date", "quality_flag"),
            "Origin": ("provenance",),
        },
    )
)
