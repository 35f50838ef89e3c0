"""Apply the end of a run to its job, and report an end that no runner writes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.work import job_from, to_us
from scheduler.adapters.sql.states import live
from scheduler.adapters.sql.units import events, outbox, records
from scheduler.core.run.event import RUN_ENDED
from scheduler.core.run.notice import Notice
from scheduler.core.run.run import Move, State, transition

_JOB_OF = text("SELECT job, reason_code, reason FROM runs WHERE id = :id")
_SPEC = text("SELECT spec FROM pins WHERE run_id = :id")
_WITHOUT_STEP = frozenset({Move.BURY, Move.EXPIRE})
"""Ends that no runner writes: their report is not part of a step, and is written here."""

_AWAITED = text(
    "SELECT r.id, r.job, r.state, coalesce(r.outcome, ''), r.reason_code FROM runs r WHERE r.id = :id"
    f" AND EXISTS (SELECT 1 FROM wakeups w WHERE w.state = 'open' AND w.kind = '{RUN_ENDED}'"
    " AND w.key IN ('', r.id, r.job))"
)

_COUNT = text("UPDATE jobs SET failures = failures + 1 WHERE name = :job RETURNING failures")

_PAUSE = text(
    "UPDATE jobs SET state = 'paused', paused_reason = :reason, paused_at = :now"
    " WHERE name = :job AND state = 'active'"
)

# A failure before the first answer of the model has done nothing: it must not use up a one-shot.
_IS_DONE = (
    "state = 'active' AND one_shot AND next_fire IS NULL"
    f" AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.job = jobs.name AND {live('r.state')})"
    " AND EXISTS (SELECT 1 FROM runs r WHERE r.id = (SELECT s.id FROM runs s WHERE s.job = jobs.name"
    " AND s.cause = 'schedule' ORDER BY s.fire_time DESC LIMIT 1) AND ("
    "r.state IN ('succeeded', 'cancelled') OR (r.state = 'skipped' AND r.started_at IS NOT NULL)"
    " OR (r.state = 'failed' AND EXISTS (SELECT 1 FROM requests q WHERE q.run_id = r.id"
    " AND q.state = 'answered'))))"
)
_DONE = text(f"UPDATE jobs SET state = 'done' WHERE name = :job AND {_IS_DONE}")

_SUCCEEDED = text(
    f"UPDATE jobs SET failures = 0, state = CASE WHEN {_IS_DONE} THEN 'done' ELSE state END"
    f" WHERE name = :job AND (failures <> 0 OR ({_IS_DONE}))"
)


def ended(connection: Connection, run_id: str, move: Move, now: datetime) -> None:
    """Let the job of a run know that the run ended by ``move``; call it in the transaction of the move."""
    row = connection.execute(_JOB_OF, {"id": run_id}).first()
    if row is None:
        return
    job, code, reason = row
    if move in _WITHOUT_STEP:
        report = job_from(connection.execute(_SPEC, {"id": run_id}).scalar_one()).report
        if report:
            outbox.write(connection, (Notice("report", report, reason),), now, job, run_id)
    ended_of(connection, job, run_id, move, now, code)


def ended_of(connection: Connection, job: str, run_id: str, move: Move, now: datetime, code: str) -> None:
    """Do what ``ended`` does, for a caller who knows the job and the reason's code."""
    records.append(connection, now, move.value, job, run_id, {"code": code} if code else {})
    target = transition(move).target
    if target is State.SUCCEEDED:
        connection.execute(_SUCCEEDED, {"job": job})
    else:
        if target is State.FAILED:
            spec = connection.execute(_SPEC, {"id": run_id}).scalar_one()
            _failed(connection, job, job_from(spec).pause_after, now)
        settle_one_shot(connection, job)
    awaited = connection.execute(_AWAITED, {"id": run_id}).first()
    if awaited is not None:  # otherwise its row is record enough: who waits for it later looks there
        events.happened(connection, events.end_of(awaited, now))


def settle_one_shot(connection: Connection, job: str) -> None:
    """Mark a one-shot job as done when its only slot is behind it and its run did something."""
    connection.execute(_DONE, {"job": job})


def _failed(connection: Connection, job: str, pause_after: int, now: datetime) -> None:
    failures = connection.execute(_COUNT, {"job": job}).scalar()
    if failures is not None and 0 < pause_after <= failures:
        reason = "1 failure" if failures == 1 else f"{failures} failures in a row"
        connection.execute(_PAUSE, {"job": job, "reason": reason, "now": to_us(now)})
        records.append(connection, now, "pause", job, "", {"by": "failures"})
