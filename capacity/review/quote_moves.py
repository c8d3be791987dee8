"""What people do with a kept quote: take one of its offers, ask the same of the current plan; and who may read which.

What belongs here: what pages and API share. Asking itself is quote_asking.py's, the deal is contracts/quote_deals.py's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from capacity.access.models import User
from capacity.access.visibility import Viewer
from capacity.review.quote_asking import ask_quote
from capacity.review.quote_reading import ReadQuote
from capacity.review.quote_rows import SEES_ALL
from capacity.review.what_if import WhatIfRefused
from capacity.review.what_if_asking import NoRun, asked_run_id
from contracts.models import Quote

TOO_MANY = "You have as many unanswered questions as may wait at once. Wait for one of them."
NO_OFFER = "There is no such offer: look at the quote again."


def readable_quotes(*, viewer: Viewer, user: User) -> QuerySet[Quote]:
    """The quotes somebody may read, newest first: their own, or everybody's."""
    found = Quote.objects.select_related("made_by", "what_if", "earlier").defer("what_if__quick").order_by("-pk")
    return found if viewer.roles & SEES_ALL else found.filter(made_by=user)


def current_run() -> int | None:
    """The run of the current plan, where there is one."""
    try:
        return asked_run_id()
    except NoRun:
        return None


def take_offer(*, quote: Quote, number: int, viewer: Viewer, user: User, now: datetime) -> Quote:
    """An offer of the quote, counted from 1, as its next version, asked of the same run.

    Raises QuoteRefused, TooManyWaiting and WhatIfRefused, the last also where there is no such offer.
    """
    offers = ((quote.what_if.full or {}).get("quote") or {}).get("offers", [])
    if not 1 <= number <= len(offers):
        raise WhatIfRefused(code="no_such_offer", sentence=NO_OFFER)
    payload = dict(offers[number - 1]["payload"])
    return _again(quote, payload, run_id=quote.what_if.run_id, viewer=viewer, user=user, now=now)


def ask_again(*, quote: Quote, viewer: Viewer, user: User, now: datetime) -> Quote:
    """The same quote, asked of the current plan. Raises NoRun, QuoteRefused, TooManyWaiting and WhatIfRefused."""
    return _again(quote, dict(quote.payload), run_id=asked_run_id(), viewer=viewer, user=user, now=now)


def _again(quote: Quote, payload: dict[str, Any], *, run_id: int, viewer: Viewer, user: User, now: datetime) -> Quote:
    wanted = ReadQuote(payload=payload, target_share=quote.target_margin_share)
    return ask_quote(run_id=run_id, quote=wanted, viewer=viewer, user=user, now=now, earlier=quote)
