"""A connection that only reads: how the readers ask a database, whichever it is.  No SQLAlchemy here.

Readers take a function that opens one, and know neither its driver nor where its database is.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar

from scheduler.adapters.sql.errors import BUSY_SECONDS, LOOK_SECONDS, explain, read_only, wrong_schema
from scheduler.adapters.sql.rows.work import Row
from scheduler.adapters.sql.schema import judge, stored_revision
from scheduler.host.collecting import no_collecting

T = TypeVar("T")

_NO_VALUES: Mapping[str, Any] = {}


class ReadConnection(Protocol):
    """A connection of one thread at a time.  Every method raises StoreError when the database fails."""

    def fetch(self, sql: str, values: Mapping[str, Any], make: Callable[[Row], T]) -> list[T]:
        """Return what ``make`` makes of each row of a question with named parameters (``:name``)."""
        ...

    def stream(self, sql: str, values: Mapping[str, Any] = _NO_VALUES) -> Iterator[Row]:
        """Yield the rows one by one, where there may be too many for a list."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


Connect: TypeAlias = Callable[[], ReadConnection]
"""Opens a connection; raises StoreError when there is no database, or none that this version can read."""


def connect_to(path: str | os.PathLike[str]) -> Connect:
    """Return what opens a SQLite file, whatever its schema is."""
    return lambda: _Sqlite.open(path, BUSY_SECONDS)


def connect_as_reader(path: str | os.PathLike[str]) -> Connect:
    """Return what opens a SQLite file for a person who waits: not for long, and of this version only."""

    def connect() -> ReadConnection:
        connection = _Sqlite.open(path, LOOK_SECONDS)
        try:
            connection.require_current()
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


class _Sqlite:
    """A `ReadConnection` to a SQLite file, by the driver alone, so that it opens in milliseconds."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    def open(cls, path: str | os.PathLike[str], busy_seconds: float) -> _Sqlite:
        name = os.path.abspath(os.fspath(path))
        try:
            return cls(read_only(name, busy_seconds=busy_seconds), name)
        except sqlite3.Error as error:
            raise explain(error, name) from error

    def require_current(self) -> None:
        """Raise StoreError when the schema is not that of this version."""
        try:
            revision = stored_revision(self._connection)
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
        state = judge(revision)
        if state != "current":
            raise wrong_schema(self._path, state, revision)

    def fetch(self, sql: str, values: Mapping[str, Any], make: Callable[[Row], T]) -> list[T]:
        try:
            with no_collecting():
                return [make(row) for row in self._connection.execute(sql, values)]
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def stream(self, sql: str, values: Mapping[str, Any] = _NO_VALUES) -> Iterator[Row]:
        try:
            # Not `yield from`: that would close the cursor of a stream left early, after its connection.
            for row in self._connection.execute(sql, values):  # noqa: UP028 - see above
                yield row
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def close(self) -> None:
        self._connection.close()
