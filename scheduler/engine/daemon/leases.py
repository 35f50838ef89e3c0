"""The leasekeeper: renews the leases of all running executors, and hands on what a person asked for."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from scheduler.engine.attempt.attempt import Executor
from scheduler.engine.daemon.outage import Outage
from scheduler.engine.services import Kit
from scheduler.errors import StoreError

log = logging.getLogger("agentcron")

LOOK_SECONDS = 0.5


async def keep_leases(kit: Kit, runner: str, executors: Mapping[str, Executor]) -> None:
    """Renew for ever; an executor whose lease is lost is stopped in its tracks, a cancelled one too."""
    renewed = kit.clock.monotonic()
    outage = Outage(kit.clock, "leases are not renewed meanwhile")
    while True:
        await kit.clock.sleep(LOOK_SECONDS)
        try:
            await _cancel_asked(kit, executors)
            if kit.clock.monotonic() - renewed < kit.settings.renew_seconds:
                continue
            await renew_leases(kit, runner, executors)
        except StoreError as error:
            # The leases run on for a while; if the database stays away, the commits fail closed.
            outage.hit(error)
            continue
        outage.over()
        renewed = kit.clock.monotonic()


async def _cancel_asked(kit: Kit, executors: Mapping[str, Executor]) -> None:
    if executors:
        for run_id in await kit.store.cancel_asked(list(executors)):
            if run_id in executors:
                executors[run_id].interrupt("cancel")


async def renew_leases(kit: Kit, runner: str, executors: Mapping[str, Executor]) -> None:
    """Renew all leases now; an executor whose lease is lost is stopped in its tracks."""
    now = kit.clock.now()
    await kit.store.seen(runner, now)
    if not executors:
        return
    leases = [executor.progress.lease for executor in executors.values()]
    for run_id in await kit.store.renew(leases, now, kit.settings.lease_seconds):
        # The run may have ended by itself between the two lines above.
        if run_id in executors:
            executors[run_id].interrupt("lost")
