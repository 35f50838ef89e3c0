"""Workdirs in which private data may lie: marked by a step, looked at before calls begin, cleaned later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rooms import EagerRoom
from scheduler.adapters.sql.rows import work as rows
from scheduler.adapters.sql.rows.work import to_us
from scheduler.adapters.sql.units import records
from scheduler.core.actor import Actor
from scheduler.core.changes.stain import FolderClean, Stain
from scheduler.core.job.job import Job
from scheduler.core.run.run import Run
from scheduler.errors import FactsChangedError, RefusedError
from scheduler.ports.room import StepContext

STAIN = "private:"
"""What the keys in ``meta`` begin with that name workdirs where private data may lie."""

_SPECS = text("SELECT spec FROM jobs WHERE spec IS NOT NULL")
_STAIN = text("INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO NOTHING")
# The keys of all stains are a range: ";" comes after ":".
_INSIDE = "(key = :key OR substr(key, 1, length(:key) + 1) = :key || '/')"
_AROUND = "substr(:key, 1, length(key) + 1) = key || '/'"
_STAINS = f"key >= '{STAIN}' AND key < '{STAIN[:-1]};'"
_STAINED = text(f"SELECT key FROM meta WHERE {_STAINS} AND ({_INSIDE} OR {_AROUND}) ORDER BY key")
_CLEAN = text(f"DELETE FROM meta WHERE {_STAINS} AND {_INSIDE} RETURNING key")


def write(connection: Connection, context: StepContext, change: Stain) -> None:
    """Mark a workdir."""
    connection.execute(_STAIN, {"key": STAIN + change.workdir, "value": str(to_us(context.at))})


def check(connection: Connection, context: StepContext, guards: Sequence[FolderClean]) -> None:
    """Look whether workdirs are still clean.

    Raises:
        FactsChangedError: private data has come to one.
    """
    del context
    for guard in guards:
        if is_stained(connection, guard.workdir):
            raise FactsChangedError(f"private data may lie in {guard.workdir} by now")


def load(connection: Connection, run: Run, job: Job, now: datetime) -> bool:
    """Return whether private data may lie in the workdir of a job."""
    del run, now
    return is_stained(connection, job.workdir)


def is_stained(connection: Connection, workdir: str | None) -> bool:
    """Whether private data may lie in a workdir: in itself, in one inside it, or in one around it."""
    return workdir is not None and connection.execute(_STAINED, {"key": STAIN + workdir}).first() is not None


def doubt(connection: Connection, now: datetime) -> None:
    """Let private data be possible in all workdirs that are known, since nobody knows what was done there."""
    specs = connection.execute(_SPECS).scalars()
    workdirs = {rows.job_from(spec).workdir for spec in specs} - {None}
    for workdir in sorted(map(str, workdirs)):
        connection.execute(_STAIN, {"key": STAIN + workdir, "value": str(to_us(now))})


def clean(connection: Connection, workdir: str, now: datetime, actor: Actor) -> bool:
    """See ``Consent.clean``."""
    known = bool(connection.execute(_CLEAN, {"key": STAIN + workdir}).all())
    around = connection.execute(_STAINED, {"key": STAIN + workdir}).scalar()
    if around is not None:
        outer = str(around).removeprefix(STAIN)
        raise RefusedError(
            f"{workdir} lies in {outer}, which is not clean", help="clean the job of that folder"
        )
    if known:
        records.append(connection, now, "clean", "", "", {"by": str(actor), "workdir": workdir})
    return known


ROOM = EagerRoom(write, load, guards={FolderClean.kind: check})
