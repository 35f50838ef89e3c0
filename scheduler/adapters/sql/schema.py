"""The names of schema revisions, separate from SQLAlchemy so that the plain reader can use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.ports.store.audit import SchemaState

REVISIONS = ("0001", "0003", "0004", "0005", "0006")
"""All revisions that this version knows, oldest first.

There is no 0002: before the first release 0001 and 0002 were two steps to the tables that 0001 makes now,
and a database that still says 0002 must never be taken for a later one.
"""

STAMPED = {"0002": "0001"}
"""Revisions from before the first release that have the tables of a present one, and get its number."""

BEFORE_GRANTS = "0001 without grants"
"""What a database is at that has the first of the two steps, whose number the present 0001 has too."""

ADDED_BY_0002 = ("approvals", "follow_ups", "grants", "records")

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
