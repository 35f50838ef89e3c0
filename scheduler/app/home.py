"""A home on the disk, for views and doors: each part is opened on first use.

Nothing heavy is imported here: a command that only looks starts in milliseconds.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from scheduler.app.database import database_of

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


class FileHome:
    """Implements `scheduler.views.home.Home`; halting a home is its one change."""

    def __init__(self, config: Config) -> None:
        self.config = config

    # -- the database -----------------------------------------------------------------------------
    def database_name(self) -> str:
        """Return where the database is, for people."""
        return database_of(self.config).name

    def has_database(self) -> bool:
        """Whether there is a database."""
        return database_of(self.config).exists()

    def history(self) -> History | None:
        """Open the database; None if nothing was ever written there.

        Raises:
            StoreError: it exists and cannot be read.
        """
        database = database_of(self.config)
        if not database.exists():
            return None
        from scheduler.adapters.sql.errors import NoTablesError

        try:
            return database.history()
        except NoTablesError:
            return None  # another process is starting for the first time, or died there

    def audit(self) -> Audit:
        """Open the database for the doctor."""
        return database_of(self.config).audit()

    def database(self) -> DatabaseState:
        """Return the state of the database, without changing it."""
        return database_of(self.config).state()

    def require_writable(self, seconds: float) -> None:
        """Check that the database can be written, waiting this long for a lock."""
        database_of(self.config).require_writable(seconds)

    def records_behind(self) -> int:
        """Return how many records are not in the daily log yet."""
        from scheduler.adapters.daylog import behind

        return behind(self.config.log, database_of(self.config).records)

    # -- the crontab and the trust file -----------------------------------------------------------
    def crontab_text(self) -> str:
        """Return the crontab."""
        from scheduler.app.crontab import crontab_file

        return crontab_file(self.config).text()

    def crontab_digest(self) -> str:
        """Return `scheduler.adapters.crontab_file.digest`, without importing the parser."""
        try:
            with open(self.config.crontab, "rb") as file:
                return hashlib.sha256(file.read()).hexdigest()[:16]
        except OSError:
            return ""  # the parser reports the error

    def parse(self, text: str, now: datetime) -> Table:
        """Parse a text as the content of the crontab."""
        from scheduler.app.crontab import crontab_file

        return crontab_file(self.config).parse(text, now)

    def read_orders(self, now: datetime) -> StandingOrders:
        """Read the crontab; broken jobs are returned next to the good ones."""
        from scheduler.app.crontab import crontab_file

        return crontab_file(self.config).read(now)

    def command_problem(self, command: str) -> str | None:
        """Return why the first word of a command of the crontab cannot be executed, or None."""
        from scheduler.adapters.crontab_file import FileLook

        return FileLook(self.config).gate_problem(command)

    def policy(self) -> Policy:
        """Return what the trust file allows; an unreadable file is a fault of the policy."""
        from scheduler.adapters.trust_file import read_policy

        return read_policy(self.config)

    # -- models -----------------------------------------------------------------------------------
    def find_provider(self, model: str) -> Provider:
        """Return the provider of a model.

        Raises:
            ConfigError: no provider has it.
        """
        from scheduler.app.providers import find_provider

        return find_provider(model)

    def complete_model(self, model: str) -> str:
        """Return the name of a model; of a rehearsal with the absolute path of its script."""
        from scheduler.adapters.crontab_file import complete_model

        return complete_model(self.config, model)

    def backend_tools(self, backend: str) -> Mapping[str, ToolSpec]:
        """Return the specs of the tools that the agent of a backend executes itself.

        Raises:
            ConfigError: the backend is not installed, or cannot be loaded.
        """
        from scheduler.app.backends import backend as find_backend

        return find_backend(backend).tools

    # -- processes --------------------------------------------------------------------------------
    def halt(self) -> Halt | None:
        """Return why nothing starts in this home, or None when it is not halted."""
        try:
            os.lstat(self.config.halt)
        except FileNotFoundError:
            return None
        except OSError:
            pass  # a home that cannot be read is halted, and the halt file says why
        from scheduler.adapters.halt_file import HaltFile

        return HaltFile(self.config.halt).look()

    def set_halt(self, reason: str) -> None:
        """Halt the home, which need not exist yet.

        Raises:
            CannotWorkError: it cannot be written.
        """
        from scheduler.adapters.halt_file import HaltFile

        self.config.make_home()
        HaltFile(self.config.halt).write(reason)

    def remove_halt(self) -> bool:
        """Resume everything; return whether the home was halted.

        Raises:
            CannotWorkError: the file cannot be removed.
        """
        from scheduler.adapters.halt_file import HaltFile

        return HaltFile(self.config.halt).remove()

    def dead(self, runners: Sequence[RunnerInfo]) -> list[str]:
        """Return the ids of those runners of this host that are dead."""
        if not runners:
            return []
        from scheduler.adapters.presence import FilePresence

        return FilePresence(self.config.runners).dead(runners)

    def live_runners(self) -> list[str]:
        """Return the ids of the live runners of this host, from their locks."""
        from scheduler.adapters.presence import is_free

        return [path.stem for path in self.config.runners.glob("*.lock") if not is_free(str(path))]
