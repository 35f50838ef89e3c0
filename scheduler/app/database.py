"""The database of a home: the one place that picks its adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.config import DATABASE_VARIABLE, FILE_SCHEME
from scheduler.errors import UsageError

if TYPE_CHECKING:
    from scheduler.config import Config
    from scheduler.ports.store.database import Database

ADAPTERS: Mapping[str, Callable[[Config], Database]] = {
    FILE_SCHEME: lambda config: SqliteDatabase(config.database),
}
"""By the scheme of the URL."""


def database_of(config: Config) -> Database:
    """Return the database of a home; nothing is opened.

    Raises:
        UsageError: there is no adapter for its scheme.
    """
    scheme = config.database_scheme
    if scheme not in ADAPTERS:
        # The scheme alone: the rest of the URL may hold a password.
        known = ", ".join(f"{name}:///PATH" for name in ADAPTERS)
        raise UsageError(
            f"the database is given as {scheme}://..., and agentcron has no adapter for {scheme}",
            help=f"give a path or {known} with --database or {DATABASE_VARIABLE}",
        )
    return ADAPTERS[scheme](config)
