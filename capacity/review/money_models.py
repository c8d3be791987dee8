"""What a run says of money: contracts under scenarios, their roll-ups, and what the portfolio may come to.

Three result tables like the others (rows of one run, never changed). The arithmetic is contracts/domain/scenarios.py,
rollups.py and monte_carlo.py; methods: Scenarios of use.
"""

from __future__ import annotations

from django.db import models

from capacity.allocation.models import RunTable


class RunScenario(RunTable):
    """A contract in one scenario of use over the weeks of the horizon in its term.

    Amounts in USD, to the cent, None where not known. The lists hold one number a week of the horizon, in cents (or
    accelerators), None in weeks of which it is not known; they are empty where it is known of no week. Σ of a list is
    its amount. low and high: of a cost that is not known, what it is at the cheapest and the dearest rate that is.
    outage: the part of the expected credits that is for outages; it and make-good are None where no chance is on file.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="scenario_rows")
    contract_key = models.CharField(max_length=80)
    contract_version = models.PositiveSmallIntegerField()
    contract_name = models.CharField(max_length=160)
    customer_key = models.CharField(max_length=80)
    customer_name = models.CharField(max_length=120)
    customer_alias = models.CharField(max_length=20)
    owner_username = models.CharField(max_length=150, blank=True)
    workload_key = models.CharField(max_length=80, blank=True)
    model_key = models.CharField(max_length=80, blank=True)
    model_tier = models.CharField(max_length=10, blank=True)
    shape = models.CharField(max_length=24)
    # Region → accelerator-weeks that the plan serves it with there.
    regions = models.JSONField(default=dict)
    scenario = models.CharField(max_length=10)
    position = models.PositiveSmallIntegerField()
    first_week = models.CharField(max_length=8)
    weeks = models.PositiveSmallIntegerField()
    is_sized = models.BooleanField()
    is_priced = models.BooleanField()
    multiple = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    revenue_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    consumed_cost_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    headroom_cost_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    reserved_cost_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    reserved_low_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    reserved_high_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    margin_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    margin_share = models.DecimalField(max_digits=20, decimal_places=10, null=True)
    consumed_margin_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    capacity_gap_accelerators = models.IntegerField(null=True)
    capacity_gap_accelerator_weeks = models.IntegerField(null=True)
    expected_credits_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    outage_credits_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    make_good_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    loss_exposure_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    margin_swing_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    revenue_cents = models.JSONField(default=list)
    consumed_cents = models.JSONField(default=list)
    reserved_cents = models.JSONField(default=list)
    credits_cents = models.JSONField(default=list)
    loss_cents = models.JSONField(default=list)
    gap_accelerators = models.JSONField(default=list)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["run", "contract_key", "scenario"], name="one_row_per_contract_scenario")
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.contract_key} {self.scenario}"


class RunRollup(RunTable):
    """The contracts of one part (a workload, model, tier, customer, region or shape) in one scenario, summed.

    dimension "all" has one part, the total; the parts of every other dimension sum to it to the cent. Money only of
    contracts of which it is known: the others are counted (unsized, unpriced, unknown_cost) and listed (left_out); low
    and high span what the cost may be with those whose rate is not known. is_small: so few customers are in it, or in
    what it would give away beside the total, that roles without prices do not read its money.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="rollup_rows")
    dimension = models.CharField(max_length=12)
    part_key = models.CharField(max_length=80, blank=True)
    part_name = models.CharField(max_length=160)
    scenario = models.CharField(max_length=10)
    position = models.PositiveSmallIntegerField()
    contracts = models.PositiveIntegerField()
    customers = models.PositiveIntegerField()
    unsized = models.PositiveIntegerField()
    unpriced = models.PositiveIntegerField()
    unknown_cost = models.PositiveIntegerField()
    left_out = models.JSONField(default=list)
    is_small = models.BooleanField()
    revenue_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    consumed_cost_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    headroom_cost_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    reserved_cost_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    reserved_low_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    reserved_high_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    margin_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    margin_share = models.DecimalField(max_digits=20, decimal_places=10, null=True)
    consumed_margin_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    capacity_gap_accelerator_weeks = models.IntegerField(null=True)
    expected_credits_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    loss_exposure_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    margin_swing_usd = models.DecimalField(max_digits=28, decimal_places=2, null=True)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["run", "dimension", "part_key", "scenario"], name="one_rollup_per_part")
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.dimension} {self.part_key} {self.scenario}"


class RunChance(RunTable):
    """What seeded draws of use say of one measure: its P10, P50, P90 and mean, and how likely it is bad.

    measure: margin, in-term margin (without renewals), revenue, reserved cost (USD over the horizon) or shortfall
    (accelerator-weeks); part: the pool of a shortfall, else "". probability: share of the draws with a loss, or with a
    shortfall.
    """

    run = models.ForeignKey("allocation.Run", models.PROTECT, related_name="chance_rows")
    measure = models.CharField(max_length=20)
    part_key = models.CharField(max_length=80, blank=True)
    part_name = models.CharField(max_length=160, blank=True)
    position = models.PositiveSmallIntegerField()
    unit = models.CharField(max_length=20)
    p10 = models.DecimalField(max_digits=28, decimal_places=2)
    p50 = models.DecimalField(max_digits=28, decimal_places=2)
    p90 = models.DecimalField(max_digits=28, decimal_places=2)
    mean = models.DecimalField(max_digits=28, decimal_places=2)
    probability = models.DecimalField(max_digits=7, decimal_places=6, null=True)
    contracts = models.PositiveIntegerField()
    left_out = models.PositiveIntegerField()
    draws = models.PositiveIntegerField()
    seed = models.PositiveIntegerField()
    market_share = models.DecimalField(max_digits=5, decimal_places=4)

    class Meta(RunTable.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["run", "measure", "part_key"], name="one_chance_per_measure")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.measure} {self.part_key}"
