"""All connectors by name, and which of them a file may be for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from capacity.imports.connectors import (
    accelerator_prices,
    demand,
    focus,
    gateway,
    jobs,
    points,
    prices,
    prometheus,
    sacct,
    specs,
)
from capacity.imports.connectors.contract import Connector, Option

CONNECTORS: dict[str, Connector] = {
    connector.name: connector
    for connector in (
        focus.CONNECTOR,
        sacct.CONNECTOR,
        gateway.CONNECTOR,
        gateway.TRACE,
        prometheus.CONNECTOR,
        demand.CONNECTOR,
        prices.CATALOGUE_CONNECTOR,
        prices.HISTORY_CONNECTOR,
        prices.CHANGES_CONNECTOR,
        accelerator_prices.CONNECTOR,
        jobs.CONNECTOR,
        specs.CONNECTOR,
        points.CONNECTOR,
    )
}


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """A connector that can read the file, what people call it, and the options it takes (`required` ones first)."""

    connector: str
    label: str
    options: tuple[Option, ...]


def recognise(*, file_name: str, head: bytes) -> list[Recognised]:
    """The connectors that know the format of a file from its first bytes (16 kB are plenty; may be packed).

    Usually one, none for our own tables. The name is not asked: people rename files.
    """
    return [
        Recognised(
            connector=connector.name,
            label=connector.label,
            options=tuple(sorted(connector.options, key=lambda option: not option.required)),
        )
        for connector in CONNECTORS.values()
        if connector.looks_like(head)
    ]
