"""The daily log port: records must be synced to it before anything acts."""

from __future__ import annotations

from typing import Protocol

from scheduler.core.record import Head


class DayLog(Protocol):
    """A copy of the records outside of the database, append-only."""

    async def sync(self) -> None:
        """Sync every committed record to the disk.

        Raises:
            DayLogError: it cannot be written; nothing may act.
            StoreError: the records cannot be read.
        """
        ...

    async def head(self) -> Head:
        """Return the end of the log.

        Raises:
            DayLogError: its last line is not a record.
        """
        ...
