"""The database of one home: its state, and what can be opened on it.

Its URL determines the kind; `scheduler.app.database` selects the adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from scheduler.ports.store.audit import Audit, DatabaseState
    from scheduler.ports.store.history import History
    from scheduler.ports.store.records import Records
    from scheduler.ports.store.store import Store


class Database(Protocol):
    """A database, which no method opens before it is called.

    Every method but ``exists`` raises StoreError if the database cannot be used.
    """

    @property
    def name(self) -> str:
        """Its place, for people: a path, or a URL without its password."""
        ...

    def exists(self) -> bool:
        """Whether it exists; possibly without any tables of agentcron."""
        ...

    def open_store(self, new_id: Callable[[], str], *, busy_seconds: float | None = None) -> Store:
        """Open it for work; create it, or upgrade it to this version's schema, if needed.

        Args:
            new_id: returns new run ids.
            busy_seconds: how long to wait for another process that writes; None: the default.

        Raises:
            StoreError: it cannot be opened, or is newer than this version.
            ConfigError: an installed room for changes cannot be used.
        """
        ...

    def upgrade(self) -> bool:
        """Upgrade it to the schema of this version; return whether it had another one."""
        ...

    def history(self) -> History:
        """Open it for reading.  Raises StoreError if there is none, or none of this version."""
        ...

    def audit(self) -> Audit:
        """Open it for the doctor."""
        ...

    def records(self) -> Records:
        """Open it for the daily log."""
        ...

    def state(self) -> DatabaseState:
        """Return its state, without changing it.

        Raises:
            StoreError, CannotWorkError: it exists and cannot be read.
        """
        ...

    def require_writable(self, seconds: float) -> None:
        """Check that it can be written, waiting this long for another process that holds it."""
        ...

    def sizes(self) -> Mapping[str, int]:
        """Return its size in bytes, by part."""
        ...
