"""The backlog: how much there is to do and how late it is, as a few numbers.

Every question is answered from an index; no message is ever read.
"""

from __future__ import annotations

from datetime import datetime

from scheduler.adapters.sql.read_connection import ReadConnection
from scheduler.adapters.sql.rows.work import from_us, to_us
from scheduler.adapters.sql.states import live
from scheduler.core.run.run import LIVE
from scheduler.ports.store.backlog import Backlog

# By way of the jobs, because the index of runs begins with the job; CROSS JOIN keeps the planner to it.
_RUNS = (
    "SELECT r.state, count(*) FROM jobs j CROSS JOIN runs r ON r.job = j.name"
    f" WHERE {live('r.state')} GROUP BY r.state"
)
_JOBS = "SELECT state, count(*) FROM jobs WHERE state <> 'removed' GROUP BY state"
_DUE = {
    "fire": (
        "SELECT count(*), min(next_fire) FROM jobs"
        " WHERE next_fire IS NOT NULL AND next_fire <= :now AND state IN ('active', 'paused')"
    ),
    "wake": "SELECT count(*), min(due) FROM wakeups WHERE state = 'open' AND due <= :now",
    "start": (
        "SELECT count(*), min(coalesce(not_before, fire_time)) FROM runs"
        " WHERE state = 'queued' AND (not_before IS NULL OR not_before <= :now)"
    ),
    "report": (
        "SELECT count(*), min(due_at) FROM outbox WHERE state IN ('taken', 'waiting') AND due_at <= :now"
    ),
}
_OUTBOX = "SELECT state, count(*) FROM outbox WHERE state IN ('taken', 'waiting') GROUP BY state"
_RUNNERS = "SELECT kind, count(*) FROM runners WHERE stopped_at IS NULL GROUP BY kind"


def read_backlog(connection: ReadConnection, now: datetime) -> Backlog:
    """Return the numbers; the caller lets the database stand still.

    Raises:
        StoreError: the database cannot be read.
    """
    due, oldest = {}, {}
    for kind, sql in _DUE.items():
        ((count, first),) = connection.fetch(sql, {"now": to_us(now)}, tuple)
        due[kind] = int(count)
        if first is not None:
            oldest[kind] = from_us(first)
    return Backlog(
        runs=dict.fromkeys(map(str, sorted(LIVE)), 0) | _counts(connection, _RUNS),
        jobs=_counts(connection, _JOBS),
        due=due,
        oldest=oldest,
        outbox={"waiting": 0, "taken": 0} | _counts(connection, _OUTBOX),
        runners=_counts(connection, _RUNNERS),
    )


def _counts(connection: ReadConnection, sql: str) -> dict[str, int]:
    return dict(connection.fetch(sql, {}, lambda row: (str(row[0]), int(row[1]))))
