"""Problem files with something broken in them, from single values to single bits; the same number, the same file.

What belongs here: how files are broken. Most begin as a good small problem, so that what lies behind the reading of a
file is reached too: some of them can still be solved.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

from tests.domain.allocation.small_problems import small_problem

ODD_VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 2, 3.0, 2.5, -0.0, 1e-9, 1e18, 1e308, -1e308, 10**9, 10**40, 10**400, 2**63, 2**53 + 1,
    float("nan"), float("inf"), float("-inf"), 5e-324, 0.1 + 0.2,
    "", "x", "a b", "2026-11-23", "2026-11-24", "2026-W48", "9999-12-27", "0001-01-01", "NaN", "1", "ключ", "\u0000", "\ud800",
    "🛰" * 50, "k" * 81, "../../etc/passwd", "$", "\n", "west", "committed", "P0",
    [], {}, [[]], [None], {"key": "x"}, [1, "x", None], [0] * 500,
]  # fmt: skip


def broken_file(number: int) -> bytes:
    """The file with this number: a small problem with one to three things done to it."""
    rng = random.Random(f"broken {number}")
    document = small_problem(rng)
    if rng.random() < 0.25:
        data = json.dumps(document).encode()
        for _ in range(rng.randint(1, 3)):
            data = rng.choice(BYTES)(data, rng)
        return data
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        document = change_document(document, rng)
    text = json.dumps(document, ensure_ascii=rng.random() < 0.7)
    if rng.random() < 0.15:
        text = rng.choice(TEXTS)(text, rng)
    return text.encode("utf-8", "surrogatepass")


def change_document(document: Any, rng: random.Random) -> Any:
    """One place changed, dropped, doubled, nested, exchanged or given another number."""
    document = copy.deepcopy(document)
    holder, step = _place(document, rng)
    if holder is None:
        return rng.choice(ODD_VALUES)
    kind = rng.random()
    value = holder[step]
    if rng.random() < 0.5 and not isinstance(value, dict | list):
        holder[step] = _alike(value, rng)
    elif kind < 0.35:
        holder[step] = copy.deepcopy(rng.choice(ODD_VALUES))
    elif kind < 0.5:
        del holder[step]
    elif kind < 0.6 and isinstance(holder, list):
        holder.insert(rng.randint(0, len(holder)), copy.deepcopy(value))
    elif kind < 0.65:
        for _ in range(rng.choice([1, 2, 50, 300])):
            value = [value]
        holder[step] = value
    elif kind < 0.8:
        other, there = _place(document, rng)
        if other is not None:
            holder[step] = copy.deepcopy(other[there])
    elif kind < 0.9 and isinstance(holder, dict):
        holder[rng.choice(["extra", "weeks", "key", "", "ключ", "a b"])] = copy.deepcopy(rng.choice(ODD_VALUES))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        holder[step] = rng.choice([-value, value * 10**6, value * 10**15, value // 3, value + 1, str(value), value * 7])
    return document


def _alike(value: Any, rng: random.Random) -> Any:
    """Another value of the same kind, one that may well be right."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice([0, 1, 2, 3, 5, 8, 13, 40, value + 1, 10**9, 10**6])
    if isinstance(value, float):
        return rng.choice([0, 0.25, 1.0, 3.3333, 1e-18, 1e18, 1e-7, 1e7, value * 3])
    if value is None:
        return rng.choice([0, 1, 2, 0.5])
    known = ["east", "west", "committed", "forecast", "P0", "P1", "batch", "a", "b", "2026-12-21", "2027-01-04"]
    return rng.choice([*known, "2199-12-30", "1990-01-01", "2016-12-26"])


def _place(document: Any, rng: random.Random) -> tuple[Any, Any]:
    """(holder, name or position) of any value; (None, None) where there is none."""
    place = document
    while isinstance(place, dict | list) and place:
        step = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if not isinstance(place[step], dict | list) or not place[step] or rng.random() < 0.2:
            return place, step
        place = place[step]
    return None, None


def _given_twice(text: str, rng: random.Random) -> str:
    names = [name for name in ('"weeks":', '"key":', '"version":', '"pools":', '"work":') if name in text]
    return text.replace(rng.choice(names), f"{rng.choice(names)} {rng.choice(['1', 'null', '[]'])}, {names[0]}", 1)


def _other_number(text: str, rng: random.Random) -> str:
    numbers = ["1e999", "1e-999", "-0", "01", "1.", ".5", "+1", "0x10", "1" * 5000, "1e18", "1E+2", "10.0", "1_000"]
    return text.replace(rng.choice([": 1", ": 2", "[1", " 0"]), f": {rng.choice(numbers)}", 1)


def _deep(text: str, rng: random.Random) -> str:
    depth = rng.choice([100, 10_000, 200_000])
    return text[:-1] + ', "previous": ' + "[" * depth + "]" * depth + "}"


TEXTS: list[Callable[[str, random.Random], str]] = [_given_twice, _other_number, _deep]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randint(0, len(data))]


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(min(len(changed), rng.choice([1, 1, 2, 20]))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _put_in(data: bytes, rng: random.Random) -> bytes:
    what = rng.choice(
        [b"\xef\xbb\xbf", b"\xff", b"\x00", b"\xc3\x28", b"\xed\xa0\x80", b"//x\n", b",", b"\r\n", b'"', b"}"]
    )
    at = rng.choice([0, 0, len(data), rng.randint(0, len(data))])
    return data[:at] + what + data[at:]


def _slice_out(data: bytes, rng: random.Random) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + data[at + rng.randint(1, 60) :]


def _slice_twice(data: bytes, rng: random.Random) -> bytes:
    at = rng.randint(0, len(data))
    return data[: at + rng.randint(1, 60)] + data[at:]


def _recoded(data: bytes, rng: random.Random) -> bytes:
    return data.decode("latin-1").encode(rng.choice(["utf-16", "utf-16-le", "utf-32", "utf-8-sig"]))


BYTES: list[Callable[[bytes, random.Random], bytes]] = [_cut, _flip, _flip, _put_in, _slice_out, _slice_twice, _recoded]
