"""Whom we promised accelerators to, and what the promise earns: customers, contract versions, price and commitment lines."""

from __future__ import annotations

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from capacity.allocation.models import RunTable
from capacity.imports.models import bumps_inputs_version
from capacity.inventory.models import KEY, DateRange
from contracts.deal_models import RunDeal
from contracts.detail_models import RunContractLot, RunContractMultiple, RunContractPool, RunContractSla
from contracts.domain.workflow import STATES
from contracts.line_models import (
    COUNTED_PRICES,
    PRICE_KINDS,
    CommitStep,
    PriceLine,
    SlaLine,
    TokenListPrice,
)
from contracts.model_rules import empty_or_positive, one_of, share
from contracts.quote_models import Quote
from contracts.workflow_models import STATE_FOLLOWS_MOVES, ContractTransition, Hold
from workloads.models import LATENCY_CLASSES

__all__ = [
    "COUNTED_PRICES",
    "PRICE_KINDS",
    "CommitStep",
    "Contract",
    "ContractTransition",
    "Customer",
    "Hold",
    "PriceLine",
    "Quote",
    "RunContractLot",
    "RunContractMultiple",
    "RunContractPool",
    "RunContractSla",
    "RunDeal",
    "RunExposure",
    "SlaLine",
    "TokenListPrice",
    "UsageProfile",
]

CONTRACT_STATES = STATES
SHAPES = [
    ("pay_as_you_go", "Pay as you go"),
    ("committed_spend", "Committed spend"),
    ("flat_fee", "Flat fee"),
    ("provisioned_throughput", "Provisioned throughput"),
    ("dedicated_accelerators", "Dedicated accelerators"),
    ("batch", "Batch"),
    ("seats", "Seats"),
    ("token_bundles", "Token bundles"),
    ("priority", "Priority, pay as you go"),
    ("take_or_pay", "Take or pay"),
    ("minimum_overage", "Minimum and overage"),
    ("outcome", "Priced by outcome"),
]
USAGE_BASES = [("measured", "Measured"), ("estimated", "Estimated")]
TERMINATION_RIGHTS = [("none", "None"), ("cause", "For cause only"), ("convenience", "At any time")]
SPILLS = [("none", "Refused"), ("request", "Whole requests, as pay as you go"), ("token", "Tokens, as pay as you go")]


@pghistory.track()
class Customer(models.Model):
    """A customer. The alias is what price-blind roles see; it never changes and is never used again."""

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=120, unique=True)
    alias = models.CharField(max_length=20, unique=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    segment = models.CharField(max_length=80, blank=True)
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
class UsageProfile(models.Model):
    """How a customer is expected to use a model: what a contract that names it leaves empty is taken from here."""

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=160)
    input_tokens_per_second = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    output_tokens_per_second = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    cache_hit_share = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    cache_write_share = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    peak_factor = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True)
    p95_multiple = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)
    growth_share_per_month = models.DecimalField(max_digits=7, decimal_places=5, default=0)
    context_tokens = models.PositiveIntegerField(null=True, blank=True)
    basis = models.CharField(max_length=10, choices=USAGE_BASES, default="estimated")
    measured_date = models.DateField(null=True, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="usage_profile_key_form"),
            one_of("basis", USAGE_BASES, "usage_profile_basis_known"),
            share("cache_hit_share", "usage_profile_cache_hit_is_a_share"),
            models.CheckConstraint(
                condition=Q(cache_write_share__isnull=True)
                | Q(cache_write_share__gte=0, cache_write_share__lte=1 - Coalesce(F("cache_hit_share"), Value(0))),
                name="usage_profile_writes_are_misses",
            ),
            models.CheckConstraint(
                condition=Q(peak_factor__isnull=True) | Q(peak_factor__gte=1), name="usage_profile_peak_at_least_mean"
            ),
            models.CheckConstraint(
                condition=Q(p95_multiple__isnull=True) | Q(p95_multiple__gte=1), name="usage_profile_p95_at_least_p50"
            ),
            models.CheckConstraint(
                condition=(Q(input_tokens_per_second__isnull=True) | Q(input_tokens_per_second__gte=0))
                & (Q(output_tokens_per_second__isnull=True) | Q(output_tokens_per_second__gte=0)),
                name="usage_profile_tokens_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(growth_share_per_month__gt=-1), name="usage_profile_growth_leaves_something"
            ),
            models.CheckConstraint(
                condition=~Q(basis="measured") | Q(measured_date__isnull=False), name="measured_use_has_its_date"
            ),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.name


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
    latency_class = models.CharField(max_length=12, choices=LATENCY_CLASSES, blank=True)
    pinned_model_version = models.ForeignKey(
        "workloads.ModelVersion", models.PROTECT, null=True, blank=True, related_name="pinned_by"
    )
    pin_ends_date = models.DateField(null=True, blank=True)
    regions = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    usage_profile = models.ForeignKey(UsageProfile, models.PROTECT, null=True, blank=True, related_name="contracts")
    has_sla = models.BooleanField(default=False)
    input_tokens_per_second = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    output_tokens_per_second = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    cache_hit_share = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    cache_write_share = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    peak_factor = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True)
    p95_multiple = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)
    growth_share_per_month = models.DecimalField(max_digits=7, decimal_places=5, default=0)
    usage_basis = models.CharField(max_length=10, choices=USAGE_BASES, default="estimated")
    usage_date = models.DateField(null=True, blank=True)
    rate_limit_input_tokens_per_minute = models.BigIntegerField(null=True, blank=True)
    rate_limit_output_tokens_per_minute = models.BigIntegerField(null=True, blank=True)
    rate_limit_requests_per_minute = models.BigIntegerField(null=True, blank=True)
    unit_tokens_per_minute = models.BigIntegerField(null=True, blank=True)
    unit_output_weight = models.DecimalField(max_digits=8, decimal_places=3, null=True, blank=True)
    unit_cached_weight = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    unit_output_tokens_per_minute = models.BigIntegerField(null=True, blank=True)
    spill = models.CharField(max_length=10, choices=SPILLS, blank=True)
    seats = models.PositiveIntegerField(null=True, blank=True)
    fair_use_tokens_per_month = models.BigIntegerField(null=True, blank=True)
    discount_share = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    overage_keeps_discount = models.BooleanField(default=True)
    rollover_share = models.DecimalField(max_digits=6, decimal_places=5, default=0)
    take_share = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    makeup_months = models.PositiveSmallIntegerField(default=0)
    price_multiplier = models.DecimalField(max_digits=10, decimal_places=6, default=1)
    availability_paid_share = models.DecimalField(max_digits=6, decimal_places=5, default=1)
    accelerator_type = models.ForeignKey(
        "inventory.AcceleratorType", models.PROTECT, null=True, blank=True, related_name="+"
    )
    exclusivity = models.CharField(max_length=300, blank=True)
    renewal_probability = models.DecimalField(max_digits=5, decimal_places=4, null=True, blank=True)
    renewal_auto = models.BooleanField(default=False)
    notice_days = models.PositiveSmallIntegerField(null=True, blank=True)
    termination_right = models.CharField(max_length=12, choices=TERMINATION_RIGHTS, blank=True)
    termination_fee_usd = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)
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
            models.CheckConstraint(
                # Both sizes, or the one of the bundles that are sold: at least one.
                condition=~Q(shape="token_bundles")
                | Q(unit_tokens_per_minute__isnull=False)
                | Q(unit_output_tokens_per_minute__isnull=False),
                name="bundles_have_a_size",
            ),
            models.CheckConstraint(
                condition=~Q(shape="take_or_pay") | Q(take_share__isnull=False), name="take_or_pay_says_its_share"
            ),
            models.CheckConstraint(
                condition=Q(cache_write_share__isnull=True)
                | Q(cache_write_share__gte=0, cache_write_share__lte=1 - Coalesce(F("cache_hit_share"), Value(0))),
                name="contract_writes_are_misses",
            ),
            models.CheckConstraint(
                condition=Q(pin_ends_date__isnull=True) | Q(pinned_model_version__isnull=False),
                name="pin_end_belongs_to_a_pin",
            ),
            models.CheckConstraint(
                condition=Q(pin_ends_date__isnull=True) | Q(pin_ends_date__gt=F("starts_date")),
                name="pin_ends_after_the_start",
            ),
            models.CheckConstraint(condition=Q(price_multiplier__gt=0), name="price_multiplier_is_positive"),
            models.CheckConstraint(
                condition=Q(termination_fee_usd__isnull=True) | Q(termination_fee_usd__gte=0),
                name="termination_fee_not_negative",
            ),
            models.CheckConstraint(condition=Q(growth_share_per_month__gt=-1), name="contract_growth_leaves_something"),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="contract_currency_has_three_letters"
            ),
            empty_or_positive(
                "rate_limit_input_tokens_per_minute rate_limit_output_tokens_per_minute rate_limit_requests_per_minute",
                "rate_limits_are_positive",
            ),
            empty_or_positive("unit_tokens_per_minute unit_output_tokens_per_minute", "unit_sizes_are_positive"),
            empty_or_positive("seats fair_use_tokens_per_month", "seats_and_fair_use_are_positive"),
            share("unit_cached_weight", "cached_weight_is_a_share"),
            share("rollover_share", "rollover_is_a_share"),
            share("take_share", "take_is_a_share"),
            share("availability_paid_share", "paid_availability_is_a_share"),
            one_of("state", CONTRACT_STATES, "contract_state_known"),
            one_of("shape", SHAPES, "contract_shape_known"),
            one_of("latency_class", LATENCY_CLASSES, "contract_latency_class_known", blank=True),
            one_of("usage_basis", USAGE_BASES, "contract_usage_basis_known"),
            one_of("termination_right", TERMINATION_RIGHTS, "termination_right_known", blank=True),
            one_of("spill", SPILLS, "spill_known", blank=True),
        ]
        triggers = [
            bumps_inputs_version(),
            pgtrigger.Trigger(
                name="state_follows_moves",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("state"),
                condition=pgtrigger.Q(old__state__df=pgtrigger.F("new__state")),
                func=STATE_FOLLOWS_MOVES,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} v{self.version}"


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
    state = models.CharField(max_length=10, blank=True)
    shape = models.CharField(max_length=24)
    workload_key = models.CharField(max_length=80)
    model_tier = models.CharField(max_length=10)
    model_name = models.CharField(max_length=120, blank=True)
    regions = models.JSONField(default=list)
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
