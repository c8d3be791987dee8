"""How often Python looks for garbage in cycles, in processes that build large tables of numbers."""

from __future__ import annotations

import gc

# A plan allocates millions of tuples and fractions that are in no cycle. At Python's usual 700 the search goes through
# them hundreds of times while a plan is made, a tenth of its processor time.
THRESHOLDS = (20_000, 20, 100)


def collect_rarely() -> None:
    """For the whole process: cycles are looked for after more objects. What is in no cycle is freed at once as ever."""
    gc.set_threshold(*THRESHOLDS)
