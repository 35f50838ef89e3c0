"""The daily log port: what was recorded must be in the log before anything acts; the records it copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

from scheduler.core.record import Head, Record


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


class Records(Protocol):
    """The records at one moment: what is committed later is not seen.  Every method raises StoreError."""

    def after(self, seq: int) -> Iterator[Record]:
        """Yield the records after this number, in their order."""
        ...

    def head(self) -> Head | None:
        """Return the head of the chain; None when there is no record."""
        ...

    def hashes(self) -> dict[int, str]:
        """Return the hash of every record by its number."""
        ...


OpenRecords: TypeAlias = Callable[[], AbstractContextManager[Records]]
"""Opens the records at this moment; raises StoreError when there is no database, or it cannot be read."""
