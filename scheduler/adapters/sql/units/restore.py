"""The first opening of a database that was a backup: nothing of the lost time is repeated.  One unit.

What happened between the backup and now is unknown.  So every run that could have acted since waits for a
person, whatever call was open is unknown, slots that came due are skipped, and notices are not sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import NamedTuple

from sqlalchemy import text

from scheduler.adapters.sql.backup_mark import (
    DOUBTFUL_NOTICES,
    DUE_JOBS,
    MARK,
    RESTORED,
    SLEEPS_ON,
    mark_from,
    restored_text,
)
from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.wakeups import wakeup_values, woken_from, woken_text
from scheduler.adapters.sql.rows.work import dump, job_from, maybe_from_us, to_us
from scheduler.adapters.sql.states import live, sources
from scheduler.adapters.sql.units import fires, records, run_ended
from scheduler.adapters.sql.units.changes import follow_ups, stains
from scheduler.adapters.sql.words import (
    INSERT_WAKEUP,
    cancel_now,
    close_attempts,
    drop_wakeups,
    lose_requests,
    many,
)
from scheduler.core.job.firing import decide
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.job.restored import Restored
from scheduler.core.record import Head
from scheduler.core.run.cause import BY_SCHEDULE
from scheduler.core.run.run import Move, transition
from scheduler.core.run.wakeup import WakeUp, Waking, Woken
from scheduler.core.time.instants import to_iso
from scheduler.ports.store.upkeep import Restoration


class LiveRow(NamedTuple):
    """A run that was live when the backup was taken."""

    id: str
    job: str
    woken: str | None
    wake_at: int | None
    cancel_requested: bool
    sleeps_on: bool


_AT_ONCE = 500

_MARKED = text("SELECT 1 FROM meta WHERE key = :key")
_TAKE_MARK = text("DELETE FROM meta WHERE key = :key RETURNING value")
_EXPIRE_APPROVALS = text("UPDATE approvals SET state = 'expired' WHERE state IN ('asked', 'approved')")
_REVOKE_GRANTS = text("UPDATE grants SET revoked_at = :now WHERE revoked_at IS NULL")
_FORGET = text("DELETE FROM meta WHERE key = :key")
_REMEMBER = text("INSERT INTO meta (key, value) VALUES (:key, :value)")

_LIVE = text(
    f"SELECT id, job, woken, wake_at, cancel_requested, {SLEEPS_ON} AS sleeps_on FROM runs WHERE {live()}"
)

_PARK = text(
    f"UPDATE runs SET state = '{transition(Move.RESTORE).target}', lease_expires_at = NULL,"
    " not_before = NULL, wake_at = :until, waiting_for = 'a person', woken = :woken, reason_code = :code,"
    " reason = CASE WHEN cancel_requested THEN reason WHEN state = 'parked' AND reason_code <> :code"
    " AND reason <> '' THEN :reason || '; it was parked: ' || reason ELSE :reason END"
    f" WHERE id = :id AND {sources(Move.RESTORE)}"
)
_TELL = text("UPDATE runs SET woken = :woken WHERE id = :id")

_UNKNOWN = text(
    "UPDATE calls SET state = 'unknown', result = :result, ended_at = :now"
    " WHERE run_id IN :ids AND state IN ('planned', 'started')"
).bindparams(many("ids"))

_DUE = text(f"SELECT spec FROM jobs WHERE {DUE_JOBS} AND spec IS NOT NULL ORDER BY next_fire, name")

_HOLD = text(
    f"UPDATE outbox SET state = 'given_up', error = :error WHERE {DOUBTFUL_NOTICES} RETURNING run_id"
)

_NOBODY = text("UPDATE runners SET stopped_at = seen_at WHERE stopped_at IS NULL")


def is_copy(connection: Connection) -> bool:
    """Whether the database is a backup that nobody has worked with yet."""
    return connection.execute(_MARKED, {"key": MARK}).first() is not None


def settle(
    connection: Connection,
    now: datetime,
    boot_id: str,
    park_until: datetime,
    new_id: Callable[[], str],
    head: Head | None = None,
) -> Restoration | None:
    """See ``Store.settle_restore``."""
    marked = connection.execute(_TAKE_MARK, {"key": MARK}).first()
    if marked is None:
        return None  # another process was first
    restored = Restored(mark_from(marked[0]), now, boot_id)
    body: dict[str, object] = {"taken_at": to_iso(restored.taken_at)}
    if head is not None and records.adopt(connection, head):
        body["log_was_ahead"] = {"seq": head.seq, "hash": head.hash}
    records.append(connection, now, "restore", "", "", body)
    connection.execute(_FORGET, {"key": RESTORED})
    connection.execute(_REMEMBER, {"key": RESTORED, "value": restored_text(restored)})
    connection.execute(_NOBODY)
    # What was approved may have been used since, and what was granted may have been revoked.
    connection.execute(_EXPIRE_APPROVALS)
    connection.execute(_REVOKE_GRANTS, {"now": to_us(now)})
    follow_ups.doubt(connection, now)
    # Files are newer than the backup, and so may be what was left among them.
    stains.doubt(connection, now)
    runs = [LiveRow(*row) for row in connection.execute(_LIVE, {"now": to_us(now)})]
    acted = [run for run in runs if not run.sleeps_on]
    _tell(connection, [run for run in runs if run.sleeps_on], restored)
    _park(connection, acted, restored, park_until)
    error = restored.doubt("whether it was sent")
    held = connection.execute(_HOLD, {"error": error, "now": to_us(now)}).scalars()
    return Restoration(
        restored,
        parked=tuple(sorted(run.id for run in acted if not run.cancel_requested)),
        asleep=len(runs) - len(acted),
        skipped=_skip_due(connection, now, new_id),
        held=tuple(sorted({run_id for run_id in held if run_id is not None})),
    )


def _skip_due(connection: Connection, now: datetime, new_id: Callable[[], str]) -> int:
    """Let every due job decide, which it does in the light of the restore; return how many were due."""
    jobs = [job_from(spec) for spec in connection.execute(_DUE, {"now": to_us(now)}).scalars()]
    for job in jobs:
        fires.fire(connection, job, partial(decide, job, now=now), now, BY_SCHEDULE, new_id)
    return len(jobs)


def _woken(run: LiveRow, restored: Restored) -> str:
    """Return what the agent must be told when it goes on: that a part of its past is missing."""
    untold = woken_from(run.woken) or Woken(Waking.TIME, restored.at, maybe_from_us(run.wake_at))
    return woken_text(replace(untold, restored_from=restored.taken_at))


def _tell(connection: Connection, runs: Sequence[LiveRow], restored: Restored) -> None:
    for part in _parts(runs):
        connection.execute(_TELL, [{"id": run.id, "woken": _woken(run, restored)} for run in part])


def _park(
    connection: Connection,
    runs: Sequence[LiveRow],
    restored: Restored,
    until: datetime,
) -> None:
    now, reason = restored.at, restored.doubt("what it did")
    told = (
        f"The scheduler was restored from a backup of {to_iso(restored.taken_at)}, when this call was open. "
        "Its outcome is unknown, and it was not repeated; verify before you repeat it."
    )
    for part in _parts(runs):
        ids = [run.id for run in part]
        values = {"until": to_us(until), "code": ReasonCode.RESTORED, "reason": reason}
        connection.execute(_PARK, [{"id": run.id, "woken": _woken(run, restored), **values} for run in part])
        for run in part:
            records.append(
                connection, now, Move.RESTORE.value, run.job, run.id, {"code": ReasonCode.RESTORED}
            )
        close_attempts(connection, ids, now, Move.RESTORE.value)
        lose_requests(connection, ids, now)
        connection.execute(_UNKNOWN, {"ids": ids, "result": dump(told), "now": to_us(now)})
        drop_wakeups(connection, ids, now)
        wait = WakeUp(Waking.DEADLINE, due=until)
        connection.execute(INSERT_WAKEUP, [wakeup_values(run_id, wait) for run_id in ids])
        for run in part:
            if run.cancel_requested and cancel_now(connection, run.id, now):
                run_ended.ended(connection, run.id, Move.CANCEL, now)


def _parts(runs: Sequence[LiveRow]) -> Iterator[Sequence[LiveRow]]:
    for begin in range(0, len(runs), _AT_ONCE):
        yield runs[begin : begin + _AT_ONCE]
