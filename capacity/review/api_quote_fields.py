"""The rows of the quotes' API: what is sent to ask one, its answer, its line of the list, and the deal made of it.

Shapes only, for requests, replies and their description; the calls are api_quotes.py's and api_quote_moves.py's.
"""

from __future__ import annotations

from rest_framework import serializers

from capacity.allocation.models import WHAT_IF_STATES
from capacity.imports.api_fields import VisibleDecimal, VisibleFlag, VisibleInteger, VisibleText
from capacity.imports.api_serializers import Page
from capacity.review.api_what_ifs import WhatIfAnswer


class QuoteLine(serializers.Serializer):
    """A line: the columns of its table but contract and version."""

    kind = serializers.CharField(required=False, help_text="Of prices and commitments.")
    price = serializers.CharField(required=False)
    quantity = serializers.CharField(required=False, help_text="Of commitments.")
    starts_date = serializers.DateField(required=False)
    ends_date = serializers.DateField(required=False)
    tier_from = serializers.CharField(required=False)
    tier_mode = serializers.CharField(required=False)
    included_quantity = serializers.CharField(required=False)
    metric = serializers.CharField(required=False, help_text="Of service levels: uptime or latency.")
    below_share = serializers.CharField(required=False)
    credit_share = serializers.CharField(required=False)
    chance = serializers.CharField(required=False, help_text="Of service levels: that a month ends in the tier.")
    make_good_usd = serializers.CharField(required=False)
    region = serializers.CharField(required=False)


class AskedQuote(serializers.Serializer):
    """A quote: the columns of `contracts`, `price_lines`, `commit_steps` and `sla_lines`, as those tables name them."""

    name = serializers.CharField(required=False, max_length=160)
    target_margin_share = serializers.CharField(
        required=False, allow_blank=True, help_text="A share below 1, or percent (60%); without it the policy's."
    )
    contract = serializers.DictField(
        child=serializers.CharField(), help_text="Column → value; no key, version or state. No customer: a new one."
    )
    price_lines = QuoteLine(many=True, required=False, help_text="Without a date: from the start.")
    commit_steps = QuoteLine(many=True, required=False)
    sla_lines = QuoteLine(many=True, required=False)
    run = serializers.IntegerField(required=False, help_text="A run's id; without it the current plan.")


class QuoteCaseRow(serializers.Serializer):
    """A month's facts summed over the planned weeks of the term, alone. Null: hidden, or not known."""

    accelerators = VisibleInteger()
    revenue_usd = VisibleDecimal()
    reserved_cost_usd = VisibleDecimal()
    consumed_cost_usd = VisibleDecimal()
    margin_usd = VisibleDecimal()
    margin_share = VisibleDecimal()


class QuoteFloorRow(serializers.Serializer):
    """The lowest price for the target margin, in the contract's currency, of the line that earns most.

    moves: "one" where it is all that is billed; "all" or "commitments" where all prices, or they and the money
    commitments, must be × factor: lines says what each becomes.
    """

    kind = serializers.CharField(allow_blank=True)
    asked = VisibleDecimal()
    price = VisibleDecimal()
    reason = VisibleText()
    currency = serializers.CharField()
    moves = serializers.CharField(allow_blank=True)
    factor = VisibleDecimal()
    lines = serializers.ListField(child=serializers.DictField())


class QuoteFlagRow(serializers.Serializer):
    """What a person must look at."""

    code = serializers.CharField()
    sentence = serializers.CharField()


class QuoteTermsRow(serializers.Serializer):
    """What the terms say: weeks of the plan, and of the whole term; committed, expected and heavy use."""

    weeks = serializers.IntegerField()
    term_weeks = serializers.IntegerField()
    committed = QuoteCaseRow()
    expected = QuoteCaseRow()
    heavy = QuoteCaseRow()
    heavy_multiple = VisibleDecimal()
    break_even_multiple = VisibleDecimal()
    expected_credits_usd = VisibleDecimal()
    make_good_usd = VisibleDecimal()
    loss_exposure_usd = VisibleDecimal()
    target_share = VisibleDecimal()
    floor = QuoteFloorRow()
    flags = QuoteFlagRow(many=True)


class QuoteWeekRow(serializers.Serializer):
    """Accelerators asked and short in a week."""

    week = serializers.CharField()
    need = VisibleDecimal()
    short = VisibleInteger()


class QuoteOfferRow(serializers.Serializer):
    """An offer that fits, the nearest first. payload: sent again, it is the offer as a quote."""

    number = serializers.IntegerField()
    kind = serializers.CharField()
    says = serializers.DictField()
    is_least = serializers.BooleanField(help_text="One step more of its kind does not fit.")
    accelerators = VisibleInteger()
    revenue_usd_per_week = VisibleDecimal()
    terms = QuoteTermsRow()
    payload = serializers.JSONField(help_text="Columns hidden from the reader are null.")


class QuoteAnswer(serializers.Serializer):
    """An answer of the terms and, in a full one, of the engine. verdict: as the page says it."""

    verdict = serializers.CharField()
    is_quick = serializers.BooleanField()
    fits = VisibleFlag()
    unsized = VisibleText()
    earliest = VisibleText()
    earliest_weeks = serializers.IntegerField(allow_null=True, help_text="Of the term, planned from that start.")
    earliest_stopped = VisibleText(help_text="The last start looked at, where later ones were left out.")
    short = serializers.JSONField(help_text="The first run of short weeks, the most, and how many in all; or null.")
    weeks = QuoteWeekRow(many=True)
    pools = serializers.ListField(child=serializers.CharField())
    work = serializers.DictField(
        child=serializers.CharField(),
        help_text="Pool: what one accelerator there does, in those the need is counted in.",
    )
    terms = QuoteTermsRow(allow_null=True)
    cost = serializers.JSONField(
        help_text="Alone, average and marginal, USD over the planned weeks; null in a quick one."
    )
    headline = serializers.JSONField(help_text="All promises together, before and after; null in a quick one.")
    offers = QuoteOfferRow(many=True)
    restricted = serializers.ListField(child=serializers.CharField(), help_text="Paths hidden from the reader's role.")


class QuoteRow(serializers.Serializer):
    """A quote as it was asked, and how far its full answer is. is_stale: the plan has moved on since."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    name = serializers.CharField()
    run = serializers.IntegerField()
    is_stale = serializers.BooleanField()
    state = serializers.ChoiceField(choices=[state for state, _ in WHAT_IF_STATES])
    stage = serializers.CharField(allow_blank=True)
    progress = serializers.DecimalField(max_digits=5, decimal_places=4)
    made_by = serializers.CharField()
    made_at = serializers.DateTimeField()
    target_margin_share = serializers.CharField(allow_null=True)
    contract = serializers.CharField(allow_blank=True, help_text="The deal made of it.")
    error = serializers.CharField(allow_blank=True)


class QuoteDetail(QuoteRow):
    """A quote with what was offered and its full answer; null until it is there."""

    payload = serializers.JSONField()
    full = QuoteAnswer(allow_null=True)
    changes = WhatIfAnswer(allow_null=True, help_text="What its rows change in the plan: who loses, who gains.")


class AskedQuoteRow(QuoteRow):
    """A quote just asked, with its quick answer."""

    quick = QuoteAnswer()


class QuotePage(Page):
    """A page of quotes, newest first."""

    results = QuoteRow(many=True)


class AskedOffer(serializers.Serializer):
    """The offer that is taken."""

    offer = serializers.IntegerField(help_text="Its number in the full answer, from 1.")


class AskedDeal(serializers.Serializer):
    """What a quote does not say of the deal made of it."""

    key = serializers.CharField(required=False, max_length=80, help_text="Of the contract; without it one is made up.")
    customer = serializers.CharField(
        required=False, max_length=80, help_text="A customer's key, where the quote names none."
    )


class DealRow(serializers.Serializer):
    """The draft contract with the terms of the quote."""

    quote = serializers.UUIDField()
    contract = serializers.CharField()
    version = serializers.IntegerField()
    state = serializers.CharField(help_text="Of the contract: draft where it was just made.")
    url = serializers.CharField(help_text="The contract's row.")
