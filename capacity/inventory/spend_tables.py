"""Tables of money set aside, paid and asked for by others: budgets, bills paid and list prices.

What hardware costs stands in cost_tables.
"""

from __future__ import annotations

from capacity.imports.checks import beyond_peers
from capacity.imports.limits import sentences_of
from capacity.imports.tables import Reference, Sentence, Table, columns_of, key_column, register
from capacity.inventory.cost_tables import AREA, CHANGE, VIEW
from capacity.inventory.models import (
    AcceleratorListPrice,
    ActualCost,
    Budget,
)
from capacity.inventory.row_checks import (
    amounts_in_another_currency,
    charges_in_the_future,
)
from capacity.inventory.supply_tables import KEY_FORM, KEY_HELP, PROVENANCE_HELP

register(
    Table(
        name="budgets",
        model=Budget,
        key=("key",),
        columns=columns_of(Budget, ["key", "name", "purpose", "starts_date", "ends_date", "budget_usd", "provenance"]),
        sentences={
            **sentences_of(Budget),
            "budget_key_form": KEY_FORM,
            "budget_ends_after_start": Sentence(column="ends_date", message="The budget must end after it starts."),
            "budgets_of_a_purpose_do_not_overlap": Sentence(
                column="starts_date",
                message="The period overlaps another budget of the same purpose: money would count twice.",
            ),
        },
        title="Budgets",
        singular="Budget",
        intro="Money set aside for compute, by purpose and period. The plan's cost is set beside it, never bound by it.",
        area=AREA,
        slug="budgets",
        view=VIEW,
        change=CHANGE,
        resource="input_budgets",
        label="name",
        listed=("key", "name", "purpose", "starts_date", "ends_date", "budget_usd"),
        filters=("purpose",),
        search=("key", "name"),
        help={
            "key": KEY_HELP,
            "name": "What people call it.",
            "purpose": "serving, learning, reliability, internal, or all for compute as a whole.",
            "starts_date": "The first day.",
            "ends_date": "The first day after it.",
            "budget_usd": "The money for the whole period, in US dollars.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Budget": ("key", "name", "purpose", "budget_usd"),
            "Period": ("starts_date", "ends_date"),
            "Source": ("provenance",),
        },
        checks=(beyond_peers(model=Budget, columns=("budget_usd",)),),
    )
)

register(
    Table(
        name="actual_costs",
        model=ActualCost,
        key=("provider", "external_id"),
        columns=columns_of(
            ActualCost,
            [
                "day",
                "provider",
                "service",
                "resource",
                "charge_kind",
                "billed_usd",
                "effective_usd",
                "list_usd",
                "currency",
                "quantity_hours",
                "external_id",
                "provenance",
            ],
            extra=[key_column("pool", required=False)],
        ),
        references=(Reference(columns=("pool",), target="pools", field="pool"),),
        sentences={
            **sentences_of(ActualCost),
            "one_charge_per_external_id": Sentence(
                column="external_id", message="The provider already has a charge of this id."
            ),
            "actual_cost_currency_form": Sentence(
                column="currency", message="The currency is three capital letters, such as EUR."
            ),
            "only_credits_are_negative": Sentence(
                column="billed_usd", message="Only credits and adjustments may be negative."
            ),
        },
        title="Actual costs",
        singular="Charge",
        intro="Charges as providers billed them, one row each, to set beside what the plan expected.",
        area=AREA,
        slug="actual-costs",
        view=VIEW,
        change=CHANGE,
        resource="input_actual_costs",
        label="external_id",
        listed=("day", "provider", "service", "pool", "charge_kind", "billed_usd", "currency", "quantity_hours"),
        filters=("provider", "charge_kind", "pool", "currency"),
        search=("provider", "service", "resource", "external_id"),
        help={
            "pool": "The key of the pool it paid for. Empty: none of them.",
            "day": "The day of the charge. Not in the future.",
            "provider": "Who billed it.",
            "service": "Their name of the service.",
            "resource": "Their name of the resource, such as a server.",
            "charge_kind": "usage, purchase, credit, tax or adjustment. Only credits and adjustments may be negative.",
            "billed_usd": "What was invoiced, in the row's currency.",
            "effective_usd": "The same after spreading prepayments and discounts, in the row's currency. Empty: unknown.",
            "list_usd": "What it would have cost at list price, in the row's currency. Empty: not known.",
            "currency": "Three capital letters, such as EUR. Default USD.",
            "quantity_hours": "Accelerator-hours charged. Empty: charged by something else.",
            "external_id": "The provider's own id of the charge: the same id again changes the row, it adds none.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Charge": ("provider", "external_id", "day", "charge_kind", "service", "resource", "pool"),
            "Amount": ("billed_usd", "effective_usd", "list_usd", "currency", "quantity_hours"),
            "Source": ("provenance",),
        },
        checks=(charges_in_the_future, amounts_in_another_currency),
        is_log=True,
    )
)

register(
    Table(
        name="accelerator_list_prices",
        model=AcceleratorListPrice,
        key=("provider", "external_id", "as_of_date"),
        columns=columns_of(
            AcceleratorListPrice,
            [
                "provider",
                "region",
                "offer",
                "accelerator",
                "pricing_model",
                "as_of_date",
                "usd_per_accelerator_hour",
                "external_id",
                "provenance",
            ],
            extra=[key_column("accelerator_type", required=False)],
        ),
        references=(Reference(columns=("accelerator_type",), target="accelerator_types", field="accelerator_type"),),
        sentences={
            **sentences_of(AcceleratorListPrice),
            "one_accelerator_price_per_day": Sentence(
                column="as_of_date", message="The offer already has a price for this day."
            ),
        },
        title="Accelerator list prices",
        singular="List price",
        intro="What providers' public price lists ask for an accelerator-hour. Nothing is planned with them; "
        "they show what renting would cost.",
        area=AREA,
        slug="accelerator-list-prices",
        view=VIEW,
        change=CHANGE,
        resource="input_accelerator_list_prices",
        label="external_id",
        listed=(
            "provider",
            "region",
            "offer",
            "accelerator",
            "accelerator_type",
            "pricing_model",
            "as_of_date",
            "usd_per_accelerator_hour",
        ),
        filters=("provider", "region", "accelerator_type", "pricing_model"),
        search=("provider", "offer", "accelerator", "external_id"),
        help={
            "provider": "Whose price list it is.",
            "region": "Their region. Empty: one price everywhere, or not said.",
            "offer": "Their name of the offer, such as an instance type.",
            "accelerator": "The accelerator in their words.",
            "accelerator_type": "The key of our accelerator type it is. Empty: none of ours.",
            "pricing_model": "on_demand, spot, reserved_1y, reserved_3y or reserved (another term).",
            "as_of_date": "The day the price was read.",
            "usd_per_accelerator_hour": "The price of one accelerator for an hour, in US dollars: the offer's price ÷ "
            "its accelerators.",
            "external_id": "What tells the price apart in the list: the provider's own id, or offer, region and pricing "
            "model in one.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Offer": ("provider", "region", "offer", "accelerator", "accelerator_type", "pricing_model", "external_id"),
            "Price": ("as_of_date", "usd_per_accelerator_hour"),
            "Source": ("provenance",),
        },
        checks=(beyond_peers(model=AcceleratorListPrice, columns=("usd_per_accelerator_hour",)),),
        is_log=True,
    )
)
