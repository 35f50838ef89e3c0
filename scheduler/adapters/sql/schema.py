"""The names of schema revisions, kept apart from SQLAlchemy so that the plain reader can judge a file too."""

from __future__ import annotations

import sqlite3
from typing import Literal

REVISIONS = ("0001", "0002")
"""All revisions that this version knows, oldest first."""

HEAD = REVISIONS[-1]

VERSION_TABLE = "alembic_version"

TABLES = (
    *("jobs", "runs", "pins", "messages", "calls", "requests"),
    *("attempts", "wakeups", "outbox", "runners", "meta", "jumps"),
    *("approvals", "grants", "records", "follow_ups"),
)
"""The tables of this version."""

SchemaState = Literal["missing", "current", "older", "newer"]


def judge(revision: str | None) -> SchemaState:
    """Return how a stored revision stands to the ones known here; None means that there is none yet."""
    if revision is None:
        return "missing"
    if revision == HEAD:
        return "current"
    return "older" if revision in REVISIONS else "newer"


def stored_revision(connection: sqlite3.Connection) -> str | None:
    """Return the revision written in an open database, or None when it has no tables of ours.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    found = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (VERSION_TABLE,)
    ).fetchone()
    if found is None:
        return None
    row = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
    return None if row is None else str(row[0])
