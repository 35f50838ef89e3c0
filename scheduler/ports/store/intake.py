"""The intake: how events come in, and which runs and jobs they move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from scheduler.core.run.event import Event
from scheduler.core.run.run import Run
from scheduler.ports.store.queue import Roused


@dataclass(frozen=True, slots=True)
class Taken:
    """What an event has moved.

    Args:
        recorded: false when it was on record already: then nothing has changed.
        roused: the runs that had waited for it.
        fired: the rows made for jobs that it fires, queued and skipped, and runs cancelled for them.
    """

    recorded: bool
    roused: tuple[Roused, ...] = ()
    fired: tuple[Run, ...] = ()


class Intake(Protocol):
    """What the store keeps of events."""

    async def take_event(self, event: Event) -> Taken:
        """Record an event, queue the runs that wait for it and fire the jobs that it fires: one transaction.

        A run waits for it with its kind and its key, its subject, or neither.  An event that came before its
        wait is not lost: the step that puts a run to rest looks back, for this key however far, otherwise to
        the run's last claim.  (job, event) fires once.
        """
        ...
