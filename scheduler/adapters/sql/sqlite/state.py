"""The database as a file: how large it is, which schema it has, whether it can be written."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from scheduler.adapters.sql.errors import THROUGH_0002
from scheduler.adapters.sql.schema import HEAD, TABLES, judge
from scheduler.adapters.sql.sqlite.errors import explain
from scheduler.adapters.sql.sqlite.read_connection import read_only
from scheduler.adapters.sql.sqlite.revision import stored_revision
from scheduler.errors import CannotWorkError
from scheduler.ports.store.audit import DatabaseState

_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"


def state_of(path: Path) -> DatabaseState:
    """Return how a database stands, without changing it.

    Raises:
        CannotWorkError: it cannot be looked at.
        StoreError: it is there and cannot be read.
    """
    if not path.exists():
        return DatabaseState(judge(None), None, HEAD)
    try:
        size = path.stat().st_size
        with closing(read_only(path)) as connection:
            revision = stored_revision(connection)
            tables = {row[0] for row in connection.execute(_TABLES)}
    except OSError as error:
        raise CannotWorkError(f"the database {path} cannot be read: {error.strerror}") from error
    except sqlite3.Error as error:
        raise explain(error, str(path)) from error
    state = judge(revision)
    return DatabaseState(
        state,
        revision,
        HEAD,
        size_bytes=size,
        log_bytes=_size(f"{path}-wal"),
        missing_tables=tuple(sorted(set(TABLES) - tables)),
        is_begun=bool(set(TABLES) & tables),
        way_out=THROUGH_0002 if state == "abandoned" else "",
    )


def require_writable(path: Path, seconds: float) -> None:
    """Take the lock of a database and give it back: that writes nothing, and says what no look can say.

    Args:
        path: the database.
        seconds: how long to wait for another process that has it.

    Raises:
        StoreError: another process holds it, or it cannot be written.
    """
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw", uri=True, timeout=seconds, isolation_level=None
    )
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise explain(error, str(path)) from error
    finally:
        connection.close()


def sizes(path: Path) -> dict[str, int]:
    """Return the sizes of the file and of its log in bytes; 0 for one that is not there."""
    return {"main": _size(str(path)), "wal": _size(f"{path}-wal")}


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0
