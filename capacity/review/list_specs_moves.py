"""What the lists of moves and waste show. Pure."""

from __future__ import annotations

from capacity.review.listing import ListSpec
from capacity.review.table_columns import Column

MOVES = ListSpec(
    name="moves",
    title="Moves",
    columns=(
        Column(name="title", label="Move"),
        Column(name="workload", label="Workload"),
        Column(name="kind", label="Kind"),
        Column(name="what", label="What"),
        Column(name="paper_usd", label="On paper", unit="USD a week", kind="usd"),
        Column(name="released", label="Released", unit="whole accelerators, free in every week", kind="thousands"),
        Column(name="released_usd", label="Their cost", unit="USD a week", kind="usd"),
        Column(name="margin_usd", label="Margin", unit="USD a week, after revenue and losses", kind="usd"),
        Column(name="payback_weeks", label="Payback", unit="weeks"),
        Column(name="gate", label="Quality gate"),
        Column(name="state", label="State"),
        Column(name="owner", label="Owner"),
        Column(name="due", label="Due"),
    ),
    filters=("kind", "state", "workload"),
    search=("title", "workload", "key"),
    empty="Nobody has proposed a move. Suggestions of the plan stand below.",
)

SUGGESTED = ListSpec(
    name="move-candidates",
    title="Suggested by the plan",
    columns=(
        Column(name="sentence", label="Move"),
        Column(name="kind_name", label="Kind"),
        Column(name="paper_usd_per_week", label="On paper", unit="USD a week", kind="usd"),
    ),
    prefix="suggested-",
    empty="The plan's cards suggest no move.",
)

WASTEFUL = ListSpec(
    name="waste",
    title="Wasteful",
    columns=(
        Column(name="sentence", label="Finding"),
        Column(name="kind_name", label="Kind"),
        Column(name="usd_per_week", label="Cost", unit="USD a week", kind="usd"),
    ),
    prefix="waste-",
    empty="The plan finds nothing wasteful.",
)

WAITING = ListSpec(
    name="waiting-while-idle",
    title="Waiting beside idle accelerators",
    columns=(
        Column(name="sentence", label="Finding"),
        Column(name="kind_name", label="Kind"),
        Column(name="accelerators", label="Accelerators", kind="thousands"),
    ),
    prefix="waiting-",
    empty="No work was throttled or is queued while accelerators it may use stand idle.",
)
