"""What the store is asked and does not change.  Each function is one reading unit of the committer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from scheduler.adapters.sql import selects
from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows import work as rows
from scheduler.adapters.sql.rows.work import maybe_from_us, to_us
from scheduler.adapters.sql.units.claims import UNBLOCKED
from scheduler.adapters.sql.words import many
from scheduler.core.job.standing import RunnerInfo, Standing
from scheduler.core.run.run import Run

_STANDINGS = text(selects.STANDINGS)
_RUN = text(selects.RUN)
_RUNNERS = text(selects.RUNNERS)
_META = text(selects.META)

_DUE = text(
    "SELECT name FROM jobs WHERE state IN ('active', 'paused') AND next_fire <= :now ORDER BY next_fire, name"
)

_CANCEL_ASKED = text(
    "SELECT id FROM runs WHERE id IN :ids AND state = 'running' AND cancel_requested"
).bindparams(many("ids"))

# The instants say nothing; without them the planner walks through all runs that there ever were.
_MAY_START = f"r.state = 'queued' AND (r.overlap = 'allow' OR ({UNBLOCKED}))"

# Any run that may start at once is as good as the first: its instant is past.  A run that waits for
# another one of its job has no instant; the end of that other run is what brings it back.
_NEXT = (
    text(
        f"SELECT r.created_at FROM runs r WHERE {_MAY_START} AND r.not_before IS NULL"
        " ORDER BY r.fire_time, r.id LIMIT 1"
    ),
    text(f"SELECT min(r.not_before) FROM runs r WHERE {_MAY_START} AND r.not_before IS NOT NULL"),
    text(
        "SELECT next_fire FROM jobs WHERE next_fire IS NOT NULL AND state IN ('active', 'paused')"
        " ORDER BY next_fire LIMIT 1"
    ),
    text("SELECT due FROM wakeups WHERE state = 'open' AND due IS NOT NULL ORDER BY due LIMIT 1"),
    text("SELECT min(lease_expires_at) FROM runs WHERE state = 'running'"),
    text("SELECT min(due_at) FROM outbox WHERE state IN ('taken', 'waiting')"),
)


def standings(connection: Connection) -> list[Standing]:
    """See ``Store.standings``."""
    return [rows.standing_from(row) for row in connection.execute(_STANDINGS)]


def due_jobs(connection: Connection, now: datetime) -> list[str]:
    """See ``Store.due_jobs``."""
    return list(connection.execute(_DUE, {"now": to_us(now)}).scalars())


def run(connection: Connection, run_id: str) -> Run | None:
    """See ``Store.run``."""
    row = connection.execute(_RUN, {"id": run_id}).first()
    return None if row is None else rows.run_from(row)


def cancel_asked(connection: Connection, run_ids: Sequence[str]) -> set[str]:
    """See ``Store.cancel_asked``."""
    return set(connection.execute(_CANCEL_ASKED, {"ids": list(run_ids)}).scalars())


def next_due(connection: Connection) -> datetime | None:
    """See ``Store.next_due``."""
    found = [connection.execute(query).scalar() for query in _NEXT]
    return maybe_from_us(min((instant for instant in found if instant is not None), default=None))


def runners(connection: Connection) -> list[RunnerInfo]:
    """See ``Store.runners``."""
    return [rows.runner_from(row) for row in connection.execute(_RUNNERS)]


def meta(connection: Connection) -> dict[str, str]:
    """See ``Store.meta``."""
    return {row[0]: row[1] for row in connection.execute(_META)}


def changes(connection: Connection) -> int:
    """See ``Store.changes``: on the writing connection itself, so that its own commits do not count."""
    return connection.data_version()
