"""A quote as its reader may see it: verdict, cases, floor, costs and offers, each value through the visibility table.

What belongs here: stored JSON in, visible values out, for pages, print and API alike. The quote's maker is its owner:
what sales read of their own contracts they read of their own quotes (methods: Visibility). Words are quote_words.py's.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from capacity.access.roles import Role
from capacity.access.visibility import RESTRICTED, Sight, Viewer, reads_floor, see, sight
from capacity.lib.figures import UNKNOWN_COST, UNSIZED, Absent
from capacity.lib.units import ceil_fraction, exact
from capacity.review.coarse import up_to
from capacity.review.contract_terms import NO_CHANCE
from contracts.domain.quote import ladder_step, two_digits_up
from contracts.domain.quote_payload import KEY, LINE_TABLES, lines_of

Row = dict[str, Any]
Document = Mapping[str, Any]
# These read everybody's quotes; sales read their own.
SEES_ALL = frozenset({Role.CHAIR, Role.FINANCE, Role.EXEC})
UNKNOWN_REVENUE = Absent("unknown", "unknown", "Something it sells has no price in force, or its use is not known.")
_CASES = ("committed", "expected", "heavy")
# Of a case: value → the line of the table it is seen through, at expected and at heavy use alike.
_CASE_FIELDS = {
    "revenue_usd": "revenue_usd",
    "reserved_cost_usd": "reserved_cost_usd",
    "consumed_cost_usd": "consumed_cost_usd",
    "margin_usd": "margin_usd",
    "margin_share": "margin_share",
}
# Only at expected use is it the one figure of a contract that the chair reads as a band.
_OTHER_SHARE = {"margin_share": "worst_margin_share"}


def number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def visible_quote_answer(viewer: Viewer, answer: Document, *, owner: str, is_typed_target: bool) -> Row:
    """The quick or the full answer of the terms and the engine. owner: the maker's username."""
    short, weeks = answer.get("short"), answer["weeks"]
    terms = answer.get("terms")
    return {
        "is_quick": answer.get("kind") == "quick",
        "unsized": see(viewer, "exposure", "flags", answer["unsized"], owner=owner),
        "is_unsized": bool(answer["unsized"]),
        "fits": see(viewer, "exposure", "coverage_share", answer["fits"], owner=owner),
        "earliest": see(viewer, "exposure", "first_short_week", answer.get("earliest"), owner=owner),
        "earliest_weeks": answer.get("earliest_weeks"),
        "earliest_stopped": see(viewer, "exposure", "first_short_week", answer.get("earliest_stopped"), owner=owner),
        "short": _short(viewer, short, owner, is_quick=answer.get("kind") == "quick"),
        "weeks": [_week(viewer, row, owner) for row in weeks],
        "pools": answer.get("pools", []),
        "work": answer.get("work", {}),
        "terms": None if terms is None else visible_terms(viewer, terms, owner=owner, is_typed_target=is_typed_target),
        "cost": _cost(viewer, answer.get("cost"), owner),
        "headline": _headline(viewer, answer.get("headline")),
        "offers": [
            _offer(viewer, row, position, owner, is_typed_target)
            for position, row in enumerate(answer.get("offers", ()))
        ],
    }


def _short(viewer: Viewer, short: Document | None, owner: str, *, is_quick: bool) -> Any:
    """The first run of short weeks. A full answer is kept, and what does not fit is in the audit log: two digits."""
    if short is None:
        return None
    seen = see(viewer, "exposure", "short_accelerator_weeks", short, owner=owner)
    if seen is not short or reads_floor(viewer):
        return seen
    return {**short, "most": up_to((ladder_step if is_quick else two_digits_up)(short["most"]))}


def _week(viewer: Viewer, row: Document, owner: str) -> Row:
    short = see(viewer, "exposure", "short_accelerator_weeks", row["short"], owner=owner)
    if isinstance(short, int) and short > 0 and not reads_floor(viewer):
        short = up_to(ladder_step(short))
    return {
        "week": row["week"],
        "need": see(viewer, "exposure", "committed_accelerators", number(row["need"]), owner=owner),
        "short": short,
    }


def visible_terms(viewer: Viewer, terms: Document, *, owner: str, is_typed_target: bool) -> Row:
    """Money at committed, expected and heavy use, the price floor, what to look at. What is not known says so."""
    is_unsized = any(code == "unsized" for code, _ in terms["flags"])
    floor = terms["floor"]
    target = number(terms["target_share"])
    if not is_typed_target:
        target = see(viewer, "policy", "target_gross_margin_share", target)
    return {
        "weeks": terms["weeks"],
        "term_weeks": terms["term_weeks"],
        **{
            name: _case(viewer, terms[name], owner, is_unsized=is_unsized, is_expected=name == "expected")
            for name in _CASES
        },
        "heavy_multiple": see(viewer, "exposure", "worst_multiple", number(terms["heavy_multiple"]), owner=owner),
        "break_even_multiple": _known(
            see(viewer, "exposure", "break_even_multiple", number(terms["break_even_multiple"]), owner=owner)
        ),
        **{name: _not_priced(viewer, name, terms, owner) for name in ("expected_credits_usd", "make_good_usd")},
        "loss_exposure_usd": _known(
            see(viewer, "exposure", "loss_exposure_usd", number(terms["loss_exposure_usd"]), owner=owner)
        ),
        "target_share": target,
        "floor": {
            "kind": floor["kind"],
            "asked": see(viewer, "price_line", "price", number(floor["asked"]), owner=owner),
            "price": see(viewer, "price_line", "price", number(floor["price"]), owner=owner),
            "currency": floor.get("currency") or "USD",
            "moves": floor.get("moves", ""),
            "factor": see(viewer, "price_line", "price", number(floor.get("factor")), owner=owner),
            "lines": [_floor_line(viewer, line, owner) for line in floor.get("lines", ())],
            "reason": see(viewer, "exposure", "flags", floor["reason"], owner=owner),
        },
        "flags": []
        if sight(viewer, "exposure", "flags", owner=owner) is not Sight.FULL
        else [{"code": code, "sentence": sentence} for code, sentence in terms["flags"]],
    }


def _floor_line(viewer: Viewer, line: Document, owner: str) -> Row:
    """A price as price lines are seen, a commitment as commitments are."""
    table, column = ("input_commit_steps", "quantity") if line["is_commitment"] else ("price_line", "price")
    values = {name: see(viewer, table, column, number(line[name]), owner=owner) for name in ("asked", "least")}
    return {**line, **values}


def _case(viewer: Viewer, case: Document, owner: str, *, is_unsized: bool, is_expected: bool) -> Row:
    accelerators = see(viewer, "exposure", "planned_accelerators", case["accelerators"], owner=owner)
    found: Row = {"accelerators": UNSIZED if accelerators is None else accelerators}
    for name, field in (_CASE_FIELDS | ({} if is_expected else _OTHER_SHARE)).items():
        value = see(viewer, "exposure", field, number(case[name]), owner=owner)
        if value is None:
            value = UNKNOWN_REVENUE if name == "revenue_usd" else UNSIZED if is_unsized else UNKNOWN_COST
            if name.startswith("margin") and case["revenue_usd"] is None:
                value = UNKNOWN_REVENUE
            elif name == "margin_share" and case["margin_usd"] is not None:
                value = Absent("n/a", "na", "It earns nothing here, so that there is no share of it.")
        found[name] = value
    return found


def _not_priced(viewer: Viewer, name: str, terms: Document, owner: str) -> Any:
    """What outages may cost; answers from before chances were kept have none."""
    value = see(viewer, "exposure_scenario", name, number(terms.get(name)), owner=owner)
    return NO_CHANCE if value is None else value


def _known(value: Any) -> Any:
    return Absent("none", "na", "There is none, or it is not known.") if value is None else value


def _cost(viewer: Viewer, cost: Document | None, owner: str) -> Row | None:
    if cost is None:
        return None
    found = {}
    for name in ("alone_usd", "average_usd", "marginal_usd"):
        value = see(viewer, "exposure", "reserved_cost_usd", number(cost[name]), owner=owner)
        found[name] = UNKNOWN_COST if value is None else value
    weeks = {name: cost.get(name) for name in ("accelerator_weeks", "added_accelerator_weeks")}
    return found | {n: see(viewer, "exposure", "committed_accelerators", v, owner=owner) for n, v in weeks.items()}


def _headline(viewer: Viewer, headline: Document | None) -> Row | None:
    """Of all contracts together: seen as the plan's own shortfall is."""
    if headline is None:
        return None
    sides = {}
    for side in ("before", "after"):
        row = headline[side]
        sides[side] = {
            "most_short_next_weeks": see(viewer, "pool_week", "capacity_shortfall", row["most_short_next_weeks"]),
            "first_short_week": see(viewer, "metric", "H2", row["first_short_week"]),
            "short_accelerator_weeks": see(
                viewer, "pool_week", "capacity_shortfall", number(row["short_accelerator_weeks"])
            ),
        }
    return sides if reads_floor(viewer) else _coarse_after(sides)


def _coarse_after(sides: dict[str, Row]) -> Row:
    """What the quote adds to the shortage, in two digits: exact, it would say what the floor leaves."""
    for name in ("most_short_next_weeks", "short_accelerator_weeks"):
        before, after = sides["before"][name], sides["after"][name]
        if isinstance(before, int | Decimal) and isinstance(after, int | Decimal) and after > before:
            more = ceil_fraction(exact(Decimal(after)) - exact(Decimal(before)))
            sides["after"][name] = up_to(two_digits_up(more), more=int(before))
    return dict(sides)


def _offer(viewer: Viewer, offer: Document, position: int, owner: str, is_typed_target: bool) -> Row:
    terms = visible_terms(viewer, offer["terms"], owner=owner, is_typed_target=is_typed_target)
    return {
        "number": position + 1,
        "kind": offer["kind"],
        "says": offer["says"],
        "is_least": offer["is_least"],
        "accelerators": see(viewer, "exposure", "committed_accelerators", offer["accelerators"], owner=owner),
        "revenue_usd_per_week": _per_week(terms),
        "terms": terms,
        "payload": visible_payload(viewer, offer["payload"], owner=owner),
    }


def _per_week(terms: Row) -> Any:
    """Of offers whose terms lie in the plan for longer or shorter, what compares. A band has none of its own."""
    revenue = terms["expected"]["revenue_usd"]
    return revenue / terms["weeks"] if isinstance(revenue, Decimal) and terms["weeks"] else revenue


def visible_payload(viewer: Viewer, payload: Document, *, owner: str) -> Row:
    """What was offered, column by column; hidden ones are RESTRICTED."""
    contract = {
        name: text if sight(viewer, "input_contracts", name, owner=owner) is Sight.FULL else RESTRICTED
        for name, text in payload["contract"].items()
    }
    lines = {
        table: [
            {
                name: text if sight(viewer, f"input_{table}", name, owner=owner) is Sight.FULL else RESTRICTED
                for name, text in line.items()
            }
            for line in lines_of(payload, table)
        ]
        for table in LINE_TABLES
    }
    return {"name": payload["name"], "contract": contract, **lines}


def named_after_quote(answer: Row | None) -> Row | None:
    """A what-if's visible answer in which the quote's own row is called so, whoever reads it."""
    if answer is None:
        return None
    mine = {f"c.{KEY}.v1", KEY}
    rows = [{**row, "label": "This quote"} if row["contract_key"] in mine else row for row in answer["demands"]]
    return {**answer, "demands": rows}


def owned_by_maker(document: Document | None, *, owner: str) -> Document | None:
    """The stored what-if with the quote's own demand as its maker's: only they, and who reads all, see its figures."""
    if document is None:
        return None
    demands = [
        {**row, "of": {**row["of"], "owner": owner}} if row["of"].get("contract_key") == KEY else row
        for row in document["demands"]
    ]
    return {**document, "demands": demands}
