"""Who delivers, where things stand, what kinds there are: suppliers, lead times, sites, types, pools, domains."""

from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import F, Q

from capacity.imports.limits import KEY, DateRange, above_zero, listed, within
from capacity.imports.models import bumps_inputs_version

__all__ = [
    "KEY",
    "SOURCE_TYPES",
    "AcceleratorType",
    "DateRange",
    "LeadTime",
    "NetworkDomain",
    "Pool",
    "Site",
    "Supplier",
]

SOURCE_TYPES = [("owned", "Owned"), ("leased", "Leased"), ("cloud", "Cloud")]


@pghistory.track()
class Supplier(models.Model):
    """Who delivers or rents accelerators. Lead times run from order to acceptance, in weeks."""

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    lead_time_p50_weeks = models.PositiveSmallIntegerField(null=True, blank=True)
    lead_time_p90_weeks = models.PositiveSmallIntegerField(null=True, blank=True)
    is_competitor = models.BooleanField(default=False)
    is_investor = models.BooleanField(default=False)
    exclusivity = models.CharField(max_length=300, blank=True)
    min_spend_usd_per_year = models.DecimalField(max_digits=18, decimal_places=2, null=True, blank=True)
    revenue_share = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    change_of_control = models.CharField(max_length=300, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="supplier_key_form"),
            models.CheckConstraint(
                condition=Q(lead_time_p90_weeks__isnull=True) | Q(lead_time_p90_weeks__gte=F("lead_time_p50_weeks")),
                name="supplier_p90_not_before_p50",
            ),
            *within("supplier", min_spend_usd_per_year=(0, None), revenue_share=(0, 1)),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class LeadTime(models.Model):
    """How long one supplier takes for one type, from order to acceptance. Without a row the supplier's own apply."""

    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="lead_times")
    accelerator_type = models.ForeignKey("AcceleratorType", models.PROTECT, related_name="lead_times")
    p50_weeks = models.PositiveSmallIntegerField()
    p90_weeks = models.PositiveSmallIntegerField()
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["supplier", "accelerator_type"], name="one_lead_time_per_type"),
            models.CheckConstraint(condition=Q(p90_weeks__gte=F("p50_weeks")), name="lead_time_p90_not_before_p50"),
            *within("lead_time", p50_weeks=(0, 520), p90_weeks=(0, 520)),
        ]

    def __str__(self) -> str:
        return f"{self.supplier_id} {self.accelerator_type_id}: {self.p50_weeks} weeks"


@pghistory.track()
class Site(models.Model):
    """A data centre or cloud region. `region` is what residency rules speak of."""

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    region = models.CharField(max_length=60)
    country = models.CharField(max_length=2, blank=True)
    power_kw = models.DecimalField(max_digits=12, decimal_places=1, null=True, blank=True)
    rack_slots = models.PositiveIntegerField(null=True, blank=True)
    pue = models.DecimalField(max_digits=5, decimal_places=3, null=True, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="site_key_form"),
            models.CheckConstraint(condition=Q(country__regex="^([A-Z]{2})?$"), name="site_country_form"),
            *above_zero("site", "power_kw"),
            *within("site", pue=(1, 10)),
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
    dense_fp4_tflops = models.DecimalField(max_digits=12, decimal_places=3, null=True, blank=True)
    dense_int8_tops = models.DecimalField(max_digits=12, decimal_places=3, null=True, blank=True)
    memory_gb = models.DecimalField(max_digits=8, decimal_places=1, null=True, blank=True)
    memory_bandwidth_gb_per_s = models.DecimalField(max_digits=10, decimal_places=1, null=True, blank=True)
    tdp_w = models.DecimalField(max_digits=8, decimal_places=1, null=True, blank=True)
    node_size = models.PositiveSmallIntegerField(null=True, blank=True)
    release_date = models.DateField(null=True, blank=True)
    release_price_usd = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    is_single_purpose = models.BooleanField(default=False)
    h100e_factor = models.DecimalField(max_digits=10, decimal_places=6)
    h100e_as_of_date = models.DateField()
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="type_key_form"),
            *above_zero(
                "type",
                "h100e_factor",
                "dense_bf16_tflops",
                "dense_fp8_tflops",
                "dense_fp4_tflops",
                "dense_int8_tops",
                "memory_gb",
                "memory_bandwidth_gb_per_s",
                "tdp_w",
                "node_size",
                "release_price_usd",
            ),
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
            *within("pool", burst_usd_per_accelerator_hour=(0, None)),
            *listed("pool", source_type=SOURCE_TYPES),
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
            *above_zero("domain", "gbit_per_second"),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"{self.pool_id}/{self.key}"
