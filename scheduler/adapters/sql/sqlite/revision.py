"""Which schema a file has."""

from __future__ import annotations

import sqlite3

from scheduler.adapters.sql.schema import ADDED_BY_0002, BEFORE_GRANTS, VERSION_TABLE


def stored_revision(connection: sqlite3.Connection) -> str | None:
    """Return the revision written in an open database, or None when it has no tables of ours.

    A database at 0001 that has none of the tables of grants is at ``BEFORE_GRANTS``.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    found = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (VERSION_TABLE,)
    ).fetchone()
    if found is None:
        return None
    row = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
    if row is None:
        return None
    revision = str(row[0])
    if revision != "0001":
        return revision
    places = ", ".join("?" * len(ADDED_BY_0002))
    added = connection.execute(
        f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name IN ({places})", ADDED_BY_0002
    ).fetchone()
    return BEFORE_GRANTS if added is None else revision
