"""The paths of an installation: the home, the crontab, the database.

=====================  ==========================================================
home                   ``--home``, AGENTCRON_HOME, else ``~/.agentcron`` (0700)
crontab                ``--crontab``, AGENTCRON_CRONTAB, else ``<home>/crontab``
database               ``--database``, AGENTCRON_DATABASE, else ``<home>/agentcron.db``
trust file             ``trust.toml`` next to the crontab
daily log              ``<home>/log/YYYY-MM-DD.jsonl``
workdir of a job       ``<home>/work/<job>`` unless the job names one
folder of a source     ``<home>/sources/<source>``
halt file              ``<home>/HALT``: while it is there, nothing starts
=====================  ==========================================================
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scheduler.errors import CannotWorkError, UsageError

HOME_VARIABLE = "AGENTCRON_HOME"
CRONTAB_VARIABLE = "AGENTCRON_CRONTAB"
DATABASE_VARIABLE = "AGENTCRON_DATABASE"

FILE_SCHEME = "sqlite"
"""The scheme of a database that is a file."""

_FILE_URL = f"{FILE_SCHEME}:///"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


@dataclass(frozen=True, slots=True)
class Config:
    """The places of one installation, all absolute.

    Args:
        database_url: where the database is; empty: a file in the home.
    """

    home: Path
    crontab: Path
    database_url: str = ""

    @classmethod
    def of_home(cls, home: str | os.PathLike[str]) -> Config:
        """Return the places of a home when neither options nor the environment say anything else."""
        base = Path(os.path.abspath(home))
        return cls(base, base / "crontab")

    @property
    def database_scheme(self) -> str:
        """What kind of database holds all state: the scheme of its URL."""
        return self.database_url.partition(":")[0].lower() if self.database_url else FILE_SCHEME

    @property
    def database(self) -> Path:
        """The one file that holds all state.

        Raises:
            UsageError: the database is not a file.
        """
        if not self.database_url:
            return self.home / "agentcron.db"
        if self.database_scheme != FILE_SCHEME:
            raise UsageError(
                f"the database is not a file, but {self.database_scheme}://...",
                help="backup, restore and prune --shrink are for files: use the tools of that database",
            )
        return Path(self.database_url.removeprefix(_FILE_URL))

    @property
    def trust(self) -> Path:
        """The file of grants, next to the crontab: never in a workdir."""
        return self.crontab.parent / "trust.toml"

    @property
    def guarded(self) -> Mapping[str, Path]:
        """The files that no agent may edit, by what they are; a database may be elsewhere."""
        database = {"database": self.database} if self.database_scheme == FILE_SCHEME else {}
        return {**database, "crontab": self.crontab, "trust file": self.trust}

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


def load(home: str | None = None, crontab: str | None = None, database: str | None = None) -> Config:
    """Return the places that options and environment name; nothing is created or read.

    Raises:
        UsageError: the database cannot be where it is said to be.
    """
    chosen = home or os.environ.get(HOME_VARIABLE) or "~/.agentcron"
    base = _absolute(chosen)
    file = crontab or os.environ.get(CRONTAB_VARIABLE)
    path = _absolute(file) if file else base / "crontab"
    if database:
        return Config(base, path, _database_url(database, "--database"))
    return Config(base, path, _database_url(os.environ.get(DATABASE_VARIABLE) or "", DATABASE_VARIABLE))


def _absolute(path: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(path)))


def _database_url(place: str, said_by: str) -> str:
    """Return the URL of a database that is given as a path or a URL; empty for an empty one.

    Args:
        said_by: the option or the variable, for messages.
    """
    scheme = _SCHEME.match(place)
    if scheme is None:
        return f"{_FILE_URL}{_absolute(place)}" if place else ""
    if scheme[0].lower() != f"{FILE_SCHEME}:":
        return place
    path, absolute = place[len(_FILE_URL) :], f"{_FILE_URL}/var/lib/agentcron/agentcron.db"
    if not place[len(scheme[0]) :].startswith("///") or not path.startswith("/") or "?" in path:
        # A database in memory would keep nothing, and a relative path means another file in each directory.
        raise UsageError(
            f"{said_by} is {place}, which names no absolute path",
            help=f"write four slashes before the path, and no parameters: {absolute}; or give the path alone",
        )
    return f"{_FILE_URL}{os.path.abspath(path)}"
