"""The pages and API routes that the list tests walk over, with the permission each needs."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

from capacity.review.api_views import VIEWS
from capacity.review.table_specs import RUN_TABLES

# address → permission. {run} is the made run's id.
PAGES = {
    "/workloads/": "workloads.view",
    "/workloads/chat_assistant/": "workloads.view",
    "/workloads/moves/": "workloads.view",
    "/workloads/actuals/": "actuals.view",
    "/requests/": "requests.view",
    "/requests/placed/": "requests.view",
    "/contracts/": "contracts.view",
    "/pipeline/": "pipeline.view",
    "/money/": "money.view",
    "/supply/": "supply.view",
    "/supply/h100_use1/": "supply.view",
    "/supply/b200_euw1/": "supply.view",
    "/runs/": "run.view",
    "/runs/{run}/": "run.view",
    "/runs/{run}/figures/metric:H9/": "review.view",
    "/plan/status/": "run.view",
    "/policy/": "policy.view",
    "/methods/": "methods.view",
    "/styleguide/": "methods.view",
}
LISTS = {
    "/workloads/": ("workloads", "workload-matrix"),
    "/workloads/chat_assistant/": ("workload-pools",),
    "/requests/": ("request-queue", "unplaced", "preemptions"),
    "/requests/placed/": ("placements",),
    "/workloads/moves/": ("moves", "move-candidates", "waste", "waiting-while-idle"),
    "/workloads/actuals/": ("usage-weeks", "peaks", "coincidence", "forecast-accuracy", "granted"),
    "/contracts/": ("contracts",),
    "/pipeline/": ("pipeline",),
    "/money/": ("exposure-rollups", "scenario-totals", "envelopes"),
    "/supply/": ("supply", "lots"),
    "/supply/b200_euw1/": ("pool-weeks",),
    "/runs/": ("runs",),
}
_PLAIN_ACTIONS = {
    "plan-requests": "requests.view",
    "runs": "run.view",
    "reviews": "review.view",
    "decisions": "decisions.view",
    "actions": "decisions.view",
    "policies": "policy.view",
}
# Run tables whose plain name belongs to a table that people keep.
RENAMED = {"pools": "plan-pools", "lots": "plan-lots", "workloads": "plan-workloads"}
_RUN_ACTIONS = {RENAMED.get(name, name): spec.action for name, spec in RUN_TABLES.items()}
API = {f"/api/v1/{name}/": (_RUN_ACTIONS | _PLAIN_ACTIONS)[name] for name in VIEWS} | {
    "/api/v1/schema/": "methods.view",
    "/api/v1/": "methods.view",
}


def table_cells(html: str, title: str) -> list[list[str]]:
    """The written cells of the table in the region of that name, body rows only."""
    region = html[html.index(f'aria-label="{title}"') :]
    body = region[region.index("<tbody>") : region.index("</tbody>")]
    return [
        [_text(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL)
    ]


def table_heads(html: str, title: str) -> list[str]:
    """The heads of that table."""
    region = html[html.index(f'aria-label="{title}"') :]
    head = region[region.index("<thead") : region.index("</thead>")]
    return [_text(cell) for cell in re.findall(r"<th [^>]*>(.*?)</th>", head, re.DOTALL)]


def csv_rows(content: bytes) -> list[list[str]]:
    """A file's lines as cells, its head first."""
    return list(csv.reader(io.StringIO(content.decode())))


def _text(markup: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", markup)).strip()
