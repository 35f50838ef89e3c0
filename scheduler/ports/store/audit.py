"""The audit: whether a database is what it should be, also when somebody has touched it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Literal, Protocol, Self, TypeAlias

from scheduler.core.job.standing import RunnerInfo

SchemaState: TypeAlias = Literal["missing", "current", "older", "newer", "abandoned"]
"""``older`` can be upgraded; ``abandoned`` can not, by this version."""


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """A database, looked at from outside.

    Args:
        revision: which schema it has; None: none of ours, or there is no database.
        head: the revision of this version.
        size_bytes: None when there is no database.
        log_bytes: what was written and is not in the file itself yet.
        missing_tables: those of this version that it has not.
        is_begun: whether it has any of them.
        way_out: what to do about one that this version can neither use nor upgrade.
    """

    state: SchemaState
    revision: str | None
    head: str
    size_bytes: int | None = None
    log_bytes: int = 0
    missing_tables: tuple[str, ...] = ()
    is_begun: bool = False
    way_out: str = ""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that must not be, and where it is."""

    what: str
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unsent:
    """A report that did not reach anybody."""

    run_id: str
    job: str
    error: str


class Audit(Protocol):
    """One open look, to be used in a ``with`` statement.  Every method raises StoreError when it fails."""

    def __enter__(self) -> Self:
        """Return itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the look."""
        ...

    def damage(self, *, whole: bool) -> str:
        """Return what is damaged in the file, or nothing; with ``whole`` every page and index is read."""
        ...

    def journal_mode(self) -> str:
        """Return how the database makes its writes durable."""
        ...

    def quick(self) -> list[Flaw]:
        """Return the flaws of what is not over."""
        ...

    def deep(self) -> list[Flaw]:
        """Return the flaws of everything; reads every row."""
        ...

    def dangling(self) -> list[str]:
        """Return the tables with rows that point at nothing; reads every row."""
        ...

    def unchained(self) -> str:
        """Return the first flaw in the chain of records, or nothing; reads every record."""
        ...

    def latest(self) -> datetime | None:
        """Return the newest instant that is on record as past (aware UTC)."""
        ...

    def set_back_from(self) -> datetime | None:
        """Return the latest time that a clock showed before it was set back, as far as that was noticed."""
        ...

    def unsent(self, since: datetime) -> list[Unsent]:
        """Return the reports that were given up since then, the newest first."""
        ...

    def stuck(self) -> list[Unsent]:
        """Return the reports that failed and will be tried again."""
        ...

    def late_leases(self, before: datetime) -> list[str]:
        """Return the running runs whose lease ran out before an instant."""
        ...

    def runners(self) -> list[RunnerInfo]:
        """Return the runners that have not left."""
        ...
