"""The databases that there are: each must keep the contract of the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.ports.store.database import Database

DATABASES: Mapping[str, Callable[[Path], Database]] = {
    "sqlite": lambda folder: SqliteDatabase(folder / "agentcron.db"),
}
"""By name, what makes an empty one below a folder."""
