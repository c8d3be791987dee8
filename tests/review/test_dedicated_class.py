"""The serving class of a contract's own accelerators carries the contract's key: not everybody may read it."""

from __future__ import annotations

import pytest
from django.http import Http404

from capacity.access.roles import Role
from capacity.access.visibility import ContractLabel, Viewer
from capacity.review.table_specs import ALLOCATIONS
from capacity.review.tables import class_in_words, run_rows, visible_row

LABELS = [ContractLabel(key="CT-08", name="Dedicated H100s", customer="Corvid Security", alias="C-8", owner="sales")]
ROW = {"serving_class": "dedicated.CT-08", "pool_key": "h100", "week": "2026-W48", "accelerators": 8, "work": 8}


def viewer(role: Role) -> Viewer:
    return Viewer(username="somebody", roles=frozenset({role}))


@pytest.mark.parametrize("role", [Role.RESEARCH, Role.PRODUCT])
def test_a_price_blind_role_reads_the_alias_in_place_of_the_contracts_key(role: Role) -> None:
    row = visible_row(viewer=viewer(role), spec=ALLOCATIONS, row=ROW, labels=LABELS)
    assert row["serving_class"] == "dedicated.C-8"


def test_whoever_may_know_the_contract_reads_its_key() -> None:
    assert class_in_words(viewer(Role.CHAIR), "dedicated.CT-08", labels=LABELS) == "dedicated.CT-08"


def test_the_own_replicas_of_a_pinned_version_are_named_like_its_contract() -> None:
    assert class_in_words(viewer(Role.CHAIR), "dedicated.CT-08.v1", labels=LABELS) == "dedicated.CT-08.v1"
    assert class_in_words(viewer(Role.RESEARCH), "dedicated.CT-08.v1", labels=LABELS) == "dedicated.C-8"


def test_a_class_of_many_contracts_is_read_by_everybody() -> None:
    assert class_in_words(viewer(Role.RESEARCH), "chat.interactive", labels=LABELS) == "chat.interactive"


def test_an_unknown_contract_is_not_named_even_when_labels_were_forgotten() -> None:
    assert class_in_words(viewer(Role.CHAIR), "dedicated.CT-08", labels=[]) == "dedicated"


def test_a_filter_by_the_key_cannot_be_used_to_learn_whose_alias_it_is() -> None:
    with pytest.raises(Http404):
        run_rows(
            viewer=viewer(Role.RESEARCH), run_id=1, spec=ALLOCATIONS, labels=LABELS, serving_class="dedicated.CT-08"
        )
