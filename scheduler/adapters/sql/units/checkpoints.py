"""Load the checkpoint of a claimed run.  One reading unit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import text

from scheduler.adapters.sql import selects
from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rooms import Rooms
from scheduler.adapters.sql.rows import trust as rows_of_trust
from scheduler.adapters.sql.rows import work as rows
from scheduler.adapters.sql.rows.wakeups import woken_from
from scheduler.adapters.sql.rows.work import to_us
from scheduler.core.changes.follow_up import root_of
from scheduler.core.run.budget import day_start
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Block, Call, Message, with_results
from scheduler.core.run.lease import Lease
from scheduler.errors import LostLeaseError

_NEWEST = "ORDER BY number DESC LIMIT 1"

# One look says what there is at all: most claims are of a run that has no request, message or grant yet.
_RUN = text(
    f"SELECT {rows.columns('r', rows.RUN_COLUMNS)}, r.woken, r.claim_steps, p.spec,"
    " (SELECT f.frame FROM frames f WHERE f.hash = p.frame_hash), r.last_seq,"
    f" (SELECT q.number FROM requests q WHERE q.run_id = r.id {_NEWEST}),"
    f" EXISTS ({selects.GRANTS_OF}),"
    " (SELECT j.spec FROM jobs j WHERE j.name = :root AND j.state <> 'removed')"
    " FROM runs r JOIN pins p ON p.run_id = r.id"
    " WHERE r.id = :id AND r.epoch = :epoch AND r.state = 'running'"
)
_PINNED = text(
    f"SELECT {rows.columns('r', rows.RUN_COLUMNS)}, p.spec FROM runs r JOIN pins p ON p.run_id = r.id"
    " WHERE r.id = :id AND r.epoch = :epoch AND r.state = 'running'"
)
_MESSAGES = text(selects.MESSAGES)
_LAST_CALLS = text(selects.LAST_CALLS)

# Each of these walks the requests of a run from the newest one backwards and stops at the first that fits:
# what a claim reads must not grow with the conversation.
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
_SPENT = text(selects.SPENT)
_GRANTS = text(selects.GRANTS)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the requests of a run come to; as it is before the first one."""

    summary: Block | None = None
    covers: int = 0
    window_tokens: int = 0
    base_tokens: int = 0
    failures: int = 0
    failed_attempt: int = 0


def load(connection: Connection, lease: Lease, now: datetime, rooms: Rooms) -> Checkpoint:
    """See ``Store.checkpoint``."""
    root = root_of(lease.job)
    values = {"id": lease.run_id, "epoch": lease.epoch, "job": lease.job, "root": root}
    row = connection.execute(_RUN, values).first()
    if row is None:
        raise LostLeaseError(f"run {lease.run_id} is not held by {lease.runner} any more")
    *run_columns, woken, claim_steps, spec, frame, last_seq, requests, has_grants, line = row
    run, job = rows.run_from(run_columns), rows.job_from(spec)
    spent = connection.execute(_SPENT, {"job": root, "since": to_us(day_start(now, job.tz))}).one()
    asked = _asked(connection, lease.run_id) if requests else _Asked()
    messages: tuple[Message, ...] = ()
    calls: tuple[Call, ...] = ()
    if last_seq:
        of_run = {"id": lease.run_id, "after": asked.covers}
        messages = tuple(map(rows.message_from, connection.execute(_MESSAGES, of_run)))
        found = map(rows.call_from, connection.execute(_LAST_CALLS, of_run))
        calls = tuple(with_results(found, messages[-1:]))
    always = connection.execute(_GRANTS, {"job": run.job}) if has_grants else ()
    return Checkpoint(
        run=run,
        job=job,
        frame=rows.frame_from(frame),
        summary=asked.summary,
        messages=messages,
        window_tokens=asked.window_tokens,
        base_tokens=asked.base_tokens,
        calls=calls,
        woken=woken_from(woken),
        parts=rooms.parts(connection, run, job, now, is_new=not last_seq),
        trust_now=() if line is None else (rows.job_from(line).trust,),
        always=tuple(map(rows_of_trust.grant_from, always)),
        failures=asked.failures,
        failed_attempt=asked.failed_attempt,
        requests=requests or 0,
        steps=claim_steps,
        spent_day_microusd=int(spent[0]),
        spent_day_tokens=int(spent[1]),
    )


def _asked(connection: Connection, run_id: str) -> _Asked:
    values = {"id": run_id}
    # Failures of one attempt count once: they were blips that its own retries did not get over.
    failed = [attempt for attempt, _ in groupby(connection.execute(_FAILED_SINCE, values).scalars())]
    number, covers, summary = connection.execute(_SUMMARY, values).first() or (0, 0, None)
    window_tokens, base_tokens = _sizes(connection, run_id, number)
    return _Asked(
        None if summary is None else rows.load(summary),
        covers,
        window_tokens,
        base_tokens,
        len(failed),
        failed[-1] if failed else 0,
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
    row = connection.execute(_PINNED, {"id": lease.run_id, "epoch": lease.epoch}).first()
    if row is None:
        raise LostLeaseError(f"run {lease.run_id} is not held by {lease.runner} any more")
    *run_columns, spec = row
    return rooms.part(connection, kind, rows.run_from(run_columns), rows.job_from(spec), now)
