"""The names, keys and sums that the rows of tests/factories.py share, and that tests look for.

Names and prices are odd on purpose: a test that finds one in a page that must not have it means it.
"""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

Row = dict[str, Any]

HOURS = 168
TIERS = ["committed", "forecast", "experiments_p0", "experiments_p1", "experiments_p2", "experiments_p3"]
POOL_A, POOL_B, POOL_C = "h100_use1", "b200_euw1", "mi300x_usc1"

# Must never reach a price-blind role: customers' names, contracts' keys and names, unit prices.
CUSTOMER_NAMES = ("Acme Robotics", "Borealis Health", "Cygnus Games", "Delta Freight")
CONTRACT_KEYS = ("acme_pt", "borealis_api", "cygnus_flat", "delta_pilot")
CONTRACT_NAMES = ("Acme provisioned", "Borealis metered", "Cygnus flat fee", "Delta pilot")
DEAL_KEYS = ("acme_more", "borealis_more", "cygnus_more", "delta_more")
DEAL_NAMES = ("Acme expansion", "Borealis upgrade", "Cygnus trial", "Delta rollout")
DEAL_REVENUES = (D("3217193.24"), D("2126199.51"), None, D("6218644.68"))
ALIASES = ("C-1", "C-2", "C-3", "C-4")
CANARY_PRICE = "17.7713"

# Revenues nobody but finance, executives and the owner may read: no other figure has these digits.
REVENUES = (D("4137193.31"), D("2291741.77"), D("913377.19"), None)

FLOOR = {"key": "research_floor", "name": "Research floor", "pool_keys": [POOL_A], "share": D("0.3000")}

OWNER_OF = ("sales", "sales", "sales2", "sales2")
OWNERS = dict(zip(CONTRACT_KEYS, OWNER_OF, strict=True))
SHAPES = ("provisioned_throughput", "pay_as_you_go", "flat_fee", "committed_spend")
WORKLOAD_OF = ("chat_assistant", "chat_assistant", "support_bot", "log_summaries")
