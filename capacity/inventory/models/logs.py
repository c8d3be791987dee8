"""Money as others state it, by the row: bills paid and public list prices. The plan reads neither.

Rows come by the ten thousand from files and connectors; `batch_id` names the import that brought a row, so that an
import can be taken back by deleting its rows.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from capacity.imports.limits import CURRENCY, above_zero, listed, within

CHARGE_KINDS = [
    ("usage", "Usage"),
    ("purchase", "Purchase"),
    ("credit", "Credit"),
    ("tax", "Tax"),
    ("adjustment", "Adjustment"),
]
PRICING_MODELS = [
    ("on_demand", "On demand"),
    ("spot", "Spot"),
    ("reserved_1y", "Reserved, one year"),
    ("reserved_3y", "Reserved, three years"),
    ("reserved", "Reserved, another term"),
]
_MAY_BE_NEGATIVE = ("credit", "adjustment")


class ActualCost(models.Model):
    """One charge of a provider's bill on one day. Credits and adjustments may be negative; amounts in `currency`."""

    pool = models.ForeignKey("Pool", models.PROTECT, null=True, blank=True, related_name="actual_costs")
    day = models.DateField()
    provider = models.CharField(max_length=80)
    service = models.CharField(max_length=200, blank=True)
    resource = models.CharField(max_length=300, blank=True)
    charge_kind = models.CharField(max_length=12, choices=CHARGE_KINDS)
    billed_usd = models.DecimalField(max_digits=20, decimal_places=6)
    effective_usd = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    list_usd = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    currency = models.CharField(max_length=3, default="USD")
    quantity_hours = models.DecimalField(max_digits=18, decimal_places=6, null=True, blank=True)
    external_id = models.CharField(max_length=200)
    provenance = models.TextField(blank=True)
    batch_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "external_id"], name="one_charge_per_external_id"),
            models.CheckConstraint(condition=Q(currency__regex=CURRENCY), name="actual_cost_currency_form"),
            models.CheckConstraint(
                condition=Q(charge_kind__in=_MAY_BE_NEGATIVE)
                | (
                    Q(billed_usd__gte=0)
                    & (Q(effective_usd__isnull=True) | Q(effective_usd__gte=0))
                    & (Q(list_usd__isnull=True) | Q(list_usd__gte=0))
                ),
                name="only_credits_are_negative",
            ),
            *within(
                "actual_cost",
                billed_usd=("-1e15", None),
                effective_usd=("-1e15", None),
                list_usd=("-1e15", None),
                quantity_hours=(0, None),
            ),
            *listed("actual_cost", charge_kind=CHARGE_KINDS),
        ]
        indexes = [models.Index(fields=["day", "pool"], name="actual_cost_by_day")]

    def __str__(self) -> str:
        return f"{self.provider} {self.external_id}"


class AcceleratorListPrice(models.Model):
    """What a provider's price list asks for an accelerator-hour of an offer in a region, as of a day."""

    provider = models.CharField(max_length=80)
    region = models.CharField(max_length=80, blank=True)
    offer = models.CharField(max_length=120, blank=True)
    accelerator = models.CharField(max_length=120)
    accelerator_type = models.ForeignKey(
        "AcceleratorType", models.PROTECT, null=True, blank=True, related_name="list_prices"
    )
    pricing_model = models.CharField(max_length=12, choices=PRICING_MODELS)
    as_of_date = models.DateField()
    usd_per_accelerator_hour = models.DecimalField(max_digits=12, decimal_places=6)
    external_id = models.CharField(max_length=200)
    provenance = models.TextField(blank=True)
    batch_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "external_id", "as_of_date"], name="one_accelerator_price_per_day"
            ),
            *above_zero("list_price", "usd_per_accelerator_hour"),
            *listed("list_price", pricing_model=PRICING_MODELS),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.offer} {self.as_of_date}"
