"""The example contracts of the project: read, changed, assessed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from contracts.domain.assessment import assess
from contracts.domain.assessment_file import assessment_text
from contracts.domain.contract_file import agreement_from_bytes

PROJECT = Path(__file__).resolve().parents[3]
EXAMPLES = PROJECT / "contracts" / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.json"))


def document(name: str) -> dict[str, Any]:
    """The example as it is in its file, free to be changed."""
    found: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def result(contract: dict[str, Any]) -> dict[str, Any]:
    """What the command would write for a document, money and other decimals exact."""
    agreement = agreement_from_bytes(json.dumps(contract).encode())
    found: dict[str, Any] = json.loads(assessment_text(assess(agreement)), parse_float=Decimal)
    return found


def result_of(name: str) -> dict[str, Any]:
    return result(document(name))


def changed(name: str, change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """An example with one thing done to it."""
    contract = copy.deepcopy(document(name))
    change(contract)
    return contract
