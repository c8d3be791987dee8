"""Headline figures with their terms, of the run that tests/factories.py makes."""

from __future__ import annotations

from decimal import Decimal as D

from tests.factory_names import CANARY_PRICE, POOL_B, Row


def figure_rows() -> list[Row]:
    """H1 to H14 as far as they are computed, and two figures of the first contract."""
    metrics = (
        ("H1", "Promise coverage, next 13 weeks", D("0.9142857143"), "share", "bad", "< 100%"),
        ("H2", "Weeks to first capacity shortfall", D(3), "weeks", "bad", "P50 < 13"),
        ("H3", "Customer-felt degradation", D("0.0015"), "share", "bad", "> 0.1%"),
        ("H4", "Floor attainment", D(1), "share", "good", "< 100%"),
        ("H5", "Productive use", D("0.8123456789"), "share", "good", "< 60% or > 90%"),
        ("H6", "Idle this week", D("53088"), "USD a week", "bad", "> 5% of the envelope"),
        ("H7", "No-choice spend", D("0.0150000000"), "share", "good", "> 5%"),
        ("H8", "Unexplained frontier use", D("0.0909090909"), "share", "good", "> 10%"),
        ("H9", "Serving margin, fully loaded", D("0.4275113131"), "share", "good", "< target"),
        ("H10", "Inference cost ÷ revenue", D("0.5724886869"), "share", "bad", "≥ 50%"),
        ("H11", "Loss exposure at worst use", D("1719936.14"), "USD", "bad", "> limit"),
        ("H12", "Experiment fit", D("0.7012987013"), "share", "good", "< 70%"),
        ("H14", "Controlled share", D("0.9090909091"), "share", "good", "top supplier > 50%"),
    )
    found = [
        _figure(f"metric:{key}", label, value, unit, position, resource="metric", field=key, state=state,
                threshold=threshold, terms=_metric_terms(key))
        for position, (key, label, value, unit, state, threshold) in enumerate(metrics)
    ]  # fmt: skip
    margin = _figure(
        "exposure:acme_pt:margin_usd", "Margin of Acme provisioned", D("2126074.18"), "USD", 20, resource="exposure",
        field="margin_usd", terms=_margin_terms(),
    )  # fmt: skip
    gap = _figure(
        "exposure:acme_pt:capacity_gap_accelerators", "Capacity gap of Acme provisioned", D(20), "accelerators", 21,
        resource="exposure", field="capacity_gap_accelerators", terms=[],
    )  # fmt: skip
    return [*found, {**margin, "owner_key": "sales"}, {**gap, "owner_key": "sales"}]


def _figure(
    key: str, label: str, value: D | None, unit: str, position: int, *, resource: str, field: str,
    terms: list[Row], state: str = "", threshold: str = "",
) -> Row:  # fmt: skip
    return {
        "key": key,
        "label": label,
        "value": value,
        "absent": "",
        "unit": unit,
        "basis": "expected (P50)",
        "formula": "(revenue − reserved cost) ÷ revenue" if field == "H9" else "worst week of served ÷ asked",
        "methods_anchor": "headline-metrics",
        "terms": terms,
        "state": state,
        "threshold": threshold,
        "resource": resource,
        "field": field,
        "owner_key": "",
        "position": position,
    }


def _metric_terms(key: str) -> list[Row]:
    if key != "H9":
        return [
            _term("Served", "320", "accelerators", "Plan", "pool_week", "serving", {"table": "pools", "key": POOL_B}),
            _term("Asked", "350", "accelerators", "Plan", "pool_week", "expected_need", None),
        ]
    return [
        _term("Revenue", "7342312.27", "USD", "Contracts", "exposure_total", "revenue_usd", None),
        _term("Reserved cost", "4202021.55", "USD", "Plan", "exposure_total", "reserved_cost_usd", None),
    ]


def _margin_terms() -> list[Row]:
    contract = {"table": "contracts", "key": "acme_pt"}
    return [
        _term("Revenue of Acme Robotics", "4137193.31", "USD", "Contract", "exposure", "revenue_usd", contract),
        _term("Reserved cost", "2011119.13", "USD", "Plan", "exposure", "reserved_cost_usd", None),
        _term("Output price", CANARY_PRICE, "USD per million tokens", "Contract", "price_line", "price", contract),
    ]


def _term(
    name: str, value: str, unit: str, source: str, resource: str, field: str, entry: dict[str, str] | None
) -> Row:
    kind = "usd" if unit.startswith("USD") else "thousands"
    return {"name": name, "value": value, "unit": unit, "source": source, "resource": resource, "field": field,
            "kind": kind, "input": entry}  # fmt: skip
