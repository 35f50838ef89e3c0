"""The checkpoint of a claimed run, read from the rows that its steps have left.  One reading unit."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import text

from scheduler.adapters.sql import selects as queries
from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rooms import Rooms
from scheduler.adapters.sql.rows import trust as rows_of_trust
from scheduler.adapters.sql.rows import work as rows
from scheduler.adapters.sql.rows.wakeups import woken_from
from scheduler.adapters.sql.rows.work import to_us
from scheduler.core.changes.follow_up import root_of
from scheduler.core.run.budget import day_start
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.lease import Lease
from scheduler.errors import LostLeaseError

_RUN = text(
    f"SELECT {rows.columns('r', rows.RUN_COLUMNS)}, r.woken, r.claim_steps, p.spec, p.frame"
    " FROM runs r JOIN pins p ON p.run_id = r.id"
    " WHERE r.id = :id AND r.epoch = :epoch AND r.state = 'running'"
)
_LINE = text("SELECT spec FROM jobs WHERE name = :job AND state <> 'removed'")
_MESSAGES = text(queries.MESSAGES)
_LAST_CALLS = text(queries.LAST_CALLS)

# Each of these walks the requests of a run from the newest one backwards and stops at the first that fits:
# what a claim reads must not grow with the conversation.
_NEWEST = "ORDER BY number DESC LIMIT 1"
_REQUESTS = text(f"SELECT number FROM requests WHERE run_id = :id {_NEWEST}")
_FAILED_SINCE = text(
    "SELECT attempt FROM requests WHERE run_id = :id AND state = 'failed'"
    " AND attempt > (SELECT resumed_epoch FROM runs WHERE id = :id) AND number > coalesce("
    f"(SELECT number FROM requests WHERE run_id = :id AND state = 'answered' {_NEWEST}), 0)"
    " ORDER BY number"
)
_SUMMARY = text(
    f"SELECT number, covers, summary FROM requests WHERE run_id = :id AND summary IS NOT NULL {_NEWEST}"
)
_SENT_TOKENS = "input_tokens + cache_read_tokens + cache_write_tokens"
_MEASURED = (
    f"SELECT {_SENT_TOKENS} FROM requests WHERE run_id = :id AND state = 'answered' AND covers IS NULL"
    f" AND {_SENT_TOKENS} > 0 AND number > :since"
)
_WINDOW_TOKENS = text(f"{_MEASURED} {_NEWEST}")
_FIRST_TOKENS = text(f"{_MEASURED} ORDER BY number LIMIT 1")
_TOKENS_BEFORE = text(f"{_MEASURED} AND number < :futile {_NEWEST}")
_FUTILE = text(
    "SELECT number FROM requests WHERE run_id = :id AND covers IS NOT NULL AND summary IS NULL"
    f" AND state IN ('answered', 'failed') AND number > :since {_NEWEST}"
)
_SPENT = text(queries.SPENT)
_GRANTS = text(queries.GRANTS)


def load(connection: Connection, lease: Lease, now: datetime, rooms: Rooms) -> Checkpoint:
    """See ``Store.checkpoint``."""
    values = {"id": lease.run_id, "epoch": lease.epoch}
    row = connection.execute(_RUN, values).first()
    if row is None:
        raise LostLeaseError(f"run {lease.run_id} is not held by {lease.runner} any more")
    *run_columns, woken, claim_steps, spec, frame = row
    run, job = rows.run_from(run_columns), rows.job_from(spec)
    spent = connection.execute(
        _SPENT, {"job": root_of(run.job), "since": to_us(day_start(now, job.tz))}
    ).one()
    # Failures of one attempt count once: they were blips that its own retries did not get over.
    failed = [attempt for attempt, _ in groupby(connection.execute(_FAILED_SINCE, values).scalars())]
    number, covers, summary = connection.execute(_SUMMARY, values).first() or (0, 0, None)
    window_tokens, base_tokens = _sizes(connection, lease.run_id, number)
    values["after"] = covers
    return Checkpoint(
        run=run,
        job=job,
        frame=rows.frame_from(frame),
        summary=None if summary is None else rows.load(summary),
        messages=tuple(map(rows.message_from, connection.execute(_MESSAGES, values))),
        window_tokens=window_tokens,
        base_tokens=base_tokens,
        calls=tuple(map(rows.call_from, connection.execute(_LAST_CALLS, values))),
        woken=woken_from(woken),
        parts=rooms.parts(connection, run, job, now),
        trust_now=_trust_of_line(connection, root_of(run.job)),
        always=tuple(map(rows_of_trust.grant_from, connection.execute(_GRANTS, {"job": run.job}))),
        failures=len(failed),
        failed_attempt=failed[-1] if failed else 0,
        requests=connection.execute(_REQUESTS, values).scalar() or 0,
        steps=claim_steps,
        spent_day_microusd=int(spent[0]),
        spent_day_tokens=int(spent[1]),
    )


def _sizes(connection: Connection, run_id: str, since: int) -> tuple[int, int]:
    """Return the size of the window now, and the one that its growth is counted from.

    Args:
        since: the request that gave the present summary; 0: none did.
    """
    values = {"id": run_id, "since": since}
    window = connection.execute(_WINDOW_TOKENS, values).scalar() or 0
    futile = connection.execute(_FUTILE, values).scalar()
    if futile is None:
        return window, connection.execute(_FIRST_TOKENS, values).scalar() or 0
    return window, connection.execute(_TOKENS_BEFORE, {**values, "futile": futile}).scalar() or 0


def part(connection: Connection, lease: Lease, kind: str, now: datetime, rooms: Rooms) -> Any:
    """See ``Store.part``."""
    row = connection.execute(_RUN, {"id": lease.run_id, "epoch": lease.epoch}).first()
    if row is None:
        raise LostLeaseError(f"run {lease.run_id} is not held by {lease.runner} any more")
    run_columns, spec = row[: len(rows.RUN_COLUMNS)], row[-2]
    return rooms.part(connection, kind, rows.run_from(run_columns), rows.job_from(spec), now)


def _trust_of_line(connection: Connection, job: str) -> tuple[str | None, ...]:
    """Return the profile that a line of the crontab names, or nothing when there is no such line."""
    spec = connection.execute(_LINE, {"job": job}).scalar()
    return () if spec is None else (rows.job_from(spec).trust,)
