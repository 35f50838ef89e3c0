"""The database of a home: the one place that picks its adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler.adapters.sql.sqlite.database import SqliteDatabase

if TYPE_CHECKING:
    from scheduler.config import Config
    from scheduler.ports.store.database import Database


def database_of(config: Config) -> Database:
    """Return the database of a home; nothing is opened."""
    return SqliteDatabase(config.database)
