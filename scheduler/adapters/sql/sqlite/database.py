"""A SQLite file as the database of a home.

Nothing heavy is imported here: a command that only looks starts in milliseconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.adapters.sql.history.history import SqlHistory
    from scheduler.adapters.sql.history.records import SqlRecords
    from scheduler.adapters.sql.sqlite.audit import SqliteAudit
    from scheduler.adapters.sql.sqlite.committer import Committer
    from scheduler.adapters.sql.store import SqlStore
    from scheduler.ports.store.audit import DatabaseState


class SqliteDatabase:
    """Implements `scheduler.ports.store.database.Database`.

    Args:
        path: the file, which need not exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.abspath(path))

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def open_store(self, new_id: Callable[[], str], *, busy_seconds: float | None = None) -> SqlStore:
        """Open it for work; make it, or bring it to this version's schema, where that is needed."""
        from scheduler.adapters.sql.errors import BUSY_SECONDS
        from scheduler.adapters.sql.rooms import Rooms
        from scheduler.adapters.sql.sqlite.committer import Committer
        from scheduler.adapters.sql.sqlite.opening import open_engine
        from scheduler.adapters.sql.sqlite.upgrade import prepare, prepare_rooms
        from scheduler.adapters.sql.store import SqlStore
        from scheduler.adapters.sql.units import records

        rooms = Rooms.installed()
        seconds = BUSY_SECONDS if busy_seconds is None else busy_seconds

        def start() -> Committer:
            engine = open_engine(self.path, busy_seconds=seconds)
            prepare(engine, self.name)
            prepare_rooms(engine, self.name, rooms)
            return Committer(engine, self.name, write_records=records.write)

        return SqlStore(start, new_id, rooms)

    def upgrade(self) -> bool:
        """Bring it to the schema of this version; return whether it had another one."""
        from scheduler.adapters.sql.sqlite.upgrade import upgrade

        return upgrade(self.path)

    def history(self) -> SqlHistory:
        """Open it to look."""
        from scheduler.adapters.sql.history.history import SqlHistory
        from scheduler.adapters.sql.sqlite.errors import foreign_log, has_foreign_log
        from scheduler.adapters.sql.sqlite.read_connection import connect_as_reader

        if has_foreign_log(self.path):
            raise foreign_log(self.path)
        return SqlHistory(connect_as_reader(self.path))

    def audit(self) -> SqliteAudit:
        """Open it for the doctor."""
        from scheduler.adapters.sql.sqlite.audit import SqliteAudit
        from scheduler.adapters.sql.sqlite.read_connection import connect_as_reader

        return SqliteAudit(connect_as_reader(self.path))

    def records(self) -> SqlRecords:
        """Open it for the daily log."""
        from scheduler.adapters.sql.history.records import SqlRecords
        from scheduler.adapters.sql.sqlite.read_connection import connect_to

        return SqlRecords(connect_to(self.path))

    def state(self) -> DatabaseState:
        """Return how it stands, without changing it."""
        from scheduler.adapters.sql.sqlite.state import state_of

        return state_of(self.path)

    def require_writable(self, seconds: float) -> None:
        """Look whether it can be written, waiting so long for another process that holds it."""
        from scheduler.adapters.sql.sqlite.state import require_writable

        require_writable(self.path, seconds)

    def sizes(self) -> dict[str, int]:
        """Return the sizes of the file and of its log in bytes; 0 for one that is not there."""
        from scheduler.adapters.sql.sqlite.state import sizes

        return sizes(self.path)
