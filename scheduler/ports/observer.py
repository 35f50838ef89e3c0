"""The observer port: notifications of what happened, after it is on the disk.

A base class and not a Protocol, because most observers implement two or three of these methods.  An observer
gets values that do not change any more; it must not block, and its exceptions have no effect on others.
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
        runner: for a rescue, a burial or a claim the runner that has or had it.
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
    """Observe what one process does; every method may be left unimplemented."""

    def moved(self, moved: Moved) -> None:
        """A run has changed its state."""

    def claimed(self, checkpoint: Checkpoint, when: datetime) -> None:
        """An attempt begins at this checkpoint."""

    def stepped(self, before: Checkpoint, step: Step, now: Checkpoint) -> None:
        """A step of a claimed run is committed; its move, if any, is reported as well."""

    def said(self, run: Run, delta: str) -> None:
        """Hear a piece of the text that a run's agent produces at this moment, without known secrets.

        It is not stored, and the answer that it belongs to may still fail and be asked for again: the message
        of a step is what counts.  A piece comes when it is certain that no secret begins in it, so the last
        ones come together.
        """

    def abandoned(self, attempt: Rescued, when: datetime) -> None:
        """An attempt has ended without a record of its own process, which died or stopped responding."""

    def lease_lost(self, run: Run, epoch: int, when: datetime) -> None:
        """Another runner owns this run now: the attempt is over and leaves no record."""

    def loaded(self, jobs: int, problem: str) -> None:
        """The crontab was read, or why the last good one stays."""

    def passed(self, jobs: int, running: int, next_due: datetime | None) -> None:
        """A whole pass over due work was completed."""

    def troubled(self, problem: str) -> None:
        """The database cannot be used, so that nothing new is started."""

    def beat(self, monotonic: float) -> None:
        """The runner's loop is alive: several times a second, also while it waits."""
