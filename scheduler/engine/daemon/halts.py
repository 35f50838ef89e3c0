"""Watch the halt file: log a halt and its end, and cut off what does not end by itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from scheduler.engine.attempt.attempt import Attempt
from scheduler.engine.services import Services

log = logging.getLogger("agentcron")

LOOK_SECONDS = 0.5


async def watch_halt(
    services: Services, attempts: Mapping[str, Attempt], changed: Callable[[], None]
) -> None:
    """Watch until cancelled; call ``changed`` when the home is halted, and when it is resumed.

    Code that starts anything checks the halt itself: this handles what had been started before.  A call that
    is cut off is treated as after a crash; the run is handed back.
    """
    since: float | None = None
    while True:
        reason = services.halted()
        now = services.clock.monotonic()
        if reason is None and since is not None:
            since = None
            log.warning("no longer halted: continuing", extra={"event": "halt.over"})
            changed()
        elif reason is not None and since is None:
            since = now
            log.warning("halted: %s; nothing starts until: agentcron unhalt", reason, extra={"event": "halt"})
            changed()
        if since is not None and now - since >= services.settings.halt_seconds:
            for attempt in list(attempts.values()):
                attempt.interrupt("stop")
        await services.clock.sleep(LOOK_SECONDS)
