"""The same work for many weeks, on the processor's cores side by side.

What belongs here: running independent tasks in threads. The solver lets other threads run while it solves, so two weeks
take little longer than one. Every task has a solver of its own and the results keep the order of the tasks, so that
they do not depend on who was first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

# More than the two cores the targets are stated for would wait for the interpreter, of which there is one.
THREADS = 2

Task = TypeVar("Task")
Result = TypeVar("Result")


def side_by_side(do: Callable[[Task], Result], tasks: Iterable[Task], *, are_separate: bool = True) -> list[Result]:
    """The results in the order of the tasks; the first error in that order is raised.

    are_separate: no task changes what another reads or changes; if not, one is done after the other.
    """
    each = list(tasks)
    if len(each) < 2 or not are_separate:
        return [do(task) for task in each]
    with ThreadPoolExecutor(max_workers=THREADS) as threads:
        return list(threads.map(do, each))
