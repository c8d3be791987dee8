"""The lines of a contract version: prices, commitments and SLA tiers; and public list prices beside them."""

from __future__ import annotations

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q, Value

from capacity.imports.models import bumps_inputs_version
from capacity.inventory.models import DateRange
from contracts.model_rules import one_of, share

PRICE_KINDS = [
    ("uncached_input", "Uncached input, per million tokens"),
    ("cached_input", "Cached input, per million tokens"),
    ("output", "Output, per million tokens"),
    ("unit_hour", "Throughput unit, per hour"),
    ("fee_month", "Fixed fee, per month"),
    ("accelerator_hour", "Accelerator, per hour"),
    ("cache_write", "Input written to the cache, per million tokens"),
    ("seat_month", "Seat, per month"),
    ("input_bundle_day", "Input bundle, per day"),
    ("output_bundle_day", "Output bundle, per day"),
    ("outcome", "Outcome"),
    ("batch_input", "Batch input, per million tokens"),
    ("batch_output", "Batch output, per million tokens"),
    ("overage_tokens", "All tokens beyond what is included, per million"),
]
# What is counted and can therefore have tiers and a quantity that is included; hours, days and fees cannot.
COUNTED_PRICES = [
    "uncached_input",
    "cached_input",
    "output",
    "cache_write",
    "seat_month",
    "outcome",
    "batch_input",
    "batch_output",
    "overage_tokens",
]
TIER_MODES = [("graduated", "Graduated: each part at its own tier"), ("volume", "Volume: all at the tier reached")]
COMMIT_KINDS = [
    ("spend_usd_year", "Spend, USD a year"),
    ("throughput_units", "Throughput units"),
    ("accelerators", "Accelerators"),
    ("seats", "Seats"),
    ("input_bundles", "Input bundles"),
    ("output_bundles", "Output bundles"),
    ("tokens_month", "Tokens a month"),
    ("minimum_usd_month", "Least bill, USD a month"),
    ("outcomes_month", "Outcomes a month"),
]
SLA_METRICS = [("uptime", "Uptime"), ("latency", "Latency target met")]
LIST_PRICE_KINDS = [
    ("uncached_input", "Uncached input"),
    ("cached_input", "Cached input"),
    ("cache_write", "Input written to the cache"),
    ("output", "Output"),
    ("batch_input", "Batch input"),
    ("batch_output", "Batch output"),
    ("priority_input", "Priority input"),
    ("priority_output", "Priority output"),
    ("flex_input", "Flex input"),
    ("flex_output", "Flex output"),
]


@pghistory.track()
class PriceLine(models.Model):
    """A price of a contract, dated, or one tier of it. Prices are in the contract's currency.

    A price in tiers is several lines of one kind and date: each holds above its `tier_from`, up to and with the next
    one's. Tiers and the included quantity count in priced units a month (million tokens, seats, outcomes).
    """

    contract = models.ForeignKey("contracts.Contract", models.PROTECT, related_name="price_lines")
    kind = models.CharField(max_length=20, choices=PRICE_KINDS)
    price = models.DecimalField(max_digits=20, decimal_places=8)
    starts_date = models.DateField()
    ends_date = models.DateField(null=True, blank=True)
    tier_from = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    tier_mode = models.CharField(max_length=10, choices=TIER_MODES, default="graduated")
    included_quantity = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="price_lines_do_not_overlap",
                expressions=[
                    ("contract", RangeOperators.EQUAL),
                    ("kind", RangeOperators.EQUAL),
                    ("tier_from", RangeOperators.EQUAL),
                    (DateRange("starts_date", "ends_date", Value("[)")), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(condition=Q(price__gte=0), name="price_not_negative"),
            models.CheckConstraint(
                condition=Q(ends_date__isnull=True) | Q(ends_date__gt=F("starts_date")), name="price_ends_after_start"
            ),
            models.CheckConstraint(condition=Q(tier_from__gte=0), name="tier_starts_at_zero_or_above"),
            models.CheckConstraint(
                condition=Q(kind__in=COUNTED_PRICES) | Q(tier_from=0, included_quantity__isnull=True),
                name="tiers_are_of_what_is_counted",
            ),
            models.CheckConstraint(
                condition=Q(included_quantity__isnull=True) | Q(included_quantity__gte=0, tier_from=0),
                name="first_tier_holds_what_is_included",
            ),
            one_of("kind", PRICE_KINDS, "price_kind_known"),
            one_of("tier_mode", TIER_MODES, "tier_mode_known"),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"{self.contract_id} {self.kind}"


@pghistory.track()
class CommitStep(models.Model):
    """A dated step of a commitment: from `starts_date` until the next step of the same kind, or the contract's end."""

    contract = models.ForeignKey("contracts.Contract", models.PROTECT, related_name="commit_steps")
    kind = models.CharField(max_length=20, choices=COMMIT_KINDS)
    quantity = models.DecimalField(max_digits=20, decimal_places=4)
    starts_date = models.DateField()
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contract", "kind", "starts_date"], name="one_commit_step_per_date"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="commitment_not_negative"),
            one_of("kind", COMMIT_KINDS, "commitment_kind_known"),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"{self.contract_id} {self.kind} {self.quantity} from {self.starts_date}"


@pghistory.track()
class SlaLine(models.Model):
    """Strictly below `below_share` of a month's uptime or latency target, `credit_share` of the month's fee is credited.

    `region` empty: the line holds in every region of the contract. `chance`: that a month ends in this tier, below its
    bound and not below the next; `make_good_usd`: what is then owed besides the credit. Empty: not known, not priced.
    """

    contract = models.ForeignKey("contracts.Contract", models.PROTECT, related_name="sla_lines")
    metric = models.CharField(max_length=10, choices=SLA_METRICS)
    below_share = models.DecimalField(max_digits=8, decimal_places=7)
    credit_share = models.DecimalField(max_digits=6, decimal_places=5)
    region = models.CharField(max_length=60, blank=True)
    chance = models.DecimalField(max_digits=14, decimal_places=12, null=True, blank=True)
    make_good_usd = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "metric", "below_share", "region"], name="one_sla_line_per_bound"
            ),
            models.CheckConstraint(condition=Q(below_share__gt=0, below_share__lte=1), name="sla_bound_is_a_share"),
            share("credit_share", "sla_credit_is_a_share"),
            share("chance", "sla_chance_is_a_share"),
            models.CheckConstraint(
                condition=Q(make_good_usd__isnull=True) | Q(make_good_usd__gte=0), name="sla_make_good_not_negative"
            ),
            one_of("metric", SLA_METRICS, "sla_metric_known"),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"{self.contract_id} {self.metric} below {self.below_share}"


class TokenListPrice(models.Model):
    """A public price per million tokens, as read on a day: what others charge, never what a contract says.

    The plan does not read it, so writing it makes no plan old. `batch_id`: the import that brought it.
    """

    provider = models.CharField(max_length=80)
    model = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=LIST_PRICE_KINDS)
    as_of_date = models.DateField()
    usd_per_million_tokens = models.DecimalField(max_digits=20, decimal_places=8)
    external_id = models.CharField(max_length=200, blank=True)
    provenance = models.TextField(blank=True)
    batch_id = models.BigIntegerField(null=True, blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "model", "kind", "as_of_date"], name="one_list_price_per_day"),
            models.CheckConstraint(condition=Q(usd_per_million_tokens__gte=0), name="list_price_not_negative"),
            one_of("kind", LIST_PRICE_KINDS, "list_price_kind_known"),
        ]
        indexes = [models.Index(fields=["batch_id"], name="token_list_price_batch")]

    def __str__(self) -> str:
        return f"{self.provider} {self.model} {self.kind} {self.as_of_date}"
