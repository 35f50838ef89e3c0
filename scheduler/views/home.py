"""The protocol through which views read one home, implemented by `scheduler.app.home`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from scheduler.config import Config
    from scheduler.core.crontab.table import Table
    from scheduler.core.job.standing import RunnerInfo, StandingOrders
    from scheduler.core.trust.policy import Policy
    from scheduler.ports.halt import Halt
    from scheduler.ports.provider import Provider
    from scheduler.ports.store.audit import Audit, DatabaseState
    from scheduler.ports.store.history import History
    from scheduler.ports.tool import ToolSpec


class Home(Protocol):
    """The places of a home and their contents; every call reads again."""

    @property
    def config(self) -> Config:
        """The paths."""
        ...

    # -- the database -----------------------------------------------------------------------------
    def database_name(self) -> str:
        """Return where the database is, for people."""
        ...

    def has_database(self) -> bool:
        """Whether there is a database."""
        ...

    def history(self) -> History | None:
        """Open the database; None if there is none yet.

        Raises:
            StoreError: it exists and cannot be read.
        """
        ...

    def audit(self) -> Audit:
        """Open the database for the doctor.

        Raises:
            StoreError: it does not exist, or cannot be read.
        """
        ...

    def database(self) -> DatabaseState:
        """Return the state of the database, without changing it.

        Raises:
            StoreError, CannotWorkError: it exists and cannot be read.
        """
        ...

    def require_writable(self, seconds: float) -> None:
        """Check that the database can be written, waiting this long for a lock.

        Raises:
            StoreError: it cannot.
        """
        ...

    def records_behind(self) -> int:
        """Return how many records are not in the daily log yet.

        Raises:
            DayLogError: the log does not match the database.
            StoreError: the database cannot be read.
        """
        ...

    # -- the crontab and the trust file -----------------------------------------------------------
    def crontab_text(self) -> str:
        """Return the crontab.

        Raises:
            NotFoundError, CannotWorkError, ConfigError: there is none, or it is not readable text.
        """
        ...

    def crontab_digest(self) -> str:
        """Return a cheap fingerprint of the crontab's content; "" if it cannot be read."""
        ...

    def parse(self, text: str, now: datetime) -> Table:
        """Parse a text as the content of the crontab."""
        ...

    def read_orders(self, now: datetime) -> StandingOrders:
        """Read the crontab; broken jobs are returned next to the good ones.

        Raises:
            NotFoundError, CannotWorkError, ConfigError: it cannot be read at all.
        """
        ...

    def command_problem(self, command: str) -> str | None:
        """Return why the first word of a command of the crontab cannot be executed, or None."""
        ...

    def policy(self) -> Policy:
        """Return what the trust file allows; an unreadable file is a fault of the policy."""
        ...

    # -- models -----------------------------------------------------------------------------------
    def find_provider(self, model: str) -> Provider:
        """Return the provider of a model.

        Raises:
            ConfigError: no provider has it.
        """
        ...

    def complete_model(self, model: str) -> str:
        """Return the name of a model as its provider writes it; a path in it becomes absolute."""
        ...

    def backend_tools(self, backend: str) -> Mapping[str, ToolSpec]:
        """Return the specs of the tools that the agent of a backend runs itself.

        Raises:
            ConfigError: the backend is not installed, or cannot be loaded.
        """
        ...

    # -- processes --------------------------------------------------------------------------------
    def halt(self) -> Halt | None:
        """Return why nothing starts in this home, or None when it is not halted."""
        ...

    def dead(self, runners: Sequence[RunnerInfo]) -> list[str]:
        """Return the ids of those runners of this host that are dead."""
        ...

    def live_runners(self) -> list[str]:
        """Return the ids of the live runners of this host, from their locks."""
        ...
