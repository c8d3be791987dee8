"""Keeps children alive: a child that dies is started again, later each time, and given up after five quick deaths."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from capacity.local.processes import Child

QUICK_DEATH_SECONDS = 20.0
MAX_QUICK_DEATHS = 5
BACK_OFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)


class KeepsDying(Exception):
    """A child died too often; the message carries the end of its log."""


@dataclass(kw_only=True)
class Part:
    """One supervised child, with what has to happen before it can be started again."""

    child: Child
    before_restart: Callable[[], object] = lambda: None
    started: float = 0.0
    quick_deaths: int = 0
    restart_at: float | None = None
    restarts: int = 0


class Supervisor:
    """Call `tick()` often; it never sleeps."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.parts: dict[str, Part] = {}
        self._say = say
        self._clock = clock

    def add(self, child: Child, *, before_restart: Callable[[], object] = lambda: None) -> Part:
        """Supervise a child; starts it unless it runs already."""
        part = Part(child=child, before_restart=before_restart, started=self._clock())
        if not child.is_running():
            child.start()
        self.parts[child.name] = part
        return part

    def tick(self) -> None:
        """Notice deaths and start again what is due. Raises KeepsDying."""
        for part in self.parts.values():
            if part.restart_at is not None:
                self._restart_when_due(part)
            elif not part.child.is_running():
                self._note_death(part)

    def all_running(self) -> bool:
        return all(part.child.is_running() for part in self.parts.values())

    def _note_death(self, part: Part) -> None:
        child, now = part.child, self._clock()
        code = child.return_code()
        child.sweep()
        part.quick_deaths = part.quick_deaths + 1 if now - part.started < QUICK_DEATH_SECONDS else 1
        how = f"was ended by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
        if part.quick_deaths >= MAX_QUICK_DEATHS:
            raise KeepsDying(
                f"The {child.name} process {how} {part.quick_deaths} times in a row; giving up. "
                f"Its log ({child.log_path}) ends with:\n{child.log_tail()}"
            )
        self._say(f"The {child.name} process {how}; starting it again.")
        part.restart_at = now + BACK_OFF_SECONDS[min(part.quick_deaths - 1, len(BACK_OFF_SECONDS) - 1)]

    def _restart_when_due(self, part: Part) -> None:
        now = self._clock()
        if part.restart_at is None or now < part.restart_at:
            return
        part.before_restart()
        part.child.start()
        part.started, part.restart_at, part.restarts = now, None, part.restarts + 1
