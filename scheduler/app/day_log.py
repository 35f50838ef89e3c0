"""The daily log: its writer, its files for readers, and what the database says the records are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scheduler.app.database import database_of
from scheduler.config import Config
from scheduler.core.record import Head

if TYPE_CHECKING:
    from scheduler.adapters.daylog import FileDayLog


def open_log(config: Config) -> FileDayLog:
    """Return the log of a home, which copies the records of its database; nothing is opened yet."""
    from scheduler.adapters.daylog import FileDayLog
    from scheduler.adapters.system import pause

    return FileDayLog(config.log, database_of(config).records, pause)


def log_files(config: Config) -> list[Path]:
    """Return the files of the log, oldest first; that is the order of the records, too."""
    from scheduler.adapters.daylog import files

    return files(config.log)


def log_lines(path: Path) -> Iterator[bytes]:
    """Yield the whole lines of one file; a last one that a crash has torn is left out."""
    from scheduler.adapters.daylog import read

    return read(path)


def stored_hashes(config: Config) -> dict[int, str]:
    """Return the hash of every record of the database, by number; none where there is no database.

    Raises:
        StoreError: it cannot be read.
    """
    database = database_of(config)
    if not database.exists():
        return {}
    with database.records() as records:
        return records.hashes()


def newest_record(config: Config) -> Head | None:
    """Return the head of the chain in the database; None when it has no records, or is not there.

    Raises:
        StoreError: it cannot be read.
    """
    database = database_of(config)
    if not database.exists():
        return None
    with database.records() as records:
        return records.newest()
