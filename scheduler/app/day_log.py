"""The daily log: its writer, its files for readers, and what the database says the records are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scheduler.config import Config
from scheduler.core.record import Head

if TYPE_CHECKING:
    from scheduler.adapters.daylog import FileDayLog


def open_log(config: Config) -> FileDayLog:
    """Return the log of a home, which copies the records of its database; nothing is opened yet."""
    from scheduler.adapters.daylog import FileDayLog
    from scheduler.adapters.sql.history.records import open_records
    from scheduler.adapters.system import pause

    return FileDayLog(config.log, partial(open_records, config.database), pause)


def log_files(config: Config) -> list[Path]:
    """Return the files of the log, oldest first; that is the order of the records, too."""
    from scheduler.adapters.daylog import files

    return files(config.log)


def log_lines(path: Path) -> Iterator[bytes]:
    """Yield the whole lines of one file; a last one that was torn by a crash is left out."""
    from scheduler.adapters.daylog import read

    return read(path)


def stored_hashes(config: Config) -> dict[int, str]:
    """Return the hash of every record of the database, by number; none where there is no database.

    Raises:
        StoreError: it cannot be read.
    """
    if not config.database.exists():
        return {}
    from scheduler.adapters.sql.history.records import open_records

    with open_records(config.database) as records:
        return records.hashes()


def newest_record(config: Config) -> Head | None:
    """Return the head of the chain in the database; None when it has no records, or is not there.

    Raises:
        StoreError: it cannot be read.
    """
    if not config.database.exists():
        return None
    from scheduler.adapters.sql.history.records import open_records

    with open_records(config.database) as records:
        return records.head()
