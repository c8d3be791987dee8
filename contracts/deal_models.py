"""What a run says of the contracts that are not signed: a result table like the others, written once."""

from __future__ import annotations

from django.db import models

from capacity.allocation.models import RunTable


class RunDeal(RunTable):
    """What a run says of a contract version in the pipeline: what it would take and earn, alone, and what is held for it.

    Accelerators of its class's reference type in its largest week; revenue at P50 over the weeks of the horizon in
    term. None: unknown (`sentence` says why). weighted: × the probability of its hold, None without one. held: what
    the plan gives the hold in its largest week; short: what the plan does not give it, in its worst week.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="deal_rows")
    contract_key = models.CharField(max_length=80)
    contract_version = models.PositiveSmallIntegerField()
    contract_name = models.CharField(max_length=160)
    customer_key = models.CharField(max_length=80)
    customer_name = models.CharField(max_length=120)
    customer_alias = models.CharField(max_length=20)
    owner_username = models.CharField(max_length=150, blank=True)
    state = models.CharField(max_length=10)
    shape = models.CharField(max_length=24)
    workload_key = models.CharField(max_length=80, blank=True)
    starts_date = models.DateField()
    ends_date = models.DateField()
    is_sized = models.BooleanField()
    sentence = models.TextField(blank=True)
    accelerators = models.PositiveIntegerField(null=True)
    revenue_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    hold_key = models.CharField(max_length=80, blank=True)
    probability = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    expires_date = models.DateField(null=True)
    weighted_accelerators = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    weighted_revenue_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    held_accelerators = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    short_accelerators = models.PositiveIntegerField(null=True)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["run", "contract_key", "contract_version"], name="one_deal_per_version")
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.contract_key} v{self.contract_version}"
