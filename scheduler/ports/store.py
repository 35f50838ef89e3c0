"""The store port: every change is one transaction, conditional, and fenced by an epoch.

All instants are aware UTC.  Every method that writes is all-or-nothing, and returns only after the commit
is on the disk.  A store that cannot write raises StoreError and has kept nothing.  What somebody asks for
takes an ``actor``, who stands in the record of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias, TypedDict

from scheduler.core.actor import Actor
from scheduler.core.job.firing import Decision, FireFacts
from scheduler.core.job.job import Job
from scheduler.core.job.restored import Restored
from scheduler.core.job.standing import LoadReport, RunnerInfo, Standing, StandingOrders
from scheduler.core.record import Head
from scheduler.core.run.cause import BY_PERSON, BY_SCHEDULE, Cause
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.lease import Lease
from scheduler.core.run.run import Run, State
from scheduler.core.run.step import Step
from scheduler.core.time.clocks import Jump
from scheduler.ports.consent import Consent
from scheduler.ports.intake import Intake, Roused
from scheduler.ports.outbox import Outbox

Decide: TypeAlias = Callable[[FireFacts], Decision]


class NewCaps(TypedDict, total=False):
    """Caps that a person gives to one run; what is left out stays as it is."""

    run_microusd: int
    run_tokens: int
    day_effects: int


@dataclass(frozen=True, slots=True)
class Rescued:
    """A run taken back from a runner that died or fell silent, and the attempt that ended so.

    Args:
        epoch: of that attempt.
        created_at: of the run.
        claimed_at: when that attempt began.
    """

    run_id: str
    job: str
    state: State
    runner: str
    epoch: int
    created_at: datetime
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class Restoration:
    """What the first opening of a restored backup did.

    Args:
        parked: the runs that wait for a person, because they may have acted since the backup.
        asleep: how many runs sleep on, as their wake-up is still ahead.
        skipped: how many jobs had slots that came due and are not fired.
        held: the runs whose reports are not sent, because they may have been.
    """

    restored: Restored
    parked: tuple[str, ...] = ()
    asleep: int = 0
    skipped: int = 0
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted, or would be; ``bytes`` is about what it takes in the file.

    ``next_job`` is where to go on: jobs are looked at by name, and an empty one is the end.
    """

    runs: int = 0
    rows: int = 0
    bytes: int = 0
    next_job: str = ""

    def plus(self, other: Pruned) -> Pruned:
        """Return the sum."""
        return Pruned(self.runs + other.runs, self.rows + other.rows, self.bytes + other.bytes)


class Store(Consent, Intake, Outbox, Protocol):
    """What the engine needs to remember."""

    # -- the crontab ------------------------------------------------------------------------------
    async def load_orders(self, orders: StandingOrders, now: datetime) -> LoadReport:
        """Make the stored jobs match a crontab: new ones get their first slot after ``now``.

        A job whose trigger changed gets a new next slot after ``now``.  A job that vanished becomes
        ``removed`` (its live runs go on); one that is broken becomes ``invalid`` and keeps its past.
        A removed job that comes back under its name starts as a new one.
        """
        ...

    async def standings(self) -> list[Standing]:
        """Return all jobs but the removed ones, by name."""
        ...

    async def due_jobs(self, now: datetime) -> list[str]:
        """Return the names of active or paused jobs whose next slot has come."""
        ...

    async def fire(self, job: Job, decide: Decide, now: datetime, cause: Cause = BY_SCHEDULE) -> list[Run]:
        """Record what ``decide`` says about the job's due slots, in one transaction with the facts it saw.

        Two processes that fire the same slot make one row: (job, fire time) is unique among runs that were
        fired by a schedule.  ``Fire.replaces`` names runs that are cancelled on the way.
        A cause with a key (the boot of an ``@reboot`` job) is used once per job; after that ``decide`` is
        not even asked.
        A job that is removed, invalid, done or unknown fires nothing.
        Returns the rows made, queued and skipped, and the runs that were cancelled for them.
        """
        ...

    async def fire_by(self, job: Job, now: datetime, cause: Cause = BY_PERSON, *, actor: Actor) -> Run | None:
        """Queue a run now, leaving the cadence alone; a cause with a key gives one run only (then None)."""
        ...

    async def pause(self, job: str, reason: str, now: datetime, *, actor: Actor) -> bool:
        """Pause a job; false when it is already paused."""
        ...

    async def unpause(self, job: str, now: datetime, next_fire: datetime | None, *, actor: Actor) -> bool:
        """Let a job fire again from ``next_fire`` on; nothing missed is made up.  Resets its failures."""
        ...

    # -- follow-ups -------------------------------------------------------------------------------
    async def follow_up_job(self, name: str) -> Job | None:
        """Return the job of a follow-up that may fire, as its maker made it; None: it may not."""
        ...

    async def confirm(self, name: str, code: str, now: datetime, *, actor: Actor) -> datetime | None:
        """Let a pending follow-up fire; return its first slot.

        Raises:
            NotFoundError, RefusedError: there is none; or it is not what the code stands for, or too late.
        """
        ...

    async def cancel_follow_up(self, name: str, now: datetime, *, actor: Actor) -> None:
        """End a follow-up; a live run of it goes on.  Raises NotFoundError."""
        ...

    # -- runs -------------------------------------------------------------------------------------
    async def wake_due(self, now: datetime, limit: int) -> list[Roused]:
        """Queue the runs whose earliest wake-up is due (or fail them when it was their deadline).

        Looks at no more than ``limit`` wake-ups.
        """
        ...

    async def rescue(
        self, now: datetime, dead_runners: Sequence[str], max_attempts: int, *, by_lease: bool = True
    ) -> list[Rescued]:
        """Take back runs whose lease ran out or whose runner is dead; bury those with too many attempts.

        Without ``by_lease`` only the dead are looked at: after a jump of the clock leases prove nothing.
        """
        ...

    async def claim(
        self,
        runner: str,
        now: datetime,
        *,
        limit: int,
        lease_seconds: float,
        only: Sequence[str] | None = None,
    ) -> list[Lease]:
        """Take up to ``limit`` queued runs, fairly: jobs with fewer running runs first, then the oldest.

        One run of a job runs at a time, unless its ``overlap`` is ``allow``; with ``queue`` a run also
        waits until the earlier one is final.  A run is held back until its ``not_before``.
        A claim raises the epoch; it uses up an attempt unless the run was woken from a sleep.
        Requests that an earlier runner left open become ``lost``.  ``only`` limits it to these runs.
        """
        ...

    async def renew(self, leases: Sequence[Lease], now: datetime, lease_seconds: float) -> set[str]:
        """Extend leases; return the run ids whose lease is lost."""
        ...

    async def checkpoint(self, lease: Lease, now: datetime) -> Checkpoint:
        """Load all that is needed to go on with a claimed run.

        Raises:
            LostLeaseError: the epoch has moved on.
        """
        ...

    async def part(self, lease: Lease, kind: str, now: datetime) -> Any:
        """Return one part of a checkpoint, of a kind that is not read at each claim; None: it keeps none.

        Raises:
            LostLeaseError: the epoch has moved on.
        """
        ...

    async def commit(self, lease: Lease, step: Step) -> bool:
        """Write one step, if the lease's epoch is still the run's.

        Returns whether somebody has asked for a cancel: a run that goes on ends at its next step; one that
        rests would never look at its flag, and was cancelled in the same transaction.

        Raises:
            LostLeaseError: it is not; nothing was written.
            FactsChangedError: a guard of the step does not hold, or a change is over; nothing was written.
            OverBudgetError: there is no room for the request that it opens; nothing was written.
        """
        ...

    async def cancel_asked(self, run_ids: Sequence[str]) -> set[str]:
        """Return those of the running runs that a person wants cancelled."""
        ...

    async def cancel(self, run_id: str, now: datetime, reason: str, *, actor: Actor) -> State:
        """Cancel a run: at once when it is not running, else by a flag.  Returns the state it then has.

        Raises:
            RefusedError: the run is final already.
        """
        ...

    async def resume(
        self, run_id: str, now: datetime, text: str, caps: NewCaps | None = None, *, actor: Actor
    ) -> State:
        """Wake a sleeping, parked or retrying run now, or go on with a failed or cancelled one.

        With ``caps`` it has these from now on; when it cannot go on it does not get them.  Returns the state
        it had.

        Raises:
            RefusedError: the run is queued, running, succeeded or skipped.
        """
        ...

    async def wakes_since(self, job: str, since: datetime, most: int) -> list[datetime]:
        """Return when sleeps of a job's and its follow-ups' runs ended by themselves after ``since``.

        The latest first, at most ``most`` of them.
        """
        ...

    async def raise_budget(self, run_id: str, now: datetime, caps: NewCaps, *, actor: Actor) -> None:
        """Give a run new caps.  One that is parked at the day's cap gets room there too.

        Raises:
            NotFoundError: there is no such run.
        """
        ...

    async def run(self, run_id: str) -> Run | None:
        """Return one run."""
        ...

    async def next_due(self) -> datetime | None:
        """Return the earliest instant at which something will be due, claims held back included."""
        ...

    async def unsettled(self) -> int:
        """Count the runs that are queued or running: while there are any, a tick has work."""
        ...

    # -- processes --------------------------------------------------------------------------------
    async def enter(self, runner: RunnerInfo) -> None:
        """Record that a runner is at work."""
        ...

    async def seen(self, runner: str, now: datetime) -> None:
        """Record that it still is."""
        ...

    async def leave(self, runner: str, now: datetime) -> None:
        """Record that it ended in order."""
        ...

    async def runners(self) -> list[RunnerInfo]:
        """Return the runners that have not left."""
        ...

    async def newest(self) -> datetime | None:
        """Return the latest instant at which a runner is known to have lived; None in a new database.

        Instants from before the clock was last set back do not count.
        """
        ...

    async def record_jump(self, jump: Jump, slots: Mapping[str, datetime | None]) -> bool:
        """Record that the clock was set or the machine was suspended; false when that is on record already.

        After a clock that was set back, jobs wait for the slots in ``slots`` where those are earlier than
        the stored ones (a slot that has its row is not fired again), and waits that the scheduler itself
        had measured (back-offs, probes, jitter, reports) are as long as before.
        """
        ...

    async def changes(self) -> int:
        """Return a number that changes when another process has written; cheap enough for every second."""
        ...

    def commits(self) -> int:
        """Return how many transactions that wrote this process has committed."""
        ...

    async def meta(self) -> Mapping[str, str]:
        """Return what is known of the crontab: file, digest, problems (JSON), when it was loaded, KEEP."""
        ...

    async def reopen(self) -> None:
        """Open the database anew after a ReplacedError; what was loaded before means nothing any more.

        Raises:
            StoreError: the new one cannot be used; until another call does it, the store is closed.
        """
        ...

    # -- upkeep -----------------------------------------------------------------------------------
    async def settle_restore(
        self, now: datetime, boot_id: str, park_until: datetime, head: Head | None = None
    ) -> Restoration | None:
        """Take note that this database was a backup, once, before anybody works with it; None if it was not.

        What happened since the backup is unknown, so nothing may be repeated: see ``Restoration``.

        Args:
            park_until: when the parked runs are given up (resumably).
            head: where the daily log ends; the records go on from there when it knows more than the copy.
        """
        ...

    async def prunable(self, now: datetime, older_than_seconds: int | None = None) -> Pruned:
        """Return what ``prune`` would delete in all."""
        ...

    async def prune(
        self, now: datetime, older_than_seconds: int | None = None, limit: int = 50, start: str = ""
    ) -> Pruned:
        """Delete up to ``limit`` runs that their jobs keep no longer, with all that belongs to them.

        Never a live run, the last one of a job, a day's spending before the day is over, a report that was
        not sent, or what keeps a slot from firing twice.  Nothing is written when there is nothing to delete.

        Args:
            older_than_seconds: how long runs are kept of jobs that say nothing, and of jobs that the crontab
                no longer has.
            start: the job to begin with: ``next_job`` of the call before.
        """
        ...

    async def close(self) -> None:
        """Finish queued writes and close."""
        ...
