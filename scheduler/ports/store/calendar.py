"""The calendar: jobs, follow-ups, and the runs that they fire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeAlias

from scheduler.core.actor import Actor
from scheduler.core.job.firing import Decision, FireFacts
from scheduler.core.job.job import Job
from scheduler.core.job.standing import LoadReport, Standing, StandingOrders
from scheduler.core.run.cause import BY_PERSON, BY_SCHEDULE, Cause
from scheduler.core.run.run import Run

Decide: TypeAlias = Callable[[FireFacts], Decision]


class Calendar(Protocol):
    """Jobs and their slots."""

    async def load_orders(self, orders: StandingOrders, now: datetime) -> LoadReport:
        """Make the stored jobs match a crontab: new ones get their first slot after ``now``.

        A job whose trigger changed gets a new next slot after ``now``.  A job that vanished becomes
        ``removed`` (its live runs continue); one that is broken becomes ``invalid`` and keeps its past.
        A removed job that is added again under its name starts as a new one.
        """
        ...

    async def meta(self) -> Mapping[str, str]:
        """Return what was stored with the crontab: file, digest, problems (JSON), time of loading, KEEP."""
        ...

    async def standings(self) -> list[Standing]:
        """Return all jobs but the removed ones, by name."""
        ...

    async def follow_up_job(self, name: str) -> Job | None:
        """Return the job of a follow-up that may fire, as its maker made it; None: it may not."""
        ...

    async def due_jobs(self, now: datetime) -> list[str]:
        """Return the names of active or paused jobs whose next slot has come."""
        ...

    async def fire(self, job: Job, decide: Decide, now: datetime, cause: Cause = BY_SCHEDULE) -> list[Run]:
        """Record the result of ``decide`` for the job's due slots, in one transaction with the facts it used.

        Two processes that fire the same slot make one row: (job, fire time) is unique among runs that were
        fired by a schedule.  ``Fire.replaces`` names runs that are cancelled as well.
        A cause with a key (the boot of an ``@reboot`` job) is used once per job; after that ``decide`` is
        not called.
        A job that is removed, invalid, done or unknown fires nothing.
        Returns the rows made, queued and skipped, and the runs that were cancelled for them.
        """
        ...

    async def fire_by(self, job: Job, now: datetime, cause: Cause = BY_PERSON, *, actor: Actor) -> Run | None:
        """Queue a run now; the schedule is unchanged; a cause with a key gives one run only (then None)."""
        ...
