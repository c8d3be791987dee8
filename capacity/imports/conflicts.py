"""Two people changed one row: what each of them changed, field by field, and what to show of it. No database here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from capacity.imports.edits import HistoryEntry, StaleRow

# Parameters of the form that comes back: whose value is taken for a column, and the other's value.
PICK = "_pick_"
THEIRS = "_theirs_"


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """One field whose two versions differ. before: what both started from. shown: the value its control comes back with.

    is_mine: the editor changed it too; otherwise only the other did, and theirs is what counts unless he says otherwise.
    """

    before: str
    theirs: str
    mine: str
    is_mine: bool

    @property
    def shown(self) -> str:
        return self.mine if self.is_mine else self.theirs


def conflicts_of(
    stale: StaleRow, mine: Mapping[str, str], entries: Sequence[HistoryEntry], *, since: int
) -> dict[str, Conflict]:
    """The fields the other changed whose value is not the editor's. entries: the row's history; since: his version.

    What both started from is what the first later write found. A write around the history (in SQL) leaves no such
    trace: every field that differs then counts as changed by both, and is asked about.
    """
    theirs = stale.theirs or {}
    base: dict[str, str] = {}
    for entry in sorted(entries, key=lambda entry: entry.batch_id):
        if (entry.row_version or 0) > since:
            for name, (before, _) in entry.columns.items():
                base.setdefault(name, before)
    found = {}
    for name in stale.columns if base else mine:
        if name not in mine or theirs.get(name, "") == mine[name]:
            continue
        is_mine = name not in base or mine[name] != base[name]
        before = base.get(name, theirs.get(name, ""))
        found[name] = Conflict(before=before, theirs=theirs.get(name, ""), mine=mine[name], is_mine=is_mine)
    return found


def merged(cells: Mapping[str, str], posted: Mapping[str, str]) -> dict[str, str]:
    """The typed cells, with theirs wherever the editor of a form that came back chose so."""
    return {
        name: posted.get(THEIRS + name, "") if posted.get(PICK + name) == "theirs" else text
        for name, text in cells.items()
    }
