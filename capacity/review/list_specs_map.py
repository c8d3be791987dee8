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
