"""The observer port: who is told what happened, after it is on the disk.

A base class and not a Protocol, because most observers care for two or three of these.  An observer gets
values that nobody changes any more; it must not wait, and what it raises disturbs nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.run import Move, Run, State
from scheduler.core.run.step import Step
from scheduler.ports.store.queue import Rescued


@dataclass(frozen=True, slots=True)
class Moved:
    """A run has made a move of the state machine.

    Args:
        at: when, by the clock of this process (aware UTC).
        epoch: the number of the run's claim; 0 where it does not matter.
        runner: for a rescue, a burial or a claim whose it is or was.
        late_seconds: how long after its slot a job fired, or how long after its instant a run was woken.
    """

    move: Move
    run_id: str
    job: str
    state: State
    at: datetime
    epoch: int = 0
    runner: str = ""
    reason: str = ""
    reason_code: str = ""
    wake_at: datetime | None = None
    cost_microusd: int = 0
    late_seconds: float | None = None


class Observer:
    """Hears what one process does; every method may be left as it is."""

    def moved(self, moved: Moved) -> None:
        """Hear that a run has changed its state."""

    def claimed(self, checkpoint: Checkpoint, when: datetime) -> None:
        """Hear that an attempt begins at this checkpoint."""

    def stepped(self, before: Checkpoint, step: Step, now: Checkpoint) -> None:
        """Hear that a step of a claimed run is committed; its move, if it has one, is heard as well."""

    def said(self, run: Run, delta: str) -> None:
        """Hear a piece of the text that a run's agent produces at this moment, without known secrets.

        It is not stored, and the answer that it belongs to may still fail and be asked for again: the message
        of a step is what counts.  A piece comes when it is certain that no secret begins in it, so the last
        ones come together.
        """

    def abandoned(self, attempt: Rescued, when: datetime) -> None:
        """Hear how an attempt ended whose own process cannot tell: it died, or fell silent."""

    def lease_lost(self, run: Run, epoch: int, when: datetime) -> None:
        """Hear that another runner owns this run now: the attempt is over and leaves no record."""

    def loaded(self, jobs: int, problem: str) -> None:
        """Hear that the crontab was read, or why the last good one stays."""

    def passed(self, jobs: int, running: int, next_due: datetime | None) -> None:
        """Hear that a whole pass over what is due went well."""

    def troubled(self, problem: str) -> None:
        """Hear that the database cannot be used, so that nothing new is started."""

    def beat(self, monotonic: float) -> None:
        """Hear that the runner's loop is alive: several times in a second, also while it waits."""
