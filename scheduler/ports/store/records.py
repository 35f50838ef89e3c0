"""The records of the daily log, as stored in the database."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from scheduler.core.record import Head, Record


class Records(Protocol):
    """An open database for reading its records, to be used in a ``with`` statement.

    All results are from one state.  Every method raises StoreError if the database cannot be read.
    """

    def __enter__(self) -> Self:
        """Return itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...

    def after(self, seq: int) -> Iterator[Record]:
        """Yield the records after a number, in order; there may be too many for a list."""
        ...

    def newest(self) -> Head | None:
        """Return the head of the chain; None if there are no records."""
        ...

    def hashes(self) -> dict[int, str]:
        """Return the hash of every record, by number."""
        ...
