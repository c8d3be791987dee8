"""Routes of the list pages, runs, figures, policy, methods and health. The review's own routes stand beside the review."""

from __future__ import annotations

from django.urls import path

from capacity.review import (
    health,
    views_contracts,
    views_docs,
    views_figures,
    views_lists,
    views_money,
    views_runs,
    views_scenarios,
    views_start,
    views_supply,
    views_tokens,
)

urlpatterns = [
    path("workloads/", views_lists.workloads, name="workloads"),
    path("requests/", views_lists.requests, name="requests"),
    path("contracts/", views_lists.contracts, name="contracts"),
    path("contracts/<str:key>/", views_contracts.contract, name="contract"),
    path("contracts/<str:key>/v<int:version>/move/", views_contracts.move, name="contract-move"),
    path("contracts/<str:key>/v<int:version>/hold/", views_contracts.hold, name="contract-hold"),
    path("contracts/<str:key>/v<int:version>/release/", views_contracts.release, name="contract-release"),
    path("pipeline/", views_contracts.pipeline, name="pipeline"),
    path("supply/", views_supply.supply, name="supply"),
    path("supply/<str:pool_key>/", views_supply.pool, name="pool"),
    path("money/", views_money.money, name="money"),
    path("runs/", views_runs.runs, name="runs"),
    path("runs/request/", views_runs.request_recompute, name="run-request"),
    path("runs/<int:run_id>/", views_runs.run, name="run"),
    path("runs/<int:run_id>/document/", views_runs.run_document, name="run-document"),
    path("runs/<int:run_id>/retry/", views_runs.retry, name="run-retry"),
    path("runs/<int:run_id>/figures/<path:key>/", views_figures.figure, name="figure"),
    path("scenarios/", views_scenarios.scenarios, name="scenarios"),
    path("scenarios/new/", views_scenarios.new, name="scenario-new"),
    path("scenarios/try/", views_scenarios.try_change, name="scenario-try"),
    path("scenarios/<uuid:number>/", views_scenarios.scenario, name="scenario"),
    path("scenarios/<uuid:number>/answer/", views_scenarios.answer, name="scenario-answer"),
    path("start/", views_start.guide, name="start"),
    path("start/policy/", views_start.standard_policy, name="start-policy"),
    path("start/accelerator-types/", views_start.datasheets, name="start-types"),
    path("plan/status/", views_runs.plan_status, name="plan-status"),
    path("policy/", views_docs.policy, name="policy"),
    path("methods/", views_docs.methods, name="methods"),
    path("styleguide/", views_docs.styleguide, name="styleguide"),
    path("account/tokens/", views_tokens.tokens, name="tokens"),
    path("account/tokens/<int:token_id>/revoke/", views_tokens.revoke, name="token-revoke"),
    path("healthz", health.healthz, name="healthz"),
]
