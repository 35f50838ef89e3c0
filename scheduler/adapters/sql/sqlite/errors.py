"""What the errors of SQLite and of its file mean, with a way out.  No SQLAlchemy here."""

from __future__ import annotations

import errno
import os

from scheduler.adapters.sql.errors import no_tables
from scheduler.errors import BadRowError, StoreError

_MAGIC, _WITHOUT_LOG = b"SQLite format 3\0", b"\1\1"

# Primary result codes of SQLite (the low byte of sqlite_errorcode).
_BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 5, 6, 8, 10, 11, 13, 14, 26
_TOO_BIG, _CONSTRAINT, _MISMATCH = 18, 19, 20


def is_of_the_surroundings(error: BaseException) -> bool:
    """Whether the file, the disk or another process is to blame for an error, and not the statement."""
    return _code(error) in (_BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB)


def explain(error: BaseException, path: str) -> StoreError:
    """Return the StoreError that tells a person what a driver's error means.

    Args:
        error: an error of the driver (``sqlite3.Error``) or of the system (``OSError``).
        path: the database file.
    """
    if isinstance(error, OSError):
        return _of_system(error, path)
    code = _code(error)
    if code in (_BUSY, _LOCKED):
        return StoreError(
            f"the database {path} is locked by another process",
            help="a backup, a migration or a stopped process may hold it; try again when it has ended",
        )
    if code == _FULL:
        return StoreError(
            f"the disk that holds the database {path} is full",
            help="free some space; no work was begun that could not be recorded",
        )
    if code == _READONLY:
        return StoreError(
            f"the database {path} cannot be written: the file, its directory or its disk is read-only",
            help="make them writable for this user, or give another place with --home or --database",
        )
    if code == _NOTADB:
        return StoreError(
            f"{path} is not an agentcron database",
            help="give another place with --home or --database; the file is left as it is",
        )
    if code == _CORRUPT:
        return StoreError(
            f"the database {path} is damaged",
            help="stop all agentcron processes, then put a backup in its place: agentcron restore FILE",
        )
    if code in (_TOO_BIG, _CONSTRAINT, _MISMATCH):
        return BadRowError(f"the database {path} cannot hold what was to be written: {error}")
    if code == _CANTOPEN:
        return _cannot_open(path)
    if code == _IOERR and os.path.isdir(path):
        return _cannot_open(path)
    if code == _IOERR:
        return StoreError(
            f"the disk failed while the database {path} was read or written",
            help="look at the system's log and at the free space; nothing is lost that was acknowledged",
        )
    return StoreError(f"the database {path} failed: {error}", help="run agentcron doctor")


def is_busy(error: BaseException) -> bool:
    """Whether another process was in the way."""
    return _code(error) in (_BUSY, _LOCKED)


def is_corrupt(error: BaseException) -> bool:
    """Whether the file is damaged."""
    return _code(error) == _CORRUPT


def is_no_database(error: BaseException) -> bool:
    """Whether the file is something else."""
    return _code(error) == _NOTADB


def is_full(error: BaseException) -> bool:
    """Whether there was no room left."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return _code(error) == _FULL


def _code(error: BaseException) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def has_foreign_log(database: str | os.PathLike[str]) -> bool:
    """Whether the log beside a database is that of another one, which had its name before.

    A backup says in its header that it has no log; a database that was worked with says the opposite before
    its log comes to be.  SQLite would read the log into whatever lies beside it.
    """
    try:
        # In this order: what another process does meanwhile can only make the header say "mine".
        if os.stat(f"{os.fspath(database)}-wal").st_size == 0:
            return False
        with open(database, "rb") as file:
            head = file.read(20)
    except OSError:
        return False
    return head.startswith(_MAGIC) and head[18:20] == _WITHOUT_LOG


def foreign_log(path: str | os.PathLike[str]) -> StoreError:
    """Return the error for somebody who only looks, and so cannot set the log aside."""
    return StoreError(
        f"beside the restored database {os.fspath(path)} lies the log of another one",
        help="it is set aside at the next start: agentcron up",
    )


def _cannot_open(path: str) -> StoreError:
    directory = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(directory):
        return StoreError(
            f"the directory {directory} of the database does not exist",
            help=f"create it: mkdir -p {directory}",
        )
    if os.path.isdir(path):
        return StoreError(
            f"{path} is a directory, and the database should be a file there",
            help="move it away, or give another place with --home or --database",
        )
    if not os.path.exists(path):
        return no_tables(path)
    return StoreError(f"the database {path} cannot be opened", help="look at its permissions")


def _of_system(error: OSError, path: str) -> StoreError:
    if isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError)):
        return _cannot_open(path)
    reason = (error.strerror or type(error).__name__).lower()
    return StoreError(
        f"the database {path} cannot be opened: {reason}",
        help="look at the permissions of the file and of its directory",
    )
