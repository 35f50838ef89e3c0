"""The room port: how one kind of change is stored, built in or of a plug-in.

A plug-in names a `Room` as an entry point of the group ``agentcron.changes``; the name is the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from scheduler.core.job.job import Job
from scheduler.core.run.run import Move, Run

Row = tuple[Any, ...]
Values = Mapping[str, Any]


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
        """Return the row, which must exist, as for a count."""
        ...

    def scalar(self) -> Any:
        """Return the first column of the first row, or None if there is no row."""
        ...

    def scalar_one(self) -> Any:
        """Return the first column of the row, which must exist."""
        ...

    def scalars(self) -> Iterator[Any]:
        """Return the first column of every row."""
        ...


class Connection(Protocol):
    """A connection in the transaction of a step; a room neither commits nor rolls back."""

    def execute(self, statement: str, values: Values | Sequence[Values] = ...) -> Result:
        """Execute a statement of SQL with named parameters (``:name``); several values execute it for each.

        A value is a text, a number, bytes or None; in texts, lone surrogates and NULs become ``?``.
        """
        ...


@dataclass(frozen=True, slots=True)
class StepContext:
    """The step that a change belongs to: its job and run, its instant (aware UTC), and its move."""

    job: str
    run_id: str
    at: datetime
    move: Move | None


Writer: TypeAlias = Callable[[Any, StepContext, Any], None]
"""``write(connection, context, change)`` writes one change.

It raises FactsChangedError if the change was decided on outdated facts.
"""

Check: TypeAlias = Callable[[Any, StepContext, Sequence[Any]], None]
"""``check(connection, context, guards)`` checks all guards of one kind in a step.

It raises FactsChangedError or OverBudgetError.
"""

Loader: TypeAlias = Callable[[Any, Run, Job, datetime], Any]
"""``load(connection, run, job, now)`` reads the part of a checkpoint of a kind."""


@dataclass(frozen=True, slots=True)
class Room:
    """How one kind of change is stored.

    Args:
        write: writes one change, in the transaction of its step.
        load: reads its part of the checkpoint, if it has one, when a call of a tool needs it.
        guards: by kind of guard, its check.
        schema: for tables of a plug-in, its own migrations in order, each a sequence of SQL statements; the
            number of applied ones is stored in ``meta``.
        rows_of_runs: by table of a plug-in, the column with the id of a run: these rows are deleted
            with their run.
    """

    write: Writer | None = None
    load: Loader | None = None
    guards: Mapping[str, Check] = field(default_factory=dict)
    schema: tuple[tuple[str, ...], ...] = ()
    rows_of_runs: Mapping[str, str] = field(default_factory=dict)
