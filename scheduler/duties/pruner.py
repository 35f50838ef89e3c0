"""The pruner: deletes runs that their jobs keep no longer, a few at a time, once a day."""

from __future__ import annotations

import logging
from collections.abc import Callable

from scheduler.engine.services import Services
from scheduler.errors import StoreError
from scheduler.ports.store.upkeep import Pruned

log = logging.getLogger("agentcron")

FIRST_SECONDS = 60.0
"""How long a daemon waits at its start: the crontab says what is kept, and is loaded first."""

DAY_SECONDS = 86_400.0
AGAIN_SECONDS = 3_600.0
"""When to try again after the database failed."""

BATCH = 50
PAUSE_SECONDS = 0.05
"""Between two batches others have the database for themselves."""


async def keep_pruned(services: Services) -> None:
    """Prune a while after the start, and then every day; never ends by itself."""
    await services.clock.sleep(FIRST_SECONDS)
    while True:
        try:
            gone = await prune_all(services)
        except StoreError as error:
            log.warning("old runs are not deleted: %s", error, extra={"event": "prune.failed"})
            await services.clock.sleep(AGAIN_SECONDS)
            continue
        if gone.runs:
            log.info("%d old runs deleted (%d rows)", gone.runs, gone.rows, extra={"event": "prune.done"})
        await services.clock.sleep(DAY_SECONDS)


async def prune_all(
    services: Services,
    older_than_seconds: int | None = None,
    on_batch: Callable[[Pruned], None] = lambda _: None,
) -> Pruned:
    """Delete all that is kept no longer, in small units.

    Args:
        older_than_seconds: what holds for jobs that say nothing; see ``Store.prune``.
        on_batch: hears the sum so far.
    """
    now = services.clock.now()
    total, start = Pruned(), ""
    while True:
        gone = await services.store.prune(now, older_than_seconds, BATCH, start)
        total, start = total.plus(gone), gone.next_job
        on_batch(total)
        if not start:
            return total
        await services.clock.sleep(PAUSE_SECONDS)
