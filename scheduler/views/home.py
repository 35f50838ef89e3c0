"""What a view asks of one home.  `scheduler.app.home` answers; a view itself opens nothing."""

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
    """The places of a home, and what lies there; every method looks again."""

    @property
    def config(self) -> Config:
        """Where things are."""
        ...

    # -- the database -----------------------------------------------------------------------------
    def database_name(self) -> str:
        """Return where the database is, for people."""
        ...

    def has_database(self) -> bool:
        """Whether there is a database."""
        ...

    def history(self) -> History | None:
        """Open the database; None when nothing was ever written there.

        Raises:
            StoreError: it is there and cannot be read.
        """
        ...

    def audit(self) -> Audit:
        """Open the database for the doctor.

        Raises:
            StoreError: there is none, or it cannot be read.
        """
        ...

    def database(self) -> DatabaseState:
        """Return how the database stands, without changing it.

        Raises:
            StoreError, CannotWorkError: it is there and cannot be read.
        """
        ...

    def require_writable(self, seconds: float) -> None:
        """Look whether the database can be written, waiting so long for who holds it.

        Raises:
            StoreError: it cannot.
        """
        ...

    def records_behind(self) -> int:
        """Return how many records are not in the daily log yet.

        Raises:
            DayLogError: the log does not fit the database.
            StoreError: the database cannot be read.
        """
        ...

    # -- the crontab and the trust file -----------------------------------------------------------
    def crontab_text(self) -> str:
        """Return the crontab.

        Raises:
            NotFoundError, CannotWorkError, ConfigError: there is none, or it is no readable text.
        """
        ...

    def crontab_digest(self) -> str:
        """Return the name of the crontab's content, cheaply; "" where it cannot be read."""
        ...

    def parse(self, text: str, now: datetime) -> Table:
        """Parse a text as if it stood in the crontab."""
        ...

    def read_orders(self, now: datetime) -> StandingOrders:
        """Read the crontab; broken jobs are named beside the good ones.

        Raises:
            NotFoundError, CannotWorkError, ConfigError: it cannot be read at all.
        """
        ...

    def command_problem(self, command: str) -> str | None:
        """Return why the first word of a command of the crontab cannot be executed, or None."""
        ...

    def policy(self) -> Policy:
        """Return what the trust file allows; one that cannot be read is a fault in the policy."""
        ...

    # -- models -----------------------------------------------------------------------------------
    def find_provider(self, model: str) -> Provider:
        """Return who has a model.

        Raises:
            ConfigError: nobody has it.
        """
        ...

    def complete_model(self, model: str) -> str:
        """Return the name of a model as its provider knows it; a path in it becomes absolute."""
        ...

    def backend_tools(self, backend: str) -> Mapping[str, ToolSpec]:
        """Return what the tools of a backend declare that its agent runs itself.

        Raises:
            ConfigError: nobody provides the backend, or it cannot be loaded.
        """
        ...

    # -- who is there -----------------------------------------------------------------------------
    def halt(self) -> Halt | None:
        """Return why nothing starts in this home, or None when it is not halted."""
        ...

    def dead(self, runners: Sequence[RunnerInfo]) -> list[str]:
        """Return the ids of those runners of this host that are dead."""
        ...

    def held(self) -> list[str]:
        """Return the ids of the runners that live on this host, whatever the database says."""
        ...
