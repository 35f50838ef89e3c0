"""Reading a SQLite file by its driver alone, so that it opens in milliseconds.  No SQLAlchemy here."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from scheduler.adapters.sql.errors import BUSY_SECONDS, LOOK_SECONDS, wrong_schema
from scheduler.adapters.sql.read_connection import Connect, ReadConnection
from scheduler.adapters.sql.rows.work import Row
from scheduler.adapters.sql.schema import judge
from scheduler.adapters.sql.sqlite.errors import explain
from scheduler.adapters.sql.sqlite.revision import stored_revision
from scheduler.host.collecting import no_collecting

T = TypeVar("T")

_NO_VALUES: Mapping[str, Any] = {}


def read_only(path: str | os.PathLike[str], *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open a database file that exists for reading only.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    address = f"file:{quote(os.path.abspath(os.fspath(path)))}?mode=ro"
    return sqlite3.connect(
        address, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False
    )


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
    """A `ReadConnection` to a SQLite file."""

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

    def begin(self) -> None:
        self.fetch("BEGIN", {}, tuple)

    def end(self) -> None:
        self.fetch("COMMIT", {}, tuple)

    def close(self) -> None:
        self._connection.close()
