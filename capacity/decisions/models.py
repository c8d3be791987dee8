"""What the meeting decides, and the dated policy the plan obeys. Anything may point to a decision; it points to nothing above.

Decisions are append-only: a wrong one is superseded, never edited. Actions change status; their wording does not.
"""

from __future__ import annotations

from decimal import Decimal

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Now

from capacity.access.roles import ROLE_NAMES, Role
from capacity.imports.limits import KEY, DateRange, listed, within
from capacity.imports.models import bumps_inputs_version

ROLE_CHOICES = [(role.value, ROLE_NAMES[role]) for role in Role]
DECISION_KINDS = [
    ("allocation", "Allocation"),
    ("floor_waiver", "Floor waiver"),
    ("buy", "Buy"),
    ("lease_or_cloud", "Lease or cloud"),
    ("price", "Price"),
    ("contract", "Contract"),
    ("default", "Default"),
    ("quota", "Quota"),
    ("routing", "Routing"),
    ("context_length", "Context length"),
    ("packaging", "Packaging"),
    ("experiment", "Experiment"),
    ("migration", "Migration"),
    ("policy", "Policy"),
]
COUNTS_AT = [("p50", "P50"), ("p90", "P90")]
METRIC_DIRECTIONS = [("at_least", "at least"), ("at_most", "at most")]


@pghistory.track()
class PolicySet(models.Model):
    """One version of the planning policy, in force from `effective_date` (a Monday) until the next version.

    Shares are fractions of one. `tiers` is the ordered list of allocation tiers.
    """

    version = models.PositiveIntegerField(unique=True)
    effective_date = models.DateField()
    tiers = ArrayField(models.CharField(max_length=40))
    # Which lots count as supply, and from which of their dates.
    confirmed_counts_at = models.CharField(max_length=4, choices=COUNTS_AT, default="p50")
    ordered_counts_at = models.CharField(max_length=4, choices=COUNTS_AT, default="p90")
    utilisation_interactive = models.DecimalField(max_digits=5, decimal_places=4)
    utilisation_standard = models.DecimalField(max_digits=5, decimal_places=4)
    utilisation_batch = models.DecimalField(max_digits=5, decimal_places=4)
    peak_factor_interactive = models.DecimalField(max_digits=6, decimal_places=3)
    peak_factor_standard = models.DecimalField(max_digits=6, decimal_places=3)
    peak_factor_batch = models.DecimalField(max_digits=6, decimal_places=3)
    coincidence_factor = models.DecimalField(max_digits=5, decimal_places=4)
    spare_replicas = models.PositiveSmallIntegerField()
    spare_replicas_large = models.PositiveSmallIntegerField()
    large_from_replicas = models.PositiveSmallIntegerField()
    # What deals that are not signed may keep: of the room that the tiers above leave, and for how long.
    hold_room_share = models.DecimalField(max_digits=5, decimal_places=4, default=Decimal("0.5"))
    hold_weeks_ahead = models.PositiveSmallIntegerField(default=4)
    market_use_share = models.DecimalField(max_digits=5, decimal_places=4, default=Decimal("0.5"))
    worst_use_multiple_metered = models.DecimalField(max_digits=5, decimal_places=2)
    worst_use_multiple_flat = models.DecimalField(max_digits=5, decimal_places=2)
    target_gross_margin_share = models.DecimalField(max_digits=5, decimal_places=4)
    inference_ratio_amber_share = models.DecimalField(max_digits=5, decimal_places=4)
    inference_ratio_red_share = models.DecimalField(max_digits=5, decimal_places=4)
    idle_limit_share = models.DecimalField(max_digits=5, decimal_places=4)
    loss_exposure_limit_usd = models.DecimalField(max_digits=20, decimal_places=2)
    no_choice_limit_share = models.DecimalField(max_digits=5, decimal_places=4)
    unexplained_frontier_limit_share = models.DecimalField(max_digits=5, decimal_places=4)
    # Fair share and preemption of experiments.
    starvation_weeks = models.PositiveSmallIntegerField(default=6)
    starvation_share = models.DecimalField(max_digits=5, decimal_places=4, default=Decimal("0.5"))
    deficit_limit_share = models.DecimalField(max_digits=5, decimal_places=4, default=Decimal("0.5"))
    recall_notice_days = models.PositiveSmallIntegerField(default=7)
    restart_hours = models.DecimalField(max_digits=6, decimal_places=3, default=Decimal("0.5"))
    note = models.TextField(blank=True)
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    utilisation_interactive__gt=0,
                    utilisation_interactive__lte=1,
                    utilisation_standard__gt=0,
                    utilisation_standard__lte=1,
                    utilisation_batch__gt=0,
                    utilisation_batch__lte=1,
                ),
                name="utilisation_is_a_share",
            ),
            models.CheckConstraint(
                # The upper end keeps NaN out, which PostgreSQL holds to be larger than any number.
                condition=Q(
                    peak_factor_interactive__gte=1,
                    peak_factor_interactive__lte=100,
                    peak_factor_standard__gte=1,
                    peak_factor_standard__lte=100,
                    peak_factor_batch__gte=1,
                    peak_factor_batch__lte=100,
                ),
                name="policy_peak_is_at_least_mean",
            ),
            models.CheckConstraint(
                condition=Q(coincidence_factor__gt=0, coincidence_factor__lte=1), name="coincidence_is_a_share"
            ),
            models.CheckConstraint(
                condition=Q(hold_room_share__gt=0, hold_room_share__lte=1), name="hold_room_is_a_share"
            ),
            models.CheckConstraint(
                condition=Q(market_use_share__gte=0, market_use_share__lte=1), name="market_use_is_a_share"
            ),
            models.CheckConstraint(condition=Q(effective_date__week_day=2), name="policy_starts_on_a_monday"),
            models.CheckConstraint(
                condition=Q(inference_ratio_red_share__gte=F("inference_ratio_amber_share")),
                name="inference_red_is_not_below_amber",
            ),
            *within(
                "policy",
                worst_use_multiple_metered=(1, None),
                worst_use_multiple_flat=(1, None),
                target_gross_margin_share=(-1, 1),
                inference_ratio_amber_share=(0, None),
                inference_ratio_red_share=(0, None),
                idle_limit_share=(0, 1),
                loss_exposure_limit_usd=(0, None),
                no_choice_limit_share=(0, 1),
                unexplained_frontier_limit_share=(0, 1),
                starvation_weeks=(1, 13),
                starvation_share=(0, 1),
                deficit_limit_share=(0, Decimal("0.9")),
                recall_notice_days=(0, 7),
                restart_hours=(0, 168),
            ),
            *listed("policy", confirmed_counts_at=COUNTS_AT, ordered_counts_at=COUNTS_AT),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return f"policy {self.version}"


@pghistory.track()
class PolicyFloor(models.Model):
    """Accelerators of a group of pools that only model development may use, or only one team.

    F = max(share × allocatable, accelerators). team_key is the team's key, empty for model development: a plain key,
    because teams stand above policy.
    """

    policy = models.ForeignKey(PolicySet, models.PROTECT, related_name="floors")
    key = models.SlugField(max_length=80)
    name = models.CharField(max_length=120)
    pool_keys = ArrayField(models.CharField(max_length=80))
    share = models.DecimalField(max_digits=5, decimal_places=4, null=True, blank=True)
    accelerators = models.PositiveIntegerField(null=True, blank=True)
    lendable = models.BooleanField(default=False)
    team_key = models.CharField(max_length=80, blank=True, default="")
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["policy", "key"], name="one_floor_per_key"),
            models.CheckConstraint(condition=Q(key__regex=KEY), name="floor_key_form"),
            models.CheckConstraint(condition=~Q(pool_keys=[]), name="floor_has_pools"),
            models.CheckConstraint(
                condition=Q(share__isnull=True) | Q(share__gte=0, share__lte=1), name="floor_share_is_a_share"
            ),
            models.CheckConstraint(
                condition=Q(share__isnull=False) | Q(accelerators__isnull=False), name="floor_has_a_size"
            ),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class FloorWaiver(models.Model):
    """Accelerators of a floor given up for whole weeks by a decision. It lowers the floor only once that is recorded.

    `decision_number` is the number of a floor waiver among the decisions: a plain number, because the tables of policy
    can be moved to an installation that has no decisions yet; there it waits (methods: Floor waivers).
    """

    key = models.CharField(max_length=80, unique=True)
    floor = models.ForeignKey(PolicyFloor, models.PROTECT, related_name="waivers")
    starts_date = models.DateField()
    ends_date = models.DateField()
    accelerators = models.PositiveIntegerField()
    reason = models.TextField()
    decision_number = models.PositiveIntegerField()
    provenance = models.TextField(blank=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="waivers_of_a_floor_do_not_overlap",
                expressions=[
                    ("floor", RangeOperators.EQUAL),
                    (DateRange("starts_date", "ends_date", Value("[)")), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(condition=Q(key__regex=KEY), name="waiver_key_form"),
            models.CheckConstraint(condition=Q(ends_date__gt=F("starts_date")), name="waiver_ends_after_start"),
            models.CheckConstraint(
                condition=Q(starts_date__week_day=2, ends_date__week_day=2), name="waiver_covers_whole_weeks"
            ),
            models.CheckConstraint(condition=Q(accelerators__gt=0), name="waiver_has_accelerators"),
            models.CheckConstraint(condition=Q(decision_number__gt=0), name="waiver_has_a_decision"),
            models.CheckConstraint(condition=~Q(reason=""), name="waiver_has_a_reason"),
        ]
        triggers = [bumps_inputs_version()]

    def __str__(self) -> str:
        return self.key


_WAIVER_DECIDED = """
    UPDATE imports_inputsversion SET version = version + 1, changed_at = now()
    WHERE id = 1 AND EXISTS (
        SELECT 1 FROM decisions_floorwaiver WHERE decision_number = NEW.number
        OR decision_number = (SELECT number FROM decisions_decision WHERE id = NEW.supersedes_id)
        UNION ALL SELECT 1 FROM workloads_priorityoverride WHERE decision_number = NEW.number
        OR decision_number = (SELECT number FROM decisions_decision WHERE id = NEW.supersedes_id)
    );
    RETURN NULL;
"""


class Decision(models.Model):
    """A decision recorded on a review. Never edited; `supersedes` names the one it replaces."""

    number = models.PositiveIntegerField(unique=True)
    review_week = models.CharField(max_length=8)
    run_id = models.BigIntegerField(null=True, blank=True)
    kind = models.CharField(max_length=20, choices=DECISION_KINDS)
    question = models.CharField(max_length=300)
    chosen = models.CharField(max_length=300)
    reason = models.TextField()
    decider_role = models.CharField(max_length=20, choices=ROLE_CHOICES)
    owner_role = models.CharField(max_length=20, choices=ROLE_CHOICES)
    effect_metric = models.CharField(max_length=80)
    effect_direction = models.CharField(max_length=10, choices=METRIC_DIRECTIONS)
    effect_target = models.DecimalField(max_digits=24, decimal_places=6)
    effect_by_date = models.DateField()
    review_back_date = models.DateField()
    guardrail_metric = models.CharField(max_length=80, blank=True)
    dissent = models.TextField(blank=True)
    reversible = models.BooleanField(default=True)
    supersedes = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="superseded_by")
    decided_at = models.DateTimeField(db_default=Now())
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    idempotency_key = models.CharField(max_length=80, unique=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(review_week__regex=r"^\d{4}-W\d{2}$"), name="decision_week_is_iso"),
            *within("decision", effect_target=("-1e18", None)),
            *listed(
                "decision",
                kind=DECISION_KINDS,
                decider_role=ROLE_CHOICES,
                owner_role=ROLE_CHOICES,
                effect_direction=METRIC_DIRECTIONS,
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            # A waiver or an override takes effect, or loses it, with the decision it names: the plan is then older than
            # its inputs.
            pgtrigger.Trigger(
                name="decides_waivers",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=_WAIVER_DECIDED,
            ),
        ]

    def __str__(self) -> str:
        return f"D-{self.number} {self.chosen}"


class DecisionOption(models.Model):
    """One option that was considered, "do nothing" among them."""

    decision = models.ForeignKey(Decision, models.PROTECT, related_name="options")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=300)
    accelerators = models.IntegerField(null=True, blank=True)
    cost_usd = models.DecimalField(max_digits=20, decimal_places=2, null=True, blank=True)
    risk = models.CharField(max_length=300, blank=True)
    who_loses = models.CharField(max_length=300, blank=True)
    is_chosen = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["decision", "position"], name="one_option_per_position"),
            models.UniqueConstraint(fields=["decision"], condition=Q(is_chosen=True), name="one_chosen_option"),
            *within("option", cost_usd=("-1e18", None)),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.name


VERDICTS = [
    ("met", "Met"),
    ("partly", "Partly met"),
    ("not_met", "Not met"),
    ("not_measurable", "Not measurable"),
    ("overtaken", "Overtaken by events"),
]


class DecisionVerdict(models.Model):
    """What a decision did, said at its review-back. One a decision."""

    decision = models.OneToOneField(Decision, models.PROTECT, related_name="verdict")
    review_week = models.CharField(max_length=8)
    run_id = models.BigIntegerField(null=True, blank=True)
    verdict = models.CharField(max_length=16, choices=VERDICTS)
    actual_value = models.DecimalField(max_digits=24, decimal_places=6, null=True, blank=True)
    note = models.TextField(blank=True)
    recorded_at = models.DateTimeField(db_default=Now())
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            *within("verdict", actual_value=("-1e18", None)),
            *listed("verdict", verdict=VERDICTS),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.decision_id} {self.verdict}"


ACTION_STATUSES = [("open", "Open"), ("done", "Done"), ("dropped", "Dropped")]


@pghistory.track()
class Action(models.Model):
    """Something somebody does after the meeting. `row_version` guards against two people changing it at once."""

    number = models.PositiveIntegerField(unique=True)
    review_week = models.CharField(max_length=8)
    decision = models.ForeignKey(Decision, models.PROTECT, null=True, blank=True, related_name="actions")
    title = models.CharField(max_length=300)
    owner_role = models.CharField(max_length=20, choices=ROLE_CHOICES)
    due_date = models.DateField()
    status = models.CharField(max_length=12, choices=ACTION_STATUSES, default="open")
    status_note = models.CharField(max_length=300, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    idempotency_key = models.CharField(max_length=80, unique=True)
    row_version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status="open", closed_at__isnull=True) | (~Q(status="open") & Q(closed_at__isnull=False)),
                name="closed_action_has_a_time",
            ),
            *listed("action", owner_role=ROLE_CHOICES, status=ACTION_STATUSES),
        ]

    def __str__(self) -> str:
        return f"A-{self.number} {self.title}"


class Comment(models.Model):
    """What somebody wrote beside a row, a figure or a review. Append-only: said is said.

    subject_kind, subject_key: what it stands beside, as addresses name it ("lot" and its key, "review" and its week).
    """

    subject_kind = models.CharField(max_length=40)
    subject_key = models.CharField(max_length=300)
    text = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(subject_kind__regex=r"^[a-z_]{1,40}$"), name="comment_kind_form"),
            models.CheckConstraint(condition=~Q(subject_key=""), name="comment_has_a_subject"),
            models.CheckConstraint(condition=Q(text__regex=r"\S"), name="comment_is_not_empty"),
        ]
        indexes = [models.Index(fields=["subject_kind", "subject_key", "at"], name="comment_by_subject")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.subject_kind} {self.subject_key}: {self.text[:40]}"
