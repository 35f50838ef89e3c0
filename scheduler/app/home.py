"""A home on the disk, for everybody who looks: each thing is opened when it is asked for, and no sooner.

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
        """Open the database; None when nothing was ever written there.

        Raises:
            StoreError: it is there and cannot be read.
        """
        database = database_of(self.config)
        if not database.exists():
            return None
        from scheduler.adapters.sql.errors import NoTablesError

        try:
            return database.history()
        except NoTablesError:
            return None  # a first start is at it just now, or died there

    def audit(self) -> Audit:
        """Open the database for the doctor."""
        return database_of(self.config).audit()

    def database(self) -> DatabaseState:
        """Return how the database stands, without changing it."""
        return database_of(self.config).state()

    def require_writable(self, seconds: float) -> None:
        """Look whether the database can be written, waiting so long for who holds it."""
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
        """Return what `scheduler.adapters.crontab_file.digest` says, without importing the parser."""
        try:
            with open(self.config.crontab, "rb") as file:
                return hashlib.sha256(file.read()).hexdigest()[:16]
        except OSError:
            return ""  # the parser says what is wrong with it

    def parse(self, text: str, now: datetime) -> Table:
        """Parse a text as if it stood in the crontab."""
        from scheduler.app.crontab import crontab_file

        return crontab_file(self.config).parse(text, now)

    def read_orders(self, now: datetime) -> StandingOrders:
        """Read the crontab; broken jobs are named beside the good ones."""
        from scheduler.app.crontab import crontab_file

        return crontab_file(self.config).read(now)

    def command_problem(self, command: str) -> str | None:
        """Return why the first word of a command of the crontab cannot be executed, or None."""
        from scheduler.adapters.crontab_file import FileLook

        return FileLook(self.config).gate_problem(command)

    def policy(self) -> Policy:
        """Return what the trust file allows; one that cannot be read is a fault in the policy."""
        from scheduler.adapters.trust_file import read_policy

        return read_policy(self.config)

    # -- models -----------------------------------------------------------------------------------
    def find_provider(self, model: str) -> Provider:
        """Return who has a model.

        Raises:
            ConfigError: nobody has it.
        """
        from scheduler.app.providers import find_provider

        return find_provider(model)

    def complete_model(self, model: str) -> str:
        """Return the name of a model; of a rehearsal with the absolute path of its script."""
        from scheduler.adapters.crontab_file import complete_model

        return complete_model(self.config, model)

    def backend_tools(self, backend: str) -> Mapping[str, ToolSpec]:
        """Return what the tools of a backend declare that its agent runs itself.

        Raises:
            ConfigError: nobody provides the backend, or it cannot be loaded.
        """
        from scheduler.app.backends import backend as find_backend

        return find_backend(backend).tools

    # -- who is there -----------------------------------------------------------------------------
    def halt(self) -> Halt | None:
        """Return why nothing starts in this home, or None when it is not halted."""
        try:
            os.lstat(self.config.halt)
        except FileNotFoundError:
            return None
        except OSError:
            pass  # a place that cannot be looked at halts, and the halt file says why
        from scheduler.adapters.halt_file import HaltFile

        return HaltFile(self.config.halt).look()

    def set_halt(self, reason: str) -> None:
        """Halt the home, which need not be there yet.

        Raises:
            CannotWorkError: it cannot be written.
        """
        from scheduler.adapters.halt_file import HaltFile

        self.config.make_home()
        HaltFile(self.config.halt).write(reason)

    def remove_halt(self) -> bool:
        """Let everything go on; return whether the home was halted.

        Raises:
            CannotWorkError: what lies there cannot be removed.
        """
        from scheduler.adapters.halt_file import HaltFile

        return HaltFile(self.config.halt).remove()

    def dead(self, runners: Sequence[RunnerInfo]) -> list[str]:
        """Return the ids of those runners of this host that are dead."""
        if not runners:
            return []
        from scheduler.adapters.presence import FilePresence

        return FilePresence(self.config.runners).dead(runners)

    def held(self) -> list[str]:
        """Return the ids of the runners that live on this host, whatever the database says."""
        from scheduler.adapters.presence import is_free

        return [path.stem for path in self.config.runners.glob("*.lock") if not is_free(str(path))]
