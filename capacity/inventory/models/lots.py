"""What arrives, moves and fails: lots of accelerators, their moves between places, and outages.

A lot counts as supply by its state and dates (methods: Supply). A move splits a lot by date and keeps its total.
"""

from __future__ import annotations

import pghistory
import pgtrigger
from django.db import models
from django.db.models import F, Q

from capacity.imports.limits import KEY, listed, within
from capacity.imports.models import bumps_inputs_version

CONTROL_GRADES = [
    (1, "Owned, own site"),
    (2, "Owned, in colocation"),
    (3, "Long lease, not terminable"),
    (4, "Reserved cloud"),
    (5, "On demand or terminable"),
]
LOT_STATES = [
    ("planned", "Planned"),
    ("ordered", "Ordered"),
    ("confirmed", "Confirmed"),
    ("shipped", "Shipped"),
    ("installed", "Installed"),
    ("accepted", "Accepted"),
    ("retired", "Retired"),
]
LOT_SOURCES = [
    ("owned", "Owned"),
    ("leased", "Leased"),
    ("cloud", "Cloud"),
    ("joint_venture", "Joint venture"),
    ("dedicated", "Dedicated capacity"),
    ("partner", "Partner"),
]
OUTAGE_KINDS = [("maintenance", "Maintenance"), ("quarantine", "Quarantine")]


@pghistory.track()
class Lot(models.Model):
    """Accelerators that arrive and leave together. Counts as supply by its state and dates (methods: Supply)."""

    key = models.CharField(max_length=80, unique=True)
    domain = models.ForeignKey("NetworkDomain", models.PROTECT, related_name="lots")
    supplier = models.ForeignKey("Supplier", models.PROTECT, related_name="lots")
    state = models.CharField(max_length=10, choices=LOT_STATES)
    accelerators = models.PositiveIntegerField()
    control_grade = models.PositiveSmallIntegerField(choices=CONTROL_GRADES)
    ordered_date = models.DateField(null=True, blank=True)
    p50_date = models.DateField(null=True, blank=True)
    p90_date = models.DateField(null=True, blank=True)
    accepted_date = models.DateField(null=True, blank=True)
    ends_date = models.DateField(null=True, blank=True)
    cost_rate_key = models.CharField(max_length=80, blank=True)
    source_type = models.CharField(max_length=14, choices=LOT_SOURCES, blank=True)
    purchase_order = models.CharField(max_length=80, blank=True)
    serial_ref = models.CharField(max_length=200, blank=True)
    is_off_balance_sheet = models.BooleanField(default=False)
    is_terminable = models.BooleanField(default=False)
    early_exit_fee_usd = models.DecimalField(max_digits=18, decimal_places=2, null=True, blank=True)
    racks = models.PositiveIntegerField(null=True, blank=True)
    note = models.TextField(blank=True)
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
            models.CheckConstraint(
                condition=Q(ordered_date__isnull=True)
                | (
                    (Q(accepted_date__isnull=True) | Q(accepted_date__gte=F("ordered_date")))
                    & (Q(p50_date__isnull=True) | Q(p50_date__gte=F("ordered_date")))
                    & (Q(p90_date__isnull=True) | Q(p90_date__gte=F("ordered_date")))
                ),
                name="lot_is_ordered_before_it_arrives",
            ),
            models.UniqueConstraint(
                fields=["supplier", "serial_ref"], condition=~Q(serial_ref=""), name="one_lot_per_serial"
            ),
            *within("lot", early_exit_fee_usd=(0, None)),
            *listed("lot", state=LOT_STATES, source_type=[("", "As its pool"), *LOT_SOURCES]),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.key


@pghistory.track()
class LotMove(models.Model):
    """From a day on, some of a lot's accelerators stand in another network domain. The lot's total does not change.

    They are taken from the lot's own domain, then from where they were moved earliest (methods: Moves).
    """

    lot = models.ForeignKey(Lot, models.PROTECT, related_name="moves")
    starts_date = models.DateField()
    accelerators = models.PositiveIntegerField()
    to_domain = models.ForeignKey("NetworkDomain", models.PROTECT, related_name="moves_in")
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["lot", "starts_date", "to_domain"], name="one_move_per_day_and_place"),
            models.CheckConstraint(condition=Q(accelerators__gt=0), name="move_has_accelerators"),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"{self.accelerators} of {self.lot_id} from {self.starts_date}"


_DOMAIN_OF_POOL = """
    IF NEW.domain_id IS NOT NULL
       AND (SELECT pool_id FROM inventory_networkdomain WHERE id = NEW.domain_id) IS DISTINCT FROM NEW.pool_id THEN
        RAISE EXCEPTION 'the network domain is not one of the pool'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'outage_domain_is_of_its_pool';
    END IF;
    RETURN NEW;
"""


@pghistory.track()
class Outage(models.Model):
    """Accelerators out of use over `[starts_date, ends_date)`, in a network domain or anywhere in the pool."""

    key = models.CharField(max_length=80, unique=True)
    pool = models.ForeignKey("Pool", models.PROTECT, related_name="outages")
    domain = models.ForeignKey("NetworkDomain", models.PROTECT, null=True, blank=True, related_name="outages")
    kind = models.CharField(max_length=12, choices=OUTAGE_KINDS)
    accelerators = models.PositiveIntegerField()
    starts_date = models.DateField()
    ends_date = models.DateField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="outage_key_form"),
            models.CheckConstraint(condition=Q(accelerators__gt=0), name="outage_has_accelerators"),
            models.CheckConstraint(
                condition=Q(ends_date__isnull=True) | Q(ends_date__gt=F("starts_date")), name="outage_ends_after_start"
            ),
            *listed("outage", kind=OUTAGE_KINDS),
        ]
        triggers = [
            bumps_inputs_version(),
            pgtrigger.Trigger(
                name="domain_of_pool",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=_DOMAIN_OF_POOL,
            ),
        ]

    def __str__(self) -> str:
        return self.key
