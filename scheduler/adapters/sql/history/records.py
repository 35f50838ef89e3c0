"""The records of a database at one moment, for the daily log and for who compares the two."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

from scheduler.adapters.sql.read_connection import ReadConnection, connect_to
from scheduler.core.record import Head, Record

_COLUMNS = "seq, at, job, run_id, kind, body, body_hash, prev_hash, hash"
_AFTER = f"SELECT {_COLUMNS} FROM records WHERE seq > :after ORDER BY seq"
_HEAD = "SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1"
_HASHES = "SELECT seq, hash FROM records"


class SqlRecords:
    """Implements `scheduler.ports.daylog.Records`."""

    def __init__(self, connection: ReadConnection) -> None:
        self._connection = connection

    def after(self, seq: int) -> Iterator[Record]:
        """Yield the records after this number, in their order."""
        return (Record(*row) for row in self._connection.stream(_AFTER, {"after": seq}))

    def head(self) -> Head | None:
        """Return the head of the chain; None when there is no record."""
        found = self._connection.fetch(_HEAD, {}, lambda row: Head(*row))
        return found[0] if found else None

    def hashes(self) -> dict[int, str]:
        """Return the hash of every record by its number."""
        return dict(self._connection.fetch(_HASHES, {}, tuple))


@contextmanager
def open_records(path: str | os.PathLike[str]) -> Iterator[SqlRecords]:
    """Open the records of a database at this moment.

    Raises:
        StoreError: there is no database, or it cannot be read.
    """
    with closing(connect_to(path)()) as connection:
        connection.fetch("BEGIN", {}, tuple)
        yield SqlRecords(connection)
