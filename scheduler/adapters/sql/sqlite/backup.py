"""A backup: one whole, checked and synced file, made while daemons work.  Plain sqlite3 alone.

The copy is made under a temporary name and gets its own name when nothing can go wrong any more.  It bears a
mark, by which it is known as a copy when it is put back, by whatever means.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scheduler.adapters.sql.backup_mark import MARK, mark_text
from scheduler.adapters.sql.errors import LOOK_SECONDS, wrong_schema
from scheduler.adapters.sql.schema import judge
from scheduler.adapters.sql.sqlite.errors import explain, is_full
from scheduler.adapters.sql.sqlite.read_connection import read_only
from scheduler.adapters.sql.sqlite.revision import stored_revision
from scheduler.crash import crashpoint
from scheduler.errors import CannotWorkError, NotFoundError, RefusedError, StoreError, UsageError

_PAGES_AT_ONCE = 4096
_OF_WRITING = tuple(
    f"SQLITE_{name}" for name in ("FULL", "READONLY", "CANTOPEN", "IOERR_WRITE", "IOERR_FSYNC")
)
_BESIDE = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished copy."""

    path: Path
    taken_at: datetime
    size_bytes: int
    runs: int


def back_up(database: Path, target: Path, now: datetime, *, force: bool = False) -> Backup:
    """Copy a database that may be in use to ``target``, readable by its owner only.

    Args:
        now: from before the copy begins, so that nothing later is ever believed to be in it.
        force: overwrite a file of that name.

    Raises:
        NotFoundError: there is no database, or no such directory.
        UsageError: the target is a directory, or the database itself.
        RefusedError: the target is there already.
        CannotWorkError: the target cannot be written; nothing is left there.
        StoreError: the database cannot be read, or is damaged.
    """
    _check_places(database, target, force=force)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    source = open_copyable(database)
    try:
        runs = copy_whole(source, partial, now)
        crashpoint("backup")
        take_place(partial, target)
    except sqlite3.Error as error:
        ours = is_of_writing(error)
        raise (cannot_write(error, target) if ours else explain(error, str(database))) from error
    except OSError as error:
        raise cannot_write(error, target) from error
    finally:
        source.close()
        remove(partial)
    return Backup(target, now, target.stat().st_size, runs)


def open_copyable(database: Path) -> sqlite3.Connection:
    """Open a database for reading whose schema is known here.

    Raises:
        StoreError: it cannot be read, holds no tables of ours, or has a schema that this version cannot use.
    """
    try:
        connection = read_only(database, busy_seconds=LOOK_SECONDS)
    except sqlite3.Error as error:
        raise explain(error, str(database)) from error
    try:
        revision = stored_revision(connection)
        state = judge(revision)
        if state not in ("current", "older"):
            raise wrong_schema(str(database), state, revision)
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, str(database)) from error
    except StoreError:
        connection.close()
        raise
    return connection


def copy_whole(source: sqlite3.Connection, partial: Path, taken_at: datetime) -> int:
    """Write one moment of ``source`` to a new file, marked, checked and synced; return how many runs it has.

    A copy of a copy keeps the older mark.

    Raises:
        sqlite3.Error, OSError: it could not be read or written.
        StoreError: the copy is damaged, and so is what it was made from.
    """
    remove(partial)
    os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    # An open transaction holds one moment fast: without it a busy daemon would make the copy begin anew.
    source.execute("BEGIN")
    source.execute("SELECT count(*) FROM meta").fetchone()
    copy = sqlite3.connect(partial, isolation_level=None)
    try:
        source.backup(copy, pages=_PAGES_AT_ONCE)
        # One file that needs no log beside it; and by this a stale log is told from the copy's own.
        copy.execute("PRAGMA journal_mode=DELETE").fetchone()
        copy.execute("PRAGMA synchronous=FULL")
        copy.execute("INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)", (MARK, mark_text(taken_at)))
        [sound] = copy.execute("PRAGMA integrity_check(1)").fetchone()
        [runs] = copy.execute("SELECT count(*) FROM runs").fetchone()
    finally:
        copy.close()
        source.execute("ROLLBACK")
    if sound != "ok":
        raise StoreError(
            "the database is damaged, and so is every copy of it",
            help="stop all agentcron processes, keep the file, and restore an older backup",
        )
    with open(partial, "rb") as file:
        os.fsync(file.fileno())
    return int(runs)


def take_place(partial: Path, target: Path) -> None:
    """Give a finished file its name, durably."""
    os.replace(partial, target)
    sync_directory(target.parent)


def sync_directory(directory: Path) -> None:
    """Make what was renamed in a directory durable."""
    handle = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(partial: Path) -> None:
    """Delete an unfinished copy and what SQLite may have left beside it."""
    for name in (str(partial), *(f"{partial}{suffix}" for suffix in _BESIDE)):
        with suppress(OSError):
            os.unlink(name)


def cannot_write(error: BaseException, target: Path) -> CannotWorkError:
    """Return the error for a place that does not take a copy."""
    if is_full(error):
        return CannotWorkError(
            f"the disk that should hold {target} is full",
            help="free some space, or name a file on another disk; no part of the copy was kept",
        )
    reason = (error.strerror if isinstance(error, OSError) else None) or "the disk refused"
    return CannotWorkError(
        f"{target} cannot be written: {reason.lower()}", help="name a file in a directory that you may write"
    )


def is_of_writing(error: sqlite3.Error) -> bool:
    """Tell the two ends of a copy apart: the source is only read, so what cannot be written is the copy."""
    return (getattr(error, "sqlite_errorname", "") or "").startswith(_OF_WRITING)


def _check_places(database: Path, target: Path, *, force: bool) -> None:
    if not database.exists():
        raise NotFoundError(f"there is no database at {database}", help="nothing has run yet: agentcron up")
    if not target.parent.is_dir():
        raise NotFoundError(f"there is no directory {target.parent}", help="make it, or name another place")
    if target.is_dir():
        raise UsageError(f"{target} is a directory", help=f"name a file in it: {target / 'agentcron.backup'}")
    if not target.exists():
        return
    if target.samefile(database):
        raise UsageError(f"{target} is the database itself", help="name another file, best on another disk")
    if not force:
        raise RefusedError(f"{target} is there already", help="name another file, or overwrite it: --force")
