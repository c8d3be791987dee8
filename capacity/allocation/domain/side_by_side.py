"""The same work for many weeks, on the processor's cores side by side.

What belongs here: running independent tasks in threads. The solver lets other threads run while it solves, so two weeks
take little longer than one. Every task has a solver of its own and the results keep the order of the tasks, so that
they do not depend on who was first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

# More than the two cores the targets are stated for would wait for the interpreter, of which there is one.
THREADS = 2
# Seconds after which a thread that only computes hands the interpreter to one that comes back from the solver. At the
# usual 5 ms the solver's threads would wait longer for the interpreter than they solve.
SWITCH = 0.0005

Task = TypeVar("Task")
Result = TypeVar("Result")
Other = TypeVar("Other")


def side_by_side(do: Callable[[Task], Result], tasks: Iterable[Task], *, are_separate: bool = True) -> list[Result]:
    """The results in the order of the tasks; the first error in that order is raised.

    are_separate: no task changes what another reads or changes; if not, one is done after the other.
    """
    each = list(tasks)
    if len(each) < 2 or not are_separate:
        return [do(task) for task in each]
    with ThreadPoolExecutor(max_workers=THREADS) as threads:
        return list(threads.map(do, each))


def both(solved: Callable[[], Result], made: Callable[[], Other]) -> tuple[Result, Other]:
    """Two results that do not depend on each other: what the solver is waited for, and what is made meanwhile.

    If both raise, it is the error of the first.
    """
    if THREADS < 2:
        return solved(), made()
    with _quick_switching(), ThreadPoolExecutor(max_workers=1) as thread:
        first = thread.submit(solved)
        try:
            second = made()
        except BaseException:
            first.result()
            raise
        return first.result(), second


@contextmanager
def _quick_switching() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(min(usual, SWITCH))
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
