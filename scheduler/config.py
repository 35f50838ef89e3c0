"""Where things are: the home, the crontab, the database.

=====================  ==========================================================
home                   ``--home``, AGENTCRON_HOME, else ``~/.agentcron`` (0700)
crontab                ``--crontab``, AGENTCRON_CRONTAB, else ``<home>/crontab``
database               ``<home>/agentcron.db``
trust file             ``trust.toml`` beside the crontab
daily log              ``<home>/log/YYYY-MM-DD.jsonl``
workdir of a job       ``<home>/work/<job>`` unless the job names one
folder of a source     ``<home>/sources/<source>``
halt file              ``<home>/HALT``: while it is there, nothing starts
=====================  ==========================================================
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from scheduler.errors import CannotWorkError

HOME_VARIABLE = "AGENTCRON_HOME"
CRONTAB_VARIABLE = "AGENTCRON_CRONTAB"


@dataclass(frozen=True, slots=True)
class Config:
    """The places of one installation, all absolute."""

    home: Path
    crontab: Path

    @classmethod
    def of_home(cls, home: str | os.PathLike[str]) -> Config:
        """Return the places of a home when neither options nor the environment say anything else."""
        base = Path(os.path.abspath(home))
        return cls(base, base / "crontab")

    @property
    def database(self) -> Path:
        """The one file that holds all state."""
        return self.home / "agentcron.db"

    @property
    def trust(self) -> Path:
        """The file of grants, beside the crontab: never where an agent works."""
        return self.crontab.parent / "trust.toml"

    @property
    def runners(self) -> Path:
        """The lock files of living runners."""
        return self.home / "runners"

    @property
    def work(self) -> Path:
        """The default workdirs."""
        return self.home / "work"

    @property
    def sources(self) -> Path:
        """What sources of events must remember: one folder for each."""
        return self.home / "sources"

    @property
    def log(self) -> Path:
        """The daily log."""
        return self.home / "log"

    @property
    def halt(self) -> Path:
        """The kill switch: while anything lies here, nothing starts."""
        return self.home / "HALT"

    def make_home(self) -> None:
        """Create the home, readable by its owner only.

        Raises:
            CannotWorkError: it cannot be made.
        """
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except FileExistsError:
            raise CannotWorkError(
                f"the home {self.home} is a file, and should be a directory",
                help=f"move it away, or choose another place with --home or {HOME_VARIABLE}",
            ) from None
        except OSError as error:
            raise CannotWorkError(
                f"cannot create the home {self.home}: {(error.strerror or 'refused').lower()}",
                help=f"choose another place with --home or {HOME_VARIABLE}",
            ) from error


def load(home: str | None = None, crontab: str | None = None) -> Config:
    """Return the places that options and environment name; nothing is created or read."""
    chosen = home or os.environ.get(HOME_VARIABLE) or "~/.agentcron"
    base = Path(os.path.abspath(os.path.expanduser(chosen)))
    file = crontab or os.environ.get(CRONTAB_VARIABLE)
    path = Path(os.path.abspath(os.path.expanduser(file))) if file else base / "crontab"
    return Config(home=base, crontab=path)
