"""Sample values for the style guide: made up, shown under the word "sample", used nowhere else.

What belongs here: just enough data to show each part of a page once. No page reads this but /styleguide/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from capacity.lib.figures import NOT_APPLICABLE, RESTRICTED, UNKNOWN_COST, UNSIZED, thousands
from capacity.lib.marks import HEAT_WORDS, GanttBar, GanttRow, heat_step

WEEKS = 26
_SUPPLY = (61_840,) * 6 + (65_936,) * 8 + (74_128,) * 12
_DEMAND = tuple(58_081 + 640 * week + (5_200 if 5 <= week <= 15 else 0) for week in range(WEEKS))


class SampleForm(forms.Form):
    """One field of each kind, two of them wrong, to show labels, help and inline errors."""

    customer = forms.CharField(label="Customer", max_length=40)
    accelerators = forms.IntegerField(label="Accelerators", min_value=1, help_text="H100 equivalents, whole")
    start = forms.DateField(label="Start", help_text="A Monday", widget=forms.DateInput(attrs={"type": "date"}))
    policy_tier = forms.ChoiceField(label="Tier", choices=[("committed", "Committed"), ("preemptible", "Preemptible")])
    note = forms.CharField(label="Note", required=False, widget=forms.Textarea(attrs={"rows": 2}))
    hold = forms.BooleanField(label="Hold the capacity for five days", required=False)


def sample_context() -> dict[str, Any]:
    """Everything templates/styleguide.html shows. All values are made up."""
    return {
        "kpis": _kpis(),
        "decisions": _decisions(),
        "strips": _strips(),
        "bars": [("Committed", 4_600_000, 4.6), ("Signed, ramping", 3_100_000, 3.1), ("On demand", 1_000_000, 1.0)],
        "bullets": [("Path one", 0.41), ("Path two", 0.33), ("Path three", None)],
        "changes": [("More supply", 1_024, True), ("Forecast up", 2_310, False), ("Run moved", -768, True)],
        "gantt_rows": _gantt_rows(),
        "gantt_ticks": [(1.0, "30 Nov"), (5.0, "28 Dec"), (9.0, "25 Jan"), (13.0, "22 Feb"), (17.0, "22 Mar")],
        "absent": [
            ("Margin", RESTRICTED),
            ("Need", UNSIZED),
            ("Cost", UNKNOWN_COST),
            ("Gap", NOT_APPLICABLE),
            ("Due", None),
        ],
        "figure_json": _figure(),
        "chart_head": ["Week", "Usable supply", "Expected demand"],
        "chart_rows": [
            [f"+{week} weeks", thousands(_SUPPLY[week]), thousands(_DEMAND[week])] for week in range(0, WEEKS, 4)
        ],
        "figure": _figure_detail(),
        "job": {"done": True, "percent": 62, "text": "Solving, 62%, about 20 s left"},
        "form": SampleForm(data={"customer": "Sample customer", "accelerators": "0", "policy_tier": "committed"}),
        "facts": [("Tier", "Committed"), ("Notice", "90 days"), ("Price", RESTRICTED)],
        "purposes": [
            ("pretrain", "Pre-training"),
            ("serve", "Customer serving"),
            ("product", "Own products"),
            ("research", "Research"),
            ("evals", "Evals and safety"),
            ("idle", "Unallocated"),
        ],
    }


def _kpis() -> list[dict[str, Any]]:
    rising = [1, 1, 2, 2, 3, 3, 4, 4.2, 4.2, 5, 5, 6]
    return [
        {
            "label": "Usable supply",
            "value": "61,840",
            "unit": "H100e",
            "delta": "+1,024",
            "delta_kind": "good",
            "note": "vs 60,816 last week",
            "series": rising,
            "url": "?figure=supply",
        },
        {
            "label": "Expected demand, next week",
            "value": "58,081",
            "unit": "H100e",
            "delta": "+2,310",
            "note": "2 quotes above P 0.6",
            "series": [1, 2, 1, 4, 2, 5, 6, 4, 7, 5, 6, 5],
        },
        {
            "label": "Worst capacity shortfall, 26 weeks",
            "value": "7,071",
            "unit": "H100e",
            "delta": "810 less short",
            "delta_kind": "good",
            "note": "week of 22 Feb",
            "series": rising,
        },
        {
            "label": "Margin at risk, 13 weeks",
            "value": "$14.2M",
            "delta": "+$1.90M",
            "delta_kind": "bad",
            "note": "limit $10.0M",
            "series": rising,
            "limit": 3.5,
        },
        {
            "label": "Utilisation, useful work",
            "value": "87.6%",
            "delta": "+0.6 pt",
            "delta_kind": "good",
            "note": "target 90.0%",
            "series": [2, 2.4, 2, 3, 2.6, 3.2, 3, 3.4, 3.2, None, 3.8, 4],
            "limit": 6,
        },
        {"label": "Margin per H100e-hour", "value": RESTRICTED, "note": "for finance and sales"},
    ]


def _decisions() -> list[dict[str, Any]]:
    rows = [
        (
            "D-231",
            "Sign the sample contract at 1,200 H100e from 1 Mar instead of 1 Feb",
            "Sales",
            "today",
            "decide",
            "Decide",
        ),
        ("D-228", "Pull a sample delivery forward for $3.50M", "Supply", "28 Nov", "warn", "Needs data"),
        ("A-412", "Move a sample run out of January", "Research", "24 Nov", "good", "On track"),
        ("A-409", "Retire a sample pool", "Finance", "19 Nov", "bad", "2 days late"),
        ("A-405", "Night window for sample evals", "Capacity", "21 Nov", "done", "Done"),
    ]
    return [
        {
            "id": key,
            "url": "#decisions",
            "text": text,
            "owner": owner,
            "due": due,
            "open": kind == "decide",
            "closed": kind == "done",
            "pill_kind": kind,
            "pill_word": word,
        }
        for key, text, owner, due, kind, word in rows
    ]


def _strips() -> list[dict[str, Any]]:
    names = [("Sample pool A", -0.16, "−3,420"), ("Sample pool B", -0.08, "−1,610"), ("Sample pool C", 0.2, None)]
    return [
        {
            "name": name,
            "worst": worst,
            "label": f"{name}: sample weeks",
            "cells": [_cell(week, depth) for week in range(WEEKS)],
        }
        for name, depth, worst in names
    ]


def _cell(week: int, depth: float) -> tuple[str, str]:
    step = heat_step(depth if 8 <= week <= 13 else depth / 3 if 14 <= week <= 16 else 0.08 if week > 18 else 0.02)
    return step, f"Week {week + 1}: {HEAT_WORDS[step]}"


def _gantt_rows() -> list[GanttRow]:
    used = tuple(0.5 + 0.02 * week for week in range(WEEKS))
    return [
        GanttRow(
            name="Sample pool A",
            qualifier="8,192",
            used=used,
            bars=(
                GanttBar(
                    start=0,
                    end=11,
                    label="Sample pre-training run",
                    purpose="pretrain",
                    title="Sample run, 18 Nov to 3 Feb",
                    href="#gantt",
                ),
                GanttBar(start=3, end=4.5, label="Sample ablations", purpose="research"),
                GanttBar(start=12, end=24, label="Sample serving ramp", purpose="serve"),
            ),
        ),
        GanttRow(
            name="Sample pool B",
            used=tuple(0.9 for _ in range(WEEKS)),
            bars=(
                GanttBar(start=2, end=9, label="Sample evals", purpose="evals"),
                GanttBar(start=10, end=20, label="Sample hold", purpose="product", tentative=True),
            ),
        ),
    ]


def _figure() -> dict[str, Any]:
    weeks = [f"+{week}" for week in range(WEEKS)]
    short = [max(have, want) for have, want in zip(_SUPPLY, _DEMAND, strict=True)]

    def line(name: str, role: str, values: Sequence[float], **more: Any) -> dict[str, Any]:
        return {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": weeks,
            "y": list(values),
            "meta": {"role": role},
            **more,
        }

    label = {"xref": "paper", "x": 1.01, "xanchor": "left", "yanchor": "middle"}
    return {
        "data": [
            line("P10", "base", [value * 0.97 for value in _DEMAND], hoverinfo="skip"),
            line("P90", "band", [value * 1.04 for value in _DEMAND], fill="tonexty", hoverinfo="skip"),
            line("Supply", "base", _SUPPLY, hoverinfo="skip"),
            line("Short", "short", short, fill="tonexty", hoverinfo="skip"),
            line("Firm demand", "firm", [value * 0.98 for value in _DEMAND]),
            line("Expected demand", "demand", _DEMAND),
            line("Usable supply", "supply", _SUPPLY),
        ],
        "layout": {
            "yaxis": {"tickformat": "~s", "range": [54_000, 82_000]},
            "annotations": [
                {"text": "■ <b>Usable supply</b>  74.1k", "name": "role:supply", "y": 75_600, **label},
                {"text": "■ <b>Expected demand</b>  74.1k", "name": "role:demand", "y": 73_800, **label},
                {"text": "■ <b>Firm demand</b>  72.6k", "name": "role:firm", "y": 72_000, **label},
                {"text": "<b>−5,936</b> sample week", "name": "role:bad", "x": 10, "y": 77_000},
            ],
        },
    }


def _figure_detail() -> dict[str, Any]:
    return {
        "label": "Sample margin at risk",
        "value_text": "$14.2M",
        "unit": "13 weeks",
        "basis": "Made up for the style guide",
        "formula": "at risk = Σ over contracts (short share × margin)",
        "terms": [
            {"name": "Short share", "value_text": "12.4%", "unit": "share", "source": "Run 7", "url": "?figure=short"},
            {"name": "Margin", "value_text": RESTRICTED, "unit": "USD", "source": "Contracts", "url": ""},
        ],
        "inputs": [
            {
                "label": "Sample contract price",
                "who": "Finance",
                "when": "18 Nov",
                "source": "Import 12",
                "basis": "Signed",
            }
        ],
        "policy": "Version 3",
        "as_of": "23 Nov, 06:00",
        "run_url": "#",
        "methods_url": "#",
    }
