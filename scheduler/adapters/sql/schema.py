"""The names of schema revisions, kept apart from SQLAlchemy so that the plain reader can judge a file too."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.ports.audit import SchemaState

REVISIONS = ("0001", "0003", "0004", "0005", "0006")
"""All revisions that this version knows, oldest first.

There is no 0002: before the first release 0001 and 0002 were two steps to the tables that 0001 makes now,
and a database that still says 0002 must never be taken for a later one.
"""

STAMPED = {"0002": "0001"}
"""Revisions of before the first release that have the tables of a present one, and get its number."""

BEFORE_GRANTS = "0001 without grants"
"""What ``stored_revision`` calls the first of the two steps, whose number the present 0001 has too."""

_ADDED_BY_0002 = ("approvals", "follow_ups", "grants", "records")

HEAD = REVISIONS[-1]

VERSION_TABLE = "alembic_version"

TABLES = (
    *("jobs", "runs", "pins", "frames", "messages", "calls", "requests"),
    *("attempts", "wakeups", "outbox", "runners", "meta", "jumps"),
    *("approvals", "grants", "records", "follow_ups", "events", "sessions"),
)
"""The tables of this version."""


def judge(revision: str | None) -> SchemaState:
    """Return how a stored revision stands to the ones known here; None means that there is none yet."""
    if revision is None:
        return "missing"
    if revision == HEAD:
        return "current"
    if revision == BEFORE_GRANTS:
        return "abandoned"
    return "older" if revision in REVISIONS or revision in STAMPED else "newer"


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
    places = ", ".join("?" * len(_ADDED_BY_0002))
    added = connection.execute(
        f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name IN ({places})", _ADDED_BY_0002
    ).fetchone()
    return BEFORE_GRANTS if added is None else revision
