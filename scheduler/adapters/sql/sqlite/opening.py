"""How a database is opened: durable, strict about keys, and only for its owner's eyes."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from scheduler.adapters.sql.errors import BUSY_SECONDS
from scheduler.adapters.sql.sqlite.errors import explain
from scheduler.adapters.sql.sqlite.restore import set_foreign_log_aside
from scheduler.errors import StoreError

BEGIN_WRITE = "BEGIN IMMEDIATE"
"""A transaction that reads first and then writes would fail at once, whatever the busy timeout."""

BEGIN_READ = "BEGIN"

PAGE_BYTES = 2048
"""Of a new file: a step changes small rows in a dozen places, and each writes its whole page.  # why #65"""

_CHECKPOINT_BYTES = 4_096_000
"""How long the write-ahead log may grow before it is copied: SQLite's own figure for pages of 4096 bytes."""

_WAL_TRIES = 100
_WAL_PAUSE_SECONDS = 0.05


def open_engine(path: str | os.PathLike[str], *, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """Return an engine on a SQLite file, which is created (mode 0600) when it is not there.

    Raises:
        StoreError: the file cannot be made, opened, or written.
    """
    name = os.path.abspath(os.fspath(path))
    _ensure_file(name)
    with translate_errors(name):
        set_foreign_log_aside(name)

    def connect() -> sqlite3.Connection:
        driver = sqlite3.connect(
            name, timeout=busy_seconds, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            _set_up(driver)
        except BaseException:
            driver.close()
            raise
        return driver

    # No pool: the committer keeps its one connection, everything else is rare.
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(BEGIN_WRITE)

    with translate_errors(name):
        engine.connect().close()
    return engine


@contextmanager
def translate_errors(path: str) -> Iterator[None]:
    """Turn every error of the database into a StoreError that names the file."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise as_store_error(error, path) from error


def as_store_error(error: BaseException, path: str) -> StoreError:
    """Return the StoreError for an error of SQLAlchemy, the driver or the system."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, DBAPIError) and error.orig is not None:
        return explain(error.orig, path)
    return explain(error, path)


def _ensure_file(name: str) -> None:
    """Make the file before SQLite does, which would let the umask decide who may read it."""
    try:
        os.close(os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        # A file that may be read and not written is named as such by SQLite, further on.
        if not os.path.isfile(name):
            raise explain(error, name) from error


def _set_up(driver: sqlite3.Connection) -> None:
    driver.execute("PRAGMA foreign_keys=1")
    driver.execute(f"PRAGMA page_size={PAGE_BYTES}")  # of a file that has no page yet
    # NORMAL would not sync at commit: a power cut may then take back an acknowledged `started`.
    driver.execute("PRAGMA synchronous=FULL")
    for attempt in range(_WAL_TRIES):
        try:
            mode = driver.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            # Two processes that open a new file at once: this pragma does not honour the busy timeout.
            if (error.sqlite_errorcode & 0xFF) != sqlite3.SQLITE_BUSY or attempt == _WAL_TRIES - 1:
                raise
            threading.Event().wait(_WAL_PAUSE_SECONDS)
            continue
        if mode.lower() != "wal":
            raise sqlite3.OperationalError(f"its file system does not allow WAL (journal mode {mode})")
        [page_bytes] = driver.execute("PRAGMA page_size").fetchone()
        driver.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_BYTES // page_bytes}")
        return
