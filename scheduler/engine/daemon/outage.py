"""Log an outage of the database: once, again every minute, and when it is over."""

from __future__ import annotations

import logging

from scheduler.core.time.instants import describe_seconds
from scheduler.errors import StoreError
from scheduler.ports.clock import Clock

log = logging.getLogger("agentcron")

AGAIN_SECONDS = 60.0


class Outage:
    """Limit the log of a failure that occurs several times a second.

    Args:
        meanwhile: the consequence of the failure, as the end of a sentence.
    """

    def __init__(self, clock: Clock, meanwhile: str) -> None:
        self._clock = clock
        self._meanwhile = meanwhile
        self._began: float | None = None
        self._said = 0.0
        self._message = ""

    def hit(self, error: StoreError) -> None:
        """Report a failure; it is logged if it is new, or a minute has passed."""
        now = self._clock.monotonic()
        if self._began is None:
            self._began = now
        elif error.message == self._message and now - self._said < AGAIN_SECONDS:
            return
        self._said, self._message = now, error.message
        fix = f" ({error.help})" if error.help else ""
        log.error("%s; %s%s", error.message, self._meanwhile, fix, extra={"event": "store.failed"})

    def over(self) -> None:
        """Report success; the end of an outage is logged."""
        if self._began is None:
            return
        lasted = describe_seconds(max(1, self._clock.monotonic() - self._began))
        self._began, self._message = None, ""
        log.info("the database works again, after %s", lasted, extra={"event": "store.works"})
