"""The accelerators: what they are, where they stand, when they arrive and leave, and what they cost.

Quantities are accelerators, dates are half-open `[starts, ends)`. Supply by week is computed in domain/supply.py.
"""

from __future__ import annotations

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value

from capacity.imports.models import bumps_inputs_version

CONTROL_GRADES = [
    (1, "Owned, own site"),
    (2, "Owned, in colocation"),
    (3, "Long lease, not terminable"),
    (4, "Reserved cloud"),
    (5, "On demand or terminable"),
]
SOURCE_TYPES = [("owned", "Owned"), ("leased", "Leased"), ("cloud", "Cloud")]
LOT_STATES = [
    ("planned", "Planned"),
    ("ordered", "Ordered"),
    ("confirmed", "Confirmed"),
    ("shipped", "Shipped"),
    ("installed", "Installed"),
    ("accepted", "Accepted"),
    ("retired", "Retired"),
]
KEY = r"^[A-Za-z0-9_.-]{1,80}$"


class DateRange(Func):
    """`daterange(starts, ends, '[)')` in SQL, for exclusion constraints."""

    function = "daterange"
    output_field = DateRangeField()


@pghistory.track()
class Supplier(models.Model):
    """Who delivers or rents accelerators. Lead times run from order to acceptance, in weeks."""

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    lead_time_p50_weeks = models.PositiveSmallIntegerField(null=True, blank=True)
    lead_time_p90_weeks = models.PositiveSmallIntegerField(null=True, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="supplier_key_form"),
            models.CheckConstraint(
                condition=Q(lead_time_p90_weeks__isnull=True) | Q(lead_time_p90_weeks__gte=F("lead_time_p50_weeks")),
                name="supplier_p90_not_before_p50",
            ),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Site(models.Model):
    """A data centre or cloud region. `region` is what residency rules speak of."""

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    region = models.CharField(max_length=60)
    power_kw = models.DecimalField(max_digits=12, decimal_places=1, null=True, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="site_key_form"),
            models.CheckConstraint(condition=Q(power_kw__isnull=True) | Q(power_kw__gt=0), name="site_power_positive"),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class AcceleratorType(models.Model):
    """A kind of accelerator. `h100e_factor` (dated) is for display and sums across types only, never in a constraint."""

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    manufacturer = models.CharField(max_length=80)
    dense_bf16_tflops = models.DecimalField(max_digits=12, decimal_places=3, null=True, blank=True)
    dense_fp8_tflops = models.DecimalField(max_digits=12, decimal_places=3, null=True, blank=True)
    memory_gb = models.DecimalField(max_digits=8, decimal_places=1, null=True, blank=True)
    tdp_w = models.DecimalField(max_digits=8, decimal_places=1, null=True, blank=True)
    h100e_factor = models.DecimalField(max_digits=10, decimal_places=6)
    h100e_as_of_date = models.DateField()
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="type_key_form"),
            models.CheckConstraint(condition=Q(h100e_factor__gt=0), name="h100e_factor_positive"),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Pool(models.Model):
    """Accelerators of one type, in one region, from one source: what the plan allocates from."""

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    accelerator_type = models.ForeignKey(AcceleratorType, models.PROTECT, related_name="pools")
    site = models.ForeignKey(Site, models.PROTECT, related_name="pools")
    source_type = models.CharField(max_length=10, choices=SOURCE_TYPES)
    node_size = models.PositiveSmallIntegerField()
    availability_share = models.DecimalField(max_digits=6, decimal_places=5)
    availability_measured_date = models.DateField(null=True, blank=True)
    maintenance_accelerators = models.PositiveIntegerField(default=0)
    burst_accelerators = models.PositiveIntegerField(default=0)
    burst_usd_per_accelerator_hour = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="pool_key_form"),
            models.CheckConstraint(condition=Q(node_size__gte=1), name="node_has_accelerators"),
            models.CheckConstraint(
                condition=Q(availability_share__gt=0, availability_share__lte=1), name="availability_is_a_share"
            ),
            models.CheckConstraint(
                # Said twice: a comparison with an empty price is neither true nor false, and only false is refused.
                condition=Q(burst_accelerators=0)
                | Q(burst_usd_per_accelerator_hour__isnull=False, burst_usd_per_accelerator_hour__gte=0),
                name="burst_has_a_price",
            ),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class NetworkDomain(models.Model):
    """A part of a pool joined by one fabric: a gang of accelerators must fit into one."""

    pool = models.ForeignKey(Pool, models.PROTECT, related_name="domains")
    key = models.CharField(max_length=80)
    fabric = models.CharField(max_length=80, blank=True)
    gbit_per_second = models.DecimalField(max_digits=10, decimal_places=1, null=True, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pool", "key"], name="one_domain_per_key"),
            models.CheckConstraint(condition=Q(key__regex=KEY), name="domain_key_form"),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"{self.pool_id}/{self.key}"


@pghistory.track()
class CostRate(models.Model):
    """What an installed accelerator-hour costs, by component, dated. Lots name the rate card by its key.

    Owned: capex … staff lines. Leased: `lease_usd_per_hour` for all hours of the term, used or not. Cloud:
    `on_demand_usd_per_hour` for hours used. A component that is not known is empty, never zero.
    """

    key = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=SOURCE_TYPES)
    starts_date = models.DateField()
    ends_date = models.DateField(null=True, blank=True)
    capex_usd = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    accelerator_capex_usd = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    residual_usd = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    life_years = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    wacc_share = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    power_kw = models.DecimalField(max_digits=8, decimal_places=4, null=True, blank=True)
    load_share = models.DecimalField(max_digits=5, decimal_places=4, null=True, blank=True)
    pue = models.DecimalField(max_digits=5, decimal_places=3, null=True, blank=True)
    usd_per_kwh = models.DecimalField(max_digits=8, decimal_places=5, null=True, blank=True)
    usd_per_kw_month = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    support_usd_per_year = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    staff_usd_per_hour = models.DecimalField(max_digits=10, decimal_places=6, null=True, blank=True)
    lease_usd_per_hour = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    on_demand_usd_per_hour = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="cost_rate_periods_do_not_overlap",
                expressions=[
                    ("key", RangeOperators.EQUAL),
                    (DateRange("starts_date", "ends_date", Value("[)")), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(condition=Q(key__regex=KEY), name="cost_rate_key_form"),
            models.CheckConstraint(
                condition=Q(ends_date__isnull=True) | Q(ends_date__gt=F("starts_date")),
                name="cost_rate_ends_after_start",
            ),
            models.CheckConstraint(
                condition=~Q(kind="owned") | Q(lease_usd_per_hour__isnull=True, on_demand_usd_per_hour__isnull=True),
                name="owned_rate_has_no_rent",
            ),
            models.CheckConstraint(
                condition=(Q(capex_usd__isnull=True) | Q(capex_usd__gte=0))
                & (Q(residual_usd__isnull=True) | Q(residual_usd__gte=0))
                & (Q(life_years__isnull=True) | Q(life_years__gt=0))
                & (Q(wacc_share__isnull=True) | Q(wacc_share__gte=0))
                & (Q(pue__isnull=True) | Q(pue__gte=1))
                & (Q(usd_per_kwh__isnull=True) | Q(usd_per_kwh__gte=0))
                & (Q(lease_usd_per_hour__isnull=True) | Q(lease_usd_per_hour__gte=0))
                & (Q(on_demand_usd_per_hour__isnull=True) | Q(on_demand_usd_per_hour__gte=0)),
                name="cost_components_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(residual_usd__isnull=True)
                | Q(capex_usd__isnull=True)
                | Q(residual_usd__lte=F("capex_usd")),
                name="residual_at_most_capex",
            ),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"{self.key} from {self.starts_date}"


@pghistory.track()
class Lot(models.Model):
    """Accelerators that arrive and leave together. Counts as supply by its state and dates (methods: Supply)."""

    key = models.CharField(max_length=80, unique=True)
    domain = models.ForeignKey(NetworkDomain, models.PROTECT, related_name="lots")
    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="lots")
    state = models.CharField(max_length=10, choices=LOT_STATES)
    accelerators = models.PositiveIntegerField()
    control_grade = models.PositiveSmallIntegerField(choices=CONTROL_GRADES)
    ordered_date = models.DateField(null=True, blank=True)
    p50_date = models.DateField(null=True, blank=True)
    p90_date = models.DateField(null=True, blank=True)
    accepted_date = models.DateField(null=True, blank=True)
    ends_date = models.DateField(null=True, blank=True)
    cost_rate_key = models.CharField(max_length=80, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="lot_key_form"),
            models.CheckConstraint(condition=Q(accelerators__gt=0), name="lot_has_accelerators"),
            models.CheckConstraint(
                condition=Q(control_grade__gte=1, control_grade__lte=5), name="control_grade_1_to_5"
            ),
            models.CheckConstraint(
                condition=Q(p50_date__isnull=True) | Q(p90_date__isnull=True) | Q(p90_date__gte=F("p50_date")),
                name="lot_p90_not_before_p50",
            ),
            models.CheckConstraint(
                condition=Q(ends_date__isnull=True)
                | (
                    (Q(accepted_date__isnull=True) | Q(ends_date__gt=F("accepted_date")))
                    & (Q(p50_date__isnull=True) | Q(ends_date__gt=F("p50_date")))
                ),
                name="lot_leaves_after_it_arrives",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["accepted", "installed", "retired"]) | Q(accepted_date__isnull=False),
                name="accepted_lot_has_a_date",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["confirmed", "shipped"]) | Q(p50_date__isnull=False),
                name="confirmed_lot_has_p50",
            ),
            models.CheckConstraint(
                condition=~Q(state="ordered") | Q(p90_date__isnull=False), name="ordered_lot_has_p90"
            ),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.key
