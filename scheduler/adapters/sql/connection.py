"""A connection, as the units of work see it: statements in, rows out, and the records of the transaction.

The units are written against these protocols; ``driver`` implements them for SQLite.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Insert, TextClause

from scheduler.core.record import Head
from scheduler.ports import room
from scheduler.ports.room import Result, Row, Values

__all__ = ["Connection", "Noted", "Result", "Row", "Values"]

T = TypeVar("T")

Noted = tuple[str, str, str, str, Mapping[str, Any]]
"""When, kind, job, run and body of a record that has no number yet."""


class Connection(room.Connection, Protocol):
    """What a unit of work executes its statements on; the transaction is the committer's.

    The transactions of units that write are serialised, among all processes of a home: see
    `scheduler.ports.store`.  An adapter must see to it; SQLite does by taking the write lock at the begin of
    a transaction, a server of databases may by a lock that each batch takes first.  A unit that checks first
    and writes then relies on it, and says so with the words "writing units are serialised".
    """

    noted: list[Noted]
    """The records of this transaction, in order; see ``records``."""
    adopted: Head | None
    """The record that they follow, when that is not the last one of the database."""

    def forget(self) -> None:
        """Forget what was noted: it is written, or its transaction is undone."""
        ...

    def execute(
        self, statement: TextClause | Insert | str, values: Values | Sequence[Values] = ...
    ) -> Result:
        """Execute a statement that was built once, at import; several values execute it for each.

        Those of plug-ins are text with named parameters.
        """
        ...

    def define(self, sql: str) -> None:
        """Execute a statement that makes or changes a table.

        Raises:
            StatementError: the statement is wrong.
        """
        ...

    def is_outage(self, error: BaseException) -> bool:
        """Whether the database, its disk or another process is to blame for an error, and not a statement."""
        ...

    def data_version(self) -> int:
        """Return a number that changes when another connection has committed; cheap, and not for each commit
        of this one.
        """
        ...


class Committer(Protocol):
    """What carries out units of work, each in a transaction; those that write follow one another.

    That is what serialises the writing units of one process; the database does it for several.
    """

    @property
    def commits(self) -> int:
        """How many transactions that wrote were committed."""
        ...

    def ask(self, work: Callable[[Connection], T], *, writes: bool = True, after: str = "") -> Awaitable[T]:
        """Carry out a unit and return its answer after the commit.

        Args:
            work: may be called twice, so it changes nothing but the database; what it raises undoes it alone.
            writes: false when it only reads.
            after: a crash point to pass when the unit is durable and its caller has not been told.
        """
        ...

    def close(self) -> None:
        """Finish what was queued, and close the database."""
        ...
