"""Money we keep ourselves: cost rates and their lines, market values, budgets and exchange rates.

Amounts are in the currency a row names; where it names none, in US dollars. An unknown amount is empty, never zero.
"""

from __future__ import annotations

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q, Value

from capacity.imports.limits import CURRENCY, KEY, DateRange, above_zero, listed, within
from capacity.imports.models import bumps_inputs_version
from capacity.inventory.models.supply import SOURCE_TYPES

COST_COMPONENTS = [
    ("accelerator", "Accelerators"),
    ("network", "Network"),
    ("facility", "Facility"),
    ("power", "Power"),
    ("space", "Space"),
    ("support", "Support"),
    ("staff", "Staff"),
    ("software", "Software"),
    ("other", "Other"),
]
BUDGET_PURPOSES = [
    ("serving", "Serving"),
    ("learning", "Learning"),
    ("reliability", "Reliability"),
    ("internal", "Internal efficiency"),
    ("all", "All compute"),
]


@pghistory.track()
class CostRate(models.Model):
    """What an installed accelerator-hour costs, by component, dated. Lots name the rate card by its key.

    Owned: capex … staff lines. Leased: `lease_usd_per_hour` for all hours of the term, used or not. Cloud:
    `on_demand_usd_per_hour` for hours used. A component that is not known is empty, never zero.
    """

    key = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=SOURCE_TYPES)
    currency = models.CharField(max_length=3, default="USD")
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
                condition=Q(residual_usd__isnull=True)
                | Q(capex_usd__isnull=True)
                | Q(residual_usd__lte=F("capex_usd")),
                name="residual_at_most_capex",
            ),
            models.CheckConstraint(
                condition=Q(accelerator_capex_usd__isnull=True)
                | Q(capex_usd__isnull=True)
                | Q(accelerator_capex_usd__lte=F("capex_usd")),
                name="silicon_at_most_capex",
            ),
            models.CheckConstraint(condition=Q(currency__regex=CURRENCY), name="cost_rate_currency_form"),
            *above_zero("cost_rate", "life_years"),
            *within(
                "cost_rate",
                capex_usd=(0, None),
                accelerator_capex_usd=(0, None),
                residual_usd=(0, None),
                wacc_share=(0, 1),
                power_kw=(0, None),
                load_share=(0, 1),
                pue=(1, 10),
                usd_per_kwh=(0, None),
                usd_per_kw_month=(0, None),
                support_usd_per_year=(0, None),
                staff_usd_per_hour=(0, None),
                lease_usd_per_hour=(0, None),
                on_demand_usd_per_hour=(0, None),
            ),
            *listed("cost_rate", kind=SOURCE_TYPES),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"{self.key} from {self.starts_date}"


@pghistory.track()
class CostLine(models.Model):
    """One more component of a cost rate, per accelerator: capital with a life of its own, or a price by the hour."""

    rate = models.ForeignKey(CostRate, models.PROTECT, related_name="lines")
    line = models.CharField(max_length=80)
    component = models.CharField(max_length=12, choices=COST_COMPONENTS)
    capex_usd = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    residual_usd = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    life_years = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    usd_per_hour = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rate", "line"], name="one_cost_line_per_name"),
            models.CheckConstraint(condition=Q(line__regex=KEY), name="cost_line_key_form"),
            models.CheckConstraint(
                condition=Q(capex_usd__isnull=False) | Q(usd_per_hour__isnull=False), name="cost_line_has_an_amount"
            ),
            models.CheckConstraint(
                condition=Q(capex_usd__isnull=True, residual_usd__isnull=True, life_years__isnull=True)
                | Q(capex_usd__isnull=False, life_years__isnull=False),
                name="cost_line_capex_has_a_life",
            ),
            models.CheckConstraint(
                condition=Q(residual_usd__isnull=True) | Q(residual_usd__lte=F("capex_usd")),
                name="cost_line_residual_at_most_capex",
            ),
            *above_zero("cost_line", "life_years"),
            *within("cost_line", capex_usd=(0, None), residual_usd=(0, None), usd_per_hour=(0, None)),
            *listed("cost_line", component=COST_COMPONENTS),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"{self.rate_id}: {self.line}"


@pghistory.track()
class FxRate(models.Model):
    """What one unit of a currency is worth in US dollars, as of a day. In force until the next day given."""

    currency = models.CharField(max_length=3)
    as_of_date = models.DateField()
    usd_per_unit = models.DecimalField(max_digits=20, decimal_places=10)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["currency", "as_of_date"], name="one_fx_rate_per_day"),
            models.CheckConstraint(condition=Q(currency__regex=CURRENCY), name="fx_currency_form"),
            models.CheckConstraint(condition=~Q(currency="USD"), name="fx_rate_is_not_of_the_dollar"),
            *above_zero("fx_rate", "usd_per_unit"),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"{self.currency} {self.as_of_date}"


@pghistory.track()
class MarketValue(models.Model):
    """What an accelerator of a type would fetch or rent for, as of a day: the economic view, beside the book value."""

    accelerator_type = models.ForeignKey("AcceleratorType", models.PROTECT, related_name="market_values")
    as_of_date = models.DateField()
    usd_per_accelerator = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    rental_usd_per_hour = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["accelerator_type", "as_of_date"], name="one_market_value_per_day"),
            models.CheckConstraint(
                condition=Q(usd_per_accelerator__isnull=False) | Q(rental_usd_per_hour__isnull=False),
                name="market_value_has_an_amount",
            ),
            *within("market_value", usd_per_accelerator=(0, None), rental_usd_per_hour=(0, None)),
        ]

    def __str__(self) -> str:
        return f"{self.accelerator_type_id} {self.as_of_date}"


@pghistory.track()
class Budget(models.Model):
    """Money set aside for compute over `[starts_date, ends_date)`, by purpose. Periods of one purpose do not overlap."""

    key = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    purpose = models.CharField(max_length=12, choices=BUDGET_PURPOSES)
    starts_date = models.DateField()
    ends_date = models.DateField()
    budget_usd = models.DecimalField(max_digits=20, decimal_places=2)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="budgets_of_a_purpose_do_not_overlap",
                expressions=[
                    ("purpose", RangeOperators.EQUAL),
                    (DateRange("starts_date", "ends_date", Value("[)")), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(condition=Q(key__regex=KEY), name="budget_key_form"),
            models.CheckConstraint(condition=Q(ends_date__gt=F("starts_date")), name="budget_ends_after_start"),
            *within("budget", budget_usd=(0, None)),
            *listed("budget", purpose=BUDGET_PURPOSES),
        ]

    def __str__(self) -> str:
        return self.name
