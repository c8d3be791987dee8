"""Quotes that people asked: what was offered, of which run, and the deal that came of it. The answer is its what-if's."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Quote(models.Model):
    """An offer as somebody asked about it (methods: Quotes). Never changed: another version is another quote.

    payload: the columns of a contract and its lines as texts (domain/quote_payload.py). target_margin_share None: the
    policy's. what_if: the question put to the worker, with the run it belongs to and both answers. earlier: the quote
    it was made of. contract_key: the deal that was made of it, "" while there is none.
    """

    number = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=160)
    made_by = models.ForeignKey("access.User", models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    payload = models.JSONField()
    target_margin_share = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    what_if = models.OneToOneField("allocation.WhatIf", models.PROTECT, related_name="quote")
    earlier = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="later")
    contract_key = models.CharField(max_length=80, blank=True)
    contract_version = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(target_margin_share__isnull=True)
                | Q(target_margin_share__gte=0, target_margin_share__lt=1),
                name="quote_target_is_a_share",
            ),
            models.CheckConstraint(
                condition=Q(contract_key="", contract_version__isnull=True)
                | (~Q(contract_key="") & Q(contract_version__isnull=False)),
                name="quote_deal_has_its_version",
            ),
        ]
        indexes = [models.Index(fields=["made_by", "-id"], name="quote_by_maker")]

    def __str__(self) -> str:
        return f"quote {self.number} {self.name}"
