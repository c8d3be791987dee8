"""Contract files with something broken in them; the same number, the same file.

How files are broken is the engine's (broken_files): values exchanged, dropped, doubled, bytes cut and flipped.
"""

from __future__ import annotations

import json
import random
from typing import Any

from tests.domain.allocation.broken_files import BYTES, TEXTS, change_document
from tests.domain.contracts.examples import NAMES, document


def broken_contract(number: int) -> bytes:
    """The file with this number: an example with one to three things done to it."""
    rng = random.Random(f"broken contract {number}")
    contract: Any = document(NAMES[number % len(NAMES)])
    if rng.random() < 0.2:
        data = json.dumps(contract).encode()
        for _ in range(rng.randint(1, 3)):
            data = rng.choice(BYTES)(data, rng)
        return data
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        contract = change_document(contract, rng)
    text = json.dumps(contract, ensure_ascii=rng.random() < 0.7)
    if rng.random() < 0.1:
        text = rng.choice(TEXTS)(text, rng)
    return text.encode("utf-8", "surrogatepass")
