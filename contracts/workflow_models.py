"""How contracts come to bind us: every move of the workflow, and holds for deals that are not signed.

The rules of the workflow are made of the pure table (contracts/domain/workflow.py), so that the database refuses what
it does not list, whoever writes. Moves are append-only; a hold that has ended stays ended.
"""

from __future__ import annotations

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from capacity.imports.limits import KEY
from capacity.imports.models import bumps_inputs_version
from contracts.domain.workflow import MAY_HOLD, STATES, TRANSITIONS

HOLD_STATES = [
    ("granted", "Granted"),
    ("released", "Released"),
    ("expired", "Expired"),
    ("signed", "Signed"),
]


def _moves(*, by_clock: bool | None = None, with_reason: bool | None = None) -> Q:
    """The listed moves as a condition on (from_state, to_state)."""
    listed = Q()
    # In one order, so that a table sorted anew is the same rule.
    for each in sorted(TRANSITIONS, key=lambda move: (move.source, move.target)):
        if by_clock in (None, each.is_by_clock) and with_reason in (None, each.needs_reason):
            listed |= Q(from_state=each.source, to_state=each.target)
    return listed


def _texts(values: frozenset[str]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


_BEGINS_WHERE_IT_IS = """
    IF (SELECT state FROM contracts_contract WHERE id = NEW.contract_id) IS DISTINCT FROM NEW.from_state THEN
        RAISE EXCEPTION 'the contract is not in the state that the move begins from'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'move_begins_where_the_contract_is';
    END IF;
    IF NEW.to_state = 'approved' AND NEW.by_id IS NOT DISTINCT FROM (
        SELECT by_id FROM contracts_contracttransition
        WHERE contract_id = NEW.contract_id AND to_state = 'submitted' ORDER BY id DESC LIMIT 1
    ) THEN
        RAISE EXCEPTION 'whoever submitted a contract does not approve it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approver_is_another_person';
    END IF;
    RETURN NEW;
"""
_TAKES_EFFECT = """
    IF (SELECT state FROM contracts_contract WHERE id = NEW.contract_id) IS DISTINCT FROM (
        SELECT to_state FROM contracts_contracttransition WHERE contract_id = NEW.contract_id ORDER BY id DESC LIMIT 1
    ) THEN
        RAISE EXCEPTION 'the move is recorded but the contract did not make it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'move_takes_effect';
    END IF;
    RETURN NULL;
"""
# On the contract: its state follows the last recorded move, and no hold outlives the pipeline.
STATE_FOLLOWS_MOVES = f"""
    IF NOT EXISTS (
        SELECT 1 FROM contracts_contracttransition AS last
        WHERE last.id = (SELECT max(id) FROM contracts_contracttransition WHERE contract_id = NEW.id)
        AND last.from_state = OLD.state AND last.to_state = NEW.state
    ) THEN
        RAISE EXCEPTION 'the state of a contract changes by a recorded move only'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'contract_state_follows_its_moves';
    END IF;
    IF NEW.state NOT IN ({_texts(MAY_HOLD)})
       AND EXISTS (SELECT 1 FROM contracts_hold WHERE contract_id = NEW.id AND state = 'granted') THEN
        RAISE EXCEPTION 'the contract still holds accelerators as a deal'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'held_contract_is_in_the_pipeline';
    END IF;
    RETURN NEW;
"""
_HOLD_OF_A_DEAL = f"""
    IF NEW.state = 'granted'
       AND (SELECT state FROM contracts_contract WHERE id = NEW.contract_id) NOT IN ({_texts(MAY_HOLD)}) THEN
        RAISE EXCEPTION 'only a deal in the pipeline holds accelerators'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'held_contract_is_in_the_pipeline';
    END IF;
    RETURN NEW;
"""
_HOLD_STAYS = """
    IF OLD.state <> 'granted' AND NEW.state IS DISTINCT FROM OLD.state THEN
        RAISE EXCEPTION 'a hold that has ended stays ended'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ended_hold_stays_ended';
    END IF;
    IF (NEW.contract_id, NEW.probability, NEW.granted_date, NEW.expires_date)
       IS DISTINCT FROM (OLD.contract_id, OLD.probability, OLD.granted_date, OLD.expires_date) THEN
        RAISE EXCEPTION 'what was granted does not change: release the hold and ask for another'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'granted_hold_does_not_change';
    END IF;
    RETURN NEW;
"""


class ContractTransition(models.Model):
    """One move of a contract version: from which state to which, when, by whom (nobody: the clock) and why.

    terms_hash: of what the contract said then, so that what is signed is what was approved. decision: the one that
    records a signature.
    """

    contract = models.ForeignKey("contracts.Contract", models.PROTECT, related_name="transitions")
    from_state = models.CharField(max_length=10, choices=STATES)
    to_state = models.CharField(max_length=10, choices=STATES)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.TextField(blank=True)
    terms_hash = models.CharField(max_length=64)
    decision = models.ForeignKey("decisions.Decision", models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = "move of a contract"
        verbose_name_plural = "moves of contracts"
        indexes = [models.Index(fields=["contract", "-id"], name="moves_of_a_contract")]
        constraints = [
            models.CheckConstraint(condition=_moves(), name="move_is_listed"),
            models.CheckConstraint(
                condition=(_moves(by_clock=True) & Q(by__isnull=True)) | (~_moves(by_clock=True) & Q(by__isnull=False)),
                name="move_is_by_whom_the_table_says",
            ),
            models.CheckConstraint(
                condition=_moves(with_reason=False) | Q(reason__regex=r"\S"), name="move_has_its_reason"
            ),
            models.CheckConstraint(
                condition=Q(to_state="signed", decision__isnull=False)
                | (~Q(to_state="signed") & Q(decision__isnull=True)),
                name="signature_has_its_decision",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="begins_where_it_is",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=_BEGINS_WHERE_IT_IS,
            ),
            pgtrigger.Trigger(
                name="takes_effect",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func=_TAKES_EFFECT,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract_id} {self.from_state} to {self.to_state}"


@pghistory.track()
class Hold(models.Model):
    """Accelerators kept for a deal that is not signed: its need × `probability`, on every day before `expires_date`.

    It counts while it is granted and not expired (methods: Holds). What was granted never changes; a longer or surer
    one is a new hold.
    """

    key = models.CharField(max_length=80, unique=True)
    contract = models.ForeignKey("contracts.Contract", models.PROTECT, related_name="holds")
    probability = models.DecimalField(max_digits=5, decimal_places=4)
    granted_date = models.DateField()
    expires_date = models.DateField()
    state = models.CharField(max_length=10, choices=HOLD_STATES, default="granted")
    ended_date = models.DateField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=KEY), name="hold_key_form"),
            models.CheckConstraint(condition=Q(probability__gt=0, probability__lte=1), name="hold_is_likely"),
            models.CheckConstraint(
                condition=Q(expires_date__gt=F("granted_date")), name="hold_expires_after_its_grant"
            ),
            models.CheckConstraint(condition=Q(state__in=[state for state, _ in HOLD_STATES]), name="hold_state_known"),
            models.CheckConstraint(
                condition=Q(state="granted", ended_date__isnull=True)
                | (~Q(state="granted") & Q(ended_date__isnull=False)),
                name="ended_hold_has_its_day",
            ),
            models.UniqueConstraint(
                fields=["contract"], condition=Q(state="granted"), name="one_granted_hold_per_contract"
            ),
        ]
        triggers = [
            bumps_inputs_version(),
            pgtrigger.Trigger(
                name="of_a_deal",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=_HOLD_OF_A_DEAL,
            ),
            pgtrigger.Trigger(
                name="stays_as_granted",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=_HOLD_STAYS,
            ),
        ]

    def __str__(self) -> str:
        return self.key
