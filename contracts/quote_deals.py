"""A quote becomes a deal: its rows, as a draft, through the one writer of rows; once, however often it is asked for.

The rows are those the quote was answered with (domain/quote_payload.py); only the key, the customer and the owner are
new. What happens next is the workflow's (services.py) and the holds' (holding.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports.batches import Findings, take_turn, write_sheets
from capacity.imports.edits import Actor, sheet_of
from capacity.imports.limits import KEY
from capacity.imports.tables import tables
from contracts.domain.quote_payload import LINE_TABLES, column, lines_of
from contracts.models import Contract, Customer, Quote

SOURCE = "quote"
FIRST_VERSION = 1


@dataclass(frozen=True, slots=True)
class DealError:
    """field: key, customer or "" for the whole deal."""

    field: str
    message: str


class DealRefused(Exception):
    """Nothing was written, and why."""

    def __init__(self, *errors: DealError) -> None:
        super().__init__(" ".join(error.message for error in errors))
        self.errors = errors


def suggested_key(quote: Quote) -> str:
    """A key that says where the deal is from: the quote's name, else its number."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", quote.name).strip("-").lower()[:40]
    return f"{words or 'quote'}-{str(quote.number)[:8]}"


def make_deal(
    *, quote_id: int, key: str, customer: str, user: User, viewer: Viewer, request: Any = None
) -> tuple[str, int]:
    """(key, version) of the draft contract that says what the quote says; the same again when it is there already.

    Raises DealRefused.
    """
    with transaction.atomic():
        take_turn(["contracts", *LINE_TABLES])
        quote = Quote.objects.select_for_update().get(pk=quote_id)
        if quote.contract_key and quote.contract_version is not None:
            return quote.contract_key, quote.contract_version
        named = column(quote.payload, "customer") or customer.strip()
        errors = _wrong(key.strip(), named, viewer)
        if errors:
            raise DealRefused(*errors)
        _write(quote, key.strip(), named, user, viewer, request)
        quote.contract_key, quote.contract_version = key.strip(), FIRST_VERSION
        quote.save(update_fields=["contract_key", "contract_version"])
    return quote.contract_key, FIRST_VERSION


def _wrong(key: str, customer: str, viewer: Viewer) -> list[DealError]:
    errors = []
    if not re.match(KEY, key):
        errors.append(
            DealError("key", "A key has letters, digits, points, dashes and underscores, at most 80 of them.")
        )
    elif Contract.objects.filter(key=key).exists():
        errors.append(DealError("key", "There is a contract of this key: choose another."))
    if not customer:
        errors.append(DealError("customer", "Say whose deal it is. A new customer is added under Data, Customers."))
        return errors
    found = Customer.objects.filter(key=customer).values_list("owner__username", flat=True)
    is_theirs = any(Role.FINANCE in viewer.roles or viewer.owns(Role.SALES, owner or "") for owner in found)
    if not is_theirs:
        message = "You keep no customer of this key. A new one is added under Data, Customers."
        errors.append(DealError("customer", message))
    return errors


def _owner(quote: Quote, customer: str) -> str:
    """Sales keep the deals they asked about; what finance asked is the customer's owner's."""
    grants = quote.made_by.role_grants.filter(role=Role.SALES.value, revoked_at=None)
    if grants.exists():
        return quote.made_by.get_username()
    return Customer.objects.filter(key=customer).values_list("owner__username", flat=True).first() or ""


def _write(quote: Quote, key: str, customer: str, user: User, viewer: Viewer, request: Any) -> None:
    payload: Mapping[str, Any] = quote.payload
    contract = {
        **payload["contract"],
        "key": key,
        "version": str(FIRST_VERSION),
        "name": quote.name,
        "customer": customer,
        "state": "draft",
        "owner": _owner(quote, customer),
        "source_ref": f"quote {quote.number}",
    }
    place = {"contract": key, "version": str(FIRST_VERSION)}
    sheets = {"contracts": [sheet_of(tables()["contracts"], [contract])]}
    for table in LINE_TABLES:
        if lines := lines_of(payload, table):
            sheets[table] = [sheet_of(tables()[table], [{**line, **place} for line in lines])]
    findings = Findings(issues=[issue for found in sheets.values() for sheet in found for issue in sheet.issues])
    actor = Actor(user=user, source=SOURCE, viewer=viewer, note=f"quote {quote.number}", request=request)
    write_sheets(sheets=sheets, findings=findings, actor=actor, kind="edit", dry_run=False, keep_empty=False)
    if findings.has_errors or findings.proposal_id:
        said = [DealError("", issue.message) for issue in findings.issues if issue.severity == "E"]
        raise DealRefused(
            *(said or [DealError("", "Somebody else has to approve rows of this deal: nothing was made.")])
        )
