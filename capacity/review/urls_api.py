"""Routes of the API, `/api/v1/…`: one a table, and the schema that describes them."""

from __future__ import annotations

from django.urls import path

from capacity.imports import api_imports, api_proposals
from capacity.imports.api_tables import all_table_views
from capacity.review import (
    api_docs,
    api_moves,
    api_notices,
    api_quote_moves,
    api_quotes,
    api_requests,
    api_what_ifs,
    api_workflow,
)
from capacity.review.api_views import VIEWS


def _route_name(route: str) -> str:
    """`pools/<str:key>/` → `api-pools-row`."""
    return "api-" + route.rstrip("/").replace("/<str:key>", "-row").replace("/", "-")


urlpatterns = [
    path("", api_docs.Index.as_view(), name="api-index"),
    path("schema/", api_docs.Schema.as_view(), name="api-schema"),
    path("docs/", api_docs.docs, name="api-docs"),
    path("imports/", api_imports.Imports.as_view(), name="api-imports"),
    path("imports/templates/", api_imports.Templates.as_view(), name="api-templates"),
    path("imports/templates/<str:slug>/", api_imports.Template.as_view(), name="api-template"),
    path("imports/<int:batch_id>/", api_imports.Import.as_view(), name="api-import"),
    path("imports/<int:batch_id>/undo/", api_imports.UndoImport.as_view(), name="api-import-undo"),
    path("proposals/", api_proposals.Proposals.as_view(), name="api-proposals"),
    path("proposals/<int:proposal_id>/", api_proposals.OneProposal.as_view(), name="api-proposal"),
    path("proposals/<int:proposal_id>/approve/", api_proposals.ApproveProposal.as_view(), name="api-proposal-approve"),
    path("proposals/<int:proposal_id>/return/", api_proposals.ReturnProposal.as_view(), name="api-proposal-return"),
    path(
        "proposals/<int:proposal_id>/withdraw/", api_proposals.WithdrawProposal.as_view(), name="api-proposal-withdraw"
    ),
    path("contract-moves/", api_workflow.ContractMoves.as_view(), name="api-contract-moves"),
    path("contract-moves/<str:contract>/", api_workflow.MovesOfContract.as_view(), name="api-contract-moves-of"),
    path("contract-holds/", api_workflow.ContractHolds.as_view(), name="api-contract-holds"),
    path("contract-holds/release/", api_workflow.ReleaseContractHold.as_view(), name="api-contract-hold-release"),
    path("quotes/", api_quotes.Quotes.as_view(), name="api-quotes"),
    path("quotes/<uuid:number>/", api_quotes.OneQuote.as_view(), name="api-quote"),
    path("quotes/<uuid:number>/adopt/", api_quote_moves.TakeOffer.as_view(), name="api-quote-adopt"),
    path("quotes/<uuid:number>/again/", api_quote_moves.AskAgain.as_view(), name="api-quote-again"),
    path("quotes/<uuid:number>/deal/", api_quote_moves.MakeDeal.as_view(), name="api-quote-deal"),
    path("requests/", api_requests.Requests.as_view(), name="api-requests"),
    path("request-answers/", api_requests.RequestAnswers.as_view(), name="api-request-answers"),
    path("request-moves/", api_requests.RequestMoves.as_view(), name="api-request-moves"),
    path("request-moves/<str:key>/", api_requests.MovesOfRequest.as_view(), name="api-request-moves-of"),
    path("notices/", api_notices.Notices.as_view(), name="api-notices"),
    path("moves/", api_moves.Moves.as_view(), name="api-moves"),
    path("moves/<str:key>/", api_moves.OneMove.as_view(), name="api-move"),
    path("moves/<str:key>/ask/", api_moves.AskMove.as_view(), name="api-move-ask"),
    path("moves/<str:key>/accept/", api_moves.AcceptMove.as_view(), name="api-move-accept"),
    path("moves/<str:key>/end/", api_moves.EndMove.as_view(), name="api-move-end"),
    path("what-ifs/", api_what_ifs.WhatIfs.as_view(), name="api-what-ifs"),
    path("what-ifs/<uuid:number>/", api_what_ifs.OneWhatIf.as_view(), name="api-what-if"),
    *(path(route, view.as_view(), name=_route_name(route)) for route, view in all_table_views().items()),
    *(path(f"{name}/", view.as_view(), name=f"api-{name}") for name, view in VIEWS.items()),
]
