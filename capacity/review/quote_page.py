"""What the pages of quotes show: a line of the list, the quick answer, and a quote with its full answer, in words.

Values come seen through quote_rows.py and what_if_rows.py; nothing is computed here beyond writing them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.urls import reverse

from capacity.access.visibility import Viewer
from capacity.allocation.models import RunPoolWeek
from capacity.imports.described import column_label, column_unit
from capacity.lib import figures
from capacity.lib.horizon import Week
from capacity.review import quote_words as words
from capacity.review.quote_rows import (
    named_after_quote,
    owned_by_maker,
    visible_payload,
    visible_quote_answer,
)
from capacity.review.what_if_rows import visible_answer, visible_error
from capacity.review.what_if_words import page_answer
from contracts.domain.quote_payload import column
from contracts.models import Quote
from contracts.quote_deals import suggested_key

_PILLS = {"done": ("done", "Answered"), "failed": ("bad", "Failed"), "running": ("decide", "Solving")}
_CASE_ROWS = (
    ("Accelerators, largest week", "accelerators", "thousands"),
    ("Revenue", "revenue_usd", "usd"),
    ("Cost, fully loaded", "reserved_cost_usd", "usd"),
    ("Cost, consumed", "consumed_cost_usd", "usd"),
    ("Margin, fully loaded", "margin_usd", "usd"),
    ("Margin, share", "margin_share", "share"),
)
MOST_WEEK_ROWS = 60


def list_line(viewer: Viewer, row: Quote, *, current: int | None, year: int) -> dict[str, Any]:
    what_if, owner = row.what_if, row.made_by.get_username()
    document = row.said  # type: ignore[attr-defined]  # annotated by the list
    said, kind = "", "plain"
    if document is not None:
        shown = visible_quote_answer(viewer, document, owner=owner, is_typed_target=row.target_margin_share is not None)
        said = words.verdict(shown, year=year)[0]
        kind = "good" if shown["fits"] is True else "bad" if shown["fits"] is False else "plain"
    pill = _PILLS.get(what_if.state, ("plain", "Waiting"))
    if what_if.state == "done":
        pill = (kind, "Fits" if kind == "good" else "Does not fit" if kind == "bad" else "Answered")
    payload = visible_payload(viewer, row.payload, owner=owner)["contract"]
    return {
        "url": reverse("quote", args=[row.number]),
        "name": row.name,
        "shape": words.column_words("shape", payload.get("shape", "")),
        "term": words.term_words(column(row.payload, "starts_date"), column(row.payload, "ends_date"), year=year),
        "verdict": said or (visible_error(viewer, what_if.error) if what_if.state == "failed" else ""),
        "by": owner,
        "at": f"{figures.day(row.made_at, year=year)} {row.made_at:%H:%M}",
        "run_id": what_if.run_id,
        "pill": pill,
        "is_stale": current is not None and what_if.run_id != current,
        "contract_key": row.contract_key,
    }


def quick_context(
    viewer: Viewer, document: Mapping[str, Any], *, owner: str, is_typed: bool, now: datetime
) -> dict[str, Any]:
    """What quotes/_quick.html shows."""
    answer = visible_quote_answer(viewer, document, owner=owner, is_typed_target=is_typed)
    return {"answer": answer, "run_id": document["run"], **_shown(answer, now.year)}


def _shown(answer: dict[str, Any], year: int) -> dict[str, Any]:
    """The verdict and the tables of an answer."""
    terms = answer["terms"]
    verdict, besides = words.verdict(answer, year=year)
    return {
        "verdict": verdict,
        "besides": besides,
        "verdict_kind": "good" if answer["fits"] is True else "bad" if answer["fits"] is False else "warn",
        "cases": [] if terms is None else case_rows(terms),
        "floor": None if terms is None else _floor(terms),
        "facts": [] if terms is None else _term_facts(terms),
        "flags": [] if terms is None else terms["flags"],
    }


def case_rows(terms: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
    """The money table: a row a figure, a column each of committed, expected and heavy use."""
    return [
        (label, [_written(terms[case][name], how) for case in ("committed", "expected", "heavy")])
        for label, name, how in _CASE_ROWS
    ]


def _written(value: Any, how: str) -> Any:
    if not isinstance(value, Decimal | int) or isinstance(value, bool):
        return value
    match how:
        case "usd":
            return figures.usd(value)
        case "share":
            return figures.share(value)
        case "ratio":
            return figures.ratio(value)
    return figures.thousands(value)


def _floor(terms: Mapping[str, Any]) -> dict[str, Any]:
    floor = terms["floor"]
    return {
        "target": words.target_words(terms),
        "price": words.least_words(floor) if floor["price"] is not None else None,
        "asked": words.price_words(floor["asked"], floor["kind"], floor["currency"])
        if floor["asked"] is not None and floor["moves"] not in words.TOGETHER
        else None,
        "lines": [_floor_line(line, floor["currency"]) for line in floor["lines"]],
        "reason": floor["reason"],
        "kind": words.PRICE_NAMES.get(floor["kind"], ""),
    }


def _floor_line(line: Mapping[str, Any], currency: str) -> tuple[str, Any, Any]:
    """(what, asked, the least it may be) of a price or commitment that moves with the others."""
    if line["is_commitment"]:
        label = f"Commits {line['kind'].replace('_', ' ')} from {line['starts_date']}"
    else:
        tier = "" if line["tier_from"] in (None, "0") else f" from {line['tier_from']}"
        label = f"{words.PRICE_NAMES.get(line['kind'], 'Price')}{tier}"
    asked, least = (
        words.money_words(each, currency) if isinstance(each, Decimal) else each
        for each in (line["asked"], line["least"])
    )
    return label, asked, least


def _term_facts(terms: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        ("Heavy use", _written(terms["heavy_multiple"], "ratio")),
        ("Break-even use", _written(terms["break_even_multiple"], "ratio")),
        ("Expected credits", _written(terms["expected_credits_usd"], "usd")),
        ("Expected make-good", _written(terms["make_good_usd"], "usd")),
        ("Loss exposure", _written(terms["loss_exposure_usd"], "usd")),
        ("Weeks planned", f"{terms['weeks']} of {terms['term_weeks']}"),
    ]


def quote_context(viewer: Viewer, row: Quote, *, current: int | None, now: datetime) -> dict[str, Any]:
    """Everything the page of a quote, its sheet and a side of a comparison show."""
    what_if, owner, year = row.what_if, row.made_by.get_username(), now.year
    is_open = what_if.state in ("queued", "running")
    document = (what_if.full or {}).get("quote")
    context: dict[str, Any] = {
        "quote": row,
        "number": row.number,
        "name": row.name,
        "by": owner,
        "at": f"{figures.day(row.made_at, year=year)} {row.made_at:%H:%M} UTC",
        "run_id": what_if.run_id,
        "is_stale": current is not None and what_if.run_id != current,
        "current": current,
        "is_open": is_open,
        "job": _job(what_if) if is_open else None,
        "error": visible_error(viewer, what_if.error) if what_if.state == "failed" else "",
        "offered": offered_facts(viewer, row, year=year),
        "lines": offered_lines(viewer, row, year=year),
        "earlier": row.earlier,
        "deal_key": row.contract_key,
        "needs_customer": not column(row.payload, "customer"),
        "suggested_key": suggested_key(row),
        "answer": None,
    }
    if document is None:
        return context
    answer = visible_quote_answer(viewer, document, owner=owner, is_typed_target=row.target_margin_share is not None)
    displaced = named_after_quote(visible_answer(viewer, owned_by_maker(what_if.full, owner=owner)))
    context |= {
        "answer": answer,
        **_shown(answer, year),
        "displaced": None if displaced is None else page_answer(displaced),
        "weeks": [
            (figures.day(_monday(each["week"]), year=year), _written(each["need"], "thousands"), each["short"])
            for each in answer["weeks"][:MOST_WEEK_ROWS]
        ],
        "weeks_left_out": max(0, len(answer["weeks"]) - MOST_WEEK_ROWS),
        "figure": _figure(what_if.run_id, answer),
        "headline": _headline(answer["headline"], displaced, year=year),
        "costs": _costs(answer["cost"]),
        "offers": [_offer(each, year) for each in answer["offers"]],
    }
    return context


def _monday(key: str) -> date:
    return Week.parse(key).monday


def _job(what_if: Any) -> dict[str, Any]:
    percent = round(float(what_if.progress_share) * 100)
    queued = what_if.state == "queued"
    return {
        "percent": percent,
        "text": "Waiting for the worker" if queued else f"{what_if.stage or 'Solving'}, {percent} %",
    }


def offered_facts(viewer: Viewer, row: Quote, *, year: int) -> list[tuple[str, Any]]:
    """What was offered, column by column, what nobody typed left out."""
    shown = visible_payload(viewer, row.payload, owner=row.made_by.get_username())["contract"]
    term = words.term_words(column(row.payload, "starts_date"), column(row.payload, "ends_date"), year=year)
    facts: list[tuple[str, Any]] = [("Term", term)]
    for name, text in shown.items():
        if name in ("starts_date", "ends_date"):
            continue
        unit = column_unit(name)
        label = f"{column_label(name)}, {unit}" if unit else column_label(name)
        facts.append((label, words.column_words(name, text)))
    return facts


def offered_lines(viewer: Viewer, row: Quote, *, year: int) -> list[tuple[str, Any]]:
    """Prices, commitments and service levels, one line each."""
    currency = column(row.payload, "currency") or "USD"
    shown = visible_payload(viewer, row.payload, owner=row.made_by.get_username())
    found: list[tuple[str, Any]] = []
    for line in shown["price_lines"]:
        kind = line["kind"] if isinstance(line["kind"], str) else ""
        tier = f" from {line['tier_from']}" if str(line.get("tier_from", "0")) not in ("0", "") and kind else ""
        found.append((f"{words.PRICE_NAMES.get(kind, 'Price')}{tier}", words.typed_money(line.get("price"), currency)))
    for line in shown["commit_steps"]:
        kind = str(line["kind"]).replace("_", " ")
        found.append((f"Commits {kind} from {words.typed_day(line['starts_date'], year=year)}", line.get("quantity")))
    for line in shown["sla_lines"]:
        found.append((f"Credit where {line['metric']} is below {line['below_share']}", line.get("credit_share")))
    return found


def _figure(run_id: int, answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """Supply, promises and the quote in the pools that may serve it. One query.

    Unlike pools are summed by the work an accelerator does there: the quote's need is counted in reference accelerators.
    """
    pools = answer["pools"]
    if not pools or not answer["weeks"]:
        return None
    work = {pool: Decimal(rate) for pool, rate in answer["work"].items()}
    rows = RunPoolWeek.objects.filter(run_id=run_id, pool_key__in=pools).order_by("week_index")
    columns = rows.values_list("week", "pool_key", "allocatable", "committed_need", "idle")
    sums: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
    for week, pool, size, firm, idle in columns:
        rate, sum_of = work.get(pool, Decimal(1)), sums.get(week, (Decimal(0), Decimal(0), Decimal(0)))
        sums[week] = (sum_of[0] + size * rate, sum_of[1] + firm * rate, sum_of[2] + (size - idle) * rate)
    supply = {week: (int(size), firm, round(used)) for week, (size, firm, used) in sums.items()}
    return words.weeks_figure(weeks=answer["weeks"], supply=supply)


def _headline(
    headline: Mapping[str, Any] | None, displaced: Mapping[str, Any] | None, *, year: int
) -> list[tuple[str, Any, Any]]:
    """(figure, before, after) of the plan as a whole."""
    rows: list[tuple[str, Any, Any]] = []
    if headline is not None:
        before, after = headline["before"], headline["after"]
        for label, name in (
            ("Promises short, most in the next 13 weeks", "most_short_next_weeks"),
            ("Promises short, accelerator-weeks", "short_accelerator_weeks"),
        ):
            rows.append((label, _written(before[name], "thousands"), _written(after[name], "thousands")))
        rows.append(
            (
                "First week a promise is short",
                words.first_week_words(before["first_short_week"], year=year),
                words.first_week_words(after["first_short_week"], year=year),
            )
        )
    if displaced is not None:
        rows.append(
            (
                "Lost and spent on burst",
                _written(displaced["usd_before"], "usd"),
                _written(displaced["usd_after"], "usd"),
            )
        )
    return rows


def _costs(cost: Mapping[str, Any] | None) -> list[tuple[str, Any, str]]:
    if cost is None:
        return []
    return [
        ("Alone", _written(cost["alone_usd"], "usd"), "as if nobody shared its replicas: what the margin counts"),
        ("Average", _written(cost["average_usd"], "usd"), "its share of all that its class then needs"),
        ("Marginal", _written(cost["marginal_usd"], "usd"), "what the plan needs more because of it"),
    ]


def _offer(offer: Mapping[str, Any], year: int) -> dict[str, Any]:
    terms = offer["terms"]
    expected = terms["expected"]
    floor = terms["floor"]
    return {
        "number": offer["number"],
        "words": words.offer_words(offer, year=year),
        "accelerators": _written(offer["accelerators"], "thousands"),
        "margin": _written(expected["margin_share"], "share"),
        "revenue": _written(expected["revenue_usd"], "usd"),
        "revenue_a_week": _written(offer["revenue_usd_per_week"], "usd"),
        "planned": words.planned_words(terms),
        "floor": words.least_words(floor) if floor["price"] is not None else None,
        "is_least": offer["is_least"],
    }
