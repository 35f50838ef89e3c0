"""Copy records that no effect waits for to the daily log, soon after they were written."""

from __future__ import annotations

import logging

from scheduler.engine.services import Services
from scheduler.errors import DayLogError, StoreError

log = logging.getLogger("agentcron")

EVERY_SECONDS = 2.0


async def keep_logged(services: Services) -> None:
    """Copy new records every two seconds, if there are any; runs until it is cancelled."""
    failed, seen = "", None
    while True:
        await services.clock.sleep(EVERY_SECONDS)
        try:
            written = (await services.store.changes(), services.store.commits())
            if written == seen:
                continue
            await services.daylog.sync()
            seen = written
        except (DayLogError, StoreError) as error:
            if str(error) != failed:
                log.error("%s; nothing acts until that is over", error, extra={"event": "log.failed"})
            failed = str(error)
            continue
        if failed:
            log.info("the daily log can be written again", extra={"event": "log.back"})
        failed = ""
