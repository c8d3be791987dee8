"""What a run says of one contract in detail: its use at multiples, the pools and lots it stands on, its SLA in dollars.

Result tables like the others, written once. How their rows are made is use.py, standing.py and sla_rows.py.
"""

from __future__ import annotations

from django.db import models

from capacity.allocation.models import RunTable


class ContractDetail(RunTable):
    """Base of the tables below: whose row it is. The owner is the salesperson's username, "" without one."""

    contract_key = models.CharField(max_length=80)
    owner_username = models.CharField(max_length=150, blank=True)

    class Meta(RunTable.Meta):
        abstract = True


class RunContractMultiple(ContractDetail):
    """A contract's planning month, alone, at a multiple of its expected use (methods: Use at multiples).

    basis: "multiple" (1, 2, 3 × P50) or "worst" (the worst reasonable use). used_multiple: what its cap leaves of the
    multiple. Money in USD, unrounded; None = unknown. On the row of 1 × only: break_even_reason, why there is no
    break-even use (a code of BreakEvenMultiple), and curve: [[multiple, margin in USD], …].
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="contract_multiples")
    position = models.PositiveSmallIntegerField()
    basis = models.CharField(max_length=10)
    on_date = models.DateField()
    hours = models.PositiveSmallIntegerField()
    multiple = models.DecimalField(max_digits=10, decimal_places=4)
    used_multiple = models.DecimalField(max_digits=10, decimal_places=4)
    accelerators = models.IntegerField(null=True)
    capacity_gap_accelerators = models.IntegerField(null=True)
    revenue_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    reserved_cost_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    consumed_cost_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    margin_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    margin_share = models.DecimalField(max_digits=20, decimal_places=10, null=True)
    loss_exposure_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    break_even_reason = models.CharField(max_length=24, blank=True)
    curve = models.JSONField(default=list)

    class Meta(ContractDetail.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "contract_key", "position"], name="one_row_per_multiple")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.contract_key} {self.multiple}"


class RunContractPool(ContractDetail):
    """A pool from which the plan serves a contract: its share of what its class holds there (methods: What it stands on).

    Accelerators of the pool's own type. weekly: one number a week of the plan, "0" where it is not served there.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="contract_pools")
    pool_key = models.CharField(max_length=80)
    pool_name = models.CharField(max_length=120)
    first_week = models.CharField(max_length=8)
    last_week = models.CharField(max_length=8)
    weeks = models.PositiveSmallIntegerField()
    mean_accelerators = models.DecimalField(max_digits=16, decimal_places=4)
    most_accelerators = models.DecimalField(max_digits=16, decimal_places=4)
    weekly = models.JSONField(default=list)

    class Meta(ContractDetail.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["run", "contract_key", "pool_key"], name="one_pool_per_contract")
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.contract_key} {self.pool_key}"


class RunContractLot(ContractDetail):
    """A lot of such a pool, and how its term stands against the contract's (methods: What it stands on).

    part_accelerators: what of the contract stands on the lot in the last week in which both are there. weeks_uncovered:
    from the lot's end to the contract's, 0 where the lot stays. usd_per_hour: per installed hour, None = unknown.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="contract_lots")
    pool_key = models.CharField(max_length=80)
    lot_key = models.CharField(max_length=80)
    source_type = models.CharField(max_length=20)
    supplier_name = models.CharField(max_length=120, blank=True)
    lot_accelerators = models.IntegerField()
    starts_date = models.DateField(null=True)
    ends_date = models.DateField(null=True)
    rate_basis = models.CharField(max_length=10, blank=True)
    usd_per_hour = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    part_accelerators = models.DecimalField(max_digits=16, decimal_places=4)
    contract_ends_date = models.DateField()
    weeks_uncovered = models.PositiveIntegerField()

    class Meta(ContractDetail.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["run", "contract_key", "pool_key", "lot_key"], name="one_lot_per_contract")
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.contract_key} {self.lot_key}"


class RunContractSla(ContractDetail):
    """A tier of a contract's SLA and what a month below it credits at expected use (methods: Credits).

    fee_usd: the planning month's charge at P50; credit_usd = credit_share × it. expected_usd = chance × credit_usd and
    expected_make_good_usd = chance × make-good, a month. None = unknown. is_standard: the contract promises an SLA and
    has no lines of its own.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="contract_slas")
    position = models.PositiveSmallIntegerField()
    metric = models.CharField(max_length=10)
    region = models.CharField(max_length=60, blank=True)
    below_share = models.DecimalField(max_digits=8, decimal_places=7)
    credit_share = models.DecimalField(max_digits=6, decimal_places=5)
    is_standard = models.BooleanField()
    allowed_minutes = models.DecimalField(max_digits=10, decimal_places=4)
    fee_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    credit_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    chance = models.DecimalField(max_digits=14, decimal_places=12, null=True)
    expected_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)
    expected_make_good_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)

    class Meta(ContractDetail.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "contract_key", "position"], name="one_sla_row")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.contract_key} {self.metric} {self.below_share}"
