"""The options of an import as they are typed (`name=value`, `name:FOREIGN=key`) to checked values. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

from capacity.imports import cells
from capacity.imports.cells import CellError, nearest
from capacity.imports.connectors.contract import ODD_ROWS, Connector, Names, Option, wrong_key
from capacity.imports.tabular import Issue

SOURCE = "options"
_POSITIVE = cells.decimal(digits=30, places=12)


@dataclass(kw_only=True)
class Given:
    """Checked options: plain values, what means which key for each kind of name ("" → the default), and rates."""

    values: dict[str, str] = field(default_factory=dict)
    mapped: dict[str, dict[str, str]] = field(default_factory=dict)
    rates: dict[str, Decimal] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)

    def say(self, option: str, message: str) -> None:
        self.issues.append(Issue(file=SOURCE, code="wrong_option", message=message, column=option))


def read_options(connector: Connector, words: Sequence[str]) -> Given:
    """The options of `words`, each `name=value` or `name:FOREIGN=key`; problems are issues."""
    given = Given()
    known = {option.name: option for option in (*connector.options, ODD_ROWS)}
    for option in known.values():
        if option.default:
            given.values[option.name] = option.default
    for word in words:
        _one(given, known, word)
    for option in known.values():
        if option.required and not given.values.get(option.name) and not given.mapped.get(option.name):
            given.say(option.name, f"The option {option.name}=… is needed. {option.help}")
    return given


def _one(given: Given, known: Mapping[str, Option], word: str) -> None:
    left, equals, value = word.rpartition("=") if _is_mapping(known, word) else word.partition("=")
    name, _, foreign = left.partition(":")
    option = known.get(name)
    if not equals:
        given.say(word, f'"{word}" is not an option. Write name=value.')
    elif option is None:
        given.say(name, f'There is no option "{name}" here.{nearest(name, known)} Known: {", ".join(sorted(known))}.')
    elif option.kind == "rates":
        _rate(given, option, foreign, value.strip())
    elif option.kind == "names":
        given.mapped.setdefault(name, {})[foreign] = value.strip()
    else:
        try:
            given.values[name] = check_value(option, value.strip())
        except CellError as error:
            given.say(name, error.message)


def _is_mapping(known: Mapping[str, Option], word: str) -> bool:
    """Whether the word maps a foreign name, which may hold an = itself."""
    name = word.split("=", 1)[0].split(":", 1)[0]
    return name in known and known[name].kind in ("names", "rates")


def _rate(given: Given, option: Option, foreign: str, value: str) -> None:
    try:
        number = _POSITIVE(value)
    except CellError as error:
        given.say(option.name, error.message)
        return
    if not foreign or not isinstance(number, Decimal) or number <= 0:
        given.say(option.name, f"Write {option.name}:NAME=number, with a number above zero.")
    else:
        given.rates[foreign.upper()] = number


def check_value(option: Option, value: str) -> str:
    """The value as it is used. Raises CellError."""
    if option.kind == "date":
        cells.iso_date(value)
    elif option.kind == "moment":
        cells.iso_datetime(value)
    elif option.kind == "zone":
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            hint = "Write one such as UTC or America/New_York."
            raise CellError("bad_zone", f'"{value}" is not a time zone. {hint}') from None
    elif option.kind == "number":
        number = _POSITIVE(value)
        if not isinstance(number, Decimal) or number <= 0:
            raise CellError("too_small", f"{value} is too small: it must be above zero.")
    elif option.kind == "choice":
        cells.choice(options=option.choices)(value)
    return value


def names_of(
    given: Given,
    option: Option,
    *,
    keys: frozenset[str],
    alias: Callable[[str], str | None] | None = None,
    may_see: bool = True,
) -> Names:
    """The names of one kind. A key given that is not there is an issue; `keys` are only offered to who `may_see` them.

    Options about no table (a number for each name) are taken as they are.
    """
    mapped = dict(given.mapped.get(option.name, {}))
    if option.about:
        for key in sorted(set(mapped.values()) - keys):
            given.say(option.name, wrong_key(option.name, key, keys if may_see else frozenset()))
    default = mapped.pop("", "")
    if alias is None:
        return Names(keys=keys, given=mapped, default=default)
    return Names(keys=keys, given=mapped, alias=alias, default=default)
