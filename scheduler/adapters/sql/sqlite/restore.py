"""Putting a backup in the place of a database.  Plain sqlite3 alone; nothing is ever deleted.

What the restored database then means for runs, slots and reports is settled when it is first opened: see
``restore.py``.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scheduler.adapters.sql.backup_mark import DOUBTFUL_NOTICES, DUE_JOBS, MARK, SLEEPS_ON, mark_from
from scheduler.adapters.sql.errors import LOOK_SECONDS, NoTablesError
from scheduler.adapters.sql.rows.work import from_us, to_us
from scheduler.adapters.sql.sqlite.backup import (
    cannot_write,
    copy_whole,
    is_of_writing,
    open_copyable,
    remove,
    take_place,
)
from scheduler.adapters.sql.sqlite.errors import explain, has_foreign_log, is_busy, is_corrupt, is_no_database
from scheduler.adapters.sql.states import live
from scheduler.crash import crashpoint
from scheduler.errors import RefusedError, StoreError

log = logging.getLogger("agentcron")

_NEWEST = (
    "SELECT max(at) FROM (SELECT max(seen_at) AS at FROM runners UNION ALL SELECT max(created_at) FROM runs"
    " UNION ALL SELECT max(started_at) FROM requests)"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a backup holds, and what becomes of it when it is put in place now.

    Args:
        marked: whether ``agentcron backup`` made it; else ``taken_at`` is the last that it knows of.
        acted: live runs that will wait for a person.
        asleep: live runs that sleep on.
        due: jobs with slots that will be skipped.
        held: reports that will not be sent.
    """

    path: Path
    taken_at: datetime
    marked: bool
    size_bytes: int
    runs: int
    acted: int
    asleep: int
    due: int
    held: int


def inspect(path: Path, now: datetime) -> Found:
    """Check a backup and look into it.

    Raises:
        StoreError: it is damaged, no database of ours, or newer than this version.
    """
    with _opened(path) as connection:
        [sound] = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if sound != "ok":
            raise _damaged(path)
        marked = connection.execute("SELECT value FROM meta WHERE key = ?", (MARK,)).fetchone()
        [newest] = connection.execute(_NEWEST).fetchone()
        count = _counter(connection, {"now": to_us(now)})
        unfinished = count(f"runs WHERE {live()}")
        asleep = count(f"runs WHERE {SLEEPS_ON}")
        if marked is not None:
            taken_at = mark_from(marked[0])
        else:
            taken_at = from_us(newest) if newest else datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return Found(
            path,
            taken_at,
            marked is not None,
            path.stat().st_size,
            count("runs"),
            unfinished - asleep,
            asleep,
            count(f"jobs WHERE {DUE_JOBS}"),
            count(f"outbox WHERE {DOUBTFUL_NOTICES}"),
        )


def put_in_place(found: Found, database: Path, now: datetime) -> Path | None:
    """Put a copy of a backup where the database is; return where the present one lies now, if there was one.

    At every moment there is the old database or the new one under the name; a crash leaves either.

    Raises:
        RefusedError: another process has the database open.
        CannotWorkError: the home cannot be written.
    """
    aside = _free_name(f"{database}.before-restore-{now:%Y%m%dT%H%M%SZ}")
    partial = database.with_name(f".{database.name}.{os.getpid()}.partial")
    try:
        with _opened(found.path, database) as source:
            copy_whole(source, partial, found.taken_at)
        there = database.exists()
        if there:
            _fold_log(database)
        for suffix in ("-wal", "-shm", "-journal"):
            # Left only by a database that could not be opened: it belongs to that one, and to no other.
            if os.path.exists(f"{database}{suffix}"):
                os.rename(f"{database}{suffix}", f"{aside}{suffix}")
        if there:
            _link(database, aside)
        crashpoint("aside")
        take_place(partial, database)
    except OSError as error:
        raise cannot_write(error, database) from error
    finally:
        remove(partial)
    return aside if there else None


def set_foreign_log_aside(database: str) -> None:
    """Rename a log that belongs to another database; call this before SQLite opens the file.

    Raises:
        OSError: it cannot be renamed.
    """
    if not has_foreign_log(database):
        return
    handle = os.open(os.path.dirname(database), os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Another process may be here too, and the next log under this name will be a good one.
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not has_foreign_log(database):
            return
        name = _free_name(f"{database}-wal.aside")
        os.rename(f"{database}-wal", name)
        log.warning("%s-wal belonged to another database than the restored one; it is now %s", database, name)
    finally:
        os.close(handle)


@contextmanager
def _opened(path: Path, target: Path | None = None) -> Iterator[sqlite3.Connection]:
    """Open a backup, to be copied to ``target`` or only looked at."""
    try:
        connection = open_copyable(path)
        try:
            yield connection
        finally:
            connection.close()
    except NoTablesError:
        raise _no_backup(path) from None
    except StoreError as error:
        if isinstance(error.__cause__, sqlite3.Error):
            raise _of_backup(error.__cause__, path) from error.__cause__
        raise
    except sqlite3.Error as error:
        if target is not None and is_of_writing(error):
            raise cannot_write(error, target) from error
        raise _of_backup(error, path) from error


def _of_backup(error: sqlite3.Error, path: Path) -> StoreError:
    if is_no_database(error):
        return _no_backup(path)
    return _damaged(path) if is_corrupt(error) else explain(error, str(path))


def _no_backup(path: Path) -> StoreError:
    return StoreError(f"{path} is not an agentcron database", help="name a file that agentcron backup made")


def _damaged(path: Path) -> StoreError:
    return StoreError(f"the backup {path} is damaged; nothing was changed", help="restore an older one")


def _counter(connection: sqlite3.Connection, values: dict[str, int]) -> Callable[[str], int]:
    def count(what: str) -> int:
        return int(connection.execute(f"SELECT count(*) FROM {what}", values).fetchone()[0])

    return count


def _fold_log(database: Path) -> None:
    """Bring a database and its log into one file, which also shows that nobody has it open.

    One that is damaged stays as it is: it goes aside with its log.
    """
    set_foreign_log_aside(str(database))
    try:
        connection = sqlite3.connect(database, timeout=LOOK_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        if is_busy(error):
            raise RefusedError(
                f"another process has the database {database} open", help="end it, then restore again"
            ) from error


def _free_name(wanted: str) -> Path:
    """Return a name that no file has yet: nothing that was set aside is overwritten."""
    path, number = Path(wanted), 1
    while path.exists():
        number += 1
        path = Path(f"{wanted}-{number}")
    return path


def _link(database: Path, aside: Path) -> None:
    """Give the present database a second name; the first one is then taken over in one stroke."""
    try:
        os.link(database, aside)
    except OSError:
        os.rename(database, aside)  # a file system without links
