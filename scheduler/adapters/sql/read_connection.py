"""A connection that only reads: how the readers ask a database, whichever it is.  No SQLAlchemy here.

Readers take a function that opens one, and know neither its driver nor where its database is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar

from scheduler.adapters.sql.rows.work import Row

T = TypeVar("T")

_NO_VALUES: Mapping[str, Any] = {}


class ReadConnection(Protocol):
    """A connection of one thread at a time.  Every method raises StoreError when the database fails."""

    def fetch(self, sql: str, values: Mapping[str, Any], make: Callable[[Row], T]) -> list[T]:
        """Return what ``make`` makes of each row of a question with named parameters (``:name``)."""
        ...

    def stream(self, sql: str, values: Mapping[str, Any] = _NO_VALUES) -> Iterator[Row]:
        """Yield the rows one by one, where there may be too many for a list."""
        ...

    def begin(self) -> None:
        """Let all that is read from here on be of one moment, until ``end``."""
        ...

    def end(self) -> None:
        """See the present again."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


Connect: TypeAlias = Callable[[], ReadConnection]
"""Opens a connection; raises StoreError when there is no database, or none that this version can read."""
