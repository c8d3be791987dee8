"""A workload of one worked load on a model of its own, in the world of conftest.py, and moves of it from ask to done.

10,000 tokens a second in, half of them cached at a tenth, 2,000 out: (5,000 + 500) ÷ 40,000 + 2,000 ÷ 4,000 = 0.6375 on
average, × 2.5 = 1.59375 at the peak; ÷ 0.7 = 2.28, so 3 replicas and one spare of 8 accelerators: 32. The sample
contract is made small: 0.2 of that, 16 accelerators of another model.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.allocation.models import CurrentRun, Run, WhatIf
from capacity.inventory.models import Lot
from capacity.review import move_steps
from capacity.review.move_steps import Acceptance, Stepper
from capacity.review.what_if import HotRuns, answer_question
from contracts.models import Contract
from tests.contracts.pipeline import NOW, OPEN_WEEK
from tests.factories import make_user
from tests.review.quotes.asking import published
from workloads.models import Forecast, ModelVersion, ThroughputProfile, Workload, WorkloadMove

TOKENS = {"input_tokens_per_second": Decimal(10_000), "output_tokens_per_second": Decimal(2_000)}
ACCEPTANCE = Acceptance(
    week=OPEN_WEEK,
    reason="It is cheaper.",
    gate_reason="",
    risk="None",
    who_loses="Nobody",
    decider_role="chair",
    owner_role="product",
    due_date=date(2026, 12, 14),
    effect_metric="H6",
    effect_target=Decimal(100000),
    review_back_date=date(2027, 1, 11),
)


def profile(
    model: str,
    latency: str = "interactive",
    *,
    k: int = 8,
    tps: tuple[int, int] = (40_000, 4_000),
    kind: str = "h100",
) -> ThroughputProfile:
    """Like the sample's, of another model, latency, size, speed or type."""
    found = ThroughputProfile.objects.get(model_version__key="big")
    found.pk = None
    found._state.adding = True
    found.model_version = ModelVersion.objects.get(key=model)
    found.accelerator_type = found._meta.get_field("accelerator_type").remote_field.model.objects.get(key=kind)
    found.latency_class, found.replica_accelerators = latency, k
    found.prefill_tokens_per_second, found.decode_tokens_per_second = map(Decimal, tps)
    found.save()
    return found


def own_card(
    key: str = "bot", *, model: str = "mid", loads: str = "1", source: str = "card", **columns: Any
) -> Workload:
    """A card whose tokens are its own, a forecast's, or the sample contract's (source: card, forecast, contract)."""
    found = Workload.objects.get(key="chat")
    found.pk = None
    found._state.adding = True
    found.key, found.name = key, key.capitalize()
    found.model_version = ModelVersion.objects.get(key=model)
    tokens = {name: value * Decimal(loads) for name, value in TOKENS.items()}
    for name, value in {**(tokens if source == "card" else {}), **columns}.items():
        setattr(found, name, value)
    found.save()
    if source == "forecast":
        sides = {f"{side}_p50": tokens[f"{side}_tokens_per_second"] for side in ("input", "output")}
        Forecast.objects.create(
            workload=found, source="sales", vintage_date=date(2026, 9, 1), starts_date=date(2026, 10, 5), **sides
        )
    if source == "contract":
        Contract.objects.filter(key="c-1").update(workload=found, **tokens)
    return found


def small_world(**card: Any) -> None:
    """The world's contract at a fifth of a load; `bot` on `mid`, which is as fast as the sample's model; `small`, twice
    as fast on half the accelerators. 256 H100s, so that nobody is short."""
    Lot.objects.filter(key="lot-1").update(accelerators=256)
    Contract.objects.filter(key="c-1").update(**{name: value / 5 for name, value in TOKENS.items()})
    for key, tier in (("mid", "mid"), ("small", "small")):
        ModelVersion.objects.create(key=key, name=key.capitalize(), model_tier=tier)
    profile("mid")
    profile("small", k=4, tps=(80_000, 8_000))
    own_card(**card)


def by(role: Role) -> Stepper:
    name = f"{role.value}-{WhatIf.objects.count()}-{WorkloadMove.objects.count()}"
    user = make_user(role.value, username=name)
    return Stepper(user=user, viewer=Viewer(username=name, roles=frozenset({role})), now=NOW)


def asked(
    chair: Stepper, run: Run, kind: str, *, workload: str = "bot", to: str = "", amount: str = ""
) -> dict[str, Any]:
    """A new move `m` of the workload, asked and answered: what its what-if tells."""
    cells = {"key": "m", "title": "Move", "workload": workload, "kind": kind, "to_key": to, "amount": amount}
    cells |= {"quality_gate": "pass", "gate_date": "2026-11-02", "must_agree_role": "product"}
    made = move_steps.propose_move(cells=cells, by=chair)
    question = move_steps.ask_move(key="m", row_version=made.row_version, run_id=run.pk, by=chair)
    assert answer_question(what_if_id=question.pk, worker="w", clock=lambda: NOW, runs=HotRuns(most=1)) == "done"
    question.refresh_from_db()
    assert question.full is not None
    return dict(question.full["move"])


def accepted_and_done(chair: Stepper) -> WorkloadMove:
    """The answered move, accepted and said to be done."""
    move_steps.accept_move(
        key="m",
        row_version=move_steps.found_move("m").row_version,
        acceptance=ACCEPTANCE,
        idempotency_key="form",
        open_weeks=[OPEN_WEEK],
        by=chair,
    )
    version = move_steps.found_move("m").row_version
    return move_steps.end_move(key="m", row_version=version, target="done", by=by(Role.PRODUCT))


def planned_again() -> Run:
    """A plan of the tables as they are now, the current one."""
    CurrentRun.objects.all().delete()
    return published()
