"""What can be wrong with a database of any kind, with a way out.  No SQLAlchemy here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler.errors import StoreError

if TYPE_CHECKING:
    from scheduler.ports.store.audit import SchemaState

BUSY_SECONDS = 5.0
"""How long a statement waits for another process before it gives up."""

LOOK_SECONDS = 3.0
"""The same for a person who only looks, and sits at a terminal meanwhile."""

THROUGH_0002 = "run agentcron db upgrade once with commit 73f3c62, then use this version"
"""The way out for a database that is ``abandoned``: that commit is the last with both steps to the tables."""


class NoTablesError(StoreError):
    """There is a database, and none of ours in it, or not yet: a first start may be at it just now."""


class StatementError(Exception):
    """A statement is wrong, as it stands or for this database: trying it again would not help."""


def no_tables(name: str) -> StoreError:
    """Return the error for a database that has none of our tables (or not yet)."""
    return NoTablesError(f"there is no agentcron database at {name}", help="start it with: agentcron up")


def wrong_schema(name: str, state: SchemaState, revision: str | None) -> StoreError:
    """Return the error for a database whose schema is not the present one.

    Args:
        name: where the database is.
        state: what ``schema.judge`` said of its revision; not "current".
        revision: what the database says, to be named.
    """
    if state == "missing":
        return no_tables(name)
    if state == "older":
        return StoreError(
            f"the database {name} is from an older agentcron", help="upgrade it by starting: agentcron up"
        )
    if state == "abandoned":
        return StoreError(
            f"the database {name} was made before agentcron had grants, and this version cannot upgrade it",
            help=f"{THROUGH_0002}; or give another place with --home or --database",
        )
    return StoreError(
        f"the database {name} was written by a newer agentcron (schema {revision})",
        help="upgrade agentcron, or give another place with --home or --database",
    )
