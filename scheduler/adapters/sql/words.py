"""Fragments of SQL that several units share.  All statements are built once, at import."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, TextClause, bindparam, insert, text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.work import plain, to_us
from scheduler.adapters.sql.states import states
from scheduler.adapters.sql.tables import work as tables
from scheduler.adapters.sql.tables.outbox import outbox
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.run import Move, State, transition

INSERT_RUN = insert(tables.runs)
INSERT_PIN = insert(tables.pins)
INSERT_MESSAGE = insert(tables.messages)
INSERT_CALL = insert(tables.calls)
INSERT_REQUEST = insert(tables.requests)
INSERT_ATTEMPT = insert(tables.attempts)
INSERT_WAKEUP = insert(tables.wakeups)
INSERT_NOTICE = insert(outbox)
INSERT_RUNNER = insert(tables.runners)
INSERT_APPROVAL = insert(tables.approvals)
INSERT_GRANT = insert(tables.grants)
INSERT_JOB = insert(tables.jobs)


def many(name: str) -> BindParameter[Any]:
    """Return a parameter that takes a list, for ``IN :name``."""
    return bindparam(name, expanding=True)


# An attempt has the number of its claim's epoch: found by its key, however many came before it.
_CLOSE_ATTEMPTS = text(
    "UPDATE attempts SET released_at = :now, ended_as = :ended_as WHERE (run_id, number) IN"
    " (SELECT id, epoch FROM runs WHERE id IN :ids) AND released_at IS NULL"
).bindparams(many("ids"))

# Only the last request of a run can be out.
_LOSE_REQUESTS = text(
    "UPDATE requests SET state = 'lost', ended_at = :now, cost_microusd = nullif(reserved_microusd, 0),"
    " cost_assumed = reserved_microusd > 0 WHERE run_id IN :ids AND state = 'sent' AND number ="
    " (SELECT max(q.number) FROM requests q WHERE q.run_id = requests.run_id)"
    " RETURNING run_id, reserved_microusd, tokens"
).bindparams(many("ids"))

COUNT_LOST = text("UPDATE runs SET unknown_cost_requests = unknown_cost_requests + 1 WHERE id = :id")
_SPEND_LOST = text(
    "UPDATE runs SET cost_microusd = cost_microusd + :reserved, tokens = tokens + :tokens WHERE id = :id"
)

_DROP_WAKEUPS = text(
    "UPDATE wakeups SET state = 'dropped', closed_at = :now WHERE run_id IN :ids AND state = 'open'"
).bindparams(many("ids"))


def close_attempts(connection: Connection, run_ids: Sequence[str], now: datetime, ended_as: str) -> None:
    """Write the end of the attempts that these runs have open."""
    connection.execute(_CLOSE_ATTEMPTS, {"ids": run_ids, "now": to_us(now), "ended_as": ended_as})


def lose_requests(connection: Connection, run_ids: Sequence[str], now: datetime) -> None:
    """Mark requests that nobody waits for any more as lost: they may have been billed, nobody knows.

    What was reserved for them counts as spent: a budget that a crash gives back holds nothing.
    """
    rows = connection.execute(_LOSE_REQUESTS, {"ids": run_ids, "now": to_us(now)}).all()
    if rows:
        connection.execute(COUNT_LOST, [{"id": row[0]} for row in rows])
        connection.execute(
            _SPEND_LOST, [dict(zip(("id", "reserved", "tokens"), row, strict=True)) for row in rows]
        )


def drop_wakeups(connection: Connection, run_ids: Sequence[str], now: datetime) -> None:
    """Drop whatever these runs wait for."""
    connection.execute(_DROP_WAKEUPS, {"ids": run_ids, "now": to_us(now)})


def _cancel_sql(where: str) -> TextClause:
    return text(
        "UPDATE runs SET state = 'cancelled', ended_at = :now, lease_expires_at = NULL, wake_at = NULL,"
        f" waiting_for = '', reason = coalesce(:reason, reason), reason_code = '{ReasonCode.CANCELLED}',"
        " cancel_requested = false"
        f" WHERE id = :id AND {where} RETURNING id"
    )


# A running run is told by its flag and ends at its next step; any other one ends here.
_CANCEL_QUIET = _cancel_sql(states(transition(Move.CANCEL).sources - {State.RUNNING}))
_FLAG = text(
    f"UPDATE runs SET cancel_requested = true, reason = :reason, reason_code = '{ReasonCode.CANCELLED}'"
    f" WHERE id = :id AND {states([State.RUNNING])} RETURNING id"
)


def cancel_now(connection: Connection, run_id: str, now: datetime, reason: str | None = None) -> bool:
    """Cancel a run that is live and not running (None keeps its reason); false when it is neither."""
    values = {"id": run_id, "now": to_us(now), "reason": None if reason is None else plain(reason)}
    if connection.execute(_CANCEL_QUIET, values).first() is None:
        return False
    drop_wakeups(connection, [run_id], now)
    return True


def flag_cancel(connection: Connection, run_id: str, reason: str) -> bool:
    """Ask a running run to end at its next step; false when it is not running."""
    return connection.execute(_FLAG, {"id": run_id, "reason": plain(reason)}).first() is not None
