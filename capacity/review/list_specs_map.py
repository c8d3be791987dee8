"""What the lists of the workload map show: the map by its dimensions, and where one workload is served. Pure."""

from __future__ import annotations

from capacity.review.listing import ListSpec
from capacity.review.table_columns import Column

# The map by model tier, latency class, purpose and owner, this week: what the matrix on the page is made of.
MATRIX = ListSpec(
    name="workload-matrix",
    title="Map by tier, latency, purpose and owner",
    columns=(
        Column(name="model_tier", label="Model tier"),
        Column(name="latency_class", label="Latency class"),
        Column(name="purpose", label="Counts as"),
        Column(name="owner_role", label="Owner"),
        Column(name="workloads", label="Workloads", kind="thousands"),
        Column(name="accelerators", label="This week", unit="accelerators", kind="thousands"),
        Column(name="usd", label="Cost this week", unit="USD", kind="usd"),
    ),
    totals=("accelerators", "usd"),
    prefix="matrix-",
    empty="No workload card has been imported.",
)

# What contracts pay for the tier they are served by.
PAYING = ListSpec(
    name="workload-paying",
    title="Who pays for the expensive path",
    columns=(
        Column(name="label", label="Contract"),
        Column(name="model_tier", label="Model tier"),
        Column(name="model_name", label="Model"),
        Column(name="accelerators", label="Needs alone", unit="accelerators", kind="thousands"),
        Column(name="revenue_per_hour_usd", label="Revenue an hour", unit="USD per accelerator-hour", kind="usd"),
        Column(name="cost_per_hour_usd", label="Cost an hour", unit="USD per accelerator-hour", kind="usd"),
        Column(name="margin_share", label="Margin, P50", kind="share"),
        Column(name="at_a_loss", label="Flag"),
    ),
    prefix="paying-",
    rows_per_page=15,
    empty="No contract is served by a model in this plan.",
)

# Where batch and offline work would fit without accelerators of its own.
TROUGHS = ListSpec(
    name="workload-troughs",
    title="Room in the troughs",
    columns=(
        Column(name="pool_name", label="Pool"),
        Column(name="live", label="Held live", unit="accelerators", kind="thousands"),
        Column(name="consumed", label="Used on average", unit="accelerators", kind="thousands"),
        Column(name="spare", label="Spare", unit="accelerators", kind="thousands"),
        Column(name="trough", label="Trough", unit="accelerators", kind="thousands"),
        Column(name="waiting", label="Batch and offline", unit="accelerators at work on average", kind="thousands"),
        Column(name="fits", label="Fits the trough", unit="accelerators at work on average", kind="thousands"),
        Column(name="fits_mean", label="Fits, mean of 13 weeks", unit="accelerators", kind="thousands"),
    ),
    totals=("live", "consumed", "spare", "trough", "waiting", "fits", "fits_mean"),
    prefix="troughs-",
    rows_per_page=20,
    empty="No pool serves models that share replicas in this plan.",
)

# Of one workload, on its page.
USES = ListSpec(
    name="workload-pools",
    title="Where it is served",
    columns=(
        Column(name="pool_name", label="Pool"),
        Column(name="serving_class", label="Serving class"),
        Column(name="tier", label="Tier"),
        Column(name="accelerators", label="This week", unit="accelerators", kind="thousands"),
        Column(name="accelerators_mean", label="Mean, 13 weeks", unit="accelerators", kind="thousands"),
        Column(name="usd", label="Cost this week", unit="USD", kind="usd"),
    ),
    totals=("accelerators", "usd"),
    prefix="pools-",
    empty="The plan serves it from no pool in the next 13 weeks.",
)
