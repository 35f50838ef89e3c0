"""Take in an event: its record and its consequences.  ``take`` is one unit of the committer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.work import job_from, load
from scheduler.adapters.sql.units import events, fires
from scheduler.adapters.sql.words import many
from scheduler.core.job.firing import Decision, FireFacts, decide_at_once
from scheduler.core.job.job import Job
from scheduler.core.run.cause import EVENT, Cause
from scheduler.core.run.event import Event, Wanted, is_wanted, wanted_by
from scheduler.core.run.run import Run
from scheduler.ports.store.intake import Taken

_JOBS = text(
    "SELECT slots, spec FROM jobs WHERE event = :kind AND event <> '' AND state IN ('active', 'paused')"
    " AND spec IS NOT NULL ORDER BY name"
)
_JOBS_THAT_WAIT = text(
    "SELECT slots FROM jobs WHERE event IN :kinds AND event <> '' AND state IN ('active', 'paused')"
    " AND enabled ORDER BY name"
).bindparams(many("kinds"))
_RUNS_THAT_WAIT = text(
    "SELECT DISTINCT kind, key FROM wakeups WHERE state = 'open' AND kind IN :kinds ORDER BY kind, key"
).bindparams(many("kinds"))


def take(connection: Connection, event: Event, new_id: Callable[[], str]) -> Taken:
    """See ``Store.take_event``."""
    number = events.record(connection, event)
    if number is None:
        return Taken(recorded=False)
    roused = events.satisfy(connection, event, number)
    cause = Cause(EVENT, event.key or f"#{number}")
    fired: list[Run] = []
    for slots, spec in connection.execute(_JOBS, {"kind": event.kind}).all():
        if is_wanted(load(slots), event):
            fired += _fire(connection, job_from(spec), event, cause, new_id)
    return Taken(True, roused, tuple(fired))


def wanted(connection: Connection, kinds: Sequence[str]) -> list[Wanted]:
    """See ``Store.wanted_events``."""
    values = {"kinds": list(kinds)}
    found = [wanted_by(load(slots)) for slots in connection.execute(_JOBS_THAT_WAIT, values).scalars()]
    found += [Wanted(kind, key) for kind, key in connection.execute(_RUNS_THAT_WAIT, values).all()]
    return [each for index, each in enumerate(found) if each not in found[:index]]


def _fire(
    connection: Connection, job: Job, event: Event, cause: Cause, new_id: Callable[[], str]
) -> list[Run]:
    def decide(facts: FireFacts) -> Decision:
        restored = facts.restored
        if restored is not None and event.at > restored.at:
            restored = None  # it came after the restore, so it cannot have fired before
        return decide_at_once(job, event.at, replace(facts, restored=restored))

    return fires.fire(connection, job, decide, event.at, cause, new_id, events.woken_by(event))
