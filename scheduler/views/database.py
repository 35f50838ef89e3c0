"""The database as a file: where it is, how large, and which schema it has."""

from __future__ import annotations

from typing import Any

from scheduler.config import Config
from scheduler.errors import CannotWorkError


def database_status(config: Config) -> dict[str, Any]:
    """Return where the database is, its size and its schema, without changing it.

    Raises:
        StoreError: it is there and cannot be read.
    """
    import sqlite3

    from scheduler.adapters.sql.errors import explain, read_only
    from scheduler.adapters.sql.schema import HEAD, judge, stored_revision

    path = config.database
    revision, size = None, None
    if path.exists():
        try:
            size = path.stat().st_size
            connection = read_only(path)
            try:
                revision = stored_revision(connection)
            finally:
                connection.close()
        except OSError as error:
            raise CannotWorkError(f"the database {path} cannot be read: {error.strerror}") from error
        except sqlite3.Error as error:
            raise explain(error, str(path)) from error
    return {
        "path": str(path),
        "state": judge(revision),
        "revision": revision,
        "head": HEAD,
        "size_bytes": size,
    }
