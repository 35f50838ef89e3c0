"""The store in SQL: every method is one unit of work, and returns after its commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from scheduler.adapters.sql import crash_points
from scheduler.adapters.sql.connection import Committer, Connection
from scheduler.adapters.sql.crash_points import UnitPoints
from scheduler.adapters.sql.rooms import Rooms
from scheduler.adapters.sql.units import (
    approvals,
    checkpoints,
    claims,
    fires,
    intake,
    jumps,
    orders,
    outbox,
    people,
    prune,
    queries,
    restore,
    steps,
    wakes,
)
from scheduler.adapters.sql.units.changes import follow_ups, stains
from scheduler.core.actor import Actor
from scheduler.core.changes.follow_up import root_of
from scheduler.core.job.job import Job
from scheduler.core.job.standing import LoadReport, RunnerInfo, Standing, StandingOrders
from scheduler.core.record import Head
from scheduler.core.run.cause import BY_PERSON, BY_SCHEDULE, Cause
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.event import Event, Wanted
from scheduler.core.run.lease import Lease
from scheduler.core.run.notice import Notice
from scheduler.core.run.run import Run, State
from scheduler.core.run.step import Step
from scheduler.core.time.clocks import Jump
from scheduler.core.trust.approval import Approval, Used
from scheduler.crash import crashpoint
from scheduler.ports.store.calendar import Decide
from scheduler.ports.store.intake import Taken
from scheduler.ports.store.outbox import Pending
from scheduler.ports.store.people import NewCaps
from scheduler.ports.store.queue import Rescued, Roused
from scheduler.ports.store.upkeep import Pruned, Restoration

T = TypeVar("T")


class SqlStore:
    """Implements all roles of `scheduler.ports.store` on SQL; see there for what each method promises.

    A method whose task is cancelled may still have written: its unit is taken back only if it had not begun.
    Units run in the order of the calls, so whatever is called next sees either outcome.

    Args:
        start: opens the database and starts the thread that writes; the store ends it.
        new_id: makes fresh run ids.
        rooms: how the changes and guards of steps are stored.
    """

    def __init__(self, start: Callable[[], Committer], new_id: Callable[[], str], rooms: Rooms) -> None:
        self._rooms = rooms
        self._start = start
        self._committer = start()
        self._new_id = new_id

    async def _write(self, points: UnitPoints, work: Callable[[Connection], T]) -> T:
        def unit(connection: Connection) -> T:
            answer = work(connection)
            crashpoint(points.inside)
            return answer

        return await self._committer.ask(unit, after=points.after)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        return await self._committer.ask(work, writes=False)

    # -- the crontab ------------------------------------------------------------------------------
    async def load_orders(self, given: StandingOrders, now: datetime) -> LoadReport:
        """Make the stored jobs match a crontab."""
        stored = await self._read(orders.stored_jobs)
        # Outside the transaction: ten thousand cron searches take seconds, and others want to write.
        slots = await asyncio.to_thread(orders.first_slots, given.jobs, stored, now)
        return await self._write(crash_points.LOAD, lambda c: orders.write(c, given, slots, now))

    async def standings(self) -> list[Standing]:
        """Return all jobs but the removed ones, by name."""
        return await self._read(queries.standings)

    async def due_jobs(self, now: datetime) -> list[str]:
        """Return the names of jobs whose next slot has come."""
        return await self._read(lambda c: queries.due_jobs(c, now))

    async def fire(self, job: Job, decide: Decide, now: datetime, cause: Cause = BY_SCHEDULE) -> list[Run]:
        """Record what ``decide`` says about the job's due slots."""
        return await self._write(
            crash_points.FIRE, lambda c: fires.fire(c, job, decide, now, cause, self._new_id)
        )

    async def fire_by(self, job: Job, now: datetime, cause: Cause = BY_PERSON, *, actor: Actor) -> Run | None:
        """Queue a run now, leaving the cadence alone."""
        return await self._write(
            crash_points.FIRE, lambda c: fires.fire_by(c, job, cause, now, self._new_id, actor)
        )

    async def pause(self, job: str, reason: str, now: datetime, *, actor: Actor) -> bool:
        """Pause a job."""
        return await self._write(crash_points.PERSON, lambda c: people.pause(c, job, reason, now, actor))

    async def unpause(self, job: str, now: datetime, next_fire: datetime | None, *, actor: Actor) -> bool:
        """Let a job fire again from ``next_fire`` on."""
        return await self._write(crash_points.PERSON, lambda c: people.unpause(c, job, now, next_fire, actor))

    async def used_today(self, job: str, since: datetime) -> Used:
        """Return what the job's runs have begun since an instant."""
        return await self._read(lambda c: approvals.used_since(c, job, since))

    async def answer(
        self,
        approval_id: str,
        now: datetime,
        *,
        approve: bool,
        always: bool = False,
        words: str = "",
        actor: Actor,
    ) -> Approval:
        """Record the answer to a question, once, and wake the run that waits for it."""
        grant_id = self._new_id() if always else ""
        return await self._write(
            crash_points.PERSON,
            lambda c: approvals.answer(
                c, approval_id, now, approve=approve, grant_id=grant_id, words=words, actor=actor
            ),
        )

    async def revoke(self, grant_id: str, now: datetime, *, actor: Actor) -> str:
        """Take back a grant that came of an approval."""
        return await self._write(crash_points.PERSON, lambda c: approvals.revoke(c, grant_id, now, actor))

    async def clean(self, workdir: str, now: datetime, *, actor: Actor) -> bool:
        """Forget that private data may lie in a workdir."""
        return await self._write(crash_points.PERSON, lambda c: stains.clean(c, workdir, now, actor))

    async def wakes_since(self, job: str, since: datetime, most: int) -> list[datetime]:
        """Return when sleeps of the job ended since an instant, the latest first."""
        return await self._read(lambda c: wakes.wakes_since(c, root_of(job), since, most))

    # -- follow-ups -------------------------------------------------------------------------------
    async def follow_up_job(self, name: str) -> Job | None:
        """Return the job of a follow-up that may fire."""
        return await self._read(lambda c: follow_ups.job_of(c, name))

    async def confirm(self, name: str, code: str, now: datetime, *, actor: Actor) -> datetime | None:
        """Let a pending follow-up fire."""
        return await self._write(crash_points.PERSON, lambda c: follow_ups.confirm(c, name, code, now, actor))

    async def cancel_follow_up(self, name: str, now: datetime, *, actor: Actor) -> None:
        """End a follow-up."""
        await self._write(crash_points.PERSON, lambda c: follow_ups.cancel(c, name, now, actor))

    # -- events -----------------------------------------------------------------------------------
    async def take_event(self, event: Event) -> Taken:
        """Record an event, queue the runs that wait for it and fire the jobs that it fires."""
        return await self._write(crash_points.EVENT, lambda c: intake.take(c, event, self._new_id))

    async def wanted_events(self, kinds: Sequence[str]) -> list[Wanted]:
        """Return the events of these kinds that enabled jobs and resting runs wait for."""
        return await self._read(lambda c: intake.wanted(c, kinds))

    # -- runs -------------------------------------------------------------------------------------
    async def wake_due(self, now: datetime, limit: int) -> list[Roused]:
        """Queue the runs whose earliest wake-up is due."""
        return await self._write(crash_points.WAKE, lambda c: wakes.wake_due(c, now, limit))

    async def rescue(
        self, now: datetime, dead_runners: Sequence[str], max_attempts: int, *, by_lease: bool = True
    ) -> list[Rescued]:
        """Take back runs whose lease ran out or whose runner is dead."""
        return await self._write(
            crash_points.RESCUE,
            lambda c: claims.rescue(c, now, dead_runners, max_attempts, by_lease=by_lease),
        )

    async def claim(
        self,
        runner: str,
        now: datetime,
        *,
        limit: int,
        lease_seconds: float,
        only: Sequence[str] | None = None,
    ) -> list[Lease]:
        """Take up to ``limit`` queued runs, fairly."""
        return await self._write(
            crash_points.CLAIM, lambda c: claims.claim(c, runner, now, limit, lease_seconds, only)
        )

    async def renew(self, leases: Sequence[Lease], now: datetime, lease_seconds: float) -> set[str]:
        """Extend leases; return the run ids whose lease is lost."""
        return await self._write(crash_points.RENEW, lambda c: claims.renew(c, leases, now, lease_seconds))

    async def checkpoint(self, lease: Lease, now: datetime) -> Checkpoint:
        """Load everything that is needed to continue a claimed run."""
        return await self._read(lambda c: checkpoints.load(c, lease, now, self._rooms))

    async def part(self, lease: Lease, kind: str, now: datetime) -> Any:
        """Return one part of a checkpoint that is not read at each claim."""
        return await self._read(lambda c: checkpoints.part(c, lease, kind, now, self._rooms))

    async def commit(self, lease: Lease, step: Step) -> bool:
        """Write one step, if the lease's epoch is still the run's; say whether a cancel was asked for."""
        return await self._write(
            steps.crash_points_of(step), lambda c: steps.commit(c, lease, step, self._rooms)
        )

    async def cancel_asked(self, run_ids: Sequence[str]) -> set[str]:
        """Return those of the running runs that a person wants cancelled."""
        return await self._read(lambda c: queries.cancel_asked(c, run_ids))

    async def cancel(self, run_id: str, now: datetime, reason: str, *, actor: Actor) -> State:
        """Cancel a run: at once when it is not running, else by a flag."""
        return await self._write(crash_points.PERSON, lambda c: people.cancel(c, run_id, now, reason, actor))

    async def resume(
        self, run_id: str, now: datetime, text: str, caps: NewCaps | None = None, *, actor: Actor
    ) -> State:
        """Wake a resting run now, or continue a failed or cancelled one."""

        def resumed(connection: Connection) -> State:
            if caps:
                people.raise_budget(connection, run_id, now, caps, actor)
            return wakes.resume(connection, run_id, now, text, actor)

        return await self._write(crash_points.PERSON, resumed)

    async def raise_budget(self, run_id: str, now: datetime, caps: NewCaps, *, actor: Actor) -> None:
        """Give a run new caps."""
        await self._write(crash_points.PERSON, lambda c: people.raise_budget(c, run_id, now, caps, actor))

    async def run(self, run_id: str) -> Run | None:
        """Return one run."""
        return await self._read(lambda c: queries.run(c, run_id))

    async def next_due(self) -> datetime | None:
        """Return the earliest instant at which something will be due."""
        return await self._read(queries.next_due)

    # -- the outbox -------------------------------------------------------------------------------
    async def take_notices(self, runner: str, now: datetime, limit: int) -> list[Pending]:
        """Take notices that are due to be sent."""
        return await self._write(crash_points.OUTBOX, lambda c: outbox.take_notices(c, runner, now, limit))

    async def queue_notice(self, notice: Notice, now: datetime, job: str = "") -> bool:
        """Write a notice about a job or the daemon."""
        return bool(await self._write(crash_points.NOTICE, lambda c: outbox.write(c, (notice,), now, job)))

    async def settle_notice(
        self,
        notice_id: int,
        now: datetime,
        error: str,
        retry_at: datetime | None,
        *,
        tried: bool = True,
        receipt: str = "",
    ) -> None:
        """Record what became of a notice."""

        def settle(connection: Connection) -> None:
            outbox.settle_notice(connection, notice_id, now, error, retry_at, tried=tried, receipt=receipt)

        await self._write(crash_points.SETTLED, settle)

    # -- processes --------------------------------------------------------------------------------
    async def enter(self, runner: RunnerInfo) -> None:
        """Record that a runner is at work."""
        await self._write(crash_points.RUNNER, lambda c: outbox.enter(c, runner))

    async def seen(self, runner: str, now: datetime) -> None:
        """Record that it still is."""
        await self._write(crash_points.RUNNER, lambda c: outbox.seen(c, runner, now))

    async def leave(self, runner: str, now: datetime) -> None:
        """Record that it ended in order."""
        await self._write(crash_points.RUNNER, lambda c: outbox.leave(c, runner, now))

    async def runners(self) -> list[RunnerInfo]:
        """Return the runners that have not left."""
        return await self._read(queries.runners)

    async def newest(self) -> datetime | None:
        """Return the latest instant at which a runner is known to have lived."""
        return await self._read(jumps.newest)

    async def record_jump(self, jump: Jump, slots: Mapping[str, datetime | None]) -> bool:
        """Record that the clock was set or the machine was suspended."""
        return await self._write(crash_points.JUMP, lambda c: jumps.record(c, jump, slots))

    async def changes(self) -> int:
        """Return a number that changes when another process has written."""
        return await self._read(queries.changes)

    async def meta(self) -> Mapping[str, str]:
        """Return what is known about the loaded crontab."""
        return await self._read(queries.meta)

    async def reopen(self) -> None:
        """Open the database again: it was replaced by another file."""
        # First: SQLite leaves the log of a file that was moved, and the opening sets that aside.
        await asyncio.to_thread(self._committer.close)
        self._committer = await asyncio.to_thread(self._start)

    def commits(self) -> int:
        """Return how many transactions that wrote this process has committed."""
        return self._committer.commits

    # -- upkeep -----------------------------------------------------------------------------------
    async def settle_restore(
        self, now: datetime, boot_id: str, park_until: datetime, head: Head | None = None
    ) -> Restoration | None:
        """Take note, once, that this database was a backup."""
        if not await self._read(restore.is_copy):
            return None
        return await self._write(
            crash_points.RESTORE, lambda c: restore.settle(c, now, boot_id, park_until, self._new_id, head)
        )

    async def prunable(self, now: datetime, older_than_seconds: int | None = None) -> Pruned:
        """Return what ``prune`` would delete in all."""
        return await self._read(lambda c: prune.prunable(c, now, older_than_seconds, self._rooms))

    async def prune(
        self, now: datetime, older_than_seconds: int | None = None, limit: int = 50, start: str = ""
    ) -> Pruned:
        """Delete up to ``limit`` runs that are kept no longer."""
        first = await self._read(lambda c: prune.first_due(c, now, older_than_seconds, start))
        if first is None:
            return Pruned()
        return await self._write(
            crash_points.PRUNE, lambda c: prune.prune(c, now, older_than_seconds, limit, first, self._rooms)
        )

    async def close(self) -> None:
        """Finish queued writes and close."""
        await asyncio.to_thread(self._committer.close)
