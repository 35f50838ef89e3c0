"""The intake port: how events come in, and whom they move; a part of the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scheduler.core.run.event import Event
from scheduler.core.run.run import Run, State


@dataclass(frozen=True, slots=True)
class Roused:
    """A run whose wake-up has come: queued, or failed when that was its deadline (then with the reason).

    Args:
        due: when it came: its instant, or that of the event.
    """

    run_id: str
    job: str
    state: State
    kind: str
    due: datetime
    reason: str = ""


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
