"""The intake: record events, wake runs and fire jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from scheduler.core.run.event import Event, Wanted
from scheduler.core.run.run import Run
from scheduler.ports.store.queue import Roused


@dataclass(frozen=True, slots=True)
class Taken:
    """The consequences of an event.

    Args:
        recorded: false if it was recorded already: then nothing has changed.
        roused: the runs that had waited for it.
        fired: the rows made for jobs that it fires, queued and skipped, and runs cancelled for them.
    """

    recorded: bool
    roused: tuple[Roused, ...] = ()
    fired: tuple[Run, ...] = ()


class Intake(Protocol):
    """The store's part of events."""

    async def take_event(self, event: Event) -> Taken:
        """Record an event, queue the runs that wait for it and fire the jobs that it fires: one transaction.

        A run waits for it with its kind and its key, its subject, or neither.  An event that came before its
        wait is not lost: the step that suspends a run searches earlier events, for this key without limit,
        otherwise up to the run's last claim.  (job, event) fires once.
        """
        ...

    async def wanted_events(self, kinds: Sequence[str]) -> list[Wanted]:
        """Return the events of these kinds that enabled jobs and resting runs wait for, each once."""
        ...
