"""The decisions the demo's meeting has behind it: one that came true, one that did not, one due now, and a waiver.

Recorded through the meeting's own service as of their day, by the demo's chair and finance, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.decisions.drafts import ActionDraft, DecisionDraft, OptionDraft
from capacity.decisions.services import record_decision, record_verdict
from capacity.lib.horizon import Week

CHAIR, FINANCE = Role.CHAIR.value, Role.FINANCE.value
PRODUCT, RESEARCH, SALES = Role.PRODUCT.value, Role.RESEARCH.value, Role.SALES.value
WAIVER, CACHING, QUANTISATION = "demo-waiver", "demo-caching", "demo-quantisation"


@dataclass(frozen=True, kw_only=True)
class _Past:
    """A decision of a review some weeks ago; verdict: what was said of it since, and the metric's value then."""

    key: str
    weeks_ago: int
    by: str
    draft: DecisionDraft
    verdict: tuple[str, str, Decimal | None] | None = None


def record_demo_decisions(*, monday: date) -> dict[str, int]:
    """Records what is not recorded yet; key → number of each decision."""
    people = {user.username: user for user in User.objects.filter(username__in=["chair", "finance"])}
    numbers = {}
    for past in _decisions(monday):
        on = monday - timedelta(weeks=past.weeks_ago)
        user, roles = people[past.by], [Role(past.by)]
        week = Week.containing(on).key
        decision = record_decision(
            draft=past.draft,
            user=user,
            roles=roles,
            now=datetime.combine(on, time(14), UTC),
            open_weeks={week},
            run_id=None,
            idempotency_key=past.key,
        )
        numbers[past.key] = decision.number
        if past.verdict is not None:
            word, note, value = past.verdict
            record_verdict(
                number=decision.number,
                verdict=word,
                note=note,
                week=Week.containing(past.draft.review_back_date).key,
                run_id=None,
                actual_value=value,
                user=user,
                roles=roles,
                open_weeks={Week.containing(past.draft.review_back_date).key},
            )
    return numbers


def _nothing(risk: str, who: str) -> OptionDraft:
    return OptionDraft(name="Do nothing", accelerators=0, cost_usd=Decimal(0), risk=risk, who_loses=who)


def _decisions(monday: date) -> tuple[_Past, ...]:
    def day(weeks: int) -> date:
        return monday + timedelta(weeks=weeks)

    def week(weeks: int) -> str:
        return Week.containing(day(weeks)).key

    return (
        _Past(
            key="demo-lease",
            weeks_ago=11,
            by=CHAIR,
            draft=DecisionDraft(
                week=week(-11),
                kind="lease_or_cloud",
                question="Where do the agent contracts of the winter run?",
                options=(
                    _nothing("Two promises break in January", "Agent customers"),
                    OptionDraft(
                        name="Lease 1,024 B300 at Lakeside",
                        accelerators=1024,
                        cost_usd=Decimal("40700000"),
                        risk="Idle until the contracts ramp",
                        who_loses="Nobody",
                    ),
                ),
                chosen=1,
                reason="The contracts are signed and the lead time still fits.",
                decider_role=CHAIR,
                owner_role=CHAIR,
                effect_metric="H1",
                effect_direction="at_least",
                effect_target=Decimal("0.85"),
                effect_by_date=day(-2),
                review_back_date=day(-2),
                guardrail_metric="H6",
            ),
            verdict=("met", "The confirmed lot covers the ramp; coverage stayed above the target.", Decimal("0.89")),
        ),
        _Past(
            key=QUANTISATION,
            weeks_ago=10,
            by=CHAIR,
            draft=DecisionDraft(
                week=week(-10),
                kind="default",
                question="Do standard answers of the mid model run at FP8?",
                options=(
                    _nothing("Twice the replicas for the same answers", "Nobody"),
                    OptionDraft(
                        name="Serve it at FP8",
                        accelerators=-48,
                        cost_usd=Decimal("-16128"),
                        risk="Answers get worse on long inputs",
                        who_loses="Nobody, as far as the side-by-side test shows",
                    ),
                ),
                chosen=1,
                reason="The side-by-side test passed, and six whole replicas come free.",
                decider_role=CHAIR,
                owner_role=PRODUCT,
                effect_metric="H10",
                effect_direction="at_most",
                effect_target=Decimal("0.7"),
                effect_by_date=day(-3),
                review_back_date=day(-3),
            ),
            verdict=("met", "Six replicas were given back and stayed free; ratings did not move.", Decimal("0.66")),
        ),
        _Past(
            key=CACHING,
            weeks_ago=9,
            by=CHAIR,
            draft=DecisionDraft(
                week=week(-9),
                kind="default",
                question="Does prompt caching become the default of the coding agent?",
                options=(
                    _nothing("Paying for tokens that are read again", "Nobody"),
                    OptionDraft(
                        name="Cache by default",
                        accelerators=-41,
                        cost_usd=Decimal("-300000"),
                        risk="Whole replicas may not come free",
                        who_loses="Nobody",
                    ),
                ),
                chosen=1,
                reason="On paper it saves 41 accelerators.",
                decider_role=PRODUCT,
                owner_role=PRODUCT,
                effect_metric="H6",
                effect_direction="at_most",
                effect_target=Decimal("3000000"),
                effect_by_date=day(-1),
                review_back_date=day(-1),
            ),
            verdict=(
                "not_met",
                "41 accelerators saved on paper, none released: no whole replica came free.",
                Decimal("4300000"),
            ),
        ),
        _Past(
            key="demo-classes",
            weeks_ago=7,
            by=CHAIR,
            draft=DecisionDraft(
                week=week(-7),
                kind="routing",
                question="Do simple assistant questions go to the small model?",
                options=(
                    _nothing("Frontier and mid replicas answer what a small one could", "Nobody"),
                    OptionDraft(
                        name="Route a third to the small model",
                        accelerators=-64,
                        cost_usd=Decimal("-250000"),
                        risk="Ratings fall",
                        who_loses="Assistant customers, if ratings fall",
                    ),
                ),
                chosen=1,
                reason="The smaller model passed the side-by-side test.",
                decider_role=PRODUCT,
                owner_role=PRODUCT,
                effect_metric="H8",
                effect_direction="at_most",
                effect_target=Decimal("0.10"),
                effect_by_date=day(0),
                review_back_date=day(0) + timedelta(days=2),
                actions=(
                    ActionDraft(
                        title="Renew or drop the coding agent's tier justification",
                        owner_role=PRODUCT,
                        due_date=day(-1),
                    ),
                ),
            ),
        ),
        _Past(
            key="demo-cap",
            weeks_ago=3,
            by=FINANCE,
            draft=DecisionDraft(
                week=week(-3),
                kind="contract",
                question="What do we ask of contracts without a cap?",
                options=(
                    _nothing("Heavy use without bound", "Margin"),
                    OptionDraft(
                        name="Offer a rate limit at three times expected use",
                        risk="The customer asks for a discount",
                        who_loses="Sales, some goodwill",
                    ),
                ),
                chosen=1,
                reason="The exposure of two contracts has no bound we know.",
                decider_role=FINANCE,
                owner_role=SALES,
                effect_metric="H11",
                effect_direction="at_most",
                effect_target=Decimal("50000000"),
                effect_by_date=day(6),
                review_back_date=day(8),
                actions=(
                    ActionDraft(
                        title="Propose the rate limit to the uncapped accounts", owner_role=SALES, due_date=day(2)
                    ),
                ),
            ),
        ),
        _Past(
            key=WAIVER,
            weeks_ago=1,
            by=CHAIR,
            draft=DecisionDraft(
                week=week(-1),
                kind="floor_waiver",
                question="Do we lend 120 accelerators of the floor in the launch weeks?",
                options=(
                    _nothing("The launch is throttled for two weeks", "Launch customers"),
                    OptionDraft(
                        name="Waive 120 accelerators for two weeks",
                        accelerators=120,
                        cost_usd=Decimal(0),
                        risk="A research run starts later",
                        who_loses="Model development, two weeks",
                    ),
                ),
                chosen=1,
                reason="Two weeks, in the open, and given back by a date.",
                decider_role=CHAIR,
                owner_role=RESEARCH,
                effect_metric="H4",
                effect_direction="at_least",
                effect_target=Decimal("1"),
                effect_by_date=day(9),
                review_back_date=day(10),
                reversible=True,
            ),
        ),
    )
