"""Room in the troughs by hand, and what must hold of any classes."""

from __future__ import annotations

from fractions import Fraction as F

from hypothesis import given
from hypothesis import strategies as st

from workloads.domain.troughs import HeldClass, trough_of


def held(model: str, accelerators: int, consumed: F, spare: F = F(0), *, waits: bool = False) -> HeldClass:
    return HeldClass(model=model, waits=waits, accelerators=accelerators, consumed=consumed, spare=spare)


def test_work_fits_where_its_own_model_has_room_and_nowhere_else() -> None:
    # A: 40 held, 20 used, 8 spare: 12 left. B: 8 held and used. Waiting: 10 of A at 95 %, 8 of B at 50 %.
    found = trough_of(
        [
            held("A", 40, F(1, 2), F(1, 5)),
            held("B", 8, F(1)),
            held("A", 10, F(19, 20), waits=True),
            held("B", 8, F(1, 2), waits=True),
        ]
    )
    assert (found.live, found.consumed, found.spare, found.trough) == (48, 28, 8, 12)
    assert (found.waiting, found.fits) == (F(27, 2), F(19, 2))


def test_more_work_than_room_fills_the_room() -> None:
    assert trough_of([held("A", 16, F(1, 2)), held("A", 32, F(3, 4), waits=True)]).fits == 8


def test_a_pool_without_live_work_has_no_trough() -> None:
    found = trough_of([held("A", 32, F(3, 4), waits=True)])
    assert (found.live, found.trough, found.waiting, found.fits) == (0, 0, 24, 0)


CLASSES = st.lists(
    st.builds(
        lambda model, accelerators, spare, used, waits: held(
            model, accelerators, (1 - F(spare, 10)) * F(used, 10), F(spare, 10), waits=waits
        ),
        st.sampled_from("ABC"),
        st.integers(0, 64),
        st.integers(0, 10),
        st.integers(0, 10),
        st.booleans(),
    ),
    max_size=8,
)


@given(classes=CLASSES)
def test_parts_sum_to_what_is_held_and_no_more_fits_than_there_is_room_or_work(classes: list[HeldClass]) -> None:
    found = trough_of(classes)
    assert (
        found.consumed + found.spare + found.trough
        == found.live
        == sum(each.accelerators for each in classes if not each.waits)
    )
    assert 0 <= found.fits <= min(found.trough, found.waiting)
    assert trough_of(reversed(classes)) == found
