"""The driver, spoken to directly: SQLAlchemy writes each statement once and is not asked again.

Sending a text through SQLAlchemy takes several times as long as SQLite takes to do it, and a run is some
forty statements.  The rooms of the store see no difference: they build statements with ``text`` and
``insert``, execute them, and read rows.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Insert, TextClause
from sqlalchemy.dialects import sqlite

from scheduler.adapters.sql.connection import Noted, Row, Values
from scheduler.adapters.sql.errors import StatementError
from scheduler.adapters.sql.rows.work import plain
from scheduler.adapters.sql.sqlite.errors import is_of_the_surroundings
from scheduler.core.record import Head

_DIALECT = sqlite.dialect(paramstyle="named")
_LIST = re.compile(r"\(__\[POSTCOMPILE_(\w+)\]\)")


@lru_cache(maxsize=512)
def _written(statement: TextClause | Insert | str, names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return a statement as SQLite takes it, and which of its parameters are lists.

    A list travels as JSON, so that there is one statement for every length.
    """
    if isinstance(statement, str):
        return statement, ()  # of a plug-in
    text = str(statement.compile(dialect=_DIALECT, column_keys=names))
    return _LIST.sub(r"(SELECT value FROM json_each(:\1))", text), tuple(_LIST.findall(text))


def _plain(values: Values) -> Values:
    return {name: plain(value) if isinstance(value, str) else value for name, value in values.items()}


class SqliteResult(sqlite3.Cursor):
    """The rows of one statement, as tuples."""

    def first(self) -> Row | None:
        """Return the first row, or None; the others are dropped."""
        row: Row | None = self.fetchone()
        # A statement that is not read to its end would stay open, and no commit gets past one.
        self.close()
        return row

    def all(self) -> list[Row]:
        """Return all rows."""
        return self.fetchall()

    def scalar(self) -> Any:
        """Return the first column of the first row, or None when there is no row."""
        row = self.first()
        return None if row is None else row[0]

    def one(self) -> Row:
        """Return the row that is there for sure, as that of a count is."""
        row = self.first()
        assert row is not None
        return row

    def scalar_one(self) -> Any:
        """Return its first column."""
        return self.one()[0]

    def scalars(self) -> Iterator[Any]:
        """Return the first column of every row."""
        return (row[0] for row in self.fetchall())


class SqliteConnection:
    """What a unit of the committer works with; the transaction is the committer's."""

    def __init__(self, driver: sqlite3.Connection) -> None:
        self.driver = driver
        self.noted: list[Noted] = []
        """The records of this transaction, in order; see ``records.py``."""
        self.adopted: Head | None = None
        """What they follow, when that is not the last record of the database."""

    def forget(self) -> None:
        """Forget what was noted: it is written, or its transaction is undone."""
        self.noted.clear()
        self.adopted = None

    @property
    def in_transaction(self) -> bool:
        """Whether the *driver* is in a transaction: a full disk ends one without a word."""
        return self.driver.in_transaction

    def execute(
        self,
        statement: TextClause | Insert | str,
        values: Values | Sequence[Values] = {},  # noqa: B006
    ) -> SqliteResult:
        """Execute a statement that was built once, at import; several values execute it for each.

        Raises:
            TypeError: several values for a statement that takes a list: it is executed for one at a time.
        """
        cursor = self.driver.cursor(SqliteResult)
        if isinstance(statement, str):  # of a plug-in, which cleans no text
            values = _plain(values) if isinstance(values, Mapping) else [_plain(each) for each in values]
        if isinstance(values, Mapping):
            sql, lists = _written(statement, tuple(values))
            if lists:
                values = {**values, **{name: json.dumps(list(values[name])) for name in lists}}
            return cursor.execute(sql, values)
        if values:
            sql, lists = _written(statement, tuple(values[0]))
            if lists:
                raise TypeError(
                    f"a statement that takes lists ({', '.join(lists)}) is executed for one at a time"
                )
            cursor.executemany(sql, values)
        return cursor

    def exec_driver_sql(self, sql: str) -> SqliteResult:
        """Execute a text as it is."""
        return self.driver.cursor(SqliteResult).execute(sql)

    def define(self, sql: str) -> None:
        """Execute a statement that makes or changes a table.

        Raises:
            StatementError: the statement is wrong.
        """
        try:
            self.driver.execute(sql).close()
        except sqlite3.Error as error:
            if is_of_the_surroundings(error):
                raise
            raise StatementError(str(error)) from error

    def is_outage(self, error: BaseException) -> bool:
        """Whether the file, its disk or another process is to blame for an error, and not a statement."""
        return is_of_the_surroundings(error)

    def data_version(self) -> int:
        """Return a number that changes when another connection has committed."""
        return int(self.exec_driver_sql("PRAGMA data_version").scalar_one())
