"""Records that a step writes by itself, such as the one before a gate is asked."""

from __future__ import annotations

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.units import records
from scheduler.core.changes.note import Note
from scheduler.ports.room import Room, StepContext


def write(connection: Connection, context: StepContext, change: Note) -> None:
    """Note a record."""
    records.append(connection, context.at, change.record, context.job, context.run_id, change.body)


ROOM = Room(write)
