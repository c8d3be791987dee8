"""A child that dies is started again, later each time, and given up after five quick deaths."""

from __future__ import annotations

import pytest

from capacity.local.processes import Child
from capacity.local.supervisor import KeepsDying, Supervisor


class FakeChild(Child):
    """Runs until told to die; counts its starts."""

    def __init__(self, name: str = "worker") -> None:
        super().__init__(name=name, argv=[])
        self.code: int | None = None
        self.starts = 0

    def start(self) -> None:
        self.starts, self.code = self.starts + 1, None

    def is_running(self) -> bool:
        return self.starts > 0 and self.code is None

    def return_code(self) -> int | None:
        return self.code

    def sweep(self) -> None:
        pass

    def log_tail(self, lines: int = 15) -> str:
        return "ImportError: no module named x"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(clock: Clock, said: list[str]) -> Supervisor:
    return Supervisor(said.append, clock=clock)


def test_a_killed_child_is_started_again_and_it_is_told(supervisor: Supervisor, clock: Clock, said: list[str]) -> None:
    child = FakeChild()
    part = supervisor.add(child)
    child.code = -9
    supervisor.tick()
    assert said == ["The worker process was ended by signal 9; starting it again."]
    assert child.starts == 1
    clock.now += 0.3
    supervisor.tick()
    assert child.starts == 2
    assert part.restarts == 1


def test_what_a_crash_left_is_cleared_before_the_restart(supervisor: Supervisor, clock: Clock) -> None:
    child, order = FakeChild("database"), []
    supervisor.add(child, before_restart=lambda: order.append(child.starts))
    child.code = 1
    supervisor.tick()
    clock.now += 1
    supervisor.tick()
    assert order == [1]
    assert child.starts == 2


def test_each_quick_death_waits_longer(supervisor: Supervisor, clock: Clock) -> None:
    child = FakeChild()
    supervisor.add(child)
    waits = []
    for _ in range(4):
        child.code = 1
        supervisor.tick()
        died, starts = clock.now, child.starts
        while child.starts == starts:
            clock.now += 0.1
            supervisor.tick()
        waits.append(round(clock.now - died, 1))
    assert waits == [0.2, 0.5, 1.0, 2.0]


def test_the_fifth_quick_death_gives_up_and_shows_the_log(supervisor: Supervisor, clock: Clock) -> None:
    child = FakeChild()
    supervisor.add(child)
    with pytest.raises(KeepsDying, match=r"ended with code 1 5 times in a row; giving up[\s\S]*ImportError"):
        for _ in range(5):
            child.code = 1
            supervisor.tick()
            clock.now += 5
            supervisor.tick()


def test_deaths_far_apart_are_never_given_up(supervisor: Supervisor, clock: Clock) -> None:
    child = FakeChild()
    supervisor.add(child)
    for _ in range(20):
        clock.now += 60
        child.code = -9
        supervisor.tick()
        clock.now += 1
        supervisor.tick()
    assert child.starts == 21
