"""How a request came to be planned or not: every move of its workflow, append-only.

The rules are made of the pure table (workloads/domain/request_workflow.py), so that the database refuses what it does
not list, whoever writes. Writing a move is workloads/request_moves.py.
"""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from workloads.domain.request_workflow import STATES, TRANSITIONS


def _moves(*, with_reason: bool | None = None) -> Q:
    """The listed moves as a condition on (from_state, to_state)."""
    listed = Q()
    # In one order, so that a table sorted anew is the same rule.
    for each in sorted(TRANSITIONS, key=lambda move: (move.source, move.target)):
        if with_reason in (None, each.needs_reason):
            listed |= Q(from_state=each.source, to_state=each.target)
    return listed


# The first move of a new request is recorded once its row is there, in the state that the move leads to.
_BEGINS_WHERE_IT_IS = """
    IF NEW.from_state = '' THEN
        IF EXISTS (SELECT 1 FROM workloads_requestmove WHERE experiment_id = NEW.experiment_id)
           OR (SELECT state FROM workloads_experiment WHERE id = NEW.experiment_id) IS DISTINCT FROM NEW.to_state THEN
            RAISE EXCEPTION 'the request is there already'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'request_begins_once';
        END IF;
    ELSIF (SELECT state FROM workloads_experiment WHERE id = NEW.experiment_id) IS DISTINCT FROM NEW.from_state THEN
        RAISE EXCEPTION 'the request is not in the state that the move begins from'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'request_move_begins_where_it_is';
    END IF;
    IF NEW.to_state = 'approved' AND NEW.by_id IS NOT DISTINCT FROM (
        SELECT by_id FROM workloads_requestmove
        WHERE experiment_id = NEW.experiment_id AND to_state = 'submitted' ORDER BY id DESC LIMIT 1
    ) THEN
        RAISE EXCEPTION 'whoever submitted a request does not approve it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'request_approver_is_another_person';
    END IF;
    RETURN NEW;
"""
_TAKES_EFFECT = """
    IF (SELECT state FROM workloads_experiment WHERE id = NEW.experiment_id) IS DISTINCT FROM (
        SELECT to_state FROM workloads_requestmove
        WHERE experiment_id = NEW.experiment_id ORDER BY id DESC LIMIT 1
    ) THEN
        RAISE EXCEPTION 'the move is recorded but the request did not make it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'request_move_takes_effect';
    END IF;
    RETURN NULL;
"""
# On the request: its state follows the last recorded move.
STATE_FOLLOWS_MOVES = """
    IF NOT EXISTS (
        SELECT 1 FROM workloads_requestmove AS last
        WHERE last.id = (SELECT max(id) FROM workloads_requestmove WHERE experiment_id = NEW.id)
        AND last.from_state = OLD.state AND last.to_state = NEW.state
    ) THEN
        RAISE EXCEPTION 'the state of a request changes by a recorded move only'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'request_state_follows_its_moves';
    END IF;
    RETURN NEW;
"""


class RequestMove(models.Model):
    """One move of a request: from which state ("" before the first) to which, when, by whom and why.

    terms_hash: of what the request asked for then. answer: what whoever asked was told at that moment, with its run.
    """

    experiment = models.ForeignKey("workloads.Experiment", models.PROTECT, related_name="moves")
    from_state = models.CharField(max_length=12, choices=STATES, blank=True)
    to_state = models.CharField(max_length=12, choices=STATES)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reason = models.TextField(blank=True)
    terms_hash = models.CharField(max_length=64)
    answer = models.JSONField(null=True, blank=True)

    class Meta:
        verbose_name = "move of a request"
        verbose_name_plural = "moves of requests"
        indexes = [models.Index(fields=["experiment", "-id"], name="moves_of_a_request")]
        constraints = [
            models.CheckConstraint(condition=_moves(), name="request_move_is_listed"),
            models.CheckConstraint(
                condition=_moves(with_reason=False) | Q(reason__regex=r"\S"), name="request_move_has_its_reason"
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
        return f"{self.experiment_id} {self.from_state or 'nothing'} to {self.to_state}"
