"""What the parts of a contract file say about each other: names that must exist, bounds that must not cross.

Each error is one sentence with the path it is about. Single values are read before (methods: Contract file).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from capacity.allocation.domain.reading import Errors
from contracts.domain.agreement import Agreement, Version
from contracts.domain.contract_values import repeated
from contracts.domain.terms import TOKEN_METERS, BurndownRate, Meter

Found = Iterator[tuple[str, str]]


def report_bad_references(*, agreement: Agreement, errors: Errors) -> None:
    """Records every name that is not there and every two figures that contradict each other."""
    said: set[str] = set()
    for position, version in enumerate(agreement.versions):
        for path, sentence in _version_errors(agreement, version):
            # What a version takes over unchanged is wrong once.
            if f"{path}{sentence}" not in said:
                said.add(f"{path}{sentence}")
                errors.add(f"$.versions[{position}].{path}".rstrip("."), sentence)
    for path, sentence in _row_errors(agreement):
        errors.add(path, sentence)


def _version_errors(agreement: Agreement, version: Version) -> Found:
    terms = version.terms
    streams = [each.stream.key for each in version.streams]
    prices = [line.key for line in terms.price_lines]
    for key in repeated(streams):
        yield "streams", f"the key {key} is used twice"
    for number, line in enumerate(terms.unit_lines):
        yield from _named(f"unit_lines[{number}].stream", "streams", line.stream, streams)
    for number, rate in enumerate(terms.burndown):
        yield from _named(f"burndown[{number}].stream", "streams", rate.stream, streams)
    if terms.take_or_pay is not None:
        priced = next(line for line in terms.price_lines if line.key == terms.take_or_pay.line_key)
        if priced.max_quantity is not None and priced.max_quantity < terms.take_or_pay.quantity:
            yield "take_or_pay.quantity", f"{priced.key} caps use below what is committed"
    drawn = [*prices, *(line.key for line in terms.spill_lines)]
    for number, commitment in enumerate(terms.spend_commitments):
        for key in commitment.line_keys or ():
            yield from _named(f"commitments[{number}].line_keys", "price lines", key, drawn)
        begins, ends = commitment.starts_date or agreement.starts, commitment.ends_date
        if begins < agreement.starts or (agreement.ends is not None and begins >= agreement.ends):
            yield f"commitments[{number}].from", f"{begins} is outside the contract's term"
        if ends is not None and ends <= begins:
            yield f"commitments[{number}].to", f"{ends} is not after {begins}"
    if version.seats is not None:
        yield from _named("seats.fee_key", "fixed fees", version.seats.fee_key, [fee.key for fee in terms.fixed_fees])
    for key in sorted(_own_names(version) & _given_names(version)):
        yield "", f"the key {key} is the name of a line that the bill adds itself; take another"
    yield from _burndown_errors(agreement, version)


# What the bill calls the lines it adds for a commitment, and for a minimum.
OF_A_COMMITMENT = ("discount", "true_up", "prepayment", "drawn", "credit", "rolled_over")
OF_A_MINIMUM = {"minimum_true_up", "minimum_given_back"}


def _own_names(version: Version) -> set[str]:
    commitments = [each.key for each in version.terms.spend_commitments]
    return OF_A_MINIMUM | {f"{key}_{word}" for key in commitments for word in OF_A_COMMITMENT}


def _given_names(version: Version) -> set[str]:
    terms = version.terms
    metered = {line.key for line in (*terms.price_lines, *terms.spill_lines)}
    return metered | {fee.key for fee in terms.fixed_fees} | {line.key for line in terms.unit_lines}


def _named(path: str, what: str, key: str, known: list[str]) -> Found:
    if key and key not in known:
        yield path, f"{key} is not one of the {what} ({', '.join(known) or 'none is given'})"


def _burndown_errors(agreement: Agreement, version: Version) -> Found:
    """Every token that may be used needs a weight from the version's first day on."""
    terms = version.terms
    converted = any(Meter.INPUT_EQUIVALENT in line.meters for line in (*terms.price_lines, *terms.spill_lines))
    if not terms.burndown:
        given = any(Meter.INPUT_EQUIVALENT in row.quantities for row in agreement.usage)
        if converted and not given:
            yield (
                "burndown",
                f"a price line counts {Meter.INPUT_EQUIVALENT.value}: give the burndown rates of the tokens",
            )
        return
    wanted = [Meter.INPUT_UNCACHED, Meter.INPUT_CACHED, Meter.OUTPUT]
    writes = any(each.stream.written_share for each in version.streams)
    writes = writes or any(_ends_with(row.quantities, Meter.CACHE_WRITE) for row in agreement.usage)
    wanted += [Meter.CACHE_WRITE] if writes else []
    for number, rate in enumerate(terms.burndown):
        weights = dict(rate.weights)
        missing = [meter.value for meter in wanted if meter not in weights]
        if missing:
            yield f"burndown[{number}].weights", f"says nothing of {', '.join(missing)}: a missing weight is not zero"
        unknown = sorted(meter for meter in weights if meter not in TOKEN_METERS)
        if unknown:
            yield f"burndown[{number}].weights", f"{unknown[0]} is no token meter ({', '.join(TOKEN_METERS)})"
    yield from _rates_begin(version, terms.burndown)


def _ends_with(quantities: Iterable[str], meter: str) -> bool:
    return any(name == meter or name.endswith(f".{meter}") for name in quantities)


def _rates_begin(version: Version, rates: Iterable[BurndownRate]) -> Found:
    begun = {rate.stream for rate in rates if rate.from_date <= version.from_date}
    streams = {each.stream.key for each in version.streams} or {""}
    if "" not in begun and not streams <= begun:
        yield "burndown", f"no rate is in force on {version.from_date} for every stream: give one without a stream"


def _row_errors(agreement: Agreement) -> Found:
    ordered = sorted(enumerate(agreement.usage), key=lambda row: (row[1].start, row[0]))
    for (_, left), (number, right) in zip(ordered, ordered[1:], strict=False):
        if right.start < left.end:
            yield f"$.usage[{number}].from", f"{right.start} lies in the row before it, which ends on {left.end}"
    for number, row in enumerate(agreement.usage):
        if row.end <= agreement.starts or (agreement.ends is not None and row.start >= agreement.ends):
            yield f"$.usage[{number}]", "lies outside the contract's term"
    for number, service in enumerate(agreement.service):
        if service.end <= agreement.starts or (agreement.ends is not None and service.start >= agreement.ends):
            yield f"$.service[{number}]", "lies outside the contract's term"
