"""The records in the database: noted in the transaction of their cause, numbered and chained at its end.

A unit only notes what it did.  The committer numbers all that its units noted just before it commits: one
look at the head and one insert for a whole batch.  No process forks the chain: writing units are serialised
(see `Connection`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.tables import log as tables_log
from scheduler.core.record import Head, Record, follow, instant_text

_HEAD = text("SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1")
_INSERT = insert(tables_log.records)
_COLUMNS = ("seq", "at", "job", "run_id", "kind", "body", "body_hash", "prev_hash", "hash")


def append(
    connection: Connection,
    at: datetime,
    kind: str,
    job: str,
    run_id: str = "",
    body: Mapping[str, Any] | None = None,
) -> None:
    """Note a record; it is written with the transaction, or not at all."""
    connection.noted.append((instant_text(at), kind, job, run_id, body or {}))


def adopt(connection: Connection, head: Head) -> bool:
    """Let the records go on from ``head``, the end of the log, if that knows more than a restored copy."""
    if head.seq < _head(connection).seq or head == _head(connection):
        return False
    connection.adopted = head
    return True


def write(connection: Connection) -> None:
    """Number, chain and insert all that was noted in this transaction: one record at least."""
    head = connection.adopted or _head(connection)
    rows = []
    for at, kind, job, run_id, body in connection.noted:
        record = follow(head, at, kind, job, run_id, body)
        head = record.head
        rows.append(_values(record))
    connection.execute(_INSERT, rows)
    connection.forget()


def _head(connection: Connection) -> Head:
    row = connection.execute(_HEAD).first()
    return Head() if row is None else Head(*row)


def _values(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _COLUMNS}
