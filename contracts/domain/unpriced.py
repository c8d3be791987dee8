"""Tokens a contract's prices say nothing of: cached input falls back to input's price, the rest is unknown revenue.

Expected tokens without a price are never free (methods: Contract terms). What a fee, outcomes or reserved units pay for
needs no price by kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from contracts.domain.agreement import AgreedStream, Agreement, Version
from contracts.domain.terms import TOKEN_METERS, ContractTerms, Meter, PriceLine

# Input that is read from the cache or written to it costs what input costs, where it has no price of its own.
FALLS_BACK = (Meter.INPUT_CACHED, Meter.CACHE_WRITE)


def with_fallbacks(agreement: Agreement) -> Agreement:
    """The agreement with lines of uncached input counting the cached and written input in use that nothing else prices."""
    counted = {meter for row in agreement.usage for meter in row.quantities}
    counted |= {*agreement.expected.growing, *agreement.expected.fixed}
    versions = []
    for version in agreement.versions:
        terms, sent = version.terms, {meter for each in version.streams for meter in _sent(each)}
        in_use = [meter for meter in FALLS_BACK if meter in sent or any(_plain(name) == meter for name in counted)]
        terms = replace(
            terms,
            price_lines=_filled(terms.price_lines, in_use),
            spill_lines=_filled(terms.spill_lines, in_use),
        )
        versions.append(replace(version, terms=terms))
    return replace(agreement, versions=tuple(versions))


def _filled(lines: tuple[PriceLine, ...], in_use: list[Meter]) -> tuple[PriceLine, ...]:
    priced = {meter for line in lines for meter in line.meters}
    filled = []
    for line in lines:
        more = [
            f"{before}{dot}{meter}"
            for before, dot, plain in (name.rpartition(".") for name in line.meters)
            if plain == Meter.INPUT_UNCACHED
            for meter in in_use
            if not (_is_priced(before, meter, priced) if before else meter in map(_plain, priced))
        ]
        filled.append(replace(line, meters=(*line.meters, *more)))
    return tuple(filled)


def _plain(meter: str) -> str:
    """The meter without the stream it is counted of."""
    return meter.rpartition(".")[2]


def unpriced_tokens(version: Version) -> tuple[str, ...]:
    """Meters of tokens expected of a version's streams that no line of it prices, the plain name where it has one stream."""
    priced = _priced(version.terms)
    if not _needs_prices(version.terms):
        return ()
    paid_by_units = {line.stream for line in version.terms.unit_lines}
    found = []
    for position, each in enumerate(version.streams):
        key = each.stream.key
        if key in paid_by_units or (position == 0 and "" in paid_by_units):
            continue
        before = f"{key}." if len(version.streams) > 1 else ""
        found += [f"{before}{meter}" for meter in _sent(each) if not _is_priced(key, meter, priced)]
    return tuple(found)


def unpriced_use(version: Version, used: Iterable[str]) -> tuple[str, ...]:
    """Of the meters that a row counts more than 0 of, the tokens that no line of the version prices."""
    priced = _priced(version.terms)
    if not _needs_prices(version.terms) or version.terms.unit_lines:
        return ()
    found = []
    for name in used:
        before, _, meter = name.rpartition(".")
        is_priced = _is_priced(before, meter, priced) if before else meter in map(_plain, priced)
        if meter in TOKEN_METERS and not is_priced:
            found.append(name)
    return tuple(found)


def _priced(terms: ContractTerms) -> set[str]:
    return {meter for line in terms.price_lines for meter in line.meters}


def _needs_prices(terms: ContractTerms) -> bool:
    """Whether tokens are billed by kind, or nothing is billed at all; input-equivalents stand for all kinds."""
    if terms.fixed_fees:
        return False
    plain = set(map(_plain, _priced(terms)))
    if not terms.price_lines and not terms.unit_lines:
        return True
    return bool(plain & set(TOKEN_METERS)) and Meter.INPUT_EQUIVALENT not in plain


def _is_priced(stream: str, meter: str, priced: set[str]) -> bool:
    return meter in priced or (bool(stream) and f"{stream}.{meter}" in priced)


def _sent(each: AgreedStream) -> list[Meter]:
    """The kinds of token that are expected of a stream."""
    traffic, written = each.stream.traffic, each.stream.written_share
    if traffic is None:
        return []
    sent, hit = traffic.input_tokens_per_second, traffic.cache_hit_share
    shares = {
        Meter.INPUT_UNCACHED: sent and 1 - hit > written,
        Meter.INPUT_CACHED: sent and hit,
        Meter.CACHE_WRITE: sent and written,
        Meter.OUTPUT: traffic.output_tokens_per_second,
    }
    return [meter for meter, share in shares.items() if share]
