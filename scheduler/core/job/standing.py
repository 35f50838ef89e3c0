"""The standing of a job: what the store keeps about it between two fires."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from scheduler.core.job.job import Job

JobState = Literal["active", "paused", "invalid", "done", "removed"]


@dataclass(frozen=True, slots=True)
class Standing:
    """One job as shown by ``list``; instants are aware UTC.

    Args:
        schedule: the trigger as written.
        problem: for an invalid job, its first error in one line.
        paused_reason: why it is paused ("by a person", "5 failures in a row").
        failures: failed runs in a row.
        first_loaded_at: when it first appeared; its first slot is after this.
    """

    name: str
    schedule: str
    zone: str
    state: JobState
    first_loaded_at: datetime
    next_fire: datetime | None = None
    problem: str = ""
    paused_reason: str = ""
    paused_at: datetime | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class BrokenJob:
    """A job of the crontab that cannot run: its name if it is known, and its first error."""

    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a newly loaded crontab changed, for the log of the daemon.

    ``orphans`` are the removed jobs that still have live runs, with the ids of those runs.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    orphans: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class RunnerInfo:
    """A process that claims runs.

    Args:
        lock_path: a file it holds an flock on while it lives; empty when the platform has none.
        stopped_at: when it ended cleanly, or its last heartbeat if it was found dead; None while it is alive.
    """

    id: str
    kind: Literal["daemon", "tick", "wait"]
    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
    crontab: str = ""
    lock_path: str = ""
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StandingOrders:
    """A loaded crontab: the jobs that can run, and those that cannot.

    ``zone`` is the machine's, which jobs without ``tz=`` follow; empty: it does not matter.
    ``keep_seconds`` is how long runs of removed jobs are kept; 0 is forever.
    ``fleet_usd`` is the most that all jobs may cost in a day (UTC); 0 is no cap, None keeps the stored one.
    ``fleet_tokens`` is the same in tokens, and is kept with it.
    """

    jobs: tuple[Job, ...]
    broken: tuple[BrokenJob, ...] = ()
    digest: str = ""
    file: str = ""
    problems: tuple[str, ...] = ()
    keep_seconds: int = 0
    fleet_usd: float | None = 0.0
    fleet_tokens: int = 0
    zone: str = ""
