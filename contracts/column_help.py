"""What to write into each column of the contract tables: unit, default, and how the plan uses it; and the form's order.

Texts only. Limits come from the models, rules from `write_rules`, warnings from `input_checks`.
"""

from __future__ import annotations

_KEY = "Letters, digits, points, dashes and underscores, at most 80. It never changes."
_OWNER = "Account of the salesperson responsible (username). They see and keep the row; empty is nobody's."
_PROVENANCE = "Where the row comes from: a document, a person, a system."
_CONTRACT = "Key of the contract."
_VERSION = "Version of the contract the line belongs to. A whole number; the first is 1."

CUSTOMERS = {
    "key": _KEY,
    "name": "The customer's name. Each name once.",
    "alias": "What people who may not know the name read instead, such as C-7. It never changes and is never reused.",
    "owner": _OWNER,
    "segment": "Market or size, in your own words, such as enterprise or public sector. Empty: not said.",
    "provenance": _PROVENANCE,
}

USAGE_PROFILES = {
    "key": _KEY,
    "name": "What the profile describes, such as “Chat, long conversations”.",
    "input_tokens_per_second": "Average input tokens a second at expected (P50) use. Monthly tokens ÷ 2,628,000. "
    "Empty: not known.",
    "output_tokens_per_second": "Average output tokens a second at expected (P50) use. Empty: not known.",
    "cache_hit_share": "Share of the input that is read from the cache, 0 to 1. Empty: none is counted.",
    "cache_write_share": "Share of the input that is written to the cache, 0 to 1 less the hit share. Needed where "
    "cache writes have a price.",
    "peak_factor": "P99 of the five-minute rate ÷ the mean, at least 1. Empty: the policy's figure for the latency "
    "class (2.5 interactive, 1.5 standard, 1 batch).",
    "p95_multiple": "Use that is exceeded one month in twenty, as a multiple of expected use; at least 1. Empty: the "
    "policy's multiple (2 metered, 3 flat), and the contract is uncapped if it has no limit either.",
    "growth_share_per_month": "Growth a month, such as 0.03 for 3 %. Counted from the measured date. Default 0.",
    "context_tokens": "Usual length of a request with its answer, in tokens. For people; the throughput profile decides.",
    "basis": "measured or estimated. Default estimated.",
    "measured_date": "Day of the measurement or estimate. Growth counts from it; older than 13 weeks is warned of.",
    "owner": _OWNER,
    "provenance": _PROVENANCE,
}

CONTRACTS = {
    "key": _KEY,
    "version": "1 for the first; an amendment is the next version from its date. Default 1.",
    "name": "What people call the contract.",
    "customer": "Key of the customer.",
    "owner": _OWNER,
    "state": "Of a new row: draft or what_if, or signed, active, notice or ended where it is in force already. Afterwards it "
    "changes on the contract's page only. The plan counts signed, active and notice.",
    "starts_date": "First day in force.",
    "ends_date": "First day no longer in force (the term is start included, end excluded).",
    "time_zone": "Time zone whose midnight the dates mean, such as Europe/Berlin. Default UTC.",
    "currency": "Currency of the prices, three letters. Default USD. Others are converted at the latest rate on file.",
    "shape": "How it is sold. It says which lines are needed: see methods, Contract terms.",
    "workload": "Key of the workload card: it gives the model, the latency class and the regions. "
    "Empty: the need is unsized, unless a version is pinned or accelerators are dedicated.",
    "latency_class": "interactive, standard, batch or offline. Empty: the workload's.",
    "pinned_model_version": "Key of a model version this contract stays on, on replicas of its own. Empty: no pin.",
    "pin_ends_date": "First day without the pin. Empty: the end of the contract.",
    "regions": "Regions the tokens may be served in, separated by semicolons. Empty: the workload's regions.",
    "usage_profile": "Key of a usage profile; it fills the usage columns left empty here.",
    "has_sla": "true if availability is promised. Without SLA lines the standard tiers count (10 % below 99.9 %, 25 % "
    "below 99 %, all below 95 %). Default false.",
    "input_tokens_per_second": "Average input tokens a second at expected (P50) use. Monthly tokens ÷ 2,628,000. "
    "Empty: the usage profile's.",
    "output_tokens_per_second": "Average output tokens a second at expected (P50) use. Empty: the usage profile's.",
    "cache_hit_share": "Share of the input read from the cache, 0 to 1; for provisioned units the highest share the "
    "contract assumes. Empty: the usage profile's, or none.",
    "cache_write_share": "Share of the input written to the cache, 0 to 1 less the hit share. Needed where cache "
    "writes have a price. Empty: the usage profile's.",
    "peak_factor": "P99 of the five-minute rate ÷ the mean, at least 1. Empty: the usage profile's, then the policy's.",
    "p95_multiple": "P95 use ÷ expected use, at least 1. Empty: the usage profile's, then the policy's multiple.",
    "growth_share_per_month": "Growth a month, such as 0.03 for 3 %. Default 0. A usage profile's growth counts with "
    "the profile's own tokens.",
    "usage_basis": "measured or estimated. Default estimated.",
    "usage_date": "Day of the measurement or estimate; growth counts from it. Older than 13 weeks is warned of.",
    "rate_limit_input_tokens_per_minute": "Most input tokens a minute. Empty: not limited.",
    "rate_limit_output_tokens_per_minute": "Most output tokens a minute. Empty: not limited.",
    "rate_limit_requests_per_minute": "Most requests a minute. Kept for the record: a request has no fixed size, so "
    "it caps no tokens. Empty: not limited.",
    "unit_tokens_per_minute": "Provisioned throughput: input-equivalent tokens a minute of one unit. "
    "Token bundles: input tokens a minute of one input bundle.",
    "unit_output_weight": "Provisioned throughput: how many input tokens one output token counts as. "
    "Fair is prefill ÷ decode throughput; below it is warned of.",
    "unit_cached_weight": "Provisioned throughput: how much of a token a cached input token counts as, 0 to 1. "
    "Empty: 1, like any other input.",
    "unit_output_tokens_per_minute": "Token bundles: output tokens a minute of one output bundle.",
    "spill": "What happens beyond the units: none (refused), request (the whole request is billed as pay as you go) "
    "or token (only what does not fit). Empty: not said.",
    "seats": "Seats sold. A commitment of kind seats overrides it from its date.",
    "fair_use_tokens_per_month": "Most tokens (in and out) a seat may use in a month. It caps the worst use.",
    "discount_share": "Discount off list prices under a spend commitment, 0 to below 1. Empty: none.",
    "overage_keeps_discount": "true if use beyond the spend commitment keeps the discount. Default true.",
    "rollover_share": "Share of an unused commitment that moves into the next term, 0 to 1. Default 0: it lapses.",
    "take_share": "Take or pay: share of the committed tokens that is paid in any case, 0 to 1, such as 0.8.",
    "makeup_months": "Take or pay: months in which tokens paid and not used may be taken free. Default 0.",
    "price_multiplier": "Multiplies metered prices: priority, batch or residency, such as 1.1 or 0.5. Default 1.",
    "availability_paid_share": "Share of reserved hours that is paid, 0 to 1: 1 if paid regardless of downtime. Default 1.",
    "accelerator_type": "Dedicated accelerators: key of their type.",
    "exclusivity": "What is promised to this customer alone, in words. Empty: nothing.",
    "renewal_probability": "Chance that the contract is renewed, 0 to 1. Missing near the end is warned of.",
    "renewal_auto": "true if it renews unless somebody gives notice. Default false.",
    "notice_days": "Days before the end by which notice must be given. Empty: not said.",
    "termination_right": "none, cause (for cause only) or convenience (at any time). Empty: not said.",
    "termination_fee_usd": "What the customer pays to leave early, USD. Empty: not said.",
    "source_ref": "Where the signed document is: a number or an address.",
    "provenance": _PROVENANCE,
}

CONTRACT_GROUPS: dict[str, tuple[str, ...]] = {
    "Contract": ("key", "version", "name", "customer", "owner", "state", "shape", "starts_date", "ends_date"),
    "What is served": (
        "workload",
        "latency_class",
        "pinned_model_version",
        "pin_ends_date",
        "regions",
        "accelerator_type",
        "exclusivity",
    ),
    "Expected use": (
        "usage_profile",
        "input_tokens_per_second",
        "output_tokens_per_second",
        "cache_hit_share",
        "cache_write_share",
        "peak_factor",
        "p95_multiple",
        "growth_share_per_month",
        "usage_basis",
        "usage_date",
    ),
    "Limits and units": (
        "rate_limit_input_tokens_per_minute",
        "rate_limit_output_tokens_per_minute",
        "rate_limit_requests_per_minute",
        "unit_tokens_per_minute",
        "unit_output_weight",
        "unit_cached_weight",
        "unit_output_tokens_per_minute",
        "spill",
        "seats",
        "fair_use_tokens_per_month",
        "has_sla",
    ),
    "Money": (
        "currency",
        "price_multiplier",
        "discount_share",
        "overage_keeps_discount",
        "rollover_share",
        "take_share",
        "makeup_months",
        "availability_paid_share",
    ),
    "Renewal and end": (
        "renewal_probability",
        "renewal_auto",
        "notice_days",
        "termination_right",
        "termination_fee_usd",
    ),
    "Where it comes from": ("time_zone", "source_ref", "provenance"),
}

PRICE_LINES = {
    "contract": _CONTRACT,
    "version": _VERSION,
    "kind": "What is priced: tokens per million, a seat, fee or minimum per month, a bundle per day, a unit or "
    "accelerator per hour, an outcome each. cache_write replaces the uncached price for input that is written to the "
    "cache; batch prices hold at batch and offline latency; overage_tokens counts input and output together.",
    "price": "In the contract's currency, at least 0.",
    "starts_date": "First day of the price.",
    "ends_date": "First day without it. Empty: until the end of the contract.",
    "tier_from": "The price holds above this quantity a month (million tokens, seats, outcomes). Default 0.",
    "tier_mode": "graduated: each part of the quantity at its own tier; volume: all of it at the tier it reaches. "
    "Default graduated; the same on all tiers of a price.",
    "included_quantity": "Quantity a month paid by a fee (million tokens, seats, outcomes); tiers count from above it. "
    "On the first tier only. Empty: none.",
    "note": "Anything a reader of the price must know.",
    "provenance": _PROVENANCE,
}

COMMIT_STEPS = {
    "contract": _CONTRACT,
    "version": _VERSION,
    "kind": "What is committed: spend_usd_year and minimum_usd_month in USD; throughput_units, input_bundles, "
    "output_bundles and accelerators as units held; tokens_month as tokens (not millions) of the overage price, or of "
    "output where there is none; seats; outcomes_month, agreed or expected.",
    "quantity": "How much, at least 0, from this date until the next step of the same kind.",
    "starts_date": "First day of the step, inside the contract's term.",
    "provenance": _PROVENANCE,
}

SLA_LINES = {
    "contract": _CONTRACT,
    "version": _VERSION,
    "metric": "uptime (mean of five-minute availability) or latency (share of minutes that meet the target).",
    "below_share": "The credit is due strictly below this share of the month, such as 0.999.",
    "credit_share": "Share of the month's fee that is credited, 0 to 1.",
    "region": "Region the line holds in. Empty: all regions of the contract.",
    "chance": "Chance that a month ends in this tier: below its bound, not below the next lower one; 0 to 1, all tiers of "
    "a metric and region at most 1. Expected credits = Σ chance × share × fee, at most the fee. Empty: not known; "
    "expected credits and make-good then read not priced, and no sum counts them.",
    "make_good_usd": "What is owed besides the credit for a month in this tier, in US dollars (free capacity at its "
    "price, refunds). Expected make-good = Σ chance × it. 0: nothing; empty: not known.",
    "provenance": _PROVENANCE,
}

HOLDS = {
    "key": "Name of the hold.",
    "contract": _CONTRACT,
    "version": _VERSION,
    "probability": "How likely the deal is to be signed: above 0 and at most 1. The plan keeps its need × this.",
    "granted_date": "Day of the grant.",
    "expires_date": "First day on which it no longer holds.",
    "state": "granted, released, expired or signed.",
    "ended_date": "Day on which it ended. Empty while it is granted.",
    "note": "Why it was granted or how it ended.",
    "provenance": _PROVENANCE,
}

TOKEN_LIST_PRICES = {
    "provider": "Who offers the price.",
    "model": "The model's name as the provider writes it.",
    "kind": "What is priced, per million tokens.",
    "as_of_date": "Day on which the price was read.",
    "usd_per_million_tokens": "USD per million tokens, at least 0.",
    "external_id": "The row's identifier at its source. Empty: none.",
    "provenance": _PROVENANCE,
}
