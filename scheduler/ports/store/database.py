"""The database of one home: what can be opened on it, and how it stands.

Which kind it is, its URL says; `scheduler.app.database` picks the adapter.
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
    """A database, opened by none of these methods before it is called.

    Every method but ``exists`` raises StoreError when the database cannot be used.
    """

    @property
    def name(self) -> str:
        """Where it is, for people: a path, or a URL without its password."""
        ...

    def exists(self) -> bool:
        """Whether there is one; an agentcron may never have written to it."""
        ...

    def open_store(self, new_id: Callable[[], str], *, busy_seconds: float | None = None) -> Store:
        """Open it for work; make it, or bring it to this version's schema, where that is needed.

        Args:
            new_id: makes fresh run ids.
            busy_seconds: how long to wait for another process that writes; None: as long as is usual.

        Raises:
            StoreError: it cannot be opened, or is newer than this version.
            ConfigError: an installed room for changes cannot be used.
        """
        ...

    def upgrade(self) -> bool:
        """Bring it to the schema of this version; return whether it had another one."""
        ...

    def history(self) -> History:
        """Open it to look.  Raises StoreError when there is none, or none of this version."""
        ...

    def audit(self) -> Audit:
        """Open it for the doctor."""
        ...

    def records(self) -> Records:
        """Open it for the daily log."""
        ...

    def state(self) -> DatabaseState:
        """Return how it stands, without changing it.

        Raises:
            StoreError, CannotWorkError: it is there and cannot be read.
        """
        ...

    def require_writable(self, seconds: float) -> None:
        """Look whether it can be written, waiting so long for another process that holds it."""
        ...

    def sizes(self) -> Mapping[str, int]:
        """Return its size in bytes, by part."""
        ...
