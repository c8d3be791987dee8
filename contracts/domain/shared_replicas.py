"""Streams of one contract that share replicas: one model, region set and latency class has one ceiling and its spares.

What belongs here: a pool of sized streams that is sized and stepped like one stream (methods: Streams). Not here: what
contracts share with each other (the plan's classes), and who may share (weeks.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from contracts.domain.streams import SizedStream
from workloads.domain.serving import Need, size_load


@dataclass(frozen=True, kw_only=True)
class SizedPool(SizedStream):
    """Sized streams with one ceiling. stream: the first of them, for profile, rate and key; none has units promised."""

    members: tuple[SizedStream, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(each.stream.key for each in self.members)

    @property
    def is_sized(self) -> bool:
        return all(each.is_sized for each in self.members)

    def need_at(self, multiple: Fraction) -> Need | None:
        return _together(self, [each.need_at(multiple) for each in self.members])

    def multiple_that_fills(self, replicas: int) -> Fraction | None:
        """The largest multiple at which the members' peaks together fit that many work replicas; None = any.

        Each member's peak is straight up to where its limit holds it, so their sum is straight between such multiples.
        """
        assert self.stream.profile is not None
        room = replicas * self.stream.profile.utilisation_target
        start, used = Fraction(0), Fraction(0)
        for turn in sorted({turn for each in self.members if (turn := each.turn_of_limit) is not None}):
            peak = self._peak(turn)
            if peak > room:
                return start + (turn - start) * (room - used) / (peak - used)
            start, used = turn, peak
        growth = self._peak(start + 1) - used
        return start + (room - used) / growth if growth else None

    def _peak(self, multiple: Fraction | None) -> Fraction:
        return sum((each._peak(multiple) for each in self.members), Fraction(0))

    def _is_held_by_limit(self, multiple: Fraction) -> bool:
        return all(each._is_held_by_limit(multiple) for each in self.members)


def pools_of(streams: Iterable[SizedStream]) -> tuple[SizedStream, ...]:
    """The streams by what they share: those of one named pool together, every other one alone, in order."""
    grouped: dict[str, list[SizedStream]] = {}
    for position, each in enumerate(streams):
        grouped.setdefault(each.stream.pool or f"alone {position}", []).append(each)
    return tuple(_pool(members) for members in grouped.values())


def _pool(members: list[SizedStream]) -> SizedStream:
    first = members[0]
    if len(members) == 1:
        return first
    pool = SizedPool(
        stream=first.stream,
        promised=first.promised,
        spares=first.spares,
        rate_usd_per_hour=first.rate_usd_per_hour,
        hours=first.hours,
        members=tuple(members),
    )
    return replace(pool, committed=_together(pool, [each.committed for each in members if each.committed is not None]))


def _together(pool: SizedStream, needs: list[Need | None] | list[Need]) -> Need | None:
    """One ceiling over the loads of all; None where one is not known or there is none."""
    known = [need for need in needs if need is not None]
    if not known or len(known) < len(needs) or pool.stream.profile is None:
        return None
    return size_load(
        load_average=sum((need.load_average for need in known), Fraction(0)),
        load_peak=sum((need.load_peak for need in known), Fraction(0)),
        profile=pool.stream.profile,
        spares=pool.spares,
    )
