"""The rows of a file, as they are stored."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from scheduler.testing.conformance.store.bench import Bench


def select(bench: Bench, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with closing(sqlite3.connect(bench.database.name)) as connection:
        return connection.execute(sql, values).fetchall()


def change(bench: Bench, sql: str, *values: object) -> None:
    """Change rows behind the store's back."""
    with closing(sqlite3.connect(bench.database.name)) as connection, connection:
        connection.execute(sql, values)
