"""What the parts of a contract file say about each other: names that must exist, bounds that must not cross.

Each error is one sentence with the path it is about. Single values are read before (methods: Contract file).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from difflib import get_close_matches

from capacity.allocation.domain.reading import Errors
from contracts.domain.agreement import Agreement, ServiceRow, Version
from contracts.domain.billing import SPILLED
from contracts.domain.contract_values import repeated
from contracts.domain.terms import TOKEN_METERS, ZERO, BurndownRate, Meter

Found = Iterator[tuple[str, str]]
# How alike a name and a meter are for the one to be a slip for the other: ouput_tokens is 0.96 like output_tokens,
# image_tokens 0.67 like its nearest.
LIKE = 0.85


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
    yield from _service_errors(agreement)
    yield from _misspelt(agreement)


def _mix(before: ServiceRow, row: ServiceRow) -> bool:
    """Whether two rows of one month are about different parts of the fee, so that their mean would be of neither."""
    last = before.end - timedelta(days=1)
    is_one_month = (last.year, last.month) >= (row.start.year, row.start.month)
    return is_one_month and row.affected_share != before.affected_share


def _service_errors(agreement: Agreement) -> Found:
    """What is measured counts once: a day has one row of a metric and subject, and no more than the whole fee is affected."""
    last: dict[tuple[str, str], tuple[int, ServiceRow]] = {}
    ordered = sorted(enumerate(agreement.service), key=lambda row: (row[1].start, row[0]))
    for number, row in ordered:
        of = f" of {row.subject}" if row.subject else ""
        before = last.get((row.metric, row.subject))
        if before is not None and row.start < before[1].end:
            yield (
                f"$.service[{number}].from",
                f"{row.start} lies in row {before[0]} of {row.metric}{of}, which ends on {before[1].end}: give a day once, "
                "and name in `of` the region or model that each row is about",
            )
            continue
        if before is not None and not row.subject and _mix(before[1], row):
            yield (
                f"$.service[{number}].affected_share",
                f"{row.affected_share} is not the {before[1].affected_share} of row {before[0]} of the same month: name in "
                "`of` the region or model that each row is about",
            )
        last[row.metric, row.subject] = (number, row)
        at_once = [each for (metric, _), (_, each) in last.items() if metric == row.metric and each.end > row.start]
        together = sum((each.affected_share for each in at_once), ZERO)
        if together > 1:
            yield (
                f"$.service[{number}].affected_share",
                f"the rows of {row.metric} on {row.start} affect {together} of the fee together: at most 1",
            )


def _misspelt(agreement: Agreement) -> Found:
    """Names close to a known meter that are priced and never counted, or counted and never priced.

    A contract may count what it likes; a name that stands on one side only and reads like a meter is a slip, and would
    leave its use free or unknown.
    """
    priced = {
        f"$.versions[{position}].{kind}[{number}].meters": line.meters
        for position, version in enumerate(agreement.versions)
        for kind, lines in (
            ("price_lines", version.terms.price_lines),
            ("spill.price_lines", version.terms.spill_lines),
        )
        for number, line in enumerate(lines)
    }
    counted: dict[str, Iterable[str]] = {
        f"$.usage[{n}].quantities": row.quantities for n, row in enumerate(agreement.usage)
    }
    counted |= {"$.expected.growing": agreement.expected.growing, "$.expected.fixed": agreement.expected.fixed}
    for one, other in ((priced, counted), (counted, priced)):
        known = {name for names in other.values() for name in names}
        said: set[str] = set()
        for path, names in one.items():
            for name in names:
                meant = None if name in known or name in said else _meant(name)
                if meant is not None:
                    said.add(name)
                    yield path, f"{name} is no meter that anything else counts: {meant} is"
    counted_names = {name for names in counted.values() for name in names}
    streams = {each.stream.key for version in agreement.versions for each in version.streams} | {SPILLED.rstrip(".")}
    for path, names in priced.items():
        for name in names:
            before, _, plain = name.rpartition(".")
            if before and plain in TOKEN_METERS and name not in counted_names:
                yield from _named(path, "streams", before, sorted(streams))


def _meant(name: str) -> str | None:
    """The known meter that a name was to be; None where it is one, or is like none."""
    before, dot, plain = name.rpartition(".")
    known = [meter.value for meter in Meter]
    close = [] if plain in known else get_close_matches(plain, known, n=1, cutoff=LIKE)
    return f"{before}{dot}{close[0]}" if close else None
