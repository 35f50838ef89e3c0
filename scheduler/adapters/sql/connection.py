"""A connection, as the units of work see it: statements in, rows out, and the records of the transaction.

The units are written against these protocols; ``driver`` implements them for SQLite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Insert, TextClause

from scheduler.core.record import Head
from scheduler.ports import room
from scheduler.ports.room import Result, Row, Values

__all__ = ["Connection", "Noted", "Result", "Row", "Values"]

Noted = tuple[str, str, str, str, Mapping[str, Any]]
"""When, kind, job, run and body of a record that has no number yet."""


class Connection(room.Connection, Protocol):
    """What a unit of work executes its statements on; the transaction is the committer's."""

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

    def exec_driver_sql(self, sql: str) -> Result:
        """Execute a text as it is."""
        ...
