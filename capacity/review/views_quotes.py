"""The quote workspace: the form with its quick answer, saved quotes with their full one, side by side, and as a deal.

Requests become calls of quote_asking.py and of contracts/quote_deals.py; what is shown went through quote_rows.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from rest_framework.exceptions import ParseError

from capacity.access.audit import record_event
from capacity.access.models import User
from capacity.access.viewer import may_do, requires, requires_by_method, viewer_of
from capacity.access.visibility import Viewer
from capacity.allocation.what_ifs import TooManyWaiting
from capacity.imports.api_json import read_json
from capacity.review.quote_asking import ask_quote, quick_answer, run_room
from capacity.review.quote_file import quote_of_contract_file
from capacity.review.quote_form import (
    blank_payload,
    form_context,
    known_contracts,
    longer_form,
    payload_of_contract,
    typed_quote,
)
from capacity.review.quote_moves import TOO_MANY, ask_again, current_run, readable_quotes, take_offer
from capacity.review.quote_page import list_line, quick_context, quote_context
from capacity.review.quote_reading import MOST_BYTES, QuoteError, QuoteRefused, ReadQuote, read_quote
from capacity.review.quote_rows import SEES_ALL
from capacity.review.what_if import WhatIfRefused
from capacity.review.what_if_asking import NoRun, asked_run_id
from contracts.models import Quote
from contracts.quote_deals import DealRefused, make_deal

PAGE = 25


def quotes_of(request: HttpRequest) -> QuerySet[Quote]:
    """The quotes the reader may read, newest first."""
    return readable_quotes(viewer=viewer_of(request), user=_user(request))


def found_quote(request: HttpRequest, number: UUID | str) -> Quote:
    """Somebody else's answers as a missing one unless the reader sees all."""
    try:
        found = quotes_of(request).filter(number=UUID(str(number))).first()
    except ValueError:
        found = None
    if found is None:
        raise Http404
    return found


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


@requires("quotes.view")
@require_safe
def quotes(request: HttpRequest) -> HttpResponse:
    """The saved quotes, and where to begin one."""
    now, viewer = timezone.now(), viewer_of(request)
    # Of the answers the list reads what is said of the quote, not everything that moves.
    found = quotes_of(request).defer("what_if__quick", "what_if__full").annotate(said=F("what_if__full__quote"))
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    current = current_run()
    context = {
        "page": page,
        "rows": [list_line(viewer, row, current=current, year=now.year) for row in page],
        "may_ask": may_do(request, "quotes.ask"),
        "sees_all": bool(viewer.roles & SEES_ALL),
    }
    return render(request, "quotes/list.html", context)


# --- the workspace ----------------------------------------------------------------------------------------------------


@requires_by_method(GET="quotes.ask", POST="quotes.ask")
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The form: blank, from a contract, from a quote, or from what was pasted; its answer beside it as one types."""
    viewer = viewer_of(request)
    try:
        run_id = asked_run_id()
        inputs = run_room(run_id).inputs
    except NoRun as error:
        return render(request, "quotes/no_plan.html", {"error": str(error)})
    except WhatIfRefused as refused:
        return render(request, "quotes/no_plan.html", {"error": refused.sentence})
    notes: list[str] = []
    if request.method == "POST" and request.POST.get("op") != "paste":
        return _longer(request, viewer, run_id) if "add" in request.POST else _asked(request, viewer, run_id)
    errors: list[QuoteError] = []
    target = ""
    try:
        payload, target, notes = _begun(request, viewer, run_id)
    except QuoteRefused as refused:
        errors = list(refused.errors)
        payload = blank_payload(inputs)
    context = _form_page(viewer, run_id, payload, target, errors) | {"notes": notes, "earlier": _earlier(request)}
    return render(request, "quotes/new.html", context, status=400 if errors else 200)


def _form_page(
    viewer: Viewer,
    run_id: int,
    payload: dict[str, Any],
    target: str,
    errors: list[QuoteError],
    least_lines: dict[str, int] | None = None,
) -> dict[str, Any]:
    inputs = run_room(run_id).inputs
    form = form_context(
        payload=payload, inputs=inputs, viewer=viewer, target=target, errors=errors, least_lines=least_lines
    )
    known = known_contracts(inputs, viewer)
    return {"form": form, "run_id": run_id, "most_kilobytes": MOST_BYTES // 1024, "contracts": known}


def _begun(request: HttpRequest, viewer: Viewer, run_id: int) -> tuple[dict[str, Any], str, list[str]]:
    """(payload, target as typed, notes) of what the address or the pasted text begins with. Raises QuoteRefused."""
    inputs = run_room(run_id).inputs
    if request.method == "POST":
        return _pasted(request)
    key, _, version = request.GET.get("contract", "").partition("~")
    if key:
        number = int(version) if version.isascii() and version.isdigit() and len(version) < 5 else 1
        found = payload_of_contract(inputs=inputs, key=key, version=number, viewer=viewer)
        if found is None:
            raise QuoteRefused([QuoteError("", "You keep no contract of this key that the plan knows.")])
        return found, "", [f"The terms of {key} v{number}, beside it: the contract itself stays in the plan."]
    if request.GET.get("quote"):
        quote = found_quote(request, request.GET["quote"])
        return dict(quote.payload), _percent(quote), []
    return blank_payload(inputs), "", []


def _percent(quote: Quote) -> str:
    target = quote.target_margin_share
    return "" if target is None else f"{(target * 100).normalize():f}"


def _pasted(request: HttpRequest) -> tuple[dict[str, Any], str, list[str]]:
    upload = request.FILES.get("file")
    if upload is not None and (upload.size or 0) > MOST_BYTES:
        raise QuoteRefused([QuoteError("", f"A quote has at most {MOST_BYTES // 1024} kB.")])
    data = upload.read(MOST_BYTES + 1) if upload is not None else request.POST.get("text", "").encode()
    if not data.strip():
        raise QuoteRefused([QuoteError("", "Paste the JSON of a quote or of a contract, or choose its file.")])
    if len(data) > MOST_BYTES:
        raise QuoteRefused([QuoteError("", f"A quote has at most {MOST_BYTES // 1024} kB.")])
    try:
        document = read_json(data)
    except ParseError as error:
        raise QuoteRefused([QuoteError("", str(error.detail))]) from None
    if isinstance(document, dict) and "versions" in document:
        payload, notes = quote_of_contract_file(data)
        return payload, "", notes
    read = read_quote(document)
    target = "" if read.target_share is None else f"{(read.target_share * 100).normalize():f}"
    return read.payload, target, []


def _earlier(request: HttpRequest) -> str:
    text = (request.POST if request.method == "POST" else request.GET).get(
        "earlier" if request.method == "POST" else "quote", ""
    )
    return text if len(text) < 40 else ""


def _longer(request: HttpRequest, viewer: Viewer, run_id: int) -> HttpResponse:
    """The form as it is typed with a line more; nothing is judged yet."""
    typed = typed_quote(request.POST)
    target, more = request.POST.get("target", ""), longer_form(request.POST)
    context = _form_page(viewer, run_id, typed, target, [], least_lines=more)
    return render(request, "quotes/new.html", context | {"earlier": _earlier(request)})


def _asked(request: HttpRequest, viewer: Viewer, run_id: int) -> HttpResponse:
    sent = typed_quote(request.POST)
    named = _uuid(request.POST.get("earlier", ""))
    earlier = quotes_of(request).filter(number=named).first() if named else None
    errors: list[QuoteError] = []
    try:
        quote = read_quote(sent)
        made = ask_quote(
            run_id=run_id, quote=quote, viewer=viewer, user=_user(request), now=timezone.now(), earlier=earlier
        )
        return redirect("quote", number=made.number)
    except QuoteRefused as refused:
        errors = list(refused.errors)
    except WhatIfRefused as refused:
        errors = [QuoteError("", refused.sentence)]
    except TooManyWaiting:
        errors = [QuoteError("", TOO_MANY)]
    context = _form_page(viewer, run_id, sent, request.POST.get("target", ""), errors)
    return render(request, "quotes/new.html", context | {"earlier": _earlier(request)}, status=400)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@requires_by_method(POST="quotes.ask")
@require_POST
def quick(request: HttpRequest) -> HttpResponse:
    """The quick answer beside the form, as one types. What is wrong is said in its place."""
    viewer, now = viewer_of(request), timezone.now()
    context: dict[str, Any]
    try:
        quote: ReadQuote = read_quote(typed_quote(request.POST))
        answer = quick_answer(run_id=asked_run_id(), quote=quote, viewer=viewer)
        context = quick_context(viewer, answer, owner=viewer.username, is_typed=quote.target_share is not None, now=now)
    except QuoteRefused as refused:
        context = {"errors": refused.errors}
    except NoRun as error:
        context = {"errors": [QuoteError("", str(error))]}
    except WhatIfRefused as refused:
        context = {"errors": [QuoteError("", refused.sentence)]}
    return render(request, "quotes/_quick.html", context)


# --- one quote --------------------------------------------------------------------------------------------------------


@requires("quotes.view")
@require_safe
def quote(request: HttpRequest, number: UUID) -> HttpResponse:
    """One quote: what was offered, how far its answer is, the verdict first."""
    return render(request, "quotes/quote.html", _context(request, found_quote(request, number)))


@requires("quotes.view")
@require_safe
def answer(request: HttpRequest, number: UUID) -> HttpResponse:
    """The part of the page that changes while it is answered."""
    context = _context(request, found_quote(request, number))
    shown = render(request, "quotes/_answer.html", context)
    if not context["is_open"] and request.headers.get("HX-Request"):
        # The page has more with an answer than without: the heading, its one page, the deal.
        shown["HX-Refresh"] = "true"
    return shown


@requires("quotes.view")
@require_safe
def sheet(request: HttpRequest, number: UUID) -> HttpResponse:
    """One page to print or to keep as PDF."""
    found = found_quote(request, number)
    record_event(request=request, action="exported", subject=f"quote {found.number}")
    return render(request, "quotes/sheet.html", _context(request, found))


def _context(request: HttpRequest, found: Quote, **more: Any) -> dict[str, Any]:
    return {
        **quote_context(viewer_of(request), found, current=current_run(), now=timezone.now()),
        "may_ask": may_do(request, "quotes.ask"),
        **more,
    }


@requires("quotes.view")
@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """Two quotes side by side: `?a=` and `?b=`; without them, a choice of two."""
    now, viewer = timezone.now(), viewer_of(request)
    current = current_run()
    pair = [
        quote_context(viewer, found_quote(request, text), current=current, now=now)
        for text in (request.GET.get("a", ""), request.GET.get("b", ""))
        if text
    ]
    choices = (
        []
        if len(pair) == 2
        else [(str(row.number), row.name) for row in quotes_of(request).defer("what_if__full")[:100]]
    )
    return render(request, "quotes/compare.html", {"pair": pair if len(pair) == 2 else [], "choices": choices})


# --- what people do with a quote --------------------------------------------------------------------------------------


@requires_by_method(POST="quotes.ask")
@require_POST
def adopt(request: HttpRequest, number: UUID) -> HttpResponse:
    """Take one of the offers: another version of the quote, asked of the same run."""
    text = request.POST.get("offer", "")
    offer = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    return _moved(request, number, partial(take_offer, number=offer))


@requires_by_method(POST="quotes.ask")
@require_POST
def again(request: HttpRequest, number: UUID) -> HttpResponse:
    """Ask the same of the current plan."""
    return _moved(request, number, ask_again)


def _moved(request: HttpRequest, number: UUID, move: Callable[..., Quote]) -> HttpResponse:
    """To the quote that was asked, or back with what was wrong."""
    found = found_quote(request, number)
    try:
        made = move(quote=found, viewer=viewer_of(request), user=_user(request), now=timezone.now())
        return redirect("quote", number=made.number)
    except QuoteRefused as refused:
        messages.error(request, " ".join(error.message for error in refused.errors))
    except WhatIfRefused as refused:
        messages.error(request, refused.sentence)
    except NoRun as error:
        messages.error(request, str(error))
    except TooManyWaiting:
        messages.error(request, TOO_MANY)
    return redirect("quote", number=found.number)


@requires_by_method(POST="quotes.ask")
@require_POST
def deal(request: HttpRequest, number: UUID) -> HttpResponse:
    """Make the quote a draft contract; its page has the moves and the hold."""
    found = found_quote(request, number)
    typed = {name: request.POST.get(name, "")[:80] for name in ("key", "customer")}
    try:
        key, _ = make_deal(quote_id=found.pk, **typed, user=_user(request), viewer=viewer_of(request), request=request)
    except DealRefused as refused:
        context = _context(request, found, deal_errors=[error.message for error in refused.errors], deal_typed=typed)
        return render(request, "quotes/quote.html", context, status=422)
    messages.success(request, f"{key} is a draft with the terms of the quote. Offer it, hold accelerators, submit it.")
    return redirect(reverse("contract", args=[key]))
