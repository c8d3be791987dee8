"""Tables of what arrives, moves and fails: lots, their moves between network domains, and outages."""

from __future__ import annotations

from capacity.imports.checks import beyond_peers
from capacity.imports.limits import sentences_of
from capacity.imports.tables import Reference, Retire, Sentence, Table, columns_of, key_column, register
from capacity.inventory.models import Lot, LotMove, Outage
from capacity.inventory.row_checks import (
    impossible_moves,
    inside_lead_time,
    late_lots,
    lots_without_cost,
    moves_left_behind,
    outages_beyond_their_place,
    repeated_deliveries,
)
from capacity.inventory.supply_tables import AREA, CHANGE, KEY_FORM, KEY_HELP, PROVENANCE_HELP, VIEW

register(
    Table(
        name="lots",
        model=Lot,
        key=("key",),
        columns=columns_of(
            Lot,
            [
                "key",
                "state",
                "accelerators",
                "control_grade",
                "ordered_date",
                "p50_date",
                "p90_date",
                "accepted_date",
                "ends_date",
                "cost_rate_key",
                "source_type",
                "purchase_order",
                "serial_ref",
                "is_off_balance_sheet",
                "is_terminable",
                "early_exit_fee_usd",
                "racks",
                "note",
                "provenance",
            ],
            extra=[key_column("pool"), key_column("domain"), key_column("supplier")],
        ),
        references=(
            Reference(
                columns=("pool", "domain"), target="network_domains", target_columns=("pool", "key"), field="domain"
            ),
            Reference(columns=("supplier",), target="suppliers", field="supplier"),
            Reference(columns=("cost_rate_key",), target="cost_rates"),
        ),
        sentences={
            **sentences_of(Lot),
            "lot_key_form": KEY_FORM,
            "lot_has_accelerators": Sentence(column="accelerators", message="A lot has at least one accelerator."),
            "control_grade_1_to_5": Sentence(column="control_grade", message="The control grade is 1 to 5."),
            "lot_p90_not_before_p50": Sentence(column="p90_date", message="The P90 date is before the P50 date."),
            "lot_leaves_after_it_arrives": Sentence(column="ends_date", message="The lot must leave after it arrives."),
            "accepted_lot_has_a_date": Sentence(
                column="accepted_date", message="An accepted, installed or retired lot needs its acceptance date."
            ),
            "confirmed_lot_has_p50": Sentence(
                column="p50_date", message="A confirmed or shipped lot needs its P50 date."
            ),
            "ordered_lot_has_p90": Sentence(column="p90_date", message="An ordered lot needs its P90 date."),
            "lot_is_ordered_before_it_arrives": Sentence(
                column="ordered_date", message="The lot was ordered after it arrives. One of the dates is wrong."
            ),
            "one_lot_per_serial": Sentence(
                column="serial_ref",
                message="Another lot of this supplier has the same serial reference: the delivery is there twice.",
            ),
        },
        title="Lots",
        singular="Lot",
        intro="Accelerators that arrive and leave together. A lot counts as supply by its state and its dates.",
        area=AREA,
        slug="lots",
        view=VIEW,
        change=CHANGE,
        resource="input_lots",
        label="key",
        listed=("key", "pool", "domain", "supplier", "state", "accelerators", "p50_date", "accepted_date", "ends_date"),
        filters=("pool", "supplier", "state", "control_grade", "source_type"),
        search=("key", "purchase_order", "serial_ref", "note"),
        help={
            "key": KEY_HELP,
            "pool": "The key of the pool it belongs to.",
            "domain": "The key of the network domain within the pool.",
            "supplier": "The key of the supplier.",
            "state": "planned, ordered, confirmed, shipped, installed, accepted or retired. Accepted and installed lots "
            "count fully, confirmed and shipped ones from their P50 date, ordered ones from their P90 date, "
            "planned ones not at all.",
            "accelerators": "How many, a whole number of at least 1.",
            "control_grade": "1 owned on our own site, 2 owned in colocation, 3 long lease that cannot be ended, "
            "4 reserved cloud, 5 on demand or terminable.",
            "ordered_date": "The day of the order. Lead times run from it.",
            "p50_date": "The day of acceptance expected in half of all cases.",
            "p90_date": "The day of acceptance expected in nine cases of ten. Not before the P50 date.",
            "accepted_date": "The day it was accepted. It costs from that day; it counts from the next Monday.",
            "ends_date": "The first day without it: retirement or end of the lease. Empty: no end known.",
            "cost_rate_key": "The key of its cost rate. Empty: the cost is unknown, and shown so, never as zero.",
            "source_type": "owned, leased, cloud, joint_venture, dedicated or partner. Empty: as its pool.",
            "purchase_order": "The number of the order or lease.",
            "serial_ref": "What the delivery is told apart by: a serial range or an asset list. Once per supplier.",
            "is_off_balance_sheet": "true when it does not stand in our books. Default false.",
            "is_terminable": "true when the other side can take it away before the end. Default false.",
            "early_exit_fee_usd": "What leaving before the end costs us, in US dollars. Empty: not known.",
            "racks": "How many rack slots it takes. Empty: not known.",
            "note": "Anything else about it.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Lot": ("key", "pool", "domain", "supplier", "state", "accelerators", "racks"),
            "Dates": ("ordered_date", "p50_date", "p90_date", "accepted_date", "ends_date"),
            "Control": ("control_grade", "source_type", "is_terminable", "is_off_balance_sheet"),
            "Cost": ("cost_rate_key", "early_exit_fee_usd"),
            "Papers": ("purchase_order", "serial_ref", "note", "provenance"),
        },
        bulk=(
            "state",
            "p50_date",
            "p90_date",
            "accepted_date",
            "ends_date",
            "cost_rate_key",
            "control_grade",
            "source_type",
            "note",
        ),
        retire=Retire(column="ends_date", label="Retire"),
        checks=(
            repeated_deliveries,
            late_lots,
            lots_without_cost,
            inside_lead_time,
            moves_left_behind,
            beyond_peers(model=Lot, columns=("accelerators", "early_exit_fee_usd", "racks")),
        ),
    )
)

register(
    Table(
        name="lot_moves",
        model=LotMove,
        key=("lot", "starts_date", "to_pool", "to_domain"),
        columns=columns_of(
            LotMove,
            ["starts_date", "accelerators", "provenance"],
            extra=[key_column("lot"), key_column("to_pool"), key_column("to_domain")],
        ),
        references=(
            Reference(columns=("lot",), target="lots", field="lot"),
            Reference(
                columns=("to_pool", "to_domain"),
                target="network_domains",
                target_columns=("pool", "key"),
                field="to_domain",
            ),
        ),
        sentences={
            "one_move_per_day_and_place": Sentence(
                column="to_domain", message="The lot already moves to this network domain on this day."
            ),
            "move_has_accelerators": Sentence(column="accelerators", message="A move has at least one accelerator."),
        },
        title="Lot moves",
        singular="Lot move",
        intro="From a day on, some accelerators of a lot stand in another network domain. "
        "The lot stays one lot, its total does not change, and its cost goes with the accelerators.",
        area=AREA,
        slug="lot-moves",
        view=VIEW,
        change=CHANGE,
        resource="input_lot_moves",
        label="lot",
        listed=("lot", "starts_date", "accelerators", "to_pool", "to_domain"),
        filters=("to_pool",),
        search=("lot", "to_pool", "to_domain"),
        help={
            "lot": "The key of the lot.",
            "starts_date": "The first day in the new place. In that week the accelerators count in neither place; "
            "from the next Monday they count in the new one. Their cost moves on the day.",
            "accelerators": "How many move. Taken from the lot's own network domain first, then from where they were "
            "moved earliest.",
            "to_pool": "The key of the pool they move to.",
            "to_domain": "The key of the network domain they move to.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Move": ("lot", "starts_date", "accelerators", "to_pool", "to_domain"),
            "Source": ("provenance",),
        },
        checks=(impossible_moves,),
    )
)

register(
    Table(
        name="outages",
        model=Outage,
        key=("key",),
        columns=columns_of(
            Outage,
            ["key", "kind", "accelerators", "starts_date", "ends_date", "reason", "provenance"],
            extra=[key_column("pool"), key_column("domain", required=False)],
        ),
        references=(
            Reference(columns=("pool",), target="pools", field="pool"),
            Reference(
                columns=("pool", "domain"), target="network_domains", target_columns=("pool", "key"), field="domain"
            ),
        ),
        sentences={
            **sentences_of(Outage),
            "outage_key_form": KEY_FORM,
            "outage_has_accelerators": Sentence(
                column="accelerators", message="An outage has at least one accelerator."
            ),
            "outage_ends_after_start": Sentence(column="ends_date", message="The outage must end after it starts."),
            "outage_domain_is_of_its_pool": Sentence(
                column="domain", message="The network domain is not one of the pool. Name the domain again."
            ),
        },
        title="Outages",
        singular="Outage",
        intro="Accelerators out of use for a time: maintenance, or quarantine of parts that fail. "
        "An outage that touches a week counts for all of it.",
        area=AREA,
        slug="outages",
        view=VIEW,
        change=CHANGE,
        resource="input_outages",
        label="key",
        listed=("key", "pool", "domain", "kind", "accelerators", "starts_date", "ends_date", "reason"),
        filters=("pool", "kind"),
        search=("key", "reason"),
        help={
            "key": KEY_HELP,
            "pool": "The key of the pool.",
            "domain": "The key of the network domain. Empty: anywhere in the pool, shared out server by server.",
            "kind": "maintenance or quarantine.",
            "accelerators": "How many are out, a whole number of at least 1.",
            "starts_date": "The first day of the outage.",
            "ends_date": "The first day after it. Empty: no end known.",
            "reason": "Why, in words.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Outage": ("key", "kind", "accelerators", "reason"),
            "Where": ("pool", "domain"),
            "When": ("starts_date", "ends_date"),
            "Source": ("provenance",),
        },
        retire=Retire(column="ends_date", label="End the outage"),
        checks=(outages_beyond_their_place,),
    )
)
