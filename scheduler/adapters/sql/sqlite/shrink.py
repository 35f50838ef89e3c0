"""Giving the free pages of a database back to the disk.  Plain sqlite3 alone."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from scheduler.adapters.sql.errors import LOOK_SECONDS
from scheduler.adapters.sql.sqlite.errors import explain
from scheduler.adapters.sql.sqlite.read_connection import read_only


def free_bytes(database: Path) -> int:
    """Return how much of the file is free and will be used again before it grows.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        connection = read_only(database, busy_seconds=LOOK_SECONDS)
        try:
            [pages] = connection.execute("PRAGMA freelist_count").fetchone()
            [size] = connection.execute("PRAGMA page_size").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise explain(error, str(database)) from error
    return int(pages * size)


def shrink(database: Path) -> int:
    """Rewrite the file without its free pages; return how many bytes it lost.  Nobody may be at work on it.

    Raises:
        StoreError: somebody has it open, or there is no room for the copy that is made on the way.
    """
    before = database.stat().st_size
    try:
        connection = sqlite3.connect(database, timeout=LOOK_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise explain(error, str(database)) from error
    return before - database.stat().st_size
