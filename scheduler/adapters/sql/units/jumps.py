"""Record jumps of the clock, and correct what depends on it.  Each function is one unit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import insert, text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.work import maybe_from_us, to_us
from scheduler.adapters.sql.states import states
from scheduler.adapters.sql.tables import work as tables
from scheduler.adapters.sql.units import records
from scheduler.core.run.run import BLOCKED
from scheduler.core.time.clocks import Jump

_INSERT = insert(tables.jumps)

SAME_WITHIN = timedelta(seconds=60)
"""Several processes of one machine see the same jump; they write it once."""

_KNOWN = text(
    "SELECT 1 FROM jumps WHERE kind = :kind AND at BETWEEN :from AND :until"
    " AND abs(size_us - :size) <= 60000000 LIMIT 1"
)

# What was written while the clock showed a later time than it ever will again proves nothing any more.
_NEWEST = text(
    "SELECT max(seen_at) FROM runners WHERE seen_at >"
    " coalesce((SELECT max(before) FROM jumps WHERE kind = 'set_back'), 0)"
)

_EARLIER_SLOT = text("UPDATE jobs SET next_fire = :slot WHERE name = :job AND next_fire > :slot")

# Waits that the scheduler itself had measured by the wrong clock; what an agent asked for stays.
_SHIFT = (
    text("UPDATE wakeups SET due = due - :size WHERE state = 'open' AND kind IN ('retry', 'probe')"),
    text(
        "UPDATE runs SET wake_at = (SELECT min(w.due) FROM wakeups w WHERE w.run_id = runs.id"
        f" AND w.state = 'open') WHERE {states(BLOCKED)}"
    ),
    text("UPDATE runs SET not_before = not_before - :size WHERE state = 'queued' AND not_before > :now"),
    text("UPDATE outbox SET due_at = due_at - :size WHERE state IN ('waiting', 'taken') AND due_at > :now"),
)


def newest(connection: Connection) -> datetime | None:
    """See ``Store.newest``."""
    return maybe_from_us(connection.execute(_NEWEST).scalar())


def record(connection: Connection, jump: Jump, slots: Mapping[str, datetime | None]) -> bool:
    """See ``Store.record_jump``."""
    at, size = to_us(jump.at), round(jump.seconds * 1_000_000)
    values = {"kind": jump.kind, "size": size}
    near = {"from": to_us(jump.at - SAME_WITHIN), "until": to_us(jump.at + SAME_WITHIN)}
    if connection.execute(_KNOWN, values | near).first() is not None:
        return False
    connection.execute(_INSERT, {"kind": jump.kind, "before": to_us(jump.before), "at": at, "size_us": size})
    records.append(connection, jump.at, "clock", "", "", {"kind": jump.kind, "size_us": size})
    if jump.kind == "set_back":
        earlier = [{"job": job, "slot": to_us(slot)} for job, slot in slots.items() if slot is not None]
        if earlier:
            connection.execute(_EARLIER_SLOT, earlier)
        for statement in _SHIFT:
            connection.execute(statement, {"size": size, "now": at})
    return True
