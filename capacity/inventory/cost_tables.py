"""Tables of what hardware costs: cost rates and their lines, exchange rates, market values.

Money set aside, paid and asked for stands in spend_tables.
"""

from __future__ import annotations

from capacity.imports import cells
from capacity.imports.cells import Column
from capacity.imports.checks import beyond_peers
from capacity.imports.limits import sentences_of
from capacity.imports.tables import Reference, Retire, Sentence, Table, columns_of, key_column, register
from capacity.inventory.models import (
    CostLine,
    CostRate,
    FxRate,
    MarketValue,
)
from capacity.inventory.row_checks import (
    silicon_share_of_lines,
    silicon_share_of_rates,
    without_fx_rate,
)
from capacity.inventory.supply_tables import KEY_FORM, KEY_HELP, PROVENANCE_HELP

VIEW, CHANGE, AREA = "cost_data.view", "cost_data.change", "Costs"

_IN_CURRENCY = "in the currency of the rate"
_COMPONENTS = (
    "capex_usd",
    "accelerator_capex_usd",
    "residual_usd",
    "life_years",
    "wacc_share",
    "power_kw",
    "load_share",
    "pue",
    "usd_per_kwh",
    "usd_per_kw_month",
    "support_usd_per_year",
    "staff_usd_per_hour",
    "lease_usd_per_hour",
    "on_demand_usd_per_hour",
)

register(
    Table(
        name="cost_rates",
        model=CostRate,
        key=("key", "starts_date"),
        columns=columns_of(
            CostRate, ["key", "kind", "starts_date", "ends_date", "currency", *_COMPONENTS, "provenance"]
        ),
        sentences={
            **sentences_of(CostRate),
            "cost_rate_key_form": KEY_FORM,
            "cost_rate_periods_do_not_overlap": Sentence(
                column="starts_date",
                message="The period overlaps another of the same rate. End one as the next starts.",
            ),
            "cost_rate_ends_after_start": Sentence(column="ends_date", message="The period must end after it starts."),
            "owned_rate_has_no_rent": Sentence(
                column="lease_usd_per_hour", message="An owned rate has no lease or on-demand price. Leave both empty."
            ),
            "residual_at_most_capex": Sentence(
                column="residual_usd", message="The residual value exceeds the price paid."
            ),
            "silicon_at_most_capex": Sentence(
                column="accelerator_capex_usd", message="The accelerator alone costs more than everything together."
            ),
            "cost_rate_currency_form": Sentence(
                column="currency", message="The currency is three capital letters, such as EUR."
            ),
        },
        title="Cost rates",
        singular="Cost rate",
        intro="What an installed accelerator-hour costs, by component, from a day on. Lots name a rate by its key. "
        "A component that is not known stays empty: the cost is then unknown, never zero.",
        area=AREA,
        slug="cost-rates",
        view=VIEW,
        change=CHANGE,
        resource="input_cost_rates",
        label="key",
        listed=(
            "key",
            "kind",
            "currency",
            "starts_date",
            "ends_date",
            "capex_usd",
            "lease_usd_per_hour",
            "on_demand_usd_per_hour",
        ),
        filters=("kind", "currency"),
        search=("key",),
        help={
            "key": KEY_HELP + " The same key with another start is the rate's next period.",
            "kind": "owned (capital and running costs), leased (a price for every hour of the term) or cloud "
            "(a price for hours used).",
            "starts_date": "The first day of this period.",
            "ends_date": "The first day after it. Empty: until the next one is recorded.",
            "currency": "Three capital letters, such as EUR. Default USD. Every amount of the row is in it; it is "
            "turned into US dollars at the latest rate on or before the plan's day.",
            "capex_usd": f"Capital cost of one accelerator with its server and network, {_IN_CURRENCY}.",
            "accelerator_capex_usd": f"Of that, the accelerator alone, {_IN_CURRENCY}: for the share of silicon.",
            "residual_usd": f"What it is worth at the end of its life, {_IN_CURRENCY}.",
            "life_years": "Years over which it is written off, such as 5.",
            "wacc_share": "Cost of capital a year as a share, such as 0.10 for 10 %.",
            "power_kw": "Power of one accelerator with its share of the server and network, in kilowatts.",
            "load_share": "Share of that power drawn on average, between 0 and 1.",
            "pue": "Power of the site ÷ power of its computing, at least 1, such as 1.2.",
            "usd_per_kwh": f"Price of electricity per kWh, {_IN_CURRENCY}.",
            "usd_per_kw_month": f"Price of space and cooling per kW and month, {_IN_CURRENCY}.",
            "support_usd_per_year": f"Network and support per accelerator and year, {_IN_CURRENCY}.",
            "staff_usd_per_hour": f"Staff and software per accelerator-hour, {_IN_CURRENCY}.",
            "lease_usd_per_hour": f"Leased: the price per accelerator-hour, used or not, {_IN_CURRENCY}.",
            "on_demand_usd_per_hour": f"Cloud: the price per accelerator-hour used, {_IN_CURRENCY}.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Rate": ("key", "kind", "currency", "starts_date", "ends_date"),
            "Capital": ("capex_usd", "accelerator_capex_usd", "residual_usd", "life_years", "wacc_share"),
            "Running costs": (
                "power_kw",
                "load_share",
                "pue",
                "usd_per_kwh",
                "usd_per_kw_month",
                "support_usd_per_year",
                "staff_usd_per_hour",
            ),
            "Rent": ("lease_usd_per_hour", "on_demand_usd_per_hour"),
            "Source": ("provenance",),
        },
        retire=Retire(column="ends_date", label="End the rate"),
        checks=(
            silicon_share_of_rates,
            without_fx_rate,
            beyond_peers(model=CostRate, columns=_COMPONENTS, alike={"kind": "kind", "currency": "currency"}),
        ),
    )
)

register(
    Table(
        name="cost_lines",
        model=CostLine,
        key=("rate", "rate_starts_date", "line"),
        columns=columns_of(
            CostLine,
            ["line", "component", "capex_usd", "residual_usd", "life_years", "usd_per_hour", "provenance"],
            extra=[key_column("rate"), Column(name="rate_starts_date", parse=cells.iso_date, required=True)],
        ),
        references=(
            Reference(
                columns=("rate", "rate_starts_date"),
                target="cost_rates",
                target_columns=("key", "starts_date"),
                field="rate",
            ),
        ),
        sentences={
            **sentences_of(CostLine),
            "cost_line_key_form": Sentence(column="line", message=KEY_FORM.message),
            "one_cost_line_per_name": Sentence(column="line", message="The rate already has a line of this name."),
            "cost_line_has_an_amount": Sentence(
                column="capex_usd", message="A line needs a capital cost, a price by the hour, or both."
            ),
            "cost_line_capex_has_a_life": Sentence(
                column="life_years",
                message="A capital cost needs the years of its life; without one leave life and residual empty.",
            ),
            "cost_line_residual_at_most_capex": Sentence(
                column="residual_usd", message="The residual value exceeds the price paid."
            ),
        },
        title="Cost lines",
        singular="Cost line",
        intro="Further components of a cost rate, per accelerator: network or facility with a life of its own, "
        "or anything charged by the hour. They are added to what the rate itself says.",
        area=AREA,
        slug="cost-lines",
        view=VIEW,
        change=CHANGE,
        resource="input_cost_lines",
        label="line",
        listed=("rate", "rate_starts_date", "line", "component", "capex_usd", "life_years", "usd_per_hour"),
        filters=("component",),
        search=("rate", "line"),
        help={
            "rate": "The key of the cost rate.",
            "rate_starts_date": "The start of the rate's period it belongs to.",
            "line": "A short name within the rate, such as building: letters, digits, points, dashes, underscores.",
            "component": "accelerator, network, facility, power, space, support, staff, software or other.",
            "capex_usd": f"Capital cost per accelerator, {_IN_CURRENCY}. Written off in a straight line.",
            "residual_usd": f"What it is worth at the end of its life, {_IN_CURRENCY}. Empty: nothing.",
            "life_years": "Years of its life: such as 6 for a network, 20 for a building. Needed with a capital cost.",
            "usd_per_hour": f"Price per installed accelerator-hour, {_IN_CURRENCY}.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Line": ("rate", "rate_starts_date", "line", "component"),
            "Capital": ("capex_usd", "residual_usd", "life_years"),
            "By the hour": ("usd_per_hour",),
            "Source": ("provenance",),
        },
        checks=(silicon_share_of_lines,),
    )
)

register(
    Table(
        name="fx_rates",
        model=FxRate,
        key=("currency", "as_of_date"),
        columns=columns_of(FxRate, ["currency", "as_of_date", "usd_per_unit", "provenance"]),
        sentences={
            **sentences_of(FxRate),
            "one_fx_rate_per_day": Sentence(
                column="as_of_date", message="The currency already has a rate for this day."
            ),
            "fx_currency_form": Sentence(
                column="currency", message="The currency is three capital letters, such as EUR."
            ),
            "fx_rate_is_not_of_the_dollar": Sentence(
                column="currency", message="Sums are in US dollars: a dollar needs no rate."
            ),
        },
        title="Exchange rates",
        singular="Exchange rate",
        intro="What one unit of a currency is worth in US dollars. The latest rate on or before the plan's day is used, "
        "and named with its day; a frozen review keeps the rates it was frozen with.",
        area=AREA,
        slug="fx-rates",
        view=VIEW,
        change=CHANGE,
        resource="input_fx_rates",
        label="currency",
        listed=("currency", "as_of_date", "usd_per_unit"),
        filters=("currency",),
        search=("currency",),
        help={
            "currency": "Three capital letters, such as EUR.",
            "as_of_date": "The day of the rate.",
            "usd_per_unit": "US dollars for one unit of the currency, such as 1.08 for a euro.",
            "provenance": PROVENANCE_HELP,
        },
        groups={"Rate": ("currency", "as_of_date", "usd_per_unit"), "Source": ("provenance",)},
        checks=(beyond_peers(model=FxRate, columns=("usd_per_unit",), alike={"currency": "currency"}),),
    )
)

register(
    Table(
        name="market_values",
        model=MarketValue,
        key=("accelerator_type", "as_of_date"),
        columns=columns_of(
            MarketValue,
            ["as_of_date", "usd_per_accelerator", "rental_usd_per_hour", "provenance"],
            extra=[key_column("accelerator_type")],
        ),
        references=(Reference(columns=("accelerator_type",), target="accelerator_types", field="accelerator_type"),),
        sentences={
            **sentences_of(MarketValue),
            "one_market_value_per_day": Sentence(
                column="as_of_date", message="The type already has a market value for this day."
            ),
            "market_value_has_an_amount": Sentence(
                column="usd_per_accelerator", message="Give a price, a rent, or both."
            ),
        },
        title="Market values",
        singular="Market value",
        intro="What an accelerator of a type would sell or rent for on a day: the economic view beside the book value.",
        area=AREA,
        slug="market-values",
        view=VIEW,
        change=CHANGE,
        resource="input_market_values",
        label="accelerator_type",
        listed=("accelerator_type", "as_of_date", "usd_per_accelerator", "rental_usd_per_hour"),
        filters=("accelerator_type",),
        search=("accelerator_type",),
        help={
            "accelerator_type": "The key of the accelerator type.",
            "as_of_date": "The day of the value.",
            "usd_per_accelerator": "What one accelerator would sell for, in US dollars. Empty: not known.",
            "rental_usd_per_hour": "What one would rent for, in US dollars an hour. Empty: not known.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Value": ("accelerator_type", "as_of_date", "usd_per_accelerator", "rental_usd_per_hour"),
            "Source": ("provenance",),
        },
        checks=(beyond_peers(model=MarketValue, columns=("usd_per_accelerator", "rental_usd_per_hour")),),
    )
)
