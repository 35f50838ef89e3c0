"""Notices that a step puts into the outbox.  A part of the unit that writes the step."""

from __future__ import annotations

from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.work import plain
from scheduler.adapters.sql.units import outbox
from scheduler.core.changes.notify import Notify
from scheduler.core.run.run import Move
from scheduler.ports.room import Room, StepContext

# A key that is refused is probed every hour for a week, and the owner wants to hear of it once.
_SAID = text(
    "SELECT 1 FROM outbox o WHERE o.run_id = :id AND o.body = :body AND o.created_at >= coalesce("
    "(SELECT q.ended_at FROM requests q WHERE q.run_id = :id AND q.state = 'answered'"
    " ORDER BY q.number DESC LIMIT 1), 0) AND o.created_at >= coalesce("
    "(SELECT min(a.claimed_at) FROM attempts a WHERE a.run_id = :id"
    " AND a.number > (SELECT r.resumed_epoch FROM runs r WHERE r.id = :id)), 0) LIMIT 1"
)


def write(connection: Connection, context: StepContext, change: Notify) -> None:
    """Put a notice into the outbox, unless it only repeats why a run is parked."""
    if context.move is Move.PARK and _is_known(connection, context.run_id, change.notice.body):
        return
    outbox.write(connection, (change.notice,), context.at, context.job, context.run_id)


def _is_known(connection: Connection, run_id: str, body: str) -> bool:
    """Whether the owner knows that a run is parked for this very reason, and nothing has happened since."""
    return connection.execute(_SAID, {"id": run_id, "body": plain(body)}).first() is not None


ROOM = Room(write)
