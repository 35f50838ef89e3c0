"""Renew the leases of all running attempts, and deliver requests of people to them."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from scheduler.engine.attempt.attempt import Attempt
from scheduler.engine.daemon.outage import Outage
from scheduler.engine.services import Services
from scheduler.errors import StoreError

log = logging.getLogger("agentcron")

LOOK_SECONDS = 0.5


async def keep_leases(services: Services, runner: str, attempts: Mapping[str, Attempt]) -> None:
    """Renew until cancelled; stop an attempt that lost its lease, or was cancelled."""
    renewed = services.clock.monotonic()
    outage = Outage(services.clock, "leases are not renewed meanwhile")
    while True:
        await services.clock.sleep(LOOK_SECONDS)
        try:
            await _cancel_asked(services, attempts)
            if services.clock.monotonic() - renewed < services.settings.renew_seconds:
                continue
            await renew_leases(services, runner, attempts)
        except StoreError as error:
            # The leases last for a while; if the database stays away, the commits fail.
            outage.hit(error)
            continue
        outage.over()
        renewed = services.clock.monotonic()


async def _cancel_asked(services: Services, attempts: Mapping[str, Attempt]) -> None:
    if attempts:
        for run_id in await services.store.cancel_asked(list(attempts)):
            if run_id in attempts:
                attempts[run_id].interrupt("cancel")


async def renew_leases(services: Services, runner: str, attempts: Mapping[str, Attempt]) -> None:
    """Renew all leases now; stop an attempt that lost its lease."""
    now = services.clock.now()
    await services.store.seen(runner, now)
    if not attempts:
        return
    leases = [attempt.writer.lease for attempt in attempts.values()]
    for run_id in await services.store.renew(leases, now, services.settings.lease_seconds):
        # The run may have ended by itself between the two lines above.
        if run_id in attempts:
            attempts[run_id].interrupt("lost")
