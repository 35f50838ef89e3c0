"""Detect that the clock was set or the machine was suspended, and record it once."""

from __future__ import annotations

import logging

from scheduler.core.time.clocks import Jump, jump_between, jump_since
from scheduler.core.time.instants import describe_seconds, to_iso
from scheduler.ports.clock import Clock
from scheduler.ports.store.processes import Processes

log = logging.getLogger("agentcron")


class Clockwatch:
    """Compare the clocks on request; a detected jump is kept until it is handled."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.reading()
        self.found: list[Jump] = []

    def look(self) -> bool:
        """Compare the clocks with the last reading; return whether a jump waits to be handled."""
        reading = self._clock.reading()
        self._find(jump_between(self._last, reading))
        self._last = reading
        return bool(self.found)

    async def look_back(self, store: Processes) -> None:
        """Compare the clock with the database: it may have been set back while no daemon ran."""
        self._find(jump_since(await store.newest(), self._clock.now()))

    def _find(self, jump: Jump | None) -> None:
        if jump is None:
            return
        self.found.append(jump)
        size = describe_seconds(jump.seconds)
        said = {
            "set_forward": f"the clock was set forward by {size}",
            "set_back": f"the clock was set back by {size}",
            "suspended": f"this machine was suspended for {size}",
        }[jump.kind]
        log.warning("%s: it is %s now", said, to_iso(jump.at), extra={"event": f"clock.{jump.kind}"})
