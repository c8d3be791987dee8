"""The nearest offers to a quote that does not fit: later, smaller, elsewhere, capped, in steps; each asked of the engine.

What belongs here: which variations are looked at, and how near each is (methods: Quotes). Whether one fits is
quote_sizing.py's; the variations themselves are contracts/domain/quote_payload.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.lib.horizon import Week
from capacity.review.input_edits import ChangesRefused
from capacity.review.quote_sizing import FitCheck, Tried
from contracts.domain import quote_payload as payloads
from contracts.domain.quote import earliest, largest, two_digits_down
from contracts.domain.quote_payload import Payload

MOST_OFFERS = 3
# The same volume and dates in another place: near, but not what was asked.
ELSEWHERE = Fraction(1, 10)
# A later start is looked for as long as so many weeks of the term are planned.
LEAST_PLANNED_WEEKS = 13
# Each is a question to the engine.
MOST_STARTS = 40
LATENCY_ORDER = ("interactive", "standard", "batch", "offline")
Progress = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A variation that fits. distance: the share of what was asked that it leaves out, the nearest first.

    says: what is different, by name, for words; is_least: nothing nearer of its kind fits, one step more does not.
    """

    kind: str
    payload: Payload
    tried: Tried
    distance: Fraction
    says: Mapping[str, Any]
    is_least: bool


@dataclass(frozen=True, slots=True)
class Start:
    """Where a term may begin. week: by index, None where none was found; weeks: of the term that are planned from there.

    stopped: the last week looked at, where weeks after it were left out; None where all were.
    """

    week: int | None
    weeks: int
    stopped: int | None = None


def earliest_start(check: FitCheck, tried: Tried) -> Start:
    """The smallest week from the one asked for to begin in so that the quote fits for all its planned weeks."""
    asked = _start_index(check, tried.payload)
    if tried.fits:
        return Start(
            max(asked, 0), min(_weeks(tried.payload) + min(asked, 0), len(check.inputs.horizon) - max(asked, 0))
        )
    found, stopped = earliest(
        lambda begin: _last_short(check, tried, begin, asked),
        first=max(asked, 0),
        last=max(asked, _last_start(check, tried.payload)),
        may_skip=_flat(tried),
        most=MOST_STARTS,
    )
    weeks = 0 if found is None else min(_weeks(tried.payload), len(check.inputs.horizon) - found)
    return Start(found, weeks, stopped)


def _last_short(check: FitCheck, tried: Tried, begin: int, asked: int) -> int | None:
    if begin == asked:
        return tried.last_short
    return check.tried(payloads.later(tried.payload, weeks=begin - asked)).last_short


def _start_index(check: FitCheck, payload: Payload) -> int:
    """The week the term begins in, counted from the plan's first; below zero where it has begun."""
    first = check.inputs.horizon.first
    return (Week.containing(payloads.starts(payload)).monday - first.monday).days // 7


def _last_start(check: FitCheck, payload: Payload) -> int:
    return max(0, len(check.inputs.horizon) - min(_weeks(payload), LEAST_PLANNED_WEEKS))


def _weeks(payload: Payload) -> int:
    """Of the term, begun ones counted."""
    return -(-(payloads.ends(payload) - payloads.starts(payload)).days // 7)


def _flat(tried: Tried) -> bool:
    """Whether its own use and units are the same in every week, so that a short week is short whenever the term begins."""
    for part in tried.sized.parts:
        weeks = [terms for terms in part.terms if terms is not None]
        steps = {tuple(line.steps for line in terms.unit_lines) for terms in weeks}
        if len({each for each in part.traffic or () if each is not None}) > 1:
            return False
        if len(tried.sized.parts) > 1 or any(len(line) > 1 for found in steps for line in found):
            return False
    return True


def nearest_offers(
    *, check: FitCheck, tried: Tried, begin: int | None, progress: Progress, in_steps: bool = False
) -> list[Offer]:
    """At most three, the nearest first; each fits in all its planned weeks. begin: the earliest start, if there is one.

    in_steps: a volume or limit that fits is offered in two digits, so that it does not say what the floor leaves.
    """
    makers: tuple[tuple[str, Callable[[], Iterator[Offer]]], ...] = (
        ("Looking for a later start", lambda: _later(check, tried, begin)),
        ("Looking for a smaller volume", lambda: _smaller(check, tried, in_steps)),
        ("Looking in other places", lambda: _elsewhere(check, tried)),
        ("Looking for a cap of use", lambda: _capped(check, tried, in_steps)),
        ("Looking for a ramp", lambda: _ramp(check, tried, in_steps)),
    )
    found: list[Offer] = []
    for number, (stage, offers) in enumerate(makers):
        progress(stage, number / len(makers))
        found += offers()
    order = {
        stage: place
        for place, stage in enumerate(("later", "smaller", "region", "latency", "hardware", "capped", "ramp"))
    }
    found.sort(key=lambda each: (each.distance, order[each.kind]))
    return found[:MOST_OFFERS]


def _term_weeks(tried: Tried) -> int:
    return max(1, sum(1 for amount in tried.work if amount))


def _later(check: FitCheck, tried: Tried, begin: int | None) -> Iterator[Offer]:
    asked = _start_index(check, tried.payload)
    if begin is None or begin <= asked:
        return
    payload = payloads.later(tried.payload, weeks=begin - asked)
    yield Offer(
        kind="later",
        payload=payload,
        tried=check.tried(payload),
        distance=Fraction(begin - asked, _term_weeks(tried)),
        says={"week": check.inputs.horizon.first.plus(begin).key, "weeks": begin - asked},
        is_least=True,
    )


def _smaller(check: FitCheck, tried: Tried, in_steps: bool) -> Iterator[Offer]:
    usage = _usage(tried)
    volume = payloads.volume_of(tried.payload, has_tokens=bool(usage))
    if volume is None:
        return
    base = _with_usage(tried.payload, usage)
    part = largest(lambda n: check.fits(payloads.with_volume(base, part=n, of=volume.most)), below=volume.most)
    part = _told(part, in_steps)
    if not part:
        return
    payload = payloads.with_volume(base, part=part, of=volume.most)
    yield Offer(
        kind="smaller",
        payload=payload,
        tried=check.tried(payload),
        distance=1 - Fraction(part, volume.most),
        says={"part": part, "of": volume.most, "noun": volume.noun},
        is_least=not in_steps,
    )


def _told(part: int, in_steps: bool) -> int:
    """What fits, where it may not be told to the last one: less of the same fits too."""
    if not in_steps or not part:
        return part
    return two_digits_down(part) or max(step for step in (1, 2, 5) if step <= part)


def _usage(tried: Tried) -> dict[str, Any]:
    """The expected tokens a contract without units is sized from; empty where nothing is known."""
    part = tried.sized.parts[0] if tried.sized.parts else None
    if part is None or part.promises or part.traffic is None:
        return {}
    return {name: part.usage[name] for name in ("input_tokens_per_second", "output_tokens_per_second")}


def _with_usage(payload: Payload, usage: Mapping[str, Any]) -> dict[str, Any]:
    """Tokens that come from a usage profile written out, so that they can be less."""
    own = {name: f"{Decimal(amount):f}" for name, amount in usage.items() if amount is not None}
    return payloads.with_columns(payload, **own) if usage else dict(payload)


def _elsewhere(check: FitCheck, tried: Tried) -> Iterator[Offer]:
    """The first of each kind that fits: another region, a slower latency class, other accelerators of one's own."""
    for kind, candidates in (
        ("region", _other_regions(check, tried)),
        ("latency", _other_latencies(check, tried)),
        ("hardware", _other_types(check, tried)),
    ):
        for name, payload in candidates:
            found = _fitting(check, payload)
            if found is not None:
                yield Offer(
                    kind=kind, payload=payload, tried=found, distance=ELSEWHERE, says={"name": name}, is_least=False
                )
                break


def _fitting(check: FitCheck, payload: Payload) -> Tried | None:
    """None also where the variation is not possible at all."""
    try:
        tried = check.tried(payload)
    except ChangesRefused:
        return None
    return tried if tried.fits else None


def _other_regions(check: FitCheck, tried: Tried) -> list[tuple[str, dict[str, Any]]]:
    if not tried.sized.parts:
        return []
    regions = sorted({str(site["region"]) for site in check.inputs.tables["sites"]})
    own = set(tried.sized.parts[0].regions)
    if not own:
        return []
    return [(name, payloads.with_columns(tried.payload, regions=name)) for name in regions if {name} != own]


def _other_latencies(check: FitCheck, tried: Tried) -> list[tuple[str, dict[str, Any]]]:
    part = tried.sized.parts[0] if tried.sized.parts else None
    if part is None or not part.latency_class or part.dedicated_unit is not None:
        return []
    slower = LATENCY_ORDER[LATENCY_ORDER.index(part.latency_class) + 1 :]
    rows = check.inputs.tables["throughput_profiles"]
    there = {row["latency_class"] for row in rows if row["model_version"] == part.model_key}
    return [(name, payloads.with_columns(tried.payload, latency_class=name)) for name in slower if name in there]


def _other_types(check: FitCheck, tried: Tried) -> list[tuple[str, dict[str, Any]]]:
    own = payloads.column(tried.payload, "accelerator_type")
    if payloads.shape(tried.payload) != "dedicated_accelerators":
        return []
    kinds = sorted({str(pool["accelerator_type"]) for pool in check.inputs.tables["pools"]})
    return [(kind, payloads.with_columns(tried.payload, accelerator_type=kind)) for kind in kinds if kind != own]


def _capped(check: FitCheck, tried: Tried, in_steps: bool) -> Iterator[Offer]:
    """The highest rate limit, in hundredths of expected use, down to expected use itself."""
    usage, part = _usage(tried), tried.sized.parts[0] if tried.sized.parts else None
    # One limit for the whole term: of use that grows it would cap the later weeks below what is expected of them.
    if not usage or part is None or not all(usage.values()) or not _flat(tried):
        return
    traffic = next(each for each in part.traffic or () if each is not None)
    most = int(traffic.peak_factor * 100)
    terms = next(terms for terms in part.terms if terms is not None)
    if not terms.rate_limit.is_uncapped or most <= 100 or not check.fits(_limited(tried, 100, usage)):
        return
    above = _told(largest(lambda n: check.fits(_limited(tried, 100 + n, usage)), below=most - 100), in_steps)
    payload = _limited(tried, 100 + above, usage)
    yield Offer(
        kind="capped",
        payload=payload,
        tried=check.tried(payload),
        distance=1 - Fraction(100 + above, most),
        says={"hundredths": 100 + above, "peak": str(Decimal(most) / 100)},
        is_least=not in_steps,
    )


def _limited(tried: Tried, hundredths: int, usage: Mapping[str, Any]) -> dict[str, Any]:
    return payloads.with_limit(tried.payload, hundredths=hundredths, usage=usage)


def _ramp(check: FitCheck, tried: Tried, in_steps: bool) -> Iterator[Offer]:
    """All units from the first week from which they fit to the end; before it as many as fit."""
    payload = tried.payload
    volume = payloads.volume_of(payload, has_tokens=False) if payloads.may_ramp(payload) else None
    asked, last = _start_index(check, payload), tried.last_short
    if volume is None or last is None or asked < 0 or last >= len(tried.work):
        return
    # Units that are there from a later week ask the same in each week as those that are there from the first.
    full = max(last + 1, asked + 1)
    full_from = check.inputs.horizon.first.plus(full).monday
    if full >= len(tried.work) or full_from >= payloads.ends(payload):
        return
    part = largest(
        lambda n: check.fits(payloads.with_ramp(payload, part=n, of=volume.most, full_from=full_from)),
        below=volume.most,
    )
    part = _told(part, in_steps)
    if not part:
        return
    ramped = payloads.with_ramp(payload, part=part, of=volume.most, full_from=full_from)
    yield Offer(
        kind="ramp",
        payload=ramped,
        tried=check.tried(ramped),
        distance=(1 - Fraction(part, volume.most)) * Fraction(full - asked, _term_weeks(tried)),
        says={
            "part": part,
            "of": volume.most,
            "noun": volume.noun,
            "week": check.inputs.horizon.first.plus(full).key,
            "before": (full_from - timedelta(days=1)).isoformat(),
        },
        is_least=not in_steps,
    )
