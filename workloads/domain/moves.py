"""Moves to cheaper serving: what each kind changes, what it saves on paper, what it releases (methods: Cheaper serving).

What belongs here: the kinds, the arithmetic of two sides of the same classes, and what cards suggest by themselves. Not
here: which rows a move changes (review), who agreed to it (decisions), the plan after it (a what-if's).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from statistics import median

from capacity.lib.money import to_decimal
from capacity.lib.units import HOURS_PER_WEEK, exact

# What a move names beside its workload: another model or accelerator type (a key), a share of one, or a factor.
MODEL, TYPE, SHARE, FACTOR = "model", "type", "share", "factor"
# Weeks over which a move is counted.
MOVE_WEEKS = 13
# A workload's cache hits count as low where they lie this far below the middle of so many peers or more.
CACHE_GAP = Fraction(1, 5)
LEAST_PEERS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveKind:
    """A kind of move. asks: what it names. decision: the kind of decision that accepts it.

    is_quality: whether answers may get worse by it, so that a quality gate stands before it.
    """

    code: str
    name: str
    asks: tuple[str, ...]
    decision: str
    says: str
    is_quality: bool = True


KINDS: Mapping[str, MoveKind] = {
    kind.code: kind
    for kind in (
        MoveKind(
            code="smaller_model",
            name="Smaller model",
            asks=(MODEL,),
            decision="default",
            says="The card's model becomes the one named; contracts on the card move with it, but those pinned.",
        ),
        MoveKind(
            code="offline",
            name="Offline hours",
            asks=(),
            decision="migration",
            says="Its work waits for free hours: no peak to keep room for, no spares.",
            is_quality=False,
        ),
        MoveKind(
            code="batch_hours",
            name="Batch hours",
            asks=(),
            decision="migration",
            says="Its answers come within 24 hours: no peak to keep room for, no spares.",
            is_quality=False,
        ),
        MoveKind(
            code="accelerator_type",
            name="Other accelerator type",
            asks=(TYPE,),
            decision="migration",
            says="Only the type named still serves its model at this latency: of every workload on that model.",
            is_quality=False,
        ),
        MoveKind(
            code="caching",
            name="Caching",
            asks=(SHARE,),
            decision="default",
            says="This share of its prompt tokens is read from the cache, of its contracts too.",
            is_quality=False,
        ),
        MoveKind(
            code="batching",
            name="Batching",
            asks=(FACTOR,),
            decision="default",
            says="Replicas write this many times as many tokens a second, of every workload on its model and latency.",
            is_quality=False,
        ),
        MoveKind(
            code="quantisation",
            name="Quantisation",
            asks=(FACTOR,),
            decision="default",
            says="Replicas read and write this many times as many tokens a second, of every workload on its model and "
            "latency.",
        ),
        MoveKind(
            code="routing",
            name="Routing",
            asks=(MODEL, SHARE),
            decision="routing",
            says="This share of its own tokens goes to the model named. What contracts bring cannot be split.",
        ),
        MoveKind(
            code="context_length",
            name="Context length",
            asks=(SHARE,),
            decision="context_length",
            says="Prompts keep this share of their tokens, of its contracts too.",
        ),
    )
}


def paper_saving(*, before: Fraction, after: Fraction, k: int, rate: Decimal) -> Decimal:
    """(L0 − L1)·k·168·rate, USD a week: what the load would save if accelerators came in fractions.

    0.3375 replicas of 8 at $2: $907.20. (methods: Cheaper serving)
    """
    return to_decimal((before - after) * k * HOURS_PER_WEEK * exact(rate))


def released(*, before: Sequence[int], after: Sequence[int]) -> tuple[int, ...]:
    """Whole accelerators that come free by week; below zero where more are needed. (methods: Cheaper serving)"""
    return tuple(was - now for was, now in zip(before, after, strict=True))


def payback_weeks(*, one_off_usd: Decimal, saving_usd_per_week: Decimal | None) -> Fraction | None:
    """One-off cost ÷ saving a week: $10,752 at $2,688 a week is 4 weeks. None: never, or the saving is not known."""
    if saving_usd_per_week is None or saving_usd_per_week <= 0:
        return None
    return exact(one_off_usd) / exact(saving_usd_per_week)


# --- the two sides of a what-if -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassSide:
    """A serving class on one side, by week: load (replica-seconds a second), whole accelerators, USD an accelerator-hour.

    A rate is None where a pool of its type has no known one.
    """

    key: str
    accelerator_type: str
    replica_accelerators: int
    loads: tuple[Fraction, ...]
    accelerators: tuple[int, ...]
    rates: tuple[Decimal | None, ...]

    @property
    def needs(self) -> tuple[object, ...]:
        return (self.accelerator_type, self.replica_accelerators, self.loads, self.accelerators)


@dataclass(frozen=True, kw_only=True, slots=True)
class Saving:
    """What a change of classes saves. Dollars are means a week over the weeks told; None where a rate is not known.

    by_type: accelerator type → whole accelerators released by week. changed: keys of the classes that differ.
    """

    changed: tuple[str, ...]
    by_type: Mapping[str, tuple[int, ...]]
    by_week: tuple[int, ...]
    paper_usd: Decimal | None
    released_usd: Decimal | None

    @property
    def released_always(self) -> int:
        """Whole accelerators free in every one of the weeks: their fewest."""
        return min(self.by_week, default=0)


def saving_of(*, before: Iterable[ClassSide], after: Iterable[ClassSide], weeks: int) -> Saving:
    """Both savings of a change, over classes whose need differs; rows in any order. All sides tell `weeks` weeks."""
    was, now = ({side.key: side for side in sides} for sides in (before, after))
    changed = tuple(
        key
        for key in sorted(was.keys() | now.keys())
        if key not in was or key not in now or was[key].needs != now[key].needs
    )
    old = [was[key] for key in changed if key in was]
    new = [now[key] for key in changed if key in now]
    kinds = sorted({side.accelerator_type for side in (*old, *new)})
    by_type = {
        kind: released(before=_accelerators(old, weeks, kind), after=_accelerators(new, weeks, kind)) for kind in kinds
    }
    return Saving(
        changed=changed,
        by_type=by_type,
        by_week=released(before=_accelerators(old, weeks), after=_accelerators(new, weeks)),
        paper_usd=_less(_paper(old, weeks), _paper(new, weeks)),
        released_usd=_less(_whole(old, weeks), _whole(new, weeks)),
    )


def _accelerators(sides: Sequence[ClassSide], weeks: int, kind: str = "") -> list[int]:
    return [
        sum(side.accelerators[index] for side in sides if kind in ("", side.accelerator_type)) for index in range(weeks)
    ]


def _paper(sides: Sequence[ClassSide], weeks: int) -> Fraction | None:
    """Mean USD a week of the load alone."""
    return _mean(
        [
            (side.loads[index] * side.replica_accelerators, side.rates[index])
            for side in sides
            for index in range(weeks)
        ],
        weeks,
    )


def _whole(sides: Sequence[ClassSide], weeks: int) -> Fraction | None:
    """Mean USD a week of the whole accelerators."""
    return _mean(
        [(Fraction(side.accelerators[index]), side.rates[index]) for side in sides for index in range(weeks)], weeks
    )


def _mean(parts: Iterable[tuple[Fraction, Decimal | None]], weeks: int) -> Fraction | None:
    total = Fraction(0)
    for accelerators, rate in parts:
        if not accelerators:
            continue
        if rate is None:
            return None
        total += accelerators * HOURS_PER_WEEK * exact(rate)
    return total / weeks if weeks else Fraction(0)


def _less(before: Fraction | None, after: Fraction | None) -> Decimal | None:
    return None if before is None or after is None else to_decimal(before - after)


# --- what cards suggest ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class CardFacts:
    """A workload card as suggestions read it. cache_hit_share: of all prompt tokens it expects; None: none known.

    smaller_model: a model of the next lower tier that is measured at its latency, "" for none. has_batch: whether its
    model is measured at batch latency. is_own: its tokens are its own, no contract's.
    """

    key: str
    model_tier: str
    latency_class: str
    purpose: str
    smaller_tier_tested: str
    cache_hit_share: Fraction | None
    smaller_model: str = ""
    has_batch: bool = False
    is_own: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A move that the facts of a card suggest. to_key: the model; amount: the share."""

    workload_key: str
    kind: str
    to_key: str = ""
    amount: Fraction | None = None


def candidates(cards: Iterable[CardFacts]) -> tuple[Candidate, ...]:
    """Moves that facts alone suggest, by workload and kind; people add others. (methods: Cheaper serving)

    A smaller model where its test passed and one is measured; batch hours for internal work that is our own; caching up
    to the peers' middle where hits lie 0.2 or more below it.
    """
    known = sorted(cards, key=lambda card: card.key)
    gaps = cache_gaps(known)
    found = []
    for card in known:
        if card.key in gaps:
            found.append(Candidate(workload_key=card.key, kind="caching", amount=gaps[card.key]))
        if card.smaller_tier_tested == "pass" and card.smaller_model:
            found.append(Candidate(workload_key=card.key, kind="smaller_model", to_key=card.smaller_model))
        is_waiting = card.purpose == "internal" and card.latency_class in {"interactive", "standard"}
        if is_waiting and card.is_own and card.has_batch:
            found.append(Candidate(workload_key=card.key, kind="batch_hours"))
    return tuple(sorted(found, key=lambda each: (each.workload_key, each.kind)))


def cache_gaps(cards: Iterable[CardFacts]) -> dict[str, Fraction]:
    """Workload → the middle of its peers' cache hits, where its own lie 0.2 or more below it.

    Peers: the other cards of its model tier and latency whose hits are known, three or more of them.
    """
    known = [card for card in cards if card.cache_hit_share is not None]
    found = {}
    for card in known:
        place = (card.model_tier, card.latency_class)
        peers = [
            each.cache_hit_share
            for each in known
            if each.key != card.key
            and (each.model_tier, each.latency_class) == place
            and each.cache_hit_share is not None
        ]
        if len(peers) < LEAST_PEERS or card.cache_hit_share is None:
            continue
        middle = Fraction(median(peers))
        if middle - card.cache_hit_share >= CACHE_GAP:
            found[card.key] = middle
    return found
