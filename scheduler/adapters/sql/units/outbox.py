"""The outbox and the processes that work here.  Each function is one unit of the committer."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.work import maybe_us, plain, runner_values, to_us
from scheduler.adapters.sql.units import records
from scheduler.adapters.sql.words import INSERT_RUNNER
from scheduler.core.job.standing import RunnerInfo
from scheduler.core.run.notice import Notice
from scheduler.ports.store import Pending

NOTICE_SECONDS = 120.0
"""How long a process may take to send a notice before another one takes it over."""

_OPEN = "state IN ('taken', 'waiting')"

# While a notice is out, ``due_at`` says when it counts as abandoned: one index serves both questions.
_TAKE = text(
    "UPDATE outbox SET state = 'taken', runner = :runner, tries = tries + 1, due_at = :until"
    f" WHERE id IN (SELECT id FROM outbox WHERE {_OPEN} AND due_at <= :now"
    " ORDER BY due_at, id LIMIT :limit)"
    " RETURNING id, run_id, job, kind, target, body, tries"
)

_SENT = text(f"UPDATE outbox SET state = 'sent', sent_at = :now, error = '' WHERE id = :id AND {_OPEN}")
_AGAIN = text(
    "UPDATE outbox SET state = 'waiting', tries = CASE WHEN :tried THEN tries ELSE tries - 1 END,"
    " due_at = :retry_at, error = :error"
    f" WHERE id = :id AND {_OPEN}"
)
_GIVE_UP = text(f"UPDATE outbox SET state = 'given_up', error = :error WHERE id = :id AND {_OPEN}")

_FORGET_RUNNER = text("DELETE FROM runners WHERE id = :id")
_SEEN = text("UPDATE runners SET seen_at = :now WHERE id = :id")
_LEAVE = text("UPDATE runners SET seen_at = :now, stopped_at = :now WHERE id = :id")


def take_notices(connection: Connection, runner: str, now: datetime, limit: int) -> list[Pending]:
    """See ``Store.take_notices``."""
    until = to_us(now + timedelta(seconds=NOTICE_SECONDS))
    found = connection.execute(
        _TAKE, {"runner": runner, "now": to_us(now), "until": until, "limit": limit}
    ).all()
    found = sorted(found)
    for number, run_id, job, kind, _, _, tries in found:
        records.append(connection, now, "report", job, run_id, {"notice": number, "of": kind, "try": tries})
    return [
        Pending(number, run_id, job, Notice(kind, target, body), tries)
        for number, run_id, job, kind, target, body, tries in found
    ]


def settle_notice(
    connection: Connection,
    notice_id: int,
    now: datetime,
    error: str,
    retry_at: datetime | None,
    *,
    tried: bool = True,
) -> None:
    """See ``Store.settle_notice``."""
    values = {"id": notice_id, "now": to_us(now), "error": plain(error), "retry_at": maybe_us(retry_at)}
    if not error:
        connection.execute(_SENT, values)
    elif retry_at is not None:
        connection.execute(_AGAIN, {**values, "tried": tried})
    else:
        connection.execute(_GIVE_UP, values)


def enter(connection: Connection, runner: RunnerInfo) -> None:
    """See ``Store.enter``."""
    connection.execute(_FORGET_RUNNER, {"id": runner.id})
    connection.execute(INSERT_RUNNER, runner_values(runner))


def seen(connection: Connection, runner: str, now: datetime) -> None:
    """See ``Store.seen``."""
    connection.execute(_SEEN, {"id": runner, "now": to_us(now)})


def leave(connection: Connection, runner: str, now: datetime) -> None:
    """See ``Store.leave``."""
    connection.execute(_LEAVE, {"id": runner, "now": to_us(now)})
