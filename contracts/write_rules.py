"""Who may write which contract row, and what a second person has to approve (methods: Visibility).

The rules get rows as typed values or as the cells of an export. Which columns a person sees is the visibility
table's; which role may write at all is the permission table's.
"""

from __future__ import annotations

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports.tables import Values
from contracts.models import Contract

OFFERS = {"draft", "what_if"}
IN_FORCE = {"signed", "active", "notice"}
# Changes that say where a row is from and nothing about what was agreed.
_BOOKKEEPING = {"provenance", "source_ref"}


def owner_writes(viewer: Viewer, before: Values | None, after: Values | None) -> str:
    """Sales keep the rows that are theirs, and make new ones theirs."""
    if not _is_only_sales(viewer):
        return ""
    if any(str(row.get("owner") or "") != viewer.username for row in (before, after) if row is not None):
        return "Sales keep their own accounts only: the owner must be you, before and after the change."
    return ""


def contract_writer(viewer: Viewer, before: Values | None, after: Values | None) -> str:
    """Sales write drafts and what-ifs of their own; everything beyond is finance's."""
    if not _is_only_sales(viewer):
        return ""
    refusal = owner_writes(viewer, before, after)
    if refusal:
        return refusal
    if any(row["state"] not in OFFERS for row in (before, after) if row is not None):
        return "Sales write drafts and what-ifs. Ask finance to sign, change or end a contract."
    return ""


def line_writer(viewer: Viewer, before: Values | None, after: Values | None) -> str:
    """Lines of a contract are written by whoever may write the contract."""
    if not _is_only_sales(viewer):
        return ""
    for row in (before, after):
        state, owner = _contract_of(row)
        if row is None:
            continue
        if owner != viewer.username:
            return "Sales keep the lines of their own contracts only."
        if state not in OFFERS:
            return "Sales write the lines of drafts and what-ifs. Ask finance to change a contract that is signed."
    return ""


def contract_checker(before: Values | None, after: Values | None) -> str:
    """Why a second person must approve this write of a contract, or ""."""
    was, now = (None if row is None else row["state"] for row in (before, after))
    if was in IN_FORCE and now is None:
        return "Removing a contract in force needs a second person."
    if now in IN_FORCE and was not in IN_FORCE:
        return "Bringing a contract into force needs a second person."
    if before is not None and after is not None and was in IN_FORCE:
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        if changed - _BOOKKEEPING:
            return "A change of a contract in force needs a second person."
    return ""


def price_checker(before: Values | None, after: Values | None) -> str:
    """Why a second person must approve this price."""
    return _line_checker(before, after, "A price of a contract in force needs a second person.")


def commitment_checker(before: Values | None, after: Values | None) -> str:
    """Why a second person must approve this commitment or SLA line."""
    return _line_checker(before, after, "A commitment of a contract in force needs a second person.")


def _line_checker(before: Values | None, after: Values | None, reason: str) -> str:
    return reason if any(_contract_of(row)[0] in IN_FORCE for row in (before, after)) else ""


def _is_only_sales(viewer: Viewer) -> bool:
    return Role.SALES in viewer.roles and Role.FINANCE not in viewer.roles


def _contract_of(row: Values | None) -> tuple[str, str]:
    """State and owner's username of the contract a line belongs to; ("", "") where there is none."""
    if row is None or not row.get("version"):
        return "", ""
    found = (
        Contract.objects.filter(key=row["contract"], version=int(str(row["version"])))
        .values_list("state", "owner__username")
        .first()
    )
    return ("", "") if found is None else (found[0], found[1] or "")
