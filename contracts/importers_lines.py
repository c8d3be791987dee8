"""The lines of contract versions as people keep them: prices, commitments, SLA tiers and holds; and list prices.

What a column means is in `column_help`, who may write what in `write_rules`, what is odd in `input_checks`.
"""

from __future__ import annotations

from dataclasses import replace

from capacity.imports.checks import beyond_peers
from capacity.imports.tables import (
    Reference,
    Retire,
    Sentence,
    Table,
    columns_of,
    key_column,
    register,
    whole_column,
)
from contracts import column_help, input_checks, write_rules
from contracts.importers_contracts import AREA, KEY_FORM, choice_of
from contracts.models import CommitStep, Hold, PriceLine, SlaLine, TokenListPrice
from contracts.workflow_models import HOLD_STATES

_CONTRACT = Reference(
    columns=("contract", "version"), target="contracts", target_columns=("key", "version"), field="contract"
)
_LINE_GROUP = "Contract"


register(
    Table(
        name="price_lines",
        model=PriceLine,
        key=("contract", "version", "kind", "starts_date", "tier_from"),
        columns=(
            *columns_of(PriceLine, ["kind", "price", "starts_date", "ends_date"]),
            replace(columns_of(PriceLine, ["tier_from"])[0], when_empty=0),
            *columns_of(
                PriceLine,
                ["tier_mode", "included_quantity", "note", "provenance"],
                extra=[key_column("contract"), whole_column("version")],
            ),
        ),
        references=(_CONTRACT,),
        sentences={
            "price_lines_do_not_overlap": Sentence(
                column="starts_date", message="The period overlaps another price of the same kind on this contract."
            ),
            "price_not_negative": Sentence(column="price", message="A price is not negative."),
            "price_ends_after_start": Sentence(column="ends_date", message="The price must end after it starts."),
            "tier_starts_at_zero_or_above": Sentence(column="tier_from", message="A tier starts at 0 or above."),
            "tiers_are_of_what_is_counted": Sentence(
                column="tier_from",
                message="Tiers and included quantities are for tokens, seats and outcomes, not for hours, days or fees.",
            ),
            "first_tier_holds_what_is_included": Sentence(
                column="included_quantity",
                message="What is included is at least 0 and stands on the tier from 0 alone.",
            ),
            "price_kind_known": Sentence(column="kind", message="This is no kind of price."),
            "tier_mode_known": choice_of("tier_mode", "graduated", "volume"),
        },
        checks=(
            input_checks.price_checks,
            beyond_peers(model=PriceLine, columns=("price",), alike={"kind": "kind"}),
        ),
        title="Prices of contracts",
        singular="Price",
        intro="What each contract pays, by date and by tier. In the contract's currency.",
        area=AREA,
        slug="price-lines",
        view="price_data.view",
        change="price_data.change",
        resource="input_price_lines",
        owner="contract.owner",
        label="kind",
        listed=("contract", "version", "kind", "price", "tier_from", "starts_date", "ends_date"),
        filters=("contract", "kind"),
        search=("contract", "kind", "note"),
        help=column_help.PRICE_LINES,
        groups={
            _LINE_GROUP: ("contract", "version"),
            "Price": ("kind", "price", "starts_date", "ends_date"),
            "Tiers": ("tier_from", "tier_mode", "included_quantity"),
            "Where it comes from": ("note", "provenance"),
        },
        retire=Retire(column="ends_date", label="End the price"),
        may_write=write_rules.price_line_writer,
        needs_checker=write_rules.price_checker,
    )
)

register(
    Table(
        name="commit_steps",
        model=CommitStep,
        key=("contract", "version", "kind", "starts_date"),
        columns=columns_of(
            CommitStep,
            ["kind", "quantity", "starts_date", "provenance"],
            extra=[key_column("contract"), whole_column("version")],
        ),
        references=(_CONTRACT,),
        sentences={
            "one_commit_step_per_date": Sentence(
                column="starts_date", message="The contract already has a step of this kind from this date."
            ),
            "commitment_not_negative": Sentence(column="quantity", message="A committed quantity is not negative."),
            "commitment_kind_known": Sentence(column="kind", message="This is no kind of commitment."),
        },
        checks=(
            input_checks.step_checks,
            beyond_peers(model=CommitStep, columns=("quantity",), alike={"kind": "kind"}),
        ),
        title="Commitments",
        singular="Commitment step",
        intro="What is committed from a date on: money, tokens, units, bundles, accelerators, seats. A ramp is several "
        "steps of one kind.",
        area=AREA,
        slug="commit-steps",
        view="contract_data.view",
        change="contract_data.change",
        resource="input_commit_steps",
        owner="contract.owner",
        label="kind",
        listed=("contract", "version", "kind", "quantity", "starts_date"),
        filters=("contract", "kind"),
        search=("contract", "kind"),
        help=column_help.COMMIT_STEPS,
        groups={
            _LINE_GROUP: ("contract", "version"),
            "Commitment": ("kind", "quantity", "starts_date"),
            "Where it comes from": ("provenance",),
        },
        may_write=write_rules.sizing_line_writer,
        needs_checker=write_rules.commitment_checker,
    )
)

register(
    Table(
        name="sla_lines",
        model=SlaLine,
        key=("contract", "version", "metric", "below_share", "region"),
        columns=(
            *columns_of(SlaLine, ["metric", "below_share", "credit_share"]),
            replace(columns_of(SlaLine, ["region"])[0], when_empty=""),
            *columns_of(SlaLine, ["chance", "make_good_usd"]),
            *columns_of(SlaLine, ["provenance"], extra=[key_column("contract"), whole_column("version")]),
        ),
        references=(
            _CONTRACT,
            Reference(columns=("region",), target="sites", target_columns=("region",)),
        ),
        sentences={
            "one_sla_line_per_bound": Sentence(
                column="below_share", message="The contract already has a line for this bound in this region."
            ),
            "sla_bound_is_a_share": Sentence(
                column="below_share", message="The bound is a share above 0 and at most 1, such as 0.999."
            ),
            "sla_credit_is_a_share": Sentence(column="credit_share", message="The credit is a share between 0 and 1."),
            "sla_metric_known": choice_of("metric", "uptime", "latency"),
            "sla_chance_is_a_share": Sentence(column="chance", message="The chance is a share between 0 and 1."),
            "sla_make_good_not_negative": Sentence(
                column="make_good_usd", message="The make-good is at least 0 dollars; empty if it is not known."
            ),
        },
        checks=(input_checks.sla_checks,),
        title="SLA tiers",
        singular="SLA tier",
        intro="What is credited below which availability or latency. The lowest bound that a month is strictly below "
        "decides.",
        area=AREA,
        slug="sla-lines",
        view="contract_data.view",
        change="contract_data.change",
        resource="input_sla_lines",
        owner="contract.owner",
        label="metric",
        listed=("contract", "version", "metric", "below_share", "credit_share", "chance", "region"),
        filters=("contract", "metric"),
        search=("contract", "metric", "region"),
        help=column_help.SLA_LINES,
        groups={
            _LINE_GROUP: ("contract", "version"),
            "Tier": ("metric", "below_share", "credit_share", "region"),
            "What to expect": ("chance", "make_good_usd"),
            "Where it comes from": ("provenance",),
        },
        may_write=write_rules.line_writer,
        needs_checker=write_rules.commitment_checker,
    )
)

register(
    Table(
        name="holds",
        model=Hold,
        key=("key",),
        columns=columns_of(
            Hold,
            ["key", "probability", "granted_date", "expires_date", "state", "ended_date", "note", "provenance"],
            extra=[key_column("contract"), whole_column("version")],
        ),
        references=(_CONTRACT,),
        sentences={
            "hold_key_form": KEY_FORM,
            "hold_is_likely": Sentence(column="probability", message="The probability is above 0 and at most 1."),
            "hold_expires_after_its_grant": Sentence(
                column="expires_date", message="The hold must expire after the day it is granted."
            ),
            "hold_state_known": choice_of("state", *(state for state, _ in HOLD_STATES)),
            "ended_hold_has_its_day": Sentence(
                column="ended_date", message="A hold that has ended needs the day; a granted one has none."
            ),
            "one_granted_hold_per_contract": Sentence(
                column="contract", message="The contract version holds accelerators already."
            ),
            "held_contract_is_in_the_pipeline": Sentence(
                column="contract", message="Only a deal on its way to a signature holds accelerators."
            ),
            "ended_hold_stays_ended": Sentence(column="state", message="A hold that has ended stays ended."),
            "granted_hold_does_not_change": Sentence(
                column="probability", message="What was granted does not change: release it and ask for another hold."
            ),
        },
        title="Holds",
        singular="Hold",
        intro="Accelerators kept for deals that are not signed. Granted and released on the deal's page, where there is "
        "room for them in every pool and week.",
        area=AREA,
        slug="holds",
        view="contract_data.view",
        change="contract_data.change",
        resource="input_holds",
        owner="contract.owner",
        label="key",
        listed=("key", "contract", "version", "probability", "granted_date", "expires_date", "state", "ended_date"),
        filters=("state", "contract"),
        search=("key", "contract", "note"),
        help=column_help.HOLDS,
        groups={
            _LINE_GROUP: ("key", "contract", "version"),
            "Hold": ("probability", "granted_date", "expires_date"),
            "How it ended": ("state", "ended_date", "note", "provenance"),
        },
        may_write=write_rules.hold_writer,
    )
)

register(
    Table(
        name="token_list_prices",
        model=TokenListPrice,
        key=("provider", "model", "kind", "as_of_date"),
        columns=columns_of(
            TokenListPrice,
            ["provider", "model", "kind", "as_of_date", "usd_per_million_tokens", "external_id", "provenance"],
        ),
        sentences={
            "one_list_price_per_day": Sentence(
                column="as_of_date", message="There already is a price of this kind for the model and day."
            ),
            "list_price_not_negative": Sentence(
                column="usd_per_million_tokens", message="A list price is not negative."
            ),
            "list_price_kind_known": Sentence(column="kind", message="This is no kind of list price."),
        },
        checks=(beyond_peers(model=TokenListPrice, columns=("usd_per_million_tokens",), alike={"kind": "kind"}),),
        title="Token list prices",
        singular="Token list price",
        intro="Public prices per million tokens, as read on a day. For comparison only: the plan does not use them.",
        area=AREA,
        slug="token-list-prices",
        view="model_data.view",
        change="cost_data.change",
        resource="input_token_list_prices",
        label="model",
        listed=("provider", "model", "kind", "usd_per_million_tokens", "as_of_date"),
        filters=("provider", "kind"),
        search=("provider", "model"),
        help=column_help.TOKEN_LIST_PRICES,
        groups={
            "List price": ("provider", "model", "kind", "usd_per_million_tokens", "as_of_date"),
            "Where it comes from": ("external_id", "provenance"),
        },
        is_log=True,
    )
)
