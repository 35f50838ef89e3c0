"""The daily log port: records must be synced to it before anything acts."""

from __future__ import annotations

from typing import Protocol

from scheduler.core.record import Head


class DayLog(Protocol):
    """A copy of the records outside of the database, which only grows."""

    async def sync(self) -> None:
        """Bring every record that is committed by now to the disk.

        Raises:
            DayLogError: it cannot be written; nothing may act.
            StoreError: the records cannot be read.
        """
        ...

    async def head(self) -> Head:
        """Return where the log ends.

        Raises:
            DayLogError: its end is no record.
        """
        ...
