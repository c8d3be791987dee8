"""Whom we promised accelerators to, and what the promise earns: customers, contract versions, price and commitment lines."""

from __future__ import annotations

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Q, Value

from capacity.allocation.models import RunTable
from capacity.imports.models import bumps_inputs_version
from capacity.inventory.models import KEY, DateRange

CONTRACT_STATES = [
    ("draft", "Draft"),
    ("what_if", "What-if"),
    ("signed", "Signed"),
    ("active", "Active"),
    ("notice", "Notice given"),
    ("ended", "Ended"),
]
SHAPES = [
    ("pay_as_you_go", "Pay as you go"),
    ("committed_spend", "Committed spend"),
    ("flat_fee", "Flat fee"),
    ("provisioned_throughput", "Provisioned throughput"),
    ("dedicated_accelerators", "Dedicated accelerators"),
    ("batch", "Batch"),
]
PRICE_KINDS = [
    ("uncached_input", "Uncached input, per million tokens"),
    ("cached_input", "Cached input, per million tokens"),
    ("output", "Output, per million tokens"),
    ("unit_hour", "Throughput unit, per hour"),
    ("fee_month", "Fixed fee, per month"),
    ("accelerator_hour", "Accelerator, per hour"),
]
COMMIT_KINDS = [
    ("spend_usd_year", "Spend, USD a year"),
    ("throughput_units", "Throughput units"),
    ("accelerators", "Accelerators"),
]


@pghistory.track()
class Customer(models.Model):
    """A customer. The alias is what price-blind roles see; it never changes and is never used again."""

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=120, unique=True)
    alias = models.CharField(max_length=20, unique=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(key__regex=KEY), name="customer_key_form")]
        triggers = [
            bumps_inputs_version(),
            pgtrigger.Protect(
                name="alias_is_immutable",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__alias__df=pgtrigger.F("new__alias")),
            ),
        ]

    def __str__(self) -> str:
        return self.alias


@pghistory.track()
class Contract(models.Model):
    """One version of a contract, in force `[starts_date, ends_date)`. An amendment is a new version from its date.

    Usage profile columns may be empty: then the need is unsized, listed, and never zero. No rate limit and no P95
    means uncapped exposure.
    """

    key = models.CharField(max_length=80)
    version = models.PositiveSmallIntegerField(default=1)
    name = models.CharField(max_length=160)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="contracts")
    state = models.CharField(max_length=10, choices=CONTRACT_STATES)
    starts_date = models.DateField()
    ends_date = models.DateField()
    time_zone = models.CharField(max_length=60, default="UTC")
    currency = models.CharField(max_length=3, default="USD")
    shape = models.CharField(max_length=24, choices=SHAPES)
    workload = models.ForeignKey("workloads.Workload", models.PROTECT, null=True, blank=True, related_name="contracts")
    regions = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    has_sla = models.BooleanField(default=False)
    input_tokens_per_second = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    output_tokens_per_second = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    cache_hit_share = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    peak_factor = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True)
    p95_multiple = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)
    growth_share_per_month = models.DecimalField(max_digits=7, decimal_places=5, default=0)
    usage_basis = models.CharField(
        max_length=10, choices=[("measured", "Measured"), ("estimated", "Estimated")], default="estimated"
    )
    usage_date = models.DateField(null=True, blank=True)
    rate_limit_input_tokens_per_minute = models.BigIntegerField(null=True, blank=True)
    rate_limit_output_tokens_per_minute = models.BigIntegerField(null=True, blank=True)
    unit_tokens_per_minute = models.BigIntegerField(null=True, blank=True)
    unit_output_weight = models.DecimalField(max_digits=8, decimal_places=3, null=True, blank=True)
    discount_share = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    accelerator_type = models.ForeignKey(
        "inventory.AcceleratorType", models.PROTECT, null=True, blank=True, related_name="+"
    )
    renewal_probability = models.DecimalField(max_digits=5, decimal_places=4, null=True, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    source_ref = models.CharField(max_length=200, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "version"], name="one_contract_per_version"),
            ExclusionConstraint(
                name="contract_versions_do_not_overlap",
                expressions=[
                    ("key", RangeOperators.EQUAL),
                    (DateRange("starts_date", "ends_date", Value("[)")), RangeOperators.OVERLAPS),
                ],
                condition=Q(state__in=["signed", "active", "notice", "ended"]),
            ),
            models.CheckConstraint(condition=Q(key__regex=KEY), name="contract_key_form"),
            models.CheckConstraint(condition=Q(ends_date__gt=F("starts_date")), name="contract_ends_after_start"),
            models.CheckConstraint(
                condition=Q(cache_hit_share__isnull=True) | Q(cache_hit_share__gte=0, cache_hit_share__lte=1),
                name="contract_cache_hit_is_a_share",
            ),
            models.CheckConstraint(
                condition=Q(peak_factor__isnull=True) | Q(peak_factor__gte=1), name="contract_peak_is_at_least_mean"
            ),
            models.CheckConstraint(
                condition=Q(p95_multiple__isnull=True) | Q(p95_multiple__gte=1), name="p95_use_is_at_least_p50"
            ),
            models.CheckConstraint(
                condition=(Q(input_tokens_per_second__isnull=True) | Q(input_tokens_per_second__gte=0))
                & (Q(output_tokens_per_second__isnull=True) | Q(output_tokens_per_second__gte=0)),
                name="contract_tokens_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(renewal_probability__isnull=True)
                | Q(renewal_probability__gte=0, renewal_probability__lte=1),
                name="renewal_probability_is_a_share",
            ),
            models.CheckConstraint(
                condition=Q(discount_share__isnull=True) | Q(discount_share__gte=0, discount_share__lt=1),
                name="discount_is_a_share",
            ),
            models.CheckConstraint(
                # Said twice: a comparison with an empty size is neither true nor false, and only false is refused.
                condition=~Q(shape="provisioned_throughput")
                | Q(
                    unit_tokens_per_minute__isnull=False,
                    unit_tokens_per_minute__gt=0,
                    unit_output_weight__isnull=False,
                    unit_output_weight__gt=0,
                ),
                name="provisioned_units_have_a_size",
            ),
            models.CheckConstraint(
                condition=~Q(shape="dedicated_accelerators") | Q(accelerator_type__isnull=False),
                name="dedicated_names_its_type",
            ),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"{self.key} v{self.version}"


@pghistory.track()
class PriceLine(models.Model):
    """A price of a contract, dated. Prices are in the contract's currency."""

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="price_lines")
    kind = models.CharField(max_length=20, choices=PRICE_KINDS)
    price = models.DecimalField(max_digits=20, decimal_places=8)
    starts_date = models.DateField()
    ends_date = models.DateField(null=True, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="price_lines_do_not_overlap",
                expressions=[
                    ("contract", RangeOperators.EQUAL),
                    ("kind", RangeOperators.EQUAL),
                    (DateRange("starts_date", "ends_date", Value("[)")), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(condition=Q(price__gte=0), name="price_not_negative"),
            models.CheckConstraint(
                condition=Q(ends_date__isnull=True) | Q(ends_date__gt=F("starts_date")), name="price_ends_after_start"
            ),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"{self.contract_id} {self.kind}"


@pghistory.track()
class CommitStep(models.Model):
    """A dated step of a commitment: from `starts_date` until the next step of the same kind, or the contract's end."""

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="commit_steps")
    kind = models.CharField(max_length=20, choices=COMMIT_KINDS)
    quantity = models.DecimalField(max_digits=20, decimal_places=4)
    starts_date = models.DateField()
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contract", "kind", "starts_date"], name="one_commit_step_per_date"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="commitment_not_negative"),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"{self.contract_id} {self.kind} {self.quantity} from {self.starts_date}"


class RunExposure(RunTable):
    """What a contract earns and costs in a run, over the run's horizon within the contract's term (methods: Exposure).

    Money in USD, unrounded. Empty means not known (unsized need, unknown cost or price), never zero.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="exposure_rows")
    contract_key = models.CharField(max_length=80)
    contract_version = models.PositiveSmallIntegerField()
    contract_name = models.CharField(max_length=160)
    customer_key = models.CharField(max_length=80)
    customer_name = models.CharField(max_length=120)
    customer_alias = models.CharField(max_length=20)
    owner_username = models.CharField(max_length=150)
    shape = models.CharField(max_length=24)
    workload_key = models.CharField(max_length=80)
    model_tier = models.CharField(max_length=10)
    starts_date = models.DateField()
    ends_date = models.DateField()
    weeks = models.PositiveSmallIntegerField()
    is_sized = models.BooleanField()
    is_uncapped = models.BooleanField()
    flags = models.JSONField(default=list)
    committed_accelerators = models.IntegerField(null=True)
    planned_accelerators = models.IntegerField(null=True)
    worst_accelerators = models.IntegerField(null=True)
    capacity_gap_accelerators = models.IntegerField(null=True)
    coverage_share = models.DecimalField(max_digits=9, decimal_places=8, null=True)
    first_short_week = models.CharField(max_length=8, blank=True)
    short_accelerator_weeks = models.DecimalField(max_digits=16, decimal_places=4, null=True)
    worst_multiple = models.DecimalField(max_digits=10, decimal_places=4, null=True)
    break_even_multiple = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    revenue_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    consumed_cost_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    reserved_cost_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    margin_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    margin_share = models.DecimalField(max_digits=20, decimal_places=10, null=True)
    consumed_margin_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    worst_revenue_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    worst_cost_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    worst_margin_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    worst_margin_share = models.DecimalField(max_digits=20, decimal_places=10, null=True)
    loss_exposure_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    terms = models.JSONField(default=dict)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "contract_key"], name="one_exposure_per_contract")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.contract_key}"
