"""A connection, as the units of work see it: statements in, rows out, and the records of the transaction.

The units are written against these protocols; ``driver`` implements them for SQLite.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Insert, TextClause

from scheduler.core.record import Head

Values = Mapping[str, Any]
Row = tuple[Any, ...]
Noted = tuple[str, str, str, str, Mapping[str, Any]]
"""When, kind, job, run and body of a record that has no number yet."""


class Result(Protocol):
    """The rows of one statement, as tuples."""

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed."""
        ...

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows."""
        ...

    def first(self) -> Row | None:
        """Return the first row, or None; the others are dropped."""
        ...

    def all(self) -> list[Row]:
        """Return all rows."""
        ...

    def one(self) -> Row:
        """Return the row that is certainly there, as that of a count is."""
        ...

    def scalar(self) -> Any:
        """Return the first column of the first row, or None when there is no row."""
        ...

    def scalar_one(self) -> Any:
        """Return the first column of the row that is certainly there."""
        ...

    def scalars(self) -> Iterator[Any]:
        """Return the first column of every row."""
        ...


class Connection(Protocol):
    """What a unit of work executes its statements on; the transaction is the committer's."""

    noted: list[Noted]
    """The records of this transaction, in order; see ``records``."""
    adopted: Head | None
    """The record that they follow, when that is not the last one of the database."""

    def forget(self) -> None:
        """Forget what was noted: it is written, or its transaction is undone."""
        ...

    def execute(self, statement: TextClause | Insert, values: Values | Sequence[Values] = ...) -> Result:
        """Execute a statement that was built once, at import; several values execute it for each."""
        ...

    def exec_driver_sql(self, sql: str) -> Result:
        """Execute a text as it is."""
        ...
