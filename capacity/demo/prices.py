"""Public list prices carried with the demo, as rows of the tables of list prices. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Record = Mapping[str, str]

TOKEN_SOURCE = "LiteLLM 1.109.1 price catalogue"
# The day the catalogue was read.
TOKEN_DATE = "2026-11-01"
TOKEN_KINDS = {
    "uncached_input": "input_usd_per_1m_tokens",
    "cached_input": "cached_input_usd_per_1m_tokens",
    "cache_write": "cache_write_usd_per_1m_tokens",
    "output": "output_usd_per_1m_tokens",
    "batch_input": "batch_input_usd_per_1m_tokens",
    "batch_output": "batch_output_usd_per_1m_tokens",
    "priority_input": "priority_input_usd_per_1m_tokens",
    "priority_output": "priority_output_usd_per_1m_tokens",
}


def token_list_prices(catalogue: Iterable[Record]) -> list[dict[str, str]]:
    """token_list_prices.csv: a row for every price the catalogue states; what it does not state has no row."""
    return [
        {
            "provider": record["provider"],
            "model": record["model_key"],
            "kind": kind,
            "as_of_date": TOKEN_DATE,
            "usd_per_million_tokens": record[column],
            "external_id": record["model_key"],
            "provenance": f"public list price: {record['model_key']} ({TOKEN_SOURCE})",
        }
        for record in catalogue
        for kind, column in TOKEN_KINDS.items()
        if record[column]
    ]


def accelerator_list_prices(offers: Iterable[Record]) -> list[dict[str, str]]:
    """accelerator_list_prices.csv: one row an offer. The key of an offer begins with the demo's accelerator type."""
    return [
        {
            "provider": offer["cloud"],
            "external_id": offer["key"],
            "as_of_date": offer["observed_date"],
            "region": offer["region"],
            "offer": offer["instance_type"] or offer["key"],
            "accelerator": offer["accelerator"],
            "accelerator_type": TYPES.get(offer["key"].split("-")[0], ""),
            "pricing_model": offer["pricing_model"],
            "usd_per_accelerator_hour": offer["usd_per_accelerator_hour"],
            "provenance": f"public list price: {offer['source']}",
        }
        for offer in offers
    ]


TYPES = {"h100": "h100", "h200": "h200", "b200": "b200", "b300": "b300", "tpu": "tpu-v6e"}
