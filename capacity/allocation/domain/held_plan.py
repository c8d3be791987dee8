"""A run's placements in a changed problem: which are kept, which are lost and why, and places for what is new.

What belongs here: the order in which placements are held and requests are tried, and the recall of preemptible work
(methods: What-if). Room is counted in `held_places`; serving is taken as it comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from capacity.allocation.domain.held_places import Rooms, allows, find_place
from capacity.allocation.domain.problem import Experiment, Problem
from capacity.allocation.domain.quick_side import Side
from capacity.allocation.domain.what_if_answer import Cause
from capacity.allocation.domain.what_if_tally import Rows


class Held:
    """Placements of the run in the changed problem: kept, lost with the cause, and requests still to be tried."""

    def __init__(self, placements: Mapping[str, Rows], requests: Mapping[str, Experiment], changed: Problem) -> None:
        self._was = placements
        self._requests = {row.key: row for row in changed.experiments}
        self._changed_keys = {key for key, row in self._requests.items() if requests.get(key) != row}
        self._tier_of = {tier: k for k, tier in enumerate(changed.tiers)}
        self.placements: dict[str, Rows] = {}
        self.causes: dict[str, Cause] = {}
        self.not_placed: dict[str, Cause] = {}
        self._to_try: list[str] = []
        self.rooms = Rooms(changed)
        for key in self._order(self._was):
            self._hold(key, changed)
        self._to_try += [key for key in self._order(self._changed_keys) if key not in self._was]

    def _order(self, keys: Iterable[str]) -> list[str]:
        """What runs and is pinned first, then what is promised, then by tier and key; requests that are gone come last."""
        last = len(self._tier_of)

        def rank(key: str) -> tuple[int, int, str]:
            request = self._requests.get(key)
            pin = request.pinned if request else None
            return (2 if pin is None else int(pin.promised), self._tier_of[request.tier] if request else last, key)

        return sorted(keys, key=rank)

    def _hold(self, key: str, changed: Problem) -> None:
        request, rows = self._requests.get(key), self._was[key]
        if request is None:
            self.causes[key] = Cause("removed")
            return
        if key in self._changed_keys and not all(allows(changed, request, row) for row in rows):
            self.causes[key] = Cause("request_changed")
            self._to_try.append(key)
            return
        kept = []
        for row in rows:
            cause = self.rooms.blocked(row, request)
            if cause is None:
                self.rooms.take(row, request)
                kept.append(row)
            else:
                self.causes.setdefault(key, cause)
        if kept:
            self.placements[key] = tuple(kept)

    def place_requests(self, after: Side) -> None:
        """Tries what is new or changed in the room that placements and serving leave, and takes it out of the rooms."""
        if not self._to_try:
            return
        free = Rooms(after.problem)
        for key, rows in self.placements.items():
            for row in rows:
                free.take(row, self._requests[key])
        free.take_serving(after.whole_use())
        for key in self._order(self._to_try):
            found = find_place(free, self._requests[key], near=self._was.get(key, ()))
            if isinstance(found, Cause):
                found = self._recall(free, key)
            if isinstance(found, Cause):
                self.not_placed[key] = found
                continue
            self.placements[key] = found
            self.causes.setdefault(key, Cause("added" if key not in self._was else "request_changed"))
            for row in found:
                free.take(row, self._requests[key])
                after.rooms.take(row, self._requests[key])

    def _recall(self, free: Rooms, key: str) -> Rows | Cause:
        """A place where preemptible work of lower tiers lies now; what of that no longer fits is lost to it."""
        request = self._requests[key]
        lower = [
            other
            for other in self._order(self.placements)
            if self._requests[other].preemptible
            and self._requests[other].pinned is None
            and self._tier_of[self._requests[other].tier] > self._tier_of[request.tier]
        ]
        self._move(free, lower, sign=-1)
        found = find_place(free, request, near=self._was.get(key, ()))
        rows = () if isinstance(found, Cause) else found
        for row in rows:
            free.take(row, request)
        for other in lower:
            if any(free.blocked(row, self._requests[other]) for row in self.placements[other]):
                self._recalled(other, key)
            else:
                self._move(free, [other], sign=1)
        for row in rows:
            free.take(row, request, sign=-1)
        return found

    def _move(self, free: Rooms, keys: list[str], *, sign: int) -> None:
        for key in keys:
            for row in self.placements[key]:
                free.take(row, self._requests[key], sign=sign)

    def _recalled(self, key: str, by: str) -> None:
        for row in self.placements.pop(key):
            self.rooms.take(row, self._requests[key], sign=-1)
        self.causes[key] = Cause("recalled", by)
