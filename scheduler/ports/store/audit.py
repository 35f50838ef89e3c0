"""The audit: check the consistency of a database, also after changes by other programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Literal, Protocol, Self, TypeAlias

from scheduler.core.job.standing import RunnerInfo

SchemaState: TypeAlias = Literal["missing", "current", "older", "newer", "abandoned"]
"""``older`` can be upgraded; ``abandoned`` cannot be upgraded by this version."""


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """The state of a database.

    Args:
        revision: its schema; None: not one of ours, or there is no database.
        head: the revision of this version.
        size_bytes: None if there is no database.
        log_bytes: what was written and is not in the file itself yet.
        missing_tables: tables of this version that it does not have.
        is_begun: whether it has any of them.
        way_out: what to do about a database that this version can neither use nor upgrade.
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
    """An inconsistency, and its place."""

    what: str
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unsent:
    """A report that was not delivered."""

    run_id: str
    job: str
    error: str


class Audit(Protocol):
    """An open database for checks, to be used in a ``with`` statement.  Every method may raise StoreError."""

    def __enter__(self) -> Self:
        """Return itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...

    def damage(self, *, whole: bool) -> str:
        """Return the damage of the file, or an empty text; with ``whole`` every page and index is read."""
        ...

    def journal_mode(self) -> str:
        """Return how the database makes its writes durable."""
        ...

    def quick(self) -> list[Flaw]:
        """Return the flaws of runs that are not over."""
        ...

    def deep(self) -> list[Flaw]:
        """Return all flaws; reads every row."""
        ...

    def dangling(self) -> list[str]:
        """Return the tables with dangling references; reads every row."""
        ...

    def unchained(self) -> str:
        """Return the first flaw in the chain of records, or an empty text; reads every record."""
        ...

    def latest(self) -> datetime | None:
        """Return the newest instant that is recorded as past (aware UTC)."""
        ...

    def set_back_from(self) -> datetime | None:
        """Return the latest time before the clock was set back, as far as that was detected."""
        ...

    def unsent(self, since: datetime) -> list[Unsent]:
        """Return the reports that were given up since an instant, the newest first."""
        ...

    def stuck(self) -> list[Unsent]:
        """Return the reports that failed and will be retried."""
        ...

    def late_leases(self, before: datetime) -> list[str]:
        """Return the running runs whose lease ran out before an instant."""
        ...

    def runners(self) -> list[RunnerInfo]:
        """Return the runners that have not stopped."""
        ...
