"""Reading the records."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from scheduler.adapters.sql.read_connection import Connect
from scheduler.core.record import Head, Record

_AFTER = (
    "SELECT seq, at, job, run_id, kind, body, body_hash, prev_hash, hash FROM records"
    " WHERE seq > :after ORDER BY seq"
)
_NEWEST = "SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1"


class SqlRecords:
    """Implements `scheduler.ports.store.records.Records`.

    Args:
        connect: opens a connection that only reads.

    Raises:
        StoreError: there is no database, or it cannot be read.
    """

    def __init__(self, connect: Connect) -> None:
        self._connection = connect()
        try:
            self._connection.begin()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def after(self, seq: int) -> Iterator[Record]:
        """Yield the records that follow a number, in order."""
        return (Record(*row) for row in self._connection.stream(_AFTER, {"after": seq}))

    def newest(self) -> Head | None:
        """Return the head of the chain; None when there are no records."""
        found = self._connection.fetch(_NEWEST, {}, lambda row: Head(*row))
        return found[0] if found else None

    def hashes(self) -> dict[int, str]:
        """Return the hash of every record, by number."""
        return dict(self._connection.fetch("SELECT seq, hash FROM records", {}, tuple))
