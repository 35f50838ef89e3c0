"""The records: what was done, as the database has it; the daily log is copied from them."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from scheduler.core.record import Head, Record


class Records(Protocol):
    """One open look at the records of a home, to be used in a ``with`` statement.

    All answers are of one moment.  Every method raises StoreError when the database cannot be read.
    """

    def __enter__(self) -> Self:
        """Return itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the look."""
        ...

    def after(self, seq: int) -> Iterator[Record]:
        """Yield the records that follow a number, in order; there may be too many for a list."""
        ...

    def newest(self) -> Head | None:
        """Return the head of the chain; None when there are no records."""
        ...

    def hashes(self) -> dict[int, str]:
        """Return the hash of every record, by number."""
        ...
