"""Tick: one pass over what is due.  It decides and records; it does not run agents."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from scheduler.core.firing import Decision, FireFacts, decide
from scheduler.core.job import Job
from scheduler.core.run import Run, State
from scheduler.engine.kit import Kit
from scheduler.errors import StoreError
from scheduler.faults import crashpoint
from scheduler.ports.presence import Presence
from scheduler.ports.store import Rescued

log = logging.getLogger("agentcron")

WAKE_BATCH = 500


@dataclass(slots=True)
class Pass:
    """What one pass changed."""

    fired: list[Run] = field(default_factory=list)
    skipped: list[Run] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    rescued: list[Rescued] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was due."""
        return not (self.fired or self.skipped or self.woken or self.rescued)


async def tick(kit: Kit, jobs: Mapping[str, Job], presence: Presence, fleet_spread_seconds: int = 0) -> Pass:
    """Take back what dead runners held, wake what is due, fire what is due.

    A job that is not in ``jobs`` (another daemon's crontab, or one that is broken now) is left alone.
    """
    store, done = kit.store, Pass()
    now = kit.clock.now()
    dead = presence.dead(await store.runners())
    done.rescued = await store.rescue(now, dead, kit.settings.most_attempts)
    for rescued in done.rescued:
        said = "buried" if rescued.state is State.FAILED else "rescued"
        log.warning(
            "run %s of %s %s from runner %s",
            rescued.run_id,
            rescued.job,
            said,
            rescued.runner,
            extra={"event": f"run.{said}", "run": rescued.run_id, "job": rescued.job},
        )
    while True:
        batch = await store.wake_due(now, WAKE_BATCH)
        done.woken += batch
        if len(batch) < WAKE_BATCH:
            break
    for run_id in done.woken:
        log.info("run %s woke", run_id, extra={"event": "run.woke", "run": run_id})
    for name in await store.due_jobs(now):
        job = jobs.get(name)
        if job is None:
            continue
        crashpoint("W0")
        try:
            runs = await store.fire(job, partial(_decide, job, now, fleet_spread_seconds), now)
        except StoreError:
            raise
        except Exception:
            # One schedule that cannot be computed must not keep the others from firing.
            log.exception("job %s could not be fired", name, extra={"event": "job.broken", "job": name})
            continue
        for run in runs:
            _say_fired(done, run)
    return done


def _decide(job: Job, now: datetime, fleet_spread_seconds: int, facts: FireFacts) -> Decision:
    return decide(job, facts, now, fleet_spread_seconds)


def _say_fired(done: Pass, run: Run) -> None:
    if run.state is State.SKIPPED:
        done.skipped.append(run)
        said = {"event": "run.skipped", "run": run.id, "job": run.job}
        log.info("job %s skipped: %s", run.job, run.reason, extra=said)
    else:
        done.fired.append(run)
        said = {"event": "run.fired", "run": run.id, "job": run.job}
        log.info("job %s fired run %s", run.job, run.id, extra=said)
