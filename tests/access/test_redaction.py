"""Contracts named inside texts and lists of blockers appear under the words the viewer may read."""

from __future__ import annotations

from capacity.access.roles import Role
from capacity.access.visibility import ContractLabel, Viewer, label_blockers, redact

ACME = ContractLabel(key="acme-flat", name="Acme Europe flat", customer="Acme", alias="C-7", owner="ann")
RESEARCH = Viewer("rae", frozenset({Role.RESEARCH}), "post-training")
SALES = Viewer("ann", frozenset({Role.SALES}))
OTHER_SALES = Viewer("bob", frozenset({Role.SALES}))
FINANCE = Viewer("fin", frozenset({Role.FINANCE}))
BLOCKERS = [{"key": "acme-flat:committed", "accelerators": 200}, {"key": "e4", "accelerators": 4}]
CONTRACTS = {"acme-flat:committed": ACME}


def test_research_reads_the_alias_and_never_the_key_of_a_blocking_contract() -> None:
    assert label_blockers(RESEARCH, BLOCKERS, contracts=CONTRACTS) == [
        {"accelerators": 200, "label": "C-7"},
        {"key": "e4", "accelerators": 4, "label": "e4"},
    ]


def test_the_owner_and_finance_read_the_name() -> None:
    for viewer in (SALES, FINANCE):
        shown = label_blockers(viewer, BLOCKERS, contracts=CONTRACTS)
        assert shown[0] == {"key": "acme-flat:committed", "accelerators": 200, "label": "Acme Europe flat"}


def test_other_sales_read_committed() -> None:
    assert label_blockers(OTHER_SALES, BLOCKERS, contracts=CONTRACTS)[0]["label"] == "committed"


def test_a_blocker_given_is_not_changed() -> None:
    label_blockers(RESEARCH, BLOCKERS, contracts=CONTRACTS)
    assert BLOCKERS[0]["key"] == "acme-flat:committed"


def test_a_sentence_loses_every_name_the_longest_first_and_in_any_case() -> None:
    text = "Short by 4: ACME EUROPE FLAT (acme-flat) holds 200; Acme asked for more, Acmeville did not."
    assert redact(RESEARCH, text, contracts=[ACME]) == (
        "Short by 4: C-7 (C-7) holds 200; C-7 asked for more, Acmeville did not."
    )


def test_a_sentence_stays_as_it_is_for_whom_names_are_not_hidden() -> None:
    assert redact(FINANCE, "Acme holds 200.", contracts=[ACME]) == "Acme holds 200."
    assert redact(RESEARCH, "Nothing named.", contracts=[]) == "Nothing named."


def test_a_name_is_not_a_pattern() -> None:
    odd = ContractLabel(key="c.1", name="A+ (B)", customer="", alias="C-9")
    assert redact(RESEARCH, "cx1 c.1 A+ (B)", contracts=[odd]) == "cx1 C-9 C-9"
