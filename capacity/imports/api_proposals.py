"""Writes that wait for a second person, by the API: list, one with its rows, approve, return, withdraw.

The work and its rules are proposals.py's; here its answers are put into JSON, each cell as the reader may see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capacity.access.api_errors import ApiRefusal, FieldError, refusal
from capacity.access.models import User
from capacity.access.viewer import Permits, PermitsByMethod, viewer_of
from capacity.access.visibility import Viewer
from capacity.imports.api_json import Number, StrictJSONParser
from capacity.imports.api_rows import row_url
from capacity.imports.api_serializers import Page
from capacity.imports.api_tables import page_of, paged, refusals
from capacity.imports.changes import Actor
from capacity.imports.described import slug_of
from capacity.imports.models import PROPOSAL_STATES, Proposal
from capacity.imports.proposals import (
    NotDecided,
    approve,
    out_of_date,
    return_,
    visible_proposals,
    waiting_for,
    why_not_decide,
    withdraw,
)
from capacity.imports.records import hidden_columns
from capacity.imports.tables import tables

LONGEST_NOTE = 500
MOST_ROWS = 500
_AREA = "Files"


class ProposedChange(serializers.Serializer):
    """One row of a proposal."""

    table = serializers.CharField()
    url = serializers.CharField()
    kind = serializers.CharField()
    columns = serializers.DictField(help_text="Column → {before, after}, as a file would write them.")
    restricted = serializers.ListField(child=serializers.CharField(), help_text="Columns hidden from your role.")


class ProposalRow(serializers.Serializer):
    """A write that waits, or waited, for a second person."""

    id = serializers.IntegerField()
    url = serializers.CharField()
    state = serializers.ChoiceField(choices=[state for state, _ in PROPOSAL_STATES])
    tables = serializers.ListField(child=serializers.CharField())
    rows = serializers.IntegerField(help_text="How many rows it would write.")
    source = serializers.CharField()  # type: ignore[assignment]
    reason = serializers.CharField(allow_null=True, help_text="Why somebody has to approve it; null where hidden.")
    note = serializers.CharField(allow_null=True, help_text="The proposer's words; null where hidden.")
    proposed_by = serializers.CharField()
    proposed_at = serializers.DateTimeField()
    decided_by = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    decision_note = serializers.CharField(allow_null=True)
    batch = serializers.IntegerField(allow_null=True)


class ProposalDetail(ProposalRow):
    """A proposal with its rows, and whether you can decide it."""

    changes = ProposedChange(many=True)
    out_of_date = serializers.ListField(child=serializers.CharField(), help_text="What happened to its rows since.")
    why_not = serializers.CharField(allow_blank=True, help_text="Why you cannot decide it; empty when you can.")


class ProposalPage(Page):
    """A page of proposals, newest first."""

    results = ProposalRow(many=True)


class Note(serializers.Serializer):
    """Why; needed to return a proposal."""

    note = serializers.CharField(required=False)


class Proposals(APIView):
    """Proposals the reader may know of."""

    permission_classes = (Permits("data.view"),)
    resource = "proposals"
    area = _AREA

    @extend_schema(
        operation_id="proposals_list",
        summary="Writes that a second person has to approve",
        parameters=[
            OpenApiParameter("state", str, description=f"One of {', '.join(state for state, _ in PROPOSAL_STATES)}."),
            OpenApiParameter("for_me", bool, description="Only those that wait for somebody like you."),
            OpenApiParameter("page", int, description="From 1."),
            OpenApiParameter("page_size", int),
        ],
        responses={200: ProposalPage, **refusals(400, 403)},
        tags=[_AREA],
    )
    def get(self, request: Request) -> Response:
        page, size = page_of(request)
        viewer, user = viewer_of(request), cast(User, request.user)
        is_mine = request.query_params.get("for_me", "").lower() in {"true", "1"}
        found = (waiting_for if is_mine else visible_proposals)(viewer=viewer, user=user)
        state = request.query_params.get("state", "")
        if state and state not in dict(PROPOSAL_STATES):
            raise refusal(400, "bad_filter", f"One of {', '.join(dict(PROPOSAL_STATES))}.", field="state")
        if state:
            found = found.filter(state=state)
        lines = [_line(proposal, viewer) for proposal in found[(page - 1) * size : page * size]]
        return paged(request, page=page, size=size, count=found.count(), results=lines)


class OneProposal(APIView):
    """One proposal."""

    permission_classes = (Permits("data.view"),)
    resource = "proposals"
    area = _AREA

    @extend_schema(
        operation_id="proposals_retrieve",
        summary="One proposal with its rows",
        responses={200: ProposalDetail, **refusals(403, 404)},
        tags=[_AREA],
    )
    def get(self, request: Request, proposal_id: int) -> Response:
        return Response(_detail(request, _found(request, proposal_id)))


class _Decision(APIView):
    """What the three decisions share."""

    permission_classes = (PermitsByMethod(POST="data.view"),)
    parser_classes = (StrictJSONParser,)
    resource = "proposals"
    area = _AREA

    def decided(self, request: Request, proposal_id: int, decide: Any, **words: str) -> Response:
        proposal = _found(request, proposal_id)
        actor = Actor(user=cast(User, request.user), viewer=viewer_of(request), source="api", request=request)
        try:
            decide(proposal_id=proposal.pk, actor=actor, **words)
        except NotDecided as refused:
            errors = [FieldError(code="not_decided", message=reason) for reason in refused.reasons]
            raise ApiRefusal(status=409, errors=errors) from None
        return Response(_detail(request, _found(request, proposal_id)))


class ApproveProposal(_Decision):
    """Approves and writes."""

    @extend_schema(
        operation_id="proposals_approve",
        summary="Approve a proposal of somebody else; it is written with both names",
        request=Note,
        responses={200: ProposalDetail, **refusals(403, 404, 409)},
        tags=[_AREA],
    )
    def post(self, request: Request, proposal_id: int) -> Response:
        return self.decided(request, proposal_id, approve, note=_note(request))


class ReturnProposal(_Decision):
    """Sends back."""

    @extend_schema(
        operation_id="proposals_return",
        summary="Send a proposal of somebody else back with a reason; nothing is written",
        request=Note,
        responses={200: ProposalDetail, **refusals(403, 404, 409)},
        tags=[_AREA],
    )
    def post(self, request: Request, proposal_id: int) -> Response:
        return self.decided(request, proposal_id, return_, note=_note(request))


class WithdrawProposal(_Decision):
    """Takes back one's own."""

    @extend_schema(
        operation_id="proposals_withdraw",
        summary="Take one's own proposal back",
        request=None,
        responses={200: ProposalDetail, **refusals(403, 404, 409)},
        tags=[_AREA],
    )
    def post(self, request: Request, proposal_id: int) -> Response:
        return self.decided(request, proposal_id, withdraw)


def _found(request: Request, proposal_id: int) -> Proposal:
    seen = visible_proposals(viewer=viewer_of(request), user=cast(User, request.user))
    proposal = seen.filter(pk=proposal_id).first()
    if proposal is None:
        raise Http404
    return proposal


def _note(request: Request) -> str:
    sent = request.data
    note = sent.get("note", "") if isinstance(sent, Mapping) else None
    if not isinstance(note, str) or isinstance(note, Number) or len(note) > LONGEST_NOTE or not note.isprintable():
        raise refusal(400, "bad_note", f"The note is one line of at most {LONGEST_NOTE} characters.", field="note")
    return note.strip()


def _line(proposal: Proposal, viewer: Viewer) -> dict[str, Any]:
    known = tables()
    # Free words may quote any column of the rows: they are for whoever sees all of them.
    owners = {(change["table"], change["owner"]) for change in proposal.changes}
    is_seen = not any(hidden_columns(known[name], viewer, owner=owner) for name, owner in owners)
    return {
        "id": proposal.pk,
        "url": f"/api/v1/proposals/{proposal.pk}/",
        "state": proposal.state,
        "tables": [slug_of(known[name]) for name in proposal.tables],
        "rows": len(proposal.changes),
        "source": proposal.source,
        "reason": proposal.reason if is_seen else None,
        "note": proposal.note if is_seen else None,
        "proposed_by": proposal.proposed_by.get_username(),
        "proposed_at": proposal.proposed_at,
        "decided_by": proposal.decided_by.get_username() if proposal.decided_by else None,
        "decided_at": proposal.decided_at,
        "decision_note": proposal.decision_note if is_seen else None,
        "batch": proposal.batch_id,
    }


def _detail(request: Request, proposal: Proposal) -> dict[str, Any]:
    viewer, is_waiting = viewer_of(request), proposal.state == "waiting"
    return {
        **_line(proposal, viewer),
        "changes": [_change(change, viewer) for change in proposal.changes[:MOST_ROWS]],
        "out_of_date": out_of_date(proposal) if is_waiting else [],
        "why_not": why_not_decide(proposal, viewer=viewer, user=cast(User, request.user)) if is_waiting else "",
    }


def _change(change: Mapping[str, Any], viewer: Viewer) -> dict[str, Any]:
    table = tables()[change["table"]]
    hidden = hidden_columns(table, viewer, owner=change["owner"])
    before, after = change["before"] or {}, change["after"] or {}
    names = change["columns"] or [name for name in (after or before) if (after or before)[name]]
    return {
        "table": slug_of(table),
        "url": row_url(table, tuple(change["key"])),
        "kind": change["kind"],
        "columns": {
            name: {"before": before.get(name, ""), "after": after.get(name, "")} for name in names if name not in hidden
        },
        "restricted": sorted(name for name in names if name in hidden),
    }
