"""Pieces of transcripts: written by a step, and read as a whole when a backend wants them back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rooms import EagerRoom
from scheduler.adapters.sql.tables.sessions import sessions
from scheduler.core.changes.transcript import NOTHING, KeepTranscript, Kept
from scheduler.core.job.job import Job
from scheduler.core.run.run import Run
from scheduler.ports.room import Room, StepContext

_INSERT = insert(sessions)
_FORGET = text("DELETE FROM sessions WHERE run_id = :run_id")
_KEPT = text(
    "SELECT s.seq, s.sha256, (SELECT sum(length(a.data)) FROM sessions a WHERE a.run_id = s.run_id)"
    " FROM sessions s WHERE s.run_id = :run_id ORDER BY s.seq DESC LIMIT 1"
)
_PIECES = text("SELECT data FROM sessions WHERE run_id = :run_id ORDER BY seq")


def write(connection: Connection, context: StepContext, change: KeepTranscript) -> None:
    """Keep a piece."""
    if change.is_whole:
        connection.execute(_FORGET, {"run_id": context.run_id})
    values = {"run_id": context.run_id, "seq": change.seq, "sha256": change.digest, "data": change.data}
    connection.execute(_INSERT, values)


def load(connection: Connection, run: Run, job: Job, now: datetime) -> Kept:
    """Return how much is kept."""
    del job, now
    row = connection.execute(_KEPT, {"run_id": run.id}).first()
    return NOTHING if row is None else Kept(row[0], row[2], row[1])


def content(connection: Connection, run: Run, job: Job, now: datetime) -> bytes:
    """Return all pieces as one."""
    del job, now
    return b"".join(connection.execute(_PIECES, {"run_id": run.id}).scalars())


ROOM = EagerRoom(write, load, at_first=NOTHING)
CONTENT_ROOM = Room(load=content)
