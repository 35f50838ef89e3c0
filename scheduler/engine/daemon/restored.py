"""Record a restore before anything else is done with the database."""

from __future__ import annotations

import logging
from datetime import timedelta

from scheduler.core.time.instants import to_iso
from scheduler.engine.services import Services

log = logging.getLogger("agentcron")


async def take_note(services: Services) -> None:
    """Handle the first opening of a restored backup."""
    now = services.clock.now()
    until = now + timedelta(days=services.settings.parked_days)
    done = await services.store.settle_restore(now, services.boot_id, until, await services.daylog.head())
    if done is None:
        return
    log.warning(
        "the database was restored from a backup of %s: %d runs wait for a person, %d sleep on,"
        " slots of %d jobs are skipped, reports of %d runs are held; see: agentcron list",
        to_iso(done.restored.taken_at),
        len(done.parked),
        done.asleep,
        done.skipped,
        len(done.held),
        extra={"event": "database.restored"},
    )
