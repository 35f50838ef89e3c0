"""Delete runs that are no longer kept, a few at a time, once a day."""

from __future__ import annotations

import logging
from collections.abc import Callable

from scheduler.engine.services import Services
from scheduler.errors import StoreError
from scheduler.ports.store.upkeep import Pruned

log = logging.getLogger("agentcron")

FIRST_SECONDS = 60.0
"""The delay after the start of a daemon: the crontab, which defines what is kept, is loaded first."""

DAY_SECONDS = 86_400.0
AGAIN_SECONDS = 3_600.0
"""The delay after a failure of the database."""

BATCH = 50
PAUSE_SECONDS = 0.05
"""The pause between two batches, in which others can use the database."""


async def keep_pruned(services: Services) -> None:
    """Prune some time after the start, and then every day; runs until it is cancelled."""
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
    """Delete everything that is no longer kept, in small units.

    Args:
        older_than_seconds: the default for jobs without a setting; see ``Store.prune``.
        on_batch: is called with the sum so far.
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
