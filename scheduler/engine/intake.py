"""The intake: the only entry for events from outside."""

from __future__ import annotations

import logging
from dataclasses import replace

from scheduler.core.run.event import OWN_KINDS, Event
from scheduler.core.text.capped import capped
from scheduler.engine.services import Services
from scheduler.errors import RefusedError
from scheduler.ports.store.intake import Taken

MAX_PAYLOAD_BYTES = 100_000
"""The maximum of an event's payload that is stored."""

log = logging.getLogger("agentcron")


async def take(services: Services, event: Event) -> Taken:
    """Record an event, wake the runs that wait for it, and fire the jobs that it fires.

    Raises:
        RefusedError: its kind is reserved for the scheduler itself.
        StoreError: it cannot be recorded; the source should try again.
    """
    if event.kind in OWN_KINDS:
        raise RefusedError(
            f"events of the kind {event.kind} are made by agentcron itself", help="give it another kind"
        )
    taken = await services.store.take_event(replace(event, payload=capped(event.payload, MAX_PAYLOAD_BYTES)))
    if not taken.recorded:
        log.info("the event %s %s is recorded already", event.kind, event.key)
    for roused in taken.roused:
        services.move_log.roused(roused, event.at)
    for run in taken.fired:
        services.move_log.fired(run, event.at)
    return taken
