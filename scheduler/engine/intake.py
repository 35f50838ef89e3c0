"""The intake: the only entry for events from outside."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace

from scheduler.core.run.event import OWN_KINDS, Event
from scheduler.core.text.capped import capped, sendable
from scheduler.engine.services import Services
from scheduler.errors import RefusedError
from scheduler.ports.store.intake import Taken

MAX_PAYLOAD_BYTES = 100_000
"""The maximum of an event's payload that is stored."""

MAX_NAME_BYTES = 1_000
"""How much of its subject is kept, and of its key; the rest of a longer key is told by a hash."""

log = logging.getLogger("agentcron")


async def take(services: Services, event: Event) -> Taken:
    """Record an event without secrets, wake the runs that wait for it, and fire the jobs that it fires.

    A halted home records events and queues runs, too; these start when it is no longer halted.

    Raises:
        RefusedError: its kind is reserved for the scheduler itself.
        StoreError: it cannot be recorded; the source should try again.
    """
    if event.kind in OWN_KINDS:
        raise RefusedError(
            f"events of the kind {event.kind} are made by agentcron itself", help="give it another kind"
        )
    taken = await services.store.take_event(_fitting(services.secrets.hidden(event)))
    if not taken.recorded:
        log.info("the event %s %s is recorded already", event.kind, event.key)
    for roused in taken.roused:
        services.move_log.roused(roused, event.at)
    for run in taken.fired:
        services.move_log.fired(run, event.at)
    return taken


def _fitting(event: Event) -> Event:
    """Return an event whose texts are within their sizes."""
    return replace(
        event,
        key=_short_key(event.key),
        subject=sendable(event.subject).encode()[:MAX_NAME_BYTES].decode(errors="ignore"),
        payload=capped(event.payload, MAX_PAYLOAD_BYTES),
    )


def _short_key(key: str) -> str:
    """Return a key within its size; two that differ stay different."""
    data = sendable(key).encode()
    if len(data) <= MAX_NAME_BYTES:
        return data.decode()
    digest = hashlib.sha256(data).hexdigest()
    return f"{data[: MAX_NAME_BYTES - len(digest) - 1].decode(errors='ignore')}#{digest}"
