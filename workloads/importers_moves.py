"""The table of moves to cheaper serving: what is proposed, what stands in the way, and what was promised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.decisions.models import Decision
from capacity.imports.tables import Reference, Sentence, Table, Values, columns_of, key_column, register
from capacity.imports.tabular import ERROR, WARNING, Issue, Row
from workloads.domain.moves import FACTOR, KINDS, MODEL, SHARE, TYPE
from workloads.importers_models import KEY_FORM, KEY_HELP, PROVENANCE_HELP
from workloads.models import ModelVersion, WorkloadMove

WHAT = ("key", "title", "workload", "kind", "to_key", "amount")
GATE = ("quality_gate", "gate_date", "gate_evidence", "must_agree_role")
MONEY = ("one_off_usd",)
DECIDED = ("state", "decision_number", "owner_role", "due_date", "promised_accelerators", "promised_usd_per_week")

STATES_ELSEWHERE = "The state of a move changes on its page: by what is asked, decided and done."
TERMS_STAY = "What was accepted does not change: drop it on its page and propose another move."
# Of a move that is accepted only these still change here: words, and what its page sets.
_WORDS = frozenset({"title", "provenance"})


def move_writer(viewer: Viewer, before: Values | None, after: Values | None) -> str:
    """Nobody moves a move on from here; one brought in with its decision is the chair's to bring in."""
    if before is None:
        state = "" if after is None else after.get("state")
        if state not in ("proposed", "dropped", "accepted", "done"):
            return STATES_ELSEWHERE
        if state in ("accepted", "done") and Role.CHAIR not in viewer.roles:
            return "A move that was accepted before is brought in by the chair; a new one is proposed."
        return ""
    if after is None:
        return "" if before["state"] in ("proposed", "dropped") else TERMS_STAY
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    if changed & {"state", "decision_number", "promised_accelerators", "promised_usd_per_week"}:
        return STATES_ELSEWHERE
    return TERMS_STAY if before["state"] in ("accepted", "done") and changed - _WORDS else ""


def whole_moves(rows: Sequence[Row]) -> Iterator[Issue]:
    """A move names what its kind changes and nothing else; one that is accepted names a decision that is recorded."""
    numbers = {int(str(row.values["decision_number"])) for row in rows if row.values.get("decision_number")}
    recorded = set(Decision.objects.filter(number__in=numbers).values_list("number", flat=True))
    models = dict(ModelVersion.objects.values_list("key", "model_tier"))
    for row in rows:
        values = row.values
        kind = KINDS.get(str(values.get("kind")))
        if kind is not None:
            for column, message in amiss(kind.code, str(values.get("to_key") or ""), values.get("amount")):
                yield _issue(row, column, "move_incomplete", message)
            if MODEL in kind.asks and values.get("to_key") and values["to_key"] not in models:
                message = f'No model version is called "{values["to_key"]}".'
                yield _issue(row, "to_key", "unknown_reference", message)
        number = values.get("decision_number")
        if number is not None and number not in recorded:
            message = f"There is no decision D-{number} here yet: the move counts as accepted by it all the same."
            yield _issue(row, "decision_number", "no_such_decision", message, severity=WARNING)


def amiss(kind: str, to_key: str, amount: object) -> Iterator[tuple[str, str]]:
    """(column, sentence) of what a move of this kind still lacks, or has too much. amount: a Decimal or None."""
    asks = KINDS[kind].asks
    name = KINDS[kind].name.lower()
    if MODEL in asks and not to_key:
        yield "to_key", f"{name.capitalize()}: name the model version it goes to."
    elif TYPE in asks and not to_key:
        yield "to_key", f"{name.capitalize()}: name the accelerator type it goes to."
    elif to_key and not {MODEL, TYPE} & set(asks):
        yield "to_key", f"{name.capitalize()} names no model and no accelerator type: leave it empty."
    if SHARE in asks or FACTOR in asks:
        yield from _amount_amiss(asks, name, amount)
    elif amount is not None:
        yield "amount", f"{name.capitalize()} has no amount: leave it empty."


def _amount_amiss(asks: Sequence[str], name: str, amount: object) -> Iterator[tuple[str, str]]:
    value = float(str(amount)) if amount is not None else None
    if SHARE in asks and (value is None or not 0 < value < 1):
        yield "amount", f"{name.capitalize()}: give a share above 0 and below 1, 0.8 for 80 %."
    if FACTOR in asks and (value is None or not 1 < value <= 100):
        yield "amount", f"{name.capitalize()}: give a factor above 1, 1.6 for 60 % more tokens a second."


def _issue(row: Row, column: str, code: str, message: str, *, severity: str = ERROR) -> Issue:
    return Issue(file=row.file, row=row.number, column=column, code=code, message=message, severity=severity)


register(
    Table(
        name="workload_moves",
        model=WorkloadMove,
        key=("key",),
        reserved=("new",),
        columns=columns_of(
            WorkloadMove,
            [name for name in (*WHAT, *GATE, *MONEY, *DECIDED, "provenance") if name != "workload"],
            extra=[key_column("workload")],
        ),
        references=(Reference(columns=("workload",), target="workloads", field="workload"),),
        sentences={
            "move_key_form": KEY_FORM,
            "move_kind_is_known": Sentence(column="kind", message="The kind is one of " + ", ".join(KINDS) + "."),
            "move_state_is_known": Sentence(
                column="state", message="The state is proposed, asked, accepted, done or dropped."
            ),
            "move_gate_is_known": Sentence(column="quality_gate", message="The quality gate is no, pass or fail."),
            "move_roles_are_of_the_meeting": Sentence(
                column="owner_role", message="Owner and who must agree are roles of the meeting."
            ),
            "accepted_move_has_decision_owner_and_date": Sentence(
                column="decision_number", message="An accepted move names its decision, its owner and its date."
            ),
            "asked_move_has_its_what_if": Sentence(column="state", message=STATES_ELSEWHERE),
            "move_figures_are_not_negative": Sentence(
                column="amount", message="The amount is above zero and at most 100; a cost is not negative."
            ),
            "move_gate_has_its_day": Sentence(
                column="gate_date", message="A quality gate that was tested has the day of the test."
            ),
        },
        checks=(whole_moves,),
        title="Moves",
        singular="Move",
        intro="Changes that would serve a workload more cheaply: what is asked, accepted by a decision, and done.",
        area="Workloads",
        slug="workload-moves",
        view="workload_data.view",
        change="workload_data.change",
        resource="input_workload_moves",
        label="title",
        listed=("key", "title", "workload", "kind", "quality_gate", "state", "owner_role", "due_date"),
        filters=("workload", "kind", "state", "quality_gate"),
        search=("key", "title", "workload"),
        help={
            "key": KEY_HELP,
            "title": "The move in a few words.",
            "workload": "The key of the workload that is moved.",
            "kind": "smaller_model, offline, batch_hours, accelerator_type, caching, batching, quantisation, routing or "
            "context_length.",
            "to_key": "The model version (smaller_model, routing) or accelerator type (accelerator_type) it goes to.",
            "amount": "caching: the share of prompt tokens read from the cache. routing: the share of tokens that goes "
            "over. context_length: the share of prompt tokens that stays. batching, quantisation: the factor on tokens "
            "a second.",
            "quality_gate": "Whether quality was tested with the move: no, pass or fail.",
            "gate_date": "The day of that test.",
            "gate_evidence": "Where the test can be read.",
            "must_agree_role": "The role that must agree before it is carried out.",
            "one_off_usd": "What carrying it out costs once, USD. Empty: not known.",
            "state": "proposed, asked, accepted, done or dropped; after the first it changes on the move's page.",
            "decision_number": "The number of the recorded decision that accepts it.",
            "owner_role": "The role that carries it out.",
            "due_date": "The day by which it is carried out.",
            "promised_accelerators": "Whole accelerators it was to release, when it was accepted.",
            "promised_usd_per_week": "What those cost a week then, USD.",
            "provenance": PROVENANCE_HELP,
        },
        groups={"Move": WHAT, "Quality gate": GATE, "Cost": MONEY, "Decided": DECIDED, "Origin": ("provenance",)},
        may_write=move_writer,
    )
)
