"""The tables of workloads: the cards, and the forecasts of their tokens by source and vintage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capacity.imports import clock
from capacity.imports.checks import beyond_peers
from capacity.imports.tables import Reference, Sentence, Table, columns_of, key_column, register
from capacity.imports.tabular import WARNING, Issue, Row
from workloads.checks import justification_within_a_quarter
from workloads.domain.forecasts import planned_source
from workloads.importers_models import KEY_FORM, KEY_HELP, LATENCY_HELP, PROVENANCE_HELP
from workloads.models import Forecast, Workload

CARD = ("key", "name", "purpose", "owner_role", "is_always_on", "review_by_date")
SERVED = (
    "model_version",
    "latency_class",
    "regions",
    "route",
    "default_setting",
    "quota_tokens_per_minute",
    "context_limit_tokens",
)
REASONS = (
    "quality_required",
    "customer_value",
    "tier_justification",
    "justification_evidence",
    "eval_delta",
    "justification_approver",
    "justification_expires_date",
    "smaller_tier_tested",
    "smaller_tier_tested_date",
    "smaller_tier_evidence",
)
USE = (
    "input_tokens_per_second",
    "output_tokens_per_second",
    "cache_hit_share",
    "peak_factor",
    "growth_share_per_month",
    "p10_multiple",
    "p90_multiple",
    "calls_per_task",
    "tokens_per_call",
    "forecast_source",
    "forecast_date",
    "usd_value_per_million_tokens",
)
FIGURES = ("input_p10", "input_p50", "input_p90", "output_p10", "output_p50", "output_p90")


def a_planned_source(rows: Sequence[Row]) -> Iterator[Issue]:
    """With several sources and none of them named on the card, none is planned with."""
    keys = {str(row.values.get("workload")): row for row in rows}
    known = Workload.objects.filter(key__in=keys, forecasts__isnull=False).values_list(
        "key", "forecast_source", "forecasts__source"
    )
    sources: dict[tuple[str, str], set[str]] = {}
    for key, named, source in known.distinct():
        sources.setdefault((key, named), set()).add(source)
    for (key, named), found in sorted(sources.items()):
        if planned_source(sources=found, named=named) is None:
            yield Issue(
                file=keys[key].file,
                row=keys[key].number,
                column="source",
                code="no_planned_source",
                severity=WARNING,
                message=f"The card of {key} names {named or 'no source'}, and {', '.join(sorted(found))} forecast it: "
                "the plan takes the tokens on the card. Write the source to plan with into forecast_source.",
            )


register(
    Table(
        name="workloads",
        model=Workload,
        key=("key",),
        reserved=("actuals", "moves"),
        columns=columns_of(
            Workload,
            [*CARD, *(name for name in SERVED if name != "model_version"), *REASONS, *USE, "provenance"],
            extra=[key_column("model_version")],
        ),
        references=(
            Reference(columns=("model_version",), target="model_versions", field="model_version"),
            Reference(columns=("regions",), target="sites", target_columns=("region",), many=True),
        ),
        sentences={
            "workload_key_form": KEY_FORM,
            "workload_cache_hit_is_a_share": Sentence(
                column="cache_hit_share", message="The cache hit rate is a share between 0 and 1."
            ),
            "workload_peak_is_at_least_mean": Sentence(
                column="peak_factor", message="The peak factor is at least 1: a peak is not below the mean."
            ),
            "workload_tokens_not_negative": Sentence(
                column="input_tokens_per_second", message="Tokens a second are not negative."
            ),
            "workload_band_around_p50": Sentence(
                column="p10_multiple", message="The P10 multiple is between 0 and 1, the P90 multiple at least 1."
            ),
            "workload_purpose_is_known": Sentence(
                column="purpose", message="The purpose is serving, product, internal or no_choice."
            ),
            "workload_latency_class_is_known": Sentence(
                column="latency_class", message="The latency class is interactive, standard, batch or offline."
            ),
            "workload_smaller_tier_test_is_known": Sentence(
                column="smaller_tier_tested", message="The test of a smaller tier is no, pass or fail."
            ),
            "workload_limits_are_positive": Sentence(
                column="quota_tokens_per_minute",
                message="Quota, context limit, calls for each task and tokens for each call are above zero, or empty; "
                "a quota may be zero.",
            ),
        },
        checks=(
            justification_within_a_quarter(clock=clock.now),
            beyond_peers(model=Workload, columns=("input_tokens_per_second", "output_tokens_per_second")),
        ),
        title="Workloads",
        singular="Workload",
        intro="One card for each class of requests: what it is for, which model serves it and why, and who answers for it.",
        area="Workloads",
        slug="workloads",
        view="workload_data.view",
        change="workload_data.change",
        resource="input_workloads",
        label="name",
        listed=("key", "name", "purpose", "owner_role", "model_version", "latency_class", "review_by_date"),
        filters=("purpose", "model_version", "latency_class", "smaller_tier_tested", "is_always_on"),
        search=("key", "name", "owner_role"),
        help={
            "key": KEY_HELP,
            "name": "What people call this class of requests.",
            "purpose": "serving (customers), product (own products), internal, or no_choice: nobody has chosen. "
            "Default no_choice.",
            "owner_role": "The role or team that answers for it.",
            "is_always_on": "true for a base load that never stops, false for use that comes and goes. Default false.",
            "review_by_date": "The day by which the card is looked at again.",
            "model_version": "The key of the model that serves it.",
            "latency_class": f"How long it may wait: {LATENCY_HELP}",
            "regions": "Regions it may be served in, separated by semicolons. Empty: any.",
            "route": "How requests reach this model: always, by a router's rule, by the user's choice.",
            "default_setting": "What a user gets who chooses nothing: model, effort, length.",
            "quota_tokens_per_minute": "Tokens a minute one user or key may send. Empty: no quota.",
            "context_limit_tokens": "The longest context accepted, tokens. Empty: the model's own.",
            "quality_required": "What it has to be good at, so that somebody could test it.",
            "customer_value": "How a customer gets value from it, and how that is paid for.",
            "tier_justification": "Why it needs a frontier model. Needed for frontier models only.",
            "justification_evidence": "Where the evidence is: a link or the name of a report.",
            "eval_delta": "By how many points of the evaluation score it beats the next smaller model. Empty: not known.",
            "justification_approver": "Who approved the justification.",
            "justification_expires_date": "The day the justification ends; at most 13 weeks ahead.",
            "smaller_tier_tested": "no, pass (a smaller model would do) or fail. Default no.",
            "smaller_tier_tested_date": "The day of that test.",
            "smaller_tier_evidence": "Where the result of that test is: a link or the name of a report.",
            "input_tokens_per_second": "Average input tokens a second, P50, cached ones included; where no forecast is "
            "kept. Empty: not known.",
            "output_tokens_per_second": "Average output tokens a second, P50; where no forecast is kept. Empty: not known.",
            "cache_hit_share": "Share of input tokens read from cache, 0 to 1. Empty: none.",
            "peak_factor": "Peak ÷ average of the token rate, at least 1. Empty: the policy's for its latency class.",
            "growth_share_per_month": "Growth of the tokens on this card a month, as a share: 0.05 is 5 %. Default 0. "
            "Forecasts bring their own growth.",
            "p10_multiple": "P10 ÷ P50, 0 to 1. Empty: 1. Forecasts bring their own band.",
            "p90_multiple": "P90 ÷ P50, at least 1. Empty: 1. Forecasts bring their own band.",
            "calls_per_task": "Model calls of one task: tokens of a task = calls × tokens for each call. Empty: not known.",
            "tokens_per_call": "Tokens of one call, read and written. Empty: not known.",
            "forecast_source": "Whose forecast is planned with, such as sales or product. Empty: the only one there is.",
            "forecast_date": "The day of the tokens on this card; growth counts from it. Empty: today.",
            "usd_value_per_million_tokens": "What a million tokens are worth, USD, for own products. Empty: not known.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Card": CARD,
            "How it is served": SERVED,
            "Quality, value and reason": REASONS,
            "Use": USE,
            "Origin": ("provenance",),
        },
    )
)

register(
    Table(
        name="forecasts",
        model=Forecast,
        key=("workload", "source", "vintage_date", "starts_date"),
        columns=columns_of(
            Forecast,
            ["source", "vintage_date", "starts_date", *FIGURES, "provenance"],
            extra=[key_column("workload")],
        ),
        references=(Reference(columns=("workload",), target="workloads", field="workload"),),
        sentences={
            "one_forecast_from_a_date": Sentence(
                column="starts_date", message="This workload, source and vintage has a forecast from that date."
            ),
            "forecast_has_a_source": Sentence(column="source", message="A forecast needs its source, such as sales."),
            "forecast_not_negative": Sentence(column="input_p50", message="Tokens a second are not negative."),
            "forecast_input_in_order": Sentence(
                column="input_p50", message="The input forecast must rise from P10 to P50 to P90."
            ),
            "forecast_output_in_order": Sentence(
                column="output_p50", message="The output forecast must rise from P10 to P50 to P90."
            ),
        },
        checks=(
            a_planned_source,
            beyond_peers(model=Forecast, columns=("input_p50", "output_p50"), alike={"workload": "workload__key"}),
        ),
        title="Forecasts",
        singular="Forecast",
        intro="What each source expects of a workload from a date on. Sources stand side by side and are never summed.",
        area="Workloads",
        slug="forecasts",
        view="forecast_data.view",
        change="forecast_data.change",
        resource="input_forecasts",
        label="workload",
        listed=("workload", "source", "vintage_date", "starts_date", "input_p50", "output_p50"),
        filters=("workload", "source", "vintage_date"),
        search=("workload", "source"),
        help={
            "workload": "The key of the workload.",
            "source": "Who forecasts, such as sales or product. The card of the workload says whose is planned with.",
            "vintage_date": "The day the forecast was made. The plan takes the latest one up to its own day.",
            "starts_date": "The first day it holds for; until the next one of the same workload, source and vintage.",
            **{
                f"{side}_p{percent}": f"{side.capitalize()} tokens a second on average, P{percent}." + more
                for side in ("input", "output")
                for percent, more in (
                    (10, " Empty: the card's P10 multiple of P50."),
                    (50, " Cached input counts." if side == "input" else ""),
                    (90, " Empty: the card's P90 multiple of P50."),
                )
            },
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "What and when": ("workload", "source", "vintage_date", "starts_date"),
            "Tokens a second": FIGURES,
            "Origin": ("provenance",),
        },
        bulk=(*FIGURES, "provenance"),
    )
)
