"""The intake of an event: its record, and whatever it moves.  ``take`` is one unit of the committer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.work import job_from, load
from scheduler.adapters.sql.units import events, fires
from scheduler.core.job.firing import Decision, FireFacts, decide_at_once
from scheduler.core.job.job import Job
from scheduler.core.run.cause import EVENT, Cause
from scheduler.core.run.event import Event, is_wanted
from scheduler.core.run.run import Run
from scheduler.ports.store.intake import Taken

_JOBS = text(
    "SELECT slots, spec FROM jobs WHERE event = :kind AND event <> '' AND state IN ('active', 'paused')"
    " AND spec IS NOT NULL ORDER BY name"
)


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


def _fire(
    connection: Connection, job: Job, event: Event, cause: Cause, new_id: Callable[[], str]
) -> list[Run]:
    def decide(facts: FireFacts) -> Decision:
        restored = facts.restored
        if restored is not None and event.at > restored.at:
            restored = None  # it came after the restore, so it cannot have fired before
        return decide_at_once(job, event.at, replace(facts, restored=restored))

    return fires.fire(connection, job, decide, event.at, cause, new_id, events.woken_by(event))
