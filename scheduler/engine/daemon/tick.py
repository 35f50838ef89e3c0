"""One pass over due work: decide and record; agents do not run here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from scheduler.core.changes.follow_up import is_follow_up, root_of, within
from scheduler.core.job.firing import Decision, FireFacts, decide
from scheduler.core.job.job import Job
from scheduler.core.job.standing import RunnerInfo
from scheduler.core.run.run import Run, State
from scheduler.crash import crashpoint
from scheduler.engine.services import Services
from scheduler.errors import StoreError
from scheduler.ports.presence import Presence
from scheduler.ports.store.queue import Rescued, Roused

log = logging.getLogger("agentcron")

WAKE_BATCH = 500
FIRE_BATCH = 200
MAX_SPREAD_SECONDS = 600
"""Over how long the late fires of all jobs are spread after a long stop; many at once are expensive."""


@dataclass(slots=True)
class Pass:
    """What one pass changed, and which runners were alive."""

    fired: list[Run] = field(default_factory=list)
    skipped: list[Run] = field(default_factory=list)
    replaced: list[Run] = field(default_factory=list)
    woken: list[Roused] = field(default_factory=list)
    rescued: list[Rescued] = field(default_factory=list)
    alive: list[RunnerInfo] = field(default_factory=list)


async def tick(
    services: Services, jobs: Mapping[str, Job], presence: Presence, *, by_lease: bool = True
) -> Pass:
    """Rescue the runs of dead runners, wake what is due, fire what is due.

    A job that is not in ``jobs`` (another daemon's crontab, or one that is broken now) is not touched.
    Without ``by_lease`` an expired lease is not a sign of death: the clock has just jumped.
    If more jobs are due than can run at a time, the starts of late ones are spread over some minutes.
    """
    store, done = services.store, Pass()
    now = services.clock.now()
    known = await store.runners()
    dead = presence.dead(known)
    done.alive = [info for info in known if info.id not in dead]
    done.rescued = await store.rescue(now, dead, services.settings.max_attempts, by_lease=by_lease)
    presence.forget(dead)
    for rescued in done.rescued:
        services.move_log.rescued(rescued, now)
    if services.halted() is not None:
        return done  # due work stays due; missed slots are handled as after any other stop
    while True:
        batch = await store.wake_due(now, WAKE_BATCH)
        done.woken += batch
        for woke in batch:
            services.move_log.roused(woke, now)
        services.move_log.beat(services.clock.monotonic())
        if len(batch) < WAKE_BATCH:
            break
    due = [job for name in await store.due_jobs(now) if (job := await _job(services, jobs, name)) is not None]
    spread = 0 if len(due) <= services.settings.concurrency else min(MAX_SPREAD_SECONDS, 5 * len(due))
    for begin in range(0, len(due), FIRE_BATCH):
        # Concurrently, so that they share a commit.
        batch_of_jobs = due[begin : begin + FIRE_BATCH]
        for runs in await asyncio.gather(*(_fire(services, job, now, spread) for job in batch_of_jobs)):
            for run in runs:
                services.move_log.fired(run, now)
                kinds = {State.QUEUED: done.fired, State.SKIPPED: done.skipped}
                kinds.get(run.state, done.replaced).append(run)
        services.move_log.beat(services.clock.monotonic())
    return done


async def _job(services: Services, jobs: Mapping[str, Job], name: str) -> Job | None:
    """Return a job of the crontab, or a follow-up with the rights that its job allows now."""
    if not is_follow_up(name):
        return jobs.get(name)
    root = jobs.get(root_of(name))
    made = None if root is None else await services.store.follow_up_job(name)
    return None if made is None or root is None else within(made, root)


async def _fire(services: Services, job: Job, now: datetime, spread: int) -> list[Run]:
    crashpoint("W0")
    try:
        return await services.store.fire(job, partial(_decide, job, now, spread), now)
    except StoreError:
        raise
    except Exception:
        # A schedule that raises must not keep other jobs from firing.
        log.exception("job %s could not be fired", job.name, extra={"event": "job.broken", "job": job.name})
        return []


def _decide(job: Job, now: datetime, fleet_spread_seconds: int, facts: FireFacts) -> Decision:
    return decide(job, facts, now, fleet_spread_seconds)
