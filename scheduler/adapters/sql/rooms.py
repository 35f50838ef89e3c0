"""How changes and guards of a step are stored: one room per kind, found by entry points.

A distribution that brings a kind of change registers a `Room` under its kind in the group
``agentcron.changes``; ours are registered in the same way.  Rooms are loaded when a store is opened, so a
kind without one is noticed at start-up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.errors import StatementError
from scheduler.core.job.job import Job
from scheduler.core.run.run import Run
from scheduler.core.run.step import Change, Guard
from scheduler.errors import ConfigError, PartError
from scheduler.host.plug_ins import Group
from scheduler.ports.room import Check, Room, StepContext

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "agentcron.changes"


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class EagerRoom(Room):
    """A room whose part is read at each claim, because the engine itself needs it.

    Only agentcron has such rooms: one that raised would stop every run.

    Args:
        at_first: the part of a run that has no message yet, which need not be read; None: it is always read.
    """

    at_first: Any = None


class Rooms:
    """The rooms that are installed, by kind.

    Raises:
        ConfigError: two of them look at the same guard.
    """

    def __init__(self, rooms: Mapping[str, Room]) -> None:
        self._rooms = dict(rooms)
        self._checks: dict[str, Check] = {}
        owners: dict[str, str] = {}
        for name, room in rooms.items():
            for guard, check in room.guards.items():
                if guard in owners:
                    raise ConfigError(f"the guard {guard} is provided twice, by {owners[guard]} and {name}")
                owners[guard] = name
                self._checks[guard] = check

    @classmethod
    def installed(cls) -> Rooms:
        """Load all rooms of the installed distributions.

        Raises:
            ConfigError: one cannot be loaded, or two have the same kind.
        """
        return cls(Group(GROUP, "change", _checked).all())

    def check(self, connection: Connection, context: StepContext, guards: Sequence[Guard]) -> None:
        """Look whether all guards hold.

        Raises:
            FactsChangedError: one does not.
            OverBudgetError: there is no room for a request.
            ValueError: nobody knows how to look at one; a mistake of the caller.
        """
        by_kind: dict[str, list[Guard]] = {}
        for guard in guards:
            by_kind.setdefault(guard.kind, []).append(guard)
        for kind, alike in by_kind.items():
            if kind not in self._checks:
                raise ValueError(f"no room knows the guard {kind}")
            self._checks[kind](connection, context, alike)

    def write(self, connection: Connection, context: StepContext, changes: Sequence[Change]) -> None:
        """Write the changes of a step, in their order.

        Raises:
            FactsChangedError: one was decided on facts that are over.
            ValueError: no room knows one; a mistake of the caller.
        """
        for change in changes:
            room = self._rooms.get(change.kind)
            if room is None or room.write is None:
                raise ValueError(f"no room writes the change {change.kind}")
            room.write(connection, context, change)

    def parts(
        self, connection: Connection, run: Run, job: Job, now: datetime, *, is_new: bool
    ) -> dict[str, Any]:
        """Return the parts of a checkpoint that are read at each claim.

        Args:
            is_new: no message of the run is stored, so no call of it has made any change.
        """
        return {
            kind: room.at_first
            if is_new and room.at_first is not None
            else room.load(connection, run, job, now)
            for kind, room in self._rooms.items()
            if isinstance(room, EagerRoom) and room.load is not None
        }

    def part(self, connection: Connection, kind: str, run: Run, job: Job, now: datetime) -> Any:
        """Return one part of a checkpoint; None when its kind keeps none.

        Raises:
            PartError: its room failed; another version of its package may read it.
        """
        room = self._rooms.get(kind)
        if room is None or room.load is None:
            return None
        try:
            return room.load(connection, run, job, now)
        except Exception as error:  # a plug-in may raise anything
            if connection.is_outage(error):
                raise
            problem = f"{type(error).__name__}: {error}"
            raise PartError(f"what the change {kind} keeps cannot be read: {problem}") from error

    def rows_of_runs(self) -> Iterator[tuple[str, str]]:
        """Yield the tables of plug-ins with rows of runs, each with the column that holds the run's id."""
        for room in self._rooms.values():
            yield from room.rows_of_runs.items()

    @property
    def has_tables(self) -> bool:
        """Whether any room brings tables of its own."""
        return any(room.schema or room.rows_of_runs for room in self._rooms.values())

    def prepare(self, connection: Connection) -> bool:
        """Make the tables of plug-ins, or bring them up to date; return whether anything was done.

        Raises:
            ConfigError: the database is ahead of a plug-in, or a statement of one is wrong.
        """
        done = False
        for kind, room in self._rooms.items():
            done |= self._bring_to_date(connection, kind, room)
            for table, column in room.rows_of_runs.items():
                # Found now: pruning would fail for all jobs.
                problem = f"the change {kind} has no table {table} with a column {column}"
                _execute(connection, problem, [f"SELECT {column} FROM {table} LIMIT 0"])
        return done

    def _bring_to_date(self, connection: Connection, kind: str, room: Room) -> bool:
        if not room.schema:
            return False
        key = f"schema.{kind}"
        applied = int(connection.execute(_APPLIED, {"key": key}).scalar() or 0)
        if applied > len(room.schema):
            raise ConfigError(
                f"the database knows a newer version of the change {kind}", help="update its package"
            )
        for version, statements in enumerate(room.schema[applied:], applied + 1):
            problem = f"the tables of the change {kind} cannot be made version {version}"
            _execute(connection, problem, statements)
        if applied == len(room.schema):
            return False
        connection.execute(_APPLY, {"key": key, "value": str(len(room.schema))})
        return True


def _checked(_point: EntryPoint, found: object) -> Room:
    if not isinstance(found, Room):
        raise ConfigError(f"is not a Room but {found!r}", help="name a scheduler.toolkit.Room")
    for table, column in found.rows_of_runs.items():
        if not (_NAME.fullmatch(table) and _NAME.fullmatch(column)):
            raise ConfigError(f"has rows_of_runs with a name that SQL would not take: {table}.{column}")
    return found


def _execute(connection: Connection, problem: str, statements: Sequence[str]) -> None:
    for statement in statements:
        try:
            connection.define(statement)
        except StatementError as error:
            raise ConfigError(
                f"{problem}: {error}", help="update or uninstall the package that provides it"
            ) from error


_APPLIED = text("SELECT value FROM meta WHERE key = :key")
_APPLY = text(
    "INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = :value"
)
