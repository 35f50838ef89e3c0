"""Questions that a step puts and settles.  Each function is a part of the unit that writes the step."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from scheduler.adapters.sql import selects
from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rooms import EagerRoom
from scheduler.adapters.sql.rows import trust as rows
from scheduler.adapters.sql.words import INSERT_APPROVAL
from scheduler.core.changes.question import PutQuestion, Questions, SettleQuestion
from scheduler.core.job.job import Job
from scheduler.core.run.run import Run
from scheduler.errors import FactsChangedError
from scheduler.ports.room import StepContext

_SETTLE = text(
    "UPDATE approvals SET state = :state WHERE id = :id AND run_id = :run_id"
    " AND (state = 'approved' OR (state = 'asked' AND :state = 'expired')) RETURNING id"
)
_APPROVALS = text(selects.RUN_APPROVALS)


def write(connection: Connection, context: StepContext, change: PutQuestion | SettleQuestion) -> None:
    """Put a question, or settle one.

    Raises:
        FactsChangedError: it was answered meanwhile.
    """
    if isinstance(change, PutQuestion):
        connection.execute(INSERT_APPROVAL, rows.approval_values(change.approval))
        return
    values = {"id": change.approval_id, "run_id": context.run_id, "state": change.state}
    if connection.execute(_SETTLE, values).first() is None:
        raise FactsChangedError(f"somebody answered {change.approval_id} meanwhile")


def load(connection: Connection, run: Run, job: Job, now: datetime) -> Questions:
    """Return the questions of a run about its open calls."""
    del job, now
    return tuple(map(rows.approval_from, connection.execute(_APPROVALS, {"id": run.id})))


ROOM = EagerRoom(write, load, at_first=())
