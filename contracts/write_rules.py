"""Who may write which contract row, and what a second person has to approve (methods: Visibility).

The rules get rows as typed values or as the cells of an export. Which columns a person sees is the visibility
table's; which role may write at all is the permission table's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports.tables import Values
from contracts.domain.workflow import BEFORE_FINANCE, IN_FORCE, MAY_HOLD, OFFERS
from contracts.models import Contract, Hold

NEW_OFFERS = frozenset({"draft", "what_if"})
# A contract is entered as an offer, or as what it is already.
NEW = NEW_OFFERS | IN_FORCE | {"ended"}
SIGNED_ELSEWHERE = (
    "This contract is known here: its next version begins as a draft, and is signed on the contract's page."
)
MOVES_ELSEWHERE = "The state changes on the contract's page, where each move is kept with who made it and why."
WITH_FINANCE = "Finance has it as it is worded: it has to be returned before anything in it changes."
HELD = "It holds accelerators for what it says now: release the hold, change it, and ask for another."
HOLDS_ELSEWHERE = "Holds are granted and released on the deal's page, where there is room for them."
PROFILE_WITH_FINANCE = (
    "{deal} is with finance as this profile says: have it returned, or give it a profile with a new key."
)
PROFILE_HELD = (
    "{deal} holds accelerators for what this profile says: release its hold, or give it a profile with a new key."
)
SOMEBODYS_DEAL = "Somebody else's deal"
# What of a usage profile is about it; all the rest sizes the contracts that name it.
_ABOUT_A_PROFILE = {"id", "key", "name", "owner", "owner_id", "provenance", "row_version"}
# Changes that say where a row is from and nothing about what was agreed.
_BOOKKEEPING = {"provenance", "source_ref"}


def owner_writes(viewer: Viewer, before: Values | None, after: Values | None) -> str:
    """Sales keep the rows that are theirs, and make new ones theirs."""
    if not _is_only_sales(viewer):
        return ""
    if any(str(row.get("owner") or "") != viewer.username for row in (before, after) if row is not None):
        return "Sales keep their own accounts only: the owner must be you, before and after the change."
    return ""


def says_use(values: Mapping[str, Any]) -> dict[str, Any]:
    """What of a usage profile sizes the contracts that name it."""
    return {name: value for name, value in values.items() if name not in _ABOUT_A_PROFILE}


def profile_writer(viewer: Viewer, before: Values | None, after: Values | None) -> str:
    """Sales keep profiles of their own; none changes under a deal that finance looks at or that holds accelerators."""
    refusal = owner_writes(viewer, before, after)
    if refusal or not _resizes(before, after):
        return refusal
    deals = Contract.objects.filter(usage_profile__key=before["key"]).order_by("key", "version")  # type: ignore[index]
    with_finance = deals.filter(state__in=BEFORE_FINANCE)
    held = deals.filter(holds__state="granted")
    for found, sentence in ((with_finance, PROFILE_WITH_FINANCE), (held, PROFILE_HELD)):
        deal = found.select_related("owner").first()
        if deal is not None:
            return sentence.format(deal=_named(deal, viewer))
    return ""


def profile_checker(before: Values | None, after: Values | None) -> str:
    """Why a second person must approve this change of use: a contract in force is planned by it."""
    if not _resizes(before, after):
        return ""
    bound = Contract.objects.filter(usage_profile__key=before["key"], state__in=IN_FORCE)  # type: ignore[index]
    return "A change of the use of a contract in force needs a second person." if bound.exists() else ""


def _resizes(before: Values | None, after: Values | None) -> bool:
    """Whether a profile that is there would say another use. One that is used cannot be removed: the database keeps it."""
    return before is not None and after is not None and says_use(before) != says_use(after)


def _named(deal: Contract, viewer: Viewer) -> str:
    """The deal's key, where its reader may know of it."""
    is_known = Role.FINANCE in viewer.roles or viewer.owns(Role.SALES, deal.owner.get_username() if deal.owner else "")
    return f"{deal.key} v{deal.version}" if is_known else SOMEBODYS_DEAL


def contract_writer(viewer: Viewer, before: Values | None, after: Values | None) -> str:
    """Sales word offers of their own, everything beyond is finance's; nobody moves a contract from here."""
    refusal = _moved(before, after) or (_is_only_sales(viewer) and owner_writes(viewer, before, after)) or ""
    if refusal:
        return refusal
    if before is not None and before["state"] in BEFORE_FINANCE and (after is None or _differs(before, after)):
        return WITH_FINANCE
    if _is_only_sales(viewer) and any(row["state"] not in OFFERS for row in (before, after) if row is not None):
        return "Sales write drafts and what-ifs. Ask finance to sign, change or end a contract."
    if before is not None and (after is None or _differs(before, after)) and before["state"] in MAY_HOLD:
        return HELD if _is_held(str(before.get("key")), before.get("version")) else ""
    return ""


def _moved(before: Values | None, after: Values | None) -> str:
    """The workflow is the only way from one state to another."""
    if before is None and after is not None and after["state"] not in NEW:
        return "A new contract is a draft or a what-if, or one that is in force already."
    if before is None and after is not None and after["state"] in IN_FORCE and _is_known(str(after.get("key"))):
        return SIGNED_ELSEWHERE
    if before is not None and after is not None and before["state"] != after["state"]:
        return MOVES_ELSEWHERE
    return ""


def _is_known(key: str) -> bool:
    """Whether any version of the contract is here, or once moved: then it is signed by moves, not entered as signed.

    Versions that one file brings together are written after all of them were asked, so that a history can be entered.
    """
    return Contract.objects.filter(key=key).exists()


def _differs(before: Values, after: Values) -> bool:
    return bool({name for name in {*before, *after} if before.get(name) != after.get(name)} - _BOOKKEEPING)


def _is_held(key: str, version: object) -> bool:
    if version is None:
        return False
    return Hold.objects.filter(contract__key=key, contract__version=int(str(version)), state="granted").exists()


def hold_writer(viewer: Viewer, before: Values | None, after: Values | None) -> str:
    """Nobody writes a hold like any row: it needs room, and room is looked for on the deal's page."""
    return "" if before == after else HOLDS_ELSEWHERE


def line_writer(viewer: Viewer, before: Values | None, after: Values | None) -> str:
    """Lines of a contract are written by whoever may write the contract, while nobody relies on what it says."""
    for row in (before, after):
        state, owner = _contract_of(row)
        if row is None or before == after:
            continue
        if state in BEFORE_FINANCE:
            return WITH_FINANCE
        if not _is_only_sales(viewer):
            continue
        if owner != viewer.username:
            return "Sales keep the lines of their own contracts only."
        if state not in OFFERS:
            return "Sales write the lines of drafts and what-ifs. Ask finance to change a contract that is signed."
    return ""


def price_line_writer(viewer: Viewer, before: Values | None, after: Values | None) -> str:
    """Prices say nothing of size, but for take-or-pay: which of them is there says what its committed tokens are."""
    refusal = line_writer(viewer, before, after)
    if refusal or before == after:
        return refusal
    return next(
        (HELD for row in (before, after) if row is not None and _is_take_or_pay(row) and _line_is_held(row)), ""
    )


def _is_take_or_pay(row: Values) -> bool:
    version = row.get("version")
    found = Contract.objects.filter(key=row["contract"], version=int(str(version or 0)), shape="take_or_pay")
    return found.exists()


def sizing_line_writer(viewer: Viewer, before: Values | None, after: Values | None) -> str:
    """Lines that say how much is wanted: not while accelerators are held for what they say."""
    refusal = line_writer(viewer, before, after)
    if refusal or before == after:
        return refusal
    return next((HELD for row in (before, after) if row is not None and _line_is_held(row)), "")


def _line_is_held(row: Values) -> bool:
    return bool(row.get("version")) and _is_held(str(row["contract"]), row["version"])


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
